"""Pairs of segments: the learned distance next to dynamic time warping."""

from __future__ import annotations

from functools import partial

from tslearn.metrics import cdist_dtw

from benchmarks.gpu.kernel import ranking_operations
from benchmarks.speed.table_embedding import normal_segments
from benchmarks.speed.table_settings import Answer, TablePart, TableSettings, precisions
from benchmarks.speed.turns import TurnRow, in_turns
from relcon_sklearn import LearnedMotifDistance

LENGTHS = (128, 256)
N_SEGMENTS = 32
DTW, BANDED = "DTW, tslearn", "DTW in a band, tslearn"


def rows(n: int, n_timesteps: int) -> list[TurnRow]:
    """Return the rows for all pairs of `n` segments."""
    X, group = normal_segments(n, n_timesteps), f"{n_timesteps} x 3"
    warping = {
        BANDED: partial(cdist_dtw, X, X, sakoe_chiba_radius=n_timesteps // 10),
        DTW: partial(cdist_dtw, X, X),
    }
    found = [TurnRow(name, call, n * n, group) for name, call in warping.items()]
    for embed_dim in (64, 8):
        for precision in precisions():
            distance = LearnedMotifDistance(
                embed_dim=embed_dim, precision=precision, max_epochs=0, random_state=0
            ).fit(X)
            name = f"pairwise, {embed_dim} features, {precision}"
            flop = ranking_operations(distance.net_, n_timesteps, n, n * n, stride=1)
            call = partial(distance.pairwise, X)
            found.append(TurnRow(name, call, n * n, group, flop, precision))
    return found


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
