"""Empatica E4: ACC.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from .._recordings._compact import CompactRecording
from ..exceptions import DamagedFileError
from ._frame import File, build_frame
from ._in_parts import Part, join_parts

_COUNTS = np.float32(64)  # of 1 g
_FEWEST_BYTES = 6  # of a sample: "0,0,0" and the end of the line
_AT_ONCE = 2**19  # samples


def read_empatica(file: File):
    """Return the recording in an ACC.csv file.

    Its first row is the start in seconds since 1970, in UTC, its second row is the rate in Hz.
    """
    import pandas

    try:
        table = pandas.read_csv(file.path, header=None, compression=None).to_numpy(np.float64)
    except ValueError as error:  # also pandas' errors of parsing
        raise DamagedFileError(
            f"{file.name} is not what Empatica E4 writes: {error}. Export it again."
        ) from None
    missing = np.flatnonzero(np.isnan(table).any(axis=1))
    if len(missing):
        raise DamagedFileError(
            f"{file.name} was cut, or has values missing: line {missing[0] + 1} has "
            f"{table[missing[0]].tolist()}. Export it again."
        )
    (start, rate), counts = table[:2, 0], table[2:]
    return build_frame(
        file, _stamps(start, rate, np.arange(len(counts))), _in_g(counts), **_describe(rate)
    )


def read_compact(file: File) -> CompactRecording | None:
    """Return the recording in an ACC.csv file in little memory, None if it does not fit into it."""
    import pandas

    most = file.path.stat().st_size // _FEWEST_BYTES
    try:
        with pandas.read_csv(
            file.path, header=None, compression=None, chunksize=_AT_ONCE
        ) as chunks:
            first = next(chunks)
            start, rate = first.to_numpy(np.float64)[:2, 0].tolist()
            parts = _as_parts(chain([first[2:]], chunks), start, rate)
            return join_parts(file, parts, most, **_describe(rate))
    except ValueError:  # of which the other reader says what it is
        return None


def _as_parts(chunks: Iterable, start: float, rate: float) -> Iterator[Part]:
    """Yield the samples in parts of a table."""
    n = 0
    for chunk in chunks:
        counts = chunk.to_numpy(np.float64)
        stamps = _stamps(start, rate, np.arange(n, n + len(counts)))
        yield Part(stamps, np.zeros(1, dtype=np.int64), _in_g(counts), counts)
        n += len(counts)


def _stamps(start: float, rate: float, number: np.ndarray) -> np.ndarray:
    """Return the times of numbered samples in ns since 1970, given that of the first in s."""
    period = 1e9 / rate if rate > 0 else 0  # which is reported later
    return np.rint(start * 1e6).astype(np.int64) * 1000 + np.rint(number * period).astype(np.int64)


def _in_g(counts: np.ndarray) -> np.ndarray:
    return counts.astype(np.float32) / _COUNTS


def _describe(rate: float) -> dict[str, Any]:
    """Return what is known about the device and its clock."""
    return {
        "rate": float(rate),
        "device": "Empatica E4",
        "serial": None,
        "offset": np.timedelta64(0, "s"),
        "clock": "UTC",
    }
