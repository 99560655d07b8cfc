"""Rows of a table that are measured in turns: CPU time and wall time, with one or more threads."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from relcon_sklearn._training import kept_memory


class TurnRow(NamedTuple):
    """Something that is measured.

    Attributes
    ----------
    name : str
        Its name in the table.
    call : callable
        What is measured, a function without arguments.
    n_units : float
        Units of work that a call does.
    group : str
        Rows are compared with the first row of their group.
    flop : float or None
        Multiplications and additions of a call, of convolutions and matrix products. None if they
        are not compared with the limit of the machine.
    dtype : str
        Precision of these operations.
    in_fit : bool
        Whether memory is kept from call to call, as within a fit.
    """

    name: str
    call: Callable[[], object]
    n_units: float = 1
    group: str = ""
    flop: float | None = None
    dtype: str = "float32"
    in_fit: bool = False


def in_turns(
    rows: Sequence[TurnRow],
    repeats: int,
    threads: Sequence[int] = (1,),
    n_calls: int = 1,
    warm_up: bool = True,
) -> list[dict]:
    """Measure all rows in turn, forwards and backwards, and return a record for each.

    Parameters
    ----------
    rows : sequence of TurnRow
        The rows.
    repeats : int
        Number of turns.
    threads : sequence of int, default=(1,)
        Numbers of threads, one after the other.
    n_calls : int, default=1
        Calls of a row in a turn. The mean time of a call is recorded.
    warm_up : bool, default=True
        Whether to call each row once before the first turn.
    """
    records = []
    for n_threads in threads:
        with using_threads(n_threads):
            timed = [(row, _record_of(row, n_threads)) for row in rows]
            if warm_up:
                for row in rows:
                    row.call()
            for turn in range(repeats):
                _take_turn(timed if turn % 2 == 0 else timed[::-1], n_calls)
        records += [record for _, record in timed]
    return records


def new_record(
    row: str,
    threads: int = 1,
    n_units: float = 1,
    group: str = "",
    flop: float | None = None,
    dtype: str = "float32",
) -> dict:
    """Return a record without times, of the row of a name."""
    return {**locals(), "cpu_s": [], "wall_s": []}


def _record_of(row: TurnRow, threads: int) -> dict:
    return new_record(row.name, threads, row.n_units, row.group, row.flop, row.dtype)


def add_times(record: dict, seconds: np.ndarray) -> None:
    """Add the CPU time and the wall time of a call to a record."""
    record["cpu_s"].append(float(seconds[0]))
    record["wall_s"].append(float(seconds[1]))


def clocks() -> np.ndarray:
    """Return CPU time and wall time in seconds."""
    return np.array([time.process_time(), time.perf_counter()])


@contextmanager
def using_threads(n: int) -> Iterator[None]:
    """Use `n` threads in torch and in the libraries of NumPy and SciPy within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)


def _take_turn(timed: list[tuple[TurnRow, dict]], n_calls: int) -> None:
    for in_fit, pairs in groupby(timed, key=lambda pair: pair[0].in_fit):
        pairs = list(pairs)
        with kept_memory() if in_fit else nullcontext():
            if in_fit:
                pairs[0][0].call()  # takes the memory that the others find
            for row, record in pairs:
                gc.collect()
                start = clocks()
                for _ in range(n_calls):
                    row.call()
                add_times(record, (clocks() - start) / n_calls)
