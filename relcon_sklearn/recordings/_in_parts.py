"""Recordings in little memory, from files that are read in parts.

A file that does not fit, or is damaged, is left to the reader that returns a DataFrame: it reports
what is wrong, and values are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .._recordings._compact import BlockTimes, CompactRecording, SignalInParts
from .._utils._rates import is_rate
from ._frame import NO_ZONE, File, attributes, warn_if_set_back


class Part(NamedTuple):
    """Some samples of a file.

    `stamps` is int64, in ns by the clock of the device. `first` has the numbers of the samples that
    begin blocks of evenly spaced samples. `counts` are whole numbers that tell the `acceleration`,
    which is in g.
    """

    stamps: np.ndarray
    first: np.ndarray
    acceleration: np.ndarray
    counts: np.ndarray


def join_parts(
    file: File,
    parts: Iterable[Part],
    most: int,
    *,
    rate: float,
    device: str,
    serial: str | None,
    offset: np.timedelta64 | None = None,
    clock: str = NO_ZONE,
) -> CompactRecording | None:
    """Return a recording in little memory, None if its values or times do not fit.

    `most` is the largest number of samples that the file may have. Other parameters are those of
    :func:`~relcon_sklearn.recordings._frame.build_frame`.
    """
    if not is_rate(rate):
        return None
    signal, times = SignalInParts(most), []
    for part in parts:
        if len(part.stamps) == 0:
            continue
        times.append(BlockTimes.of(part.stamps, part.first, rate))
        if times[-1] is None or not signal.append(part.acceleration, part.counts):
            return None
    if not times:
        return None
    times, signal = BlockTimes.join(times), signal.join()
    attrs = attributes(file, len(signal), rate, device, serial, clock)
    warn_if_set_back(file, times)
    if offset is None:
        return CompactRecording(signal, times, attrs)
    return CompactRecording(signal, times.moved(-offset), attrs, has_zone=True)
