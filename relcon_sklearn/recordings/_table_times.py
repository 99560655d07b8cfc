"""The times of a table: those of its only column of times, or of one of several that agree."""

from __future__ import annotations

import logging

import numpy as np

from .._recordings._time_column import looks_like_time, read_time_column
from .._recordings._times import NS, Times, has_dates
from ._frame import File

logger = logging.getLogger("relcon_sklearn")

_TOLERANCE = 1.0  # s, by which columns of the same times may differ: clocks and roundings do
_LARGEST_OFFSET = 14 * 3600  # s, of local time from UTC

_ONE_OF_THEM = (
    "Remove the others from the file. Or read it with pandas, and pass the DataFrame, with its "
    "sampling_rate, units and time, to segment_recordings or predict_timeline."
)
_WITHOUT_TIMES = (
    "If no sample is missing, read it with pandas, and pass the DataFrame, with its sampling_rate "
    "and units, to segment_recordings. predict_timeline needs dates too: frame.index = "
    "pandas.date_range(start, periods=len(frame), freq='20ms', name='time') is for 50 Hz. Then "
    "frame.to_csv writes a file that can be read."
)


def read_table_times(frame, file: File) -> tuple[list, Times]:
    """Return the names of the columns of times of a table, and the times of its samples.

    Of several columns that agree, these are the times in UTC, or else the dates without a time
    zone, or else the times since a start. Numbers since 1970 are in UTC. Of columns of one kind,
    it is the first.

    Raises
    ------
    ValueError
        If no column looks like times, if one cannot be read, or if several do not agree.
    """
    found = [column for column in frame.columns if looks_like_time(frame[column])]
    if not found:
        raise ValueError(
            f"{file.name} must have a column of times, and no column looks like times. Its columns "
            f"are {list(frame.columns)}. {_WITHOUT_TIMES}"
        )
    if len(found) == 1:
        return found, read_time_column(frame, found[0], False, file.name)
    try:
        times = [read_time_column(frame, column, False, file.name) for column in found]
    except ValueError as error:
        raise ValueError(
            f"The columns {found} of {file.name} look like times, and one of them cannot be read. "
            f"{error} If one of them has the times: {_ONE_OF_THEM}"
        ) from None
    best = max(range(len(found)), key=lambda i: (has_dates(times[i].values), times[i].has_zone))
    for i in (i for i in range(len(found)) if i != best):
        difference = _difference(found[best], times[best], found[i], times[i])
        if difference:
            raise ValueError(
                f"The columns {found} of {file.name} look like times, and they do not agree: "
                f"{difference}. {_ONE_OF_THEM}"
            )
    logger.info("%s: the columns %s agree; the times are %r", file.name, found, found[best])
    return found, times[best]


def _difference(name: str, times: Times, other_name: str, other: Times) -> str:
    """Return in words what two columns of times differ in, "" if they have the same times."""
    since, since_other = _elapsed(times.values), _elapsed(other.values)
    for column, elapsed in ((name, since), (other_name, since_other)):
        if not np.isfinite(elapsed).all():
            return f"{column!r} is missing in some rows"
    largest = np.abs(since - since_other).max(initial=0)
    if largest > _TOLERANCE:
        return (
            f"from the first sample on, {other_name!r} moves up to {largest:.4g} s away from "
            f"{name!r}"
        )
    if not (has_dates(times.values) and has_dates(other.values)):
        return ""  # one of them is relative to a start, which may be any
    apart = np.abs(_seconds(times.values[:1] - other.values[:1])).max(initial=0)
    if apart <= (_LARGEST_OFFSET if times.has_zone != other.has_zone else _TOLERANCE):
        return ""
    return f"{other_name!r} is {apart:.6g} s away from {name!r}"


def _elapsed(values: np.ndarray) -> np.ndarray:
    """Return times in seconds since the first."""
    return _seconds(values - values[:1])


def _seconds(durations: np.ndarray) -> np.ndarray:
    """Return durations as seconds, with NaN for missing ones."""
    if durations.dtype.kind != "m":
        return durations
    return np.where(np.isnat(durations), np.nan, durations.astype(np.int64) * NS)
