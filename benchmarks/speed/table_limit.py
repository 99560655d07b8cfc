"""The limit of the machine: rates of convolutions and matrix products of some shapes."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.speed.table_settings import TablePart, TableSettings, precisions
from benchmarks.speed.turns import TurnRow, in_turns

# Input channels, output channels, kernel size and length of convolutions of the encoders
# "resnet34" and "resnet14-half", for segments of 128 and 256 time steps.
CONVOLUTIONS = [
    (32, 32, 3, 31),
    (64, 64, 3, 31),
    (64, 128, 4, 31),
    (128, 128, 4, 31),
    (256, 256, 4, 31),
    (256, 256, 4, 62),
]
# Products: number of them, rows, inner size and columns. The first two are attention scores.
PRODUCTS = [(32, 128, 64, 128), (16, 256, 64, 256), (1, 1024, 1024, 1024), (1, 2048, 2048, 2048)]
N_SEGMENTS = 256


def convolution(shape: tuple[int, ...], dtype: torch.dtype, n: int) -> tuple[partial, float]:
    """Return a convolution in the layout of the encoders, and its operations."""
    c_in, c_out, size, length = shape
    x = torch.randn(n, c_in, 1, length).to(dtype, memory_format=torch.channels_last)
    weight = torch.randn(c_out, c_in, 1, size).to(dtype, memory_format=torch.channels_last)
    left = (size - 1) // 2
    x = F.pad(x, (left, size - 1 - left)).contiguous(memory_format=torch.channels_last)
    return partial(F.conv2d, x, weight), 2 * n * length * c_in * c_out * size


def product(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[partial, float]:
    """Return a matrix product, and its operations."""
    n, rows, inner, columns = shape
    a, b = torch.randn(n, rows, inner).to(dtype), torch.randn(n, inner, columns).to(dtype)
    return partial(torch.bmm, a, b), 2 * n * rows * inner * columns


def rows(n_segments: int) -> list[TurnRow]:
    """Return a row for each shape and precision."""
    torch.manual_seed(0)
    found = []
    for precision in precisions():
        dtype = getattr(torch, precision)
        for shape in CONVOLUTIONS:
            name = "convolution, {} to {} channels, {} taps, {} steps".format(*shape)
            call, flop = convolution(shape, dtype, n_segments)
            found.append(TurnRow(name, torch.no_grad()(call), flop=flop, dtype=precision))
        for shape in PRODUCTS:
            name = "{} x product of {} x {} x {}".format(*shape)
            call, flop = product(shape, dtype)
            found.append(TurnRow(name, call, flop=flop, dtype=precision))
    return found


def measure(settings: TableSettings) -> list[dict]:
    """Return the records of all shapes."""
    n_calls = 1 if settings.smoke else 5
    some = rows(8 if settings.smoke else N_SEGMENTS)
    return in_turns(some, settings.turns(5), settings.threads, n_calls)


def rate(record: dict) -> float:
    """Return the operations per second: of CPU time with one thread, else of wall time."""
    return record["flop"] / float(np.median(times(record)))


def times(record: dict) -> list[float]:
    """Return the times that count: CPU time with one thread, else wall time."""
    return record["cpu_s"] if record["threads"] == 1 else record["wall_s"]


def limits(records: list[dict]) -> dict[tuple[str, int], float]:
    """Return the largest rate of any shape, by precision and number of threads."""
    found: dict[tuple[str, int], float] = {}
    for record in records:
        key = record["dtype"], record["threads"]
        found[key] = max(found.get(key, 0), rate(record))
    return found


def columns(record: dict) -> tuple[str, str]:
    """Return the column of a record, and its GFLOP/s."""
    threads = "1 thread" if record["threads"] == 1 else f"{record['threads']} threads"
    return f"{record['dtype']}, {threads}", f"{rate(record) / 1e9:,.0f}"


LIMIT = TablePart(
    measure,
    "GFLOP/s of convolutions of 256 segments, in the layout of the encoders, and of matrix "
    "products. The largest number of a column is the limit in the tables below.",
    "call",
    columns=columns,
)
