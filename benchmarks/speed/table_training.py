"""Training: a step of the published setting, its ranking, and a step of the default recipe."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.gpu.kernel import encoder_operations, ranking_operations
from benchmarks.speed import recipe_rows
from benchmarks.speed.released_code import ReleasedCode, compare
from benchmarks.speed.segments import load_segments
from benchmarks.speed.speed_rows import (
    Setup,
    Work,
    library_ranking,
    library_step,
    literal_step,
    train_distance,
)
from benchmarks.speed.table_settings import Answer, TablePart, TableSettings, precisions
from benchmarks.speed.turns import TurnRow, add_times, in_turns, new_record, using_threads
from relcon_sklearn.nn import MotifCrossAttention

N_ANCHORS, N_WITHIN = 64, 20  # as released
RELEASED, LITERAL = "released code", "literal, fused attention"


def segments_of(settings: TableSettings) -> tuple[np.ndarray, int]:
    """Return the segments of a batch, and the number of anchors."""
    n_anchors, n_within = (4, 2) if settings.smoke else (N_ANCHORS, N_WITHIN)
    return load_segments(settings.data, n_anchors, n_within)[0], n_anchors


# -- a step of the published setting ---------------------------------------------------------------


def measure_step(settings: TableSettings) -> tuple[list[dict], dict]:
    """Return the records of training steps, and how far results differ from the released code."""
    segments, n_anchors = segments_of(settings)
    released, found = None, {}
    if settings.released is not None:
        released = ReleasedCode(settings.released, segments, n_anchors)
        net = released.motif_net()
    else:
        torch.manual_seed(0)
        net = MotifCrossAttention(segments.shape[2], attention="softmax").eval()
    setup = Setup(segments, n_anchors, None, net.requires_grad_(False))
    if released is not None:
        found = {"differences": compare(released, setup)}
        first = TurnRow(RELEASED, released.step, n_anchors)
    else:
        first = row_of(LITERAL, literal_step(setup, "softmax", fused=True))
    rows = [first, *step_rows(setup)]
    # Each step of the released code takes as long as all others, so that there is no warm-up.
    return in_turns(rows, settings.turns(3), settings.threads, warm_up=settings.smoke), found


def step_rows(setup: Setup) -> list[TurnRow]:
    """Return the rows of this package: each precision, and the lowest with shared candidates."""
    few = setup.batch.segments[:16]
    encoder = encoder_operations(setup.new_encoder(), few) * len(setup.segments) / len(few)
    rows = []
    for precision, shared in [*((p, False) for p in precisions()), (precisions()[-1], True)]:
        work = library_step(setup, "softmax", bf16=precision == "bfloat16", shared=shared)
        batch = setup.shared_batch if shared else setup.batch
        flop = encoder + ranking_flop(setup, int((batch.candidates >= 0).sum()))
        name = f"library, {precision}{', shared candidates' if shared else ''}"
        rows.append(row_of(name, work, flop, precision))
    return rows


def row_of(name: str, work: Work, flop: float | None = None, dtype: str = "float32") -> TurnRow:
    """Return the row of a work of one function."""
    ((function, _),) = work.calls
    return TurnRow(name, function, work.n_units, flop=flop, dtype=dtype, in_fit=work.in_fit)


def ranking_flop(setup: Setup, n_pairs: int) -> float:
    n_segments, n_timesteps, _ = setup.segments.shape
    return ranking_operations(setup.net, n_timesteps, n_segments, n_pairs, stride=1)


STEP = TablePart(
    measure_step,
    "A training step of the released setting: 64 anchors with 83 candidates each, 1,344 segments "
    "of 256 x 3, the published encoder, ranking by softmax as the released code does. With shared "
    "candidates, all 1,344 segments are anchors. The released code runs unchanged, except that "
    "`.cuda()` does nothing.",
    "anchor",
    (
        Answer("training step, published setting", "library, float32"),
        Answer("training step, published setting", "library, bfloat16"),
        Answer("training step, published setting", "library, bfloat16, shared candidates"),
    ),
)


# -- ranking ---------------------------------------------------------------------------------------


def measure_ranking(settings: TableSettings) -> list[dict]:
    """Return the records of the ranking of the candidates of a step."""
    segments, n_anchors = segments_of(settings)
    net = train_distance(segments, n_anchors, 1 if settings.smoke else 20)
    setup = Setup(segments, n_anchors, None, net)
    rows = []
    for attention in ("sparsemax", "softmax"):
        for precision in precisions():
            work = library_ranking(setup, attention, bf16=precision == "bfloat16")
            flop = ranking_flop(setup, setup.n_pairs)
            rows.append(row_of(f"{attention}, {precision}", work, flop, precision))
    return in_turns(rows, settings.turns(5), settings.threads)


RANKING = TablePart(
    measure_ranking,
    "The ranking of that step alone: 5,312 pairs of 256 x 3, 64 features. The ratio is to the "
    "first row.",
    "pair",
    (
        Answer("ranking", "sparsemax, float32", 0.5, "the limit"),
        Answer("ranking", "sparsemax, bfloat16", 0.5, "the limit"),
    ),
)


# -- the default recipe ----------------------------------------------------------------------------


def measure_recipe(settings: TableSettings) -> list[dict]:
    """Return the records of steps of the default recipe, next to a plain loop."""
    X = recipe_rows.segments(300 if settings.smoke else 2000)
    n_steps = 2 if settings.smoke else 10
    records = []
    for n_threads in settings.threads:
        pairs = [(row, new_record(name, n_threads)) for name, row in recipe_rows.ROWS.items()]
        with using_threads(n_threads):
            for turn in range(settings.turns(3)):
                for row, record in pairs if turn % 2 == 0 else pairs[::-1]:
                    add_times(record, row(X, n_steps))
        records += [record for _, record in pairs]
    return records


RECIPE = TablePart(
    measure_recipe,
    'A step of the default training: 256 segments of 128 x 3 in two views, "resnet14-half". '
    "`feature_weight=0` leaves out the second loss, which predicts features. SimCLR by "
    "RelConEmbedder has the other view as the only positive. The plain loop in torch has the same "
    "encoder, views, projection head and precision. Not included are the features that rank the "
    "segments, as they are computed once before the first step.",
    "step",
    (Answer("step of the default recipe", "RelConEmbedder()", 1.1),),
)
