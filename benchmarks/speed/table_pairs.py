"""Pairs of segments: the learned distance next to dynamic time warping."""

from __future__ import annotations

from functools import partial

from tslearn.metrics import cdist_dtw

from benchmarks.speed.table_embedding import normal_segments
from benchmarks.speed.table_settings import Answer, TablePart, TableSettings, precisions
from benchmarks.speed.turns import TurnRow, in_turns
from relcon_sklearn import LearnedMotifDistance

LENGTHS = (128, 256)
N_SEGMENTS = 32
DTW, BANDED = "DTW, tslearn", "DTW in a band, tslearn"


def rows(n: int, n_timesteps: int) -> list[TurnRow]:
    """Return the rows for all pairs of `n` segments."""
    X = normal_segments(n, n_timesteps)
    calls = {
        BANDED: partial(cdist_dtw, X, X, sakoe_chiba_radius=n_timesteps // 10),
        DTW: partial(cdist_dtw, X, X),
    }
    for embed_dim in (64, 8):
        for precision in precisions():
            distance = LearnedMotifDistance(
                embed_dim=embed_dim, precision=precision, max_epochs=0, random_state=0
            )
            name = f"pairwise, {embed_dim} features, {precision}"
            calls[name] = partial(distance.fit(X).pairwise, X)
    return [TurnRow(name, call, n * n, f"{n_timesteps} x 3") for name, call in calls.items()]


def measure(settings: TableSettings) -> list[dict]:
    """Return the records of both lengths, with one thread, as tslearn uses."""
    n = 4 if settings.smoke else N_SEGMENTS
    return [record for length in LENGTHS for record in in_turns(rows(n, length), settings.turns(5))]


PAIRS = TablePart(
    measure,
    "All pairs of 32 segments: `LearnedMotifDistance.pairwise` with initial weights, and DTW of "
    "tslearn, without a band and with one of a tenth of the length on either side.",
    "pair",
    tuple(
        Answer("pair of segments", f"{length} x 3: pairwise, 64 features, {precision}", 1)
        for length in LENGTHS
        for precision in ("float32", "bfloat16")
    ),
)
