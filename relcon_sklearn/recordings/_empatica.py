"""Empatica E4: ACC.csv."""

from __future__ import annotations

import numpy as np

from ..exceptions import DamagedFileError
from ._frame import File, build_frame

_COUNTS = np.float32(64)  # of 1 g


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
    stamps = np.rint(start * 1e6).astype(np.int64) * 1000
    if rate > 0:
        stamps = stamps + np.rint(np.arange(len(counts)) * (1e9 / rate)).astype(np.int64)
    return build_frame(
        file,
        stamps,
        counts.astype(np.float32) / _COUNTS,
        rate=float(rate),
        device="Empatica E4",
        serial=None,
        offset=np.timedelta64(0, "s"),
        clock="UTC",
    )
