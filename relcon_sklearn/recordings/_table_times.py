"""The times of a table: those of the column that the user names, or of all that agree."""

from __future__ import annotations

import logging

import numpy as np

from .._recordings._time_column import looks_like_time, read_time_column, rises
from .._recordings._times import NS, Times, has_dates
from ._frame import File

logger = logging.getLogger("relcon_sklearn")

_TOLERANCE = 1.0  # s, by which columns of the same times may differ: clocks and roundings do
_LARGEST_OFFSET = 14 * 3600  # s, of local time from UTC

_WITHOUT_TIMES = (
    "If one of them has the times, {} If no sample is missing, read the file with pandas, and pass "
    "the DataFrame, with its sampling_rate and units, to segment_recordings. predict_timeline "
    "needs dates too: frame.index = pandas.date_range(start, periods=len(frame), freq='20ms', "
    "name='time') is for 50 Hz. Then frame.to_csv writes a file that can be read."
)


def read_table_times(frame, file: File) -> tuple[list, Times]:
    """Return the names of the columns of times of a table, and the times of its samples.

    If the user names a column, it is that. Otherwise, several columns must agree, and the times are
    those in UTC, or else the dates without a time zone, or else the times since a start. Numbers
    since 1970 are in UTC. Of columns of one kind, it is the first.

    Raises
    ------
    ValueError
        If the table does not have the column that the user names. If no column looks like times, if
        one cannot be read, or if several do not agree.
    """
    if file.time is not None:
        return [file.time], _read_named(frame, file)
    found = [column for column in frame.columns if looks_like_time(frame[column])]
    if not found:
        rising = [column for column in frame.columns if rises(frame[column])]
        raise ValueError(
            f"{file.name} must have a column of times, and no column looks like times. Its columns "
            f"are {list(frame.columns)}. {_WITHOUT_TIMES.format(_name_one(rising or ['COLUMN']))}"
        )
    if len(found) == 1:
        return found, read_time_column(frame, found[0], False, file.name)
    try:
        times = [read_time_column(frame, column, False, file.name) for column in found]
    except ValueError as error:
        raise ValueError(
            f"The columns {found} of {file.name} look like times, and one of them cannot be read. "
            f"{error} If another one has the times, {_name_one(found)}"
        ) from None
    best = max(range(len(found)), key=lambda i: (has_dates(times[i].values), times[i].has_zone))
    for i in (i for i in range(len(found)) if i != best):
        difference = _difference(found[best], times[best], found[i], times[i])
        if difference:
            rising = [name for name in frame.columns if name not in found and rises(frame[name])]
            raise ValueError(
                f"The columns {found} of {file.name} look like times, and they do not agree: "
                f"{difference}. If one column has the times of the samples, "
                f"{_name_one([*found, *rising])}"
            )
    logger.info("%s: the columns %s agree; the times are %r", file.name, found, found[best])
    return found, times[best]


def _read_named(frame, file: File) -> Times:
    """Return the times in the column that the user names."""
    if file.time not in frame.columns:
        raise ValueError(
            f"time={file.time!r} is not a column of {file.name}. Its columns are "
            f"{list(frame.columns)}."
        )
    return read_time_column(frame, file.time, False, file.name)


def _name_one(columns: list) -> str:
    """Return how to name one of some columns."""
    return f"name it: {' or '.join(f'time={column!r}' for column in columns)}."


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
