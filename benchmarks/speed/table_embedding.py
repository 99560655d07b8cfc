"""Embedding: transform of many segments, one segment, and the size of blocks."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from benchmarks.common.encoders import no_distances
from benchmarks.speed.bench_latency import ENCODERS, make_calls
from benchmarks.speed.table_settings import Answer, TablePart, TableSettings, precisions
from benchmarks.speed.turns import TurnRow, in_turns
from relcon_sklearn import RelConEmbedder

PRESETS = ("resnet14-half", "resnet34-half", "resnet34")
RATE = 50.0
N_SEGMENTS = 1024
BLOCKS = (16, 32, 64, 128, 256, 512)
LENGTHS = (128, 500)
N_IN_BLOCKS = 512


def normal_segments(n: int, n_timesteps: int) -> np.ndarray:
    """Return random segments of three channels, in g."""
    rng = np.random.default_rng(0)
    return rng.normal([0, 0, 1], 0.3, (n, n_timesteps, 3)).astype(np.float32)


def untrained(encoder: str, precision: str = "float32") -> RelConEmbedder:
    """Return an embedder with initial weights."""
    embedder = RelConEmbedder(
        no_distances, encoder=encoder, precision=precision, max_epochs=0, sampling_rate=RATE
    )
    return embedder.set_params(random_state=0).fit(normal_segments(8, 128))


def forward_flop(encoder: torch.nn.Module, n_timesteps: int) -> float:
    """Return the operations of a forward pass of one segment."""
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, which is optional

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder(torch.zeros(1, 3, n_timesteps))
    return counter.get_total_flops()


# -- transform -------------------------------------------------------------------------------------


def measure_transform(settings: TableSettings) -> list[dict]:
    """Return the records of `transform`, by encoder and precision."""
    X = normal_segments(16 if settings.smoke else N_SEGMENTS, 128)
    rows = []
    for encoder in PRESETS:
        for precision in precisions():
            embedder = untrained(encoder, precision)
            flop = forward_flop(embedder.encoder_, 128) * len(X)
            call = partial(embedder.transform, X)
            rows.append(TurnRow(precision, call, len(X), encoder, flop, precision))
    return in_turns(rows, settings.turns(5), settings.threads)


TRANSFORM = TablePart(
    measure_transform,
    "`RelConEmbedder.transform` of 1,024 segments of 128 x 3.",
    "segment",
    tuple(Answer("transform in bfloat16", f"{encoder}: bfloat16", 1 / 1.8) for encoder in PRESETS),
)


# -- one segment -----------------------------------------------------------------------------------


def measure_one(settings: TableSettings) -> list[dict]:
    """Return the records of calls with one segment."""
    records = []
    for encoder in ENCODERS:
        calls = make_calls(encoder, with_onnx=True)
        rows = [TurnRow(name, call, group=encoder) for name, call in calls.items()]
        records += in_turns(rows, settings.turns(15), n_calls=2 if settings.smoke else 20)
    return records


ONE_SEGMENT = TablePart(
    measure_one,
    "One segment of 128 x 3, float32: the encoder alone in torch; `transform` and `predict`, "
    "which check the segment and the result; and the exported embedder in onnxruntime. "
    "`bench_latency` has [percentiles](#percentiles).",
    "call",
    tuple(
        Answer(f"one segment, {row}", f"{encoder}: {row}", 1.3)
        for encoder in ENCODERS
        for row in ("transform", "predict")
    ),
)


# -- blocks ----------------------------------------------------------------------------------------


def measure_blocks(settings: TableSettings) -> list[dict]:
    """Return the records of forward passes, by the number of segments at once."""
    records = []
    blocks = BLOCKS[:2] if settings.smoke else BLOCKS
    for n_timesteps in LENGTHS[:1] if settings.smoke else LENGTHS:
        X = torch.from_numpy(normal_segments(blocks[-1], n_timesteps)).transpose(1, 2)
        for name in ENCODERS:
            encoder = untrained(name).encoder_
            for precision in precisions():
                rows = [
                    TurnRow(
                        f"{n_timesteps} x 3, {name}, {precision}",
                        partial(embed_in_blocks, encoder, X, n, precision),
                        len(X),
                        group=str(n),
                    )
                    for n in blocks
                ]
                records += in_turns(rows, settings.turns(3))
    return records


def embed_in_blocks(encoder, X: torch.Tensor, n: int, precision: str) -> None:
    """Embed `n` segments at a time."""
    lower = precision == "bfloat16"
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=lower):
        for block in X.split(n):
            encoder(block)


def block_columns(record: dict) -> tuple[str, str]:
    """Return the number of segments at once, and segments per second of CPU time."""
    return record["group"], f"{record['n_units'] / float(np.median(record['cpu_s'])):,.0f}"


BLOCKS_PART = TablePart(
    measure_blocks,
    "Segments per second of CPU time of the encoder with one thread, by the number of segments "
    "that it embeds at once. `transform` and `predict` embed 32,768 time steps at once on CPUs, "
    "and at most 1 MiB: 256 segments of 128, or 65 of 500 time steps.",
    "segment",
    columns=block_columns,
)
