"""The column of a DataFrame that has the times of the samples: its recognition and its reading."""

from __future__ import annotations

import logging
import re

import numpy as np

from ._frames import check_unique

logger = logging.getLogger("relcon_sklearn")

_WORDS = {
    *("time", "times", "timestamp", "timestamps", "date", "dates", "datetime", "epoch", "epoc"),
    *("clock", "elapsed", "sec", "secs", "seconds", "millis", "milliseconds", "microseconds"),
    "nanoseconds",
}
_TIME_OF_DAY = re.compile(r"\d:\d\d")

# Fewer samples may rise by chance.
_FEWEST_RISING = 10

# Numbers from `least` on are times since 1970 in `unit`: dates from 1973 on.
_EPOCHS = (  # (least, unit, in words, microseconds)
    (1e17, "ns", "nanoseconds", 1e-3),
    (1e14, "us", "microseconds", 1.0),
    (1e11, "ms", "milliseconds", 1e3),
    (1e8, "s", "seconds", 1e6),
)


def is_called_time(column) -> bool:
    """Return whether a column (Series) has times according to its type, its name or its text."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+", str(column.name))
    if column.dtype.kind in "mM" or not _WORDS.isdisjoint(word.lower() for word in words):
        return True
    known = column[column.notna()].iloc[:1] if column.dtype.kind not in "biufc" else ()
    return any(_TIME_OF_DAY.search(str(value)) for value in known)


def rises(column) -> bool:
    """Return whether the numbers of a column (Series) rise from each sample to the next."""
    return (
        column.dtype.kind in "iuf"
        and len(column) >= _FEWEST_RISING
        and column.is_monotonic_increasing
        and column.is_unique
    )


def check_unused_times(frame, used: list, name: str) -> None:
    """Raise ValueError if a column that is not used looks like times."""
    columns = [frame.iloc[:, i] for i, column in enumerate(frame.columns) if column not in used]
    raise_if_times(
        [column.name for column in columns if is_called_time(column) or rises(column)], name
    )


def raise_if_times(columns: list, name: str) -> None:
    """Raise the ValueError for columns that look like times, if there are any."""
    if columns:
        raise ValueError(
            f"{name}: the columns {columns} look like times, but they are not used as times. Pass "
            f"the column with the times in time, for example time={columns[0]!r}. If samples are "
            f"regular and none is missing, drop the columns: frame.drop(columns={columns}). If "
            "they are signals, pass them in channels."
        )


def read_time_column(frame, time: str, name: str):
    """Return the times in a column of a DataFrame as dates, durations or seconds.

    Numbers are seconds, or the time since 1970 in a unit that is told by the largest number. Text
    must have the format of ISO 8601. What numbers and text were read as is logged.

    Raises
    ------
    ValueError
        If there is not one such column, or if it has neither dates, durations, numbers nor text of
        dates.
    """
    if time not in frame.columns:
        raise ValueError(f"{name}: time={time!r} is not one of its columns {list(frame.columns)}.")
    check_unique(frame, [time], name)
    column = frame[time]
    if column.dtype.kind in "mM":
        return column
    read = _from_numbers if column.dtype.kind in "iuf" else _from_text
    try:
        times, kind = read(column)
    except _NotTimesError as error:
        raise ValueError(
            f"{name}: time={time!r} has {error}, which cannot be read as a time. Pass a column of "
            "dates, of text in ISO 8601, of seconds, or of the time since 1970 in s, ms, us or ns. "
            "pandas.to_datetime(column, format=...) reads text in other formats."
        ) from None
    first = next(iter(times), None)
    logger.info("%s: column %r was read as %s; the first is %s", name, time, kind, first)
    return times


class _NotTimesError(ValueError):
    """A column that is not times. The message is one of its values."""


def _from_numbers(column):
    """Return numbers as dates in UTC or as seconds, and in words what they are."""
    import pandas

    if column.isna().any():
        # The check of all timestamps reports those that are missing.
        return column.to_numpy(np.float64, na_value=np.nan), "numbers"
    values = column.to_numpy(column.dtype.kind + "8")
    largest = np.abs(values).max(initial=0)
    if largest >= 2.0**63:
        raise _NotTimesError(f"{largest:g}")
    for least, unit, words, microseconds in _EPOCHS:
        if largest >= least:
            if column.dtype.kind == "f":
                # The resolution of today's dates as float64 is about 0.2 us in any unit.
                values, unit = np.rint(values * microseconds), "us"
            dates = values.astype(np.int64).astype(f"datetime64[{unit}]")
            return pandas.DatetimeIndex(dates).tz_localize("UTC"), f"{words} since 1970 (UTC)"
    return values.astype(np.float64), "seconds"


def _from_text(column):
    """Return text or datetime objects as dates, with a time zone if they have one."""
    import pandas

    known = column[column.notna()].astype(object)
    if pandas.api.types.infer_dtype(known) not in ("string", "datetime", "empty"):
        raise _NotTimesError(f"values of the type {type(known.iloc[-1]).__name__}")
    dates = pandas.to_datetime(column.astype(object), utc=True, format="ISO8601", errors="coerce")
    unread = known[dates[column.notna()].isna()]
    if len(unread):
        raise _NotTimesError(repr(unread.iloc[0]))
    if any(pandas.Timestamp(value).tz is None for value in known.iloc[:1]):
        return dates.dt.tz_localize(None), "dates"
    return dates, "dates in UTC"
