"""The column of a DataFrame that has the times of the samples: its recognition and its reading."""

from __future__ import annotations

import logging
import re
from typing import NamedTuple

import numpy as np

from ._frames import check_unique, index_name
from ._stamps import Advice
from ._text_times import (
    NotTimesError,
    advise_arguments,
    advise_order,
    read_text,
    read_text_in_any_order,
)
from ._times import Times, read_times
from ._written_times import are_clocks, digits_as_dates

logger = logging.getLogger("relcon_sklearn")

_WORDS = {
    *("time", "times", "timestamp", "timestamps", "date", "dates", "datetime", "epoch", "epoc"),
    *("clock", "elapsed", "sec", "secs", "seconds", "millis", "milliseconds", "microseconds"),
    "nanoseconds",
}
_TIME_OF_DAY = re.compile(r"\d:\d\d|^(?:19|20)\d{6}T?\d{6}")

_SHORT_NAMES = {"t", "ts"}  # also of signals, so that such a column must rise

# Fewer samples may rise by chance.
_FEWEST_RISING = 10

EARLIEST = 1e8  # s: larger numbers are times since 1970, of dates from 1973 on
_LATEST = 9.2e9  # s: in 2261, before the last date that nanoseconds can represent


class _Unit(NamedTuple):
    """A unit of numbers: its name in pandas and in words, and how many of it are a second."""

    name: str
    words: str
    per_second: float

    def has_dates(self, largest: float) -> bool:
        """Return whether numbers up to `largest` are times since 1970."""
        return largest >= EARLIEST * self.per_second


_SECONDS = _Unit("s", "seconds", 1.0)
_MILLISECONDS = _Unit("ms", "milliseconds", 1e3)
_MICROSECONDS = _Unit("us", "microseconds", 1e6)
_NANOSECONDS = _Unit("ns", "nanoseconds", 1e9)
_SMALLEST_FIRST = (_NANOSECONDS, _MICROSECONDS, _MILLISECONDS, _SECONDS)
_UNIT_OF = {  # words in names
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), _SECONDS),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), _MILLISECONDS),
    **dict.fromkeys(("us", "µs", "μs", "usec", "micros"), _MICROSECONDS),
    **dict.fromkeys(("microsecond", "microseconds"), _MICROSECONDS),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), _NANOSECONDS),
}


_LONG_UNITS = {"min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours"}


def looks_like_time(column) -> bool:
    """Return whether a column (Series) has times.

    Its type, its name or its text tells so, or its numbers are of the size of times since 1970.
    """
    if column.dtype.kind in "mM" or is_named_time(column.name):
        return True
    if column.dtype.kind in "iuf":
        known = _known(column)
        return (
            len(known) >= _FEWEST_RISING
            and _SECONDS.has_dates(known.iloc[0])
            and known.iloc[-1] > known.iloc[0]
            and known.is_monotonic_increasing
        )
    known = column[column.notna()].iloc[:1] if column.dtype.kind not in "bc" else ()
    return any(_TIME_OF_DAY.search(str(value)) for value in known)


def is_named_time(name) -> bool:
    """Return whether the name of a column or an index has a word for time."""
    return not _WORDS.isdisjoint(_words(name))


def _words(name) -> list[str]:
    """Return the words of a name, such as time and ms of timeMs, in lower case."""
    return [word.lower() for word in re.findall("[A-Z]?[a-zµμ]+|[A-Z]+", str(name))]


def unit_of_time(name) -> _Unit | None:
    """Return the unit in the name of a column, such as time_ms, None if it has none or several."""
    found = {_UNIT_OF[word] for word in _words(name) if word in _UNIT_OF}
    return found.pop() if len(found) == 1 else None


def rises(column) -> bool:
    """Return whether the known numbers of a column (Series) rise from one to the next."""
    if column.dtype.kind not in "iuf":
        return False
    known = _known(column)
    return len(known) >= _FEWEST_RISING and known.is_monotonic_increasing and known.is_unique


def _known(column):
    """Return the values of a column (Series) that are not missing, without a copy if all are."""
    return column.dropna() if column.hasnans else column


def _rises_with_holes(column) -> bool:
    """Return whether a column (Series) rises in equal steps, except for a few that are longer."""
    if not rises(column):
        return False
    step = np.diff(_known(column).to_numpy(np.float64))
    typical = np.median(step)
    return np.mean(step < 1.1 * typical) > 0.5 and step.min() > 0.9 * typical < 0.6 * step.max()


def check_unused_times(frame, used: list, chosen: bool, name: str) -> None:
    """Raise ValueError if a column that is not used looks like times.

    If the user has `chosen` the channels, others may rise: a counter, or a temperature. With holes
    or called t, they are times.
    """
    columns = [frame.iloc[:, i] for i, column in enumerate(frame.columns) if column not in used]

    def is_time(column):
        short = column.name in _SHORT_NAMES
        rising = rises(column) if short or not chosen else _rises_with_holes(column)
        return rising or looks_like_time(column)

    raise_if_times([column.name for column in columns if is_time(column)], False, name)


def raise_if_times(columns: list, has_times: bool, name: str) -> None:
    """Raise the ValueError for columns that look like times, if there are any.

    `has_times` is whether the times of the samples are known from elsewhere.
    """
    if not columns:
        return
    name_them = "" if has_times else _advise_naming(columns)
    regular = "they are not needed" if has_times else "samples are regular and none is missing"
    raise ValueError(
        f"{name}: the columns {columns} look like times, but they are not used as times. "
        f"{name_them}If {regular}, drop the columns: frame.drop(columns={columns}). If they are "
        "signals, pass them in channels."
    )


def _advise_naming(columns: list) -> str:
    """Return how to name one of some columns as that of the times."""
    if len(columns) != 2:
        return f"Pass the column with the times in time, for example time={columns[0]!r}. "
    date, clock = sorted(columns, key=lambda column: "date" not in str(column).lower())
    return (
        f"Pass the column with the times in time, time={columns[0]!r} or time={columns[1]!r}. If "
        f"one is the date and the other the time of day, join them: frame['when'] = "
        f"frame[{date!r}].astype(str) + ' ' + frame[{clock!r}].astype(str), then drop both and "
        "pass time='when'. "
    )


def index_as_column(frame, time: str | None):
    """Return a DataFrame with its index as a column if `time` names it, and whether it does.

    An index without a name is called "index", as by ``frame.reset_index()``.
    """
    in_index = time is not None and time not in frame.columns and time == index_name(frame)
    return (frame.reset_index() if in_index else frame), in_index


def read_time_column(frame, time: str, in_index: bool, name: str) -> Times:
    """Return the times in a column of a DataFrame.

    Numbers are in the unit that the name of the column has, such as time_ms. Without one, they are
    seconds, or the time since 1970 in a unit that is told by the largest number, or digits such as
    20241129130203. Text must have the format of ISO 8601, or dates of which a number above 12 shows
    which is the day. What numbers and text were read as is logged. `in_index` is whether the user
    has the column as an index.

    Raises
    ------
    ValueError
        If there is not one such column, or if it has neither dates, durations, numbers nor text of
        dates. If the day or the month of its dates may be first. If only some of them have a UTC
        offset. If numbers do not fit the unit in the name, have lost digits, or are times of day.
    """
    if time not in frame.columns:
        raise ValueError(
            f"{name}: time={time!r} is not one of its columns {list(frame.columns)}, and not its "
            f"index, {index_name(frame)!r}."
        )
    check_unique(frame, [time], name)
    column, what, code = (
        frame[time],
        f"{name}: timestamps",
        f"frame{'.reset_index()' * in_index}[{time!r}]",
    )
    if column.dtype.kind in "mM":
        return read_times(column, what, code)
    read = _from_numbers if column.dtype.kind in "iuf" else _from_text
    try:
        times, kind = read(column, what, code)
    except NotTimesError as error:
        raise ValueError(
            f"{name}: time={time!r} has {error}, which cannot be read as times. "
            f"{advise_order(str(error), code)}Pass a column of "
            "dates or of text in ISO 8601, all with or all without a UTC offset, of seconds, or of "
            "the time since 1970 in s, ms, us or ns. Join a date and a time of day first. "
            "pandas.to_datetime(column, format=...) reads text in other formats."
        ) from None
    first = next(iter(times.values), None)
    logger.info("%s: column %r was read as %s; the first is %s", name, time, kind, first)
    return times


def advise(frame, time: str, in_index: bool, times: Times) -> Advice:
    """Return how to make the `times` in a column of a DataFrame strictly increasing."""
    convert = "frame = frame.reset_index(), then " * in_index
    if frame[time].dtype.kind not in "iufmM":  # the order of text may differ from that of its times
        how = advise_arguments(frame[time], times)
        convert += f"frame[{time!r}] = pandas.to_datetime(frame[{time!r}], {how}), then "
    return Advice(
        f"{convert}frame.drop_duplicates({time!r})", f"{convert}frame.sort_values({time!r})"
    )


def _from_numbers(column, what: str, code: str) -> tuple[Times, str]:
    """Return numbers as dates in UTC or as seconds, and in words what they are.

    Their unit is that in the name of the column. Without one, the largest number tells it.
    """
    if column.isna().any():
        # The check of all timestamps reports those that are missing.
        return read_times(column, what, code), "numbers"
    values = column.to_numpy(column.dtype.kind + "8")
    largest = np.abs(values).max(initial=0)
    if largest >= 2.0**63:
        raise NotTimesError(f"{largest:g}")
    by_size = next((unit for unit in _SMALLEST_FIRST if unit.has_dates(largest)), _SECONDS)
    unit = unit_of_time(column.name)
    if unit is None and not _LONG_UNITS.isdisjoint(_words(column.name)):
        since_1970 = ""
        if by_size.has_dates(largest):
            since_1970 = (
                f"Its numbers have the size of {by_size.words} since 1970. If they are, rename the "
                f"column to time_{by_size.name}. Otherwise: "
            )
        raise ValueError(
            f"{what}: the name of the column {column.name!r} has a unit that is not read. "
            f"{since_1970}Convert its numbers to s, ms, us or ns, and rename the column, for "
            "example to time_s."
        )
    dates = None if unit else _from_digits(values, what, code)
    if dates is not None:
        return dates, "digits of dates"
    unit = unit or by_size
    if unit is not by_size and largest > _LATEST * unit.per_second:
        raise ValueError(
            f"{what}: the name of the column {column.name!r} has the unit {unit.name}, but its "
            f"largest number, {largest:g}, is too large for it. It may be {by_size.words} since "
            "1970. Rename the column."
        )
    if largest > _LATEST * unit.per_second:
        raise ValueError(
            f"{what}: numbers such as {largest:.0f} in the column {column.name!r} are neither "
            f"dates in digits nor times since 1970: {unit.words} would end after 2261, and shorter "
            "units before 1973. If they count from another start, as the nanoseconds of phones do, "
            "rename the column, for example to time_ns."
        )
    if not unit.has_dates(largest):
        if unit_of_time(column.name) is None and are_clocks(values):
            raise ValueError(
                f"{what}: numbers such as {values[0]:.10g} in the column {column.name!r} are the "
                "hours, minutes and seconds of times of day in digits. Write them as 13:02:03.250, "
                "with a column of dates. If they are seconds, rename the column, for example to "
                "time_s."
            )
        if unit is not _SECONDS:
            values, code = values / unit.per_second, f"{code} / {unit.per_second:.0f}"
        return read_times(values, what, code), unit.words
    index = f"pandas.DatetimeIndex(pandas.to_datetime({code}, unit={unit.name!r}))"
    resolution = unit.name
    if column.dtype.kind == "f":
        # The resolution of today's dates as float64 is about 0.2 us in any unit.
        values, resolution = np.rint(values * (1e6 / unit.per_second)), "us"
    dates = read_times(values.astype(np.int64).astype(f"datetime64[{resolution}]"), what, code)
    return Times(dates.values, has_zone=True, index=index), f"{unit.words} since 1970 (UTC)"


def _from_digits(values: np.ndarray, what: str, code: str) -> Times | None:
    """Return numbers such as 20241129130203 as dates, None for other numbers."""
    whole = values.astype(np.int64)
    dates = digits_as_dates(whole)
    if dates is None:
        return None
    if (whole != values).any():
        raise ValueError(
            f"{what} are dates in digits with fractions of a second, such as {values[0]:.3f}. "
            "Numbers of 64 bits do not hold all these digits. Read the column as text, for "
            "example with pandas.read_csv(path, dtype={column: str})."
        )
    format_ = "%Y%m%d%H%M%S" + "%f" * (len(str(whole[0])) > 14)
    code = f"pandas.to_datetime({code}.astype('int64').astype(str), format='{format_}')"
    return read_times(dates, what, code)


def _from_text(column, what: str, code: str) -> tuple[Times, str]:
    """Return text or datetime objects as dates, and in words what they are."""
    times = read_text(column, what, code)
    return times, "dates in UTC" if times.has_zone else "dates"


def text_as_dates(column) -> tuple:
    """Return a column (Series) of text as dates if it looks like times, and can be read as dates.

    They need a tenth of the memory. Other columns are returned as they are. The second value is the
    orders that the day, the month and the year may have, of which the dates have the first. It is
    empty for other columns, and for dates in ISO 8601.
    """
    import pandas

    if column.dtype.kind in "iufbcmM" or not looks_like_time(column):
        return column, []
    try:
        times, orders = read_text_in_any_order(column, "", "")
    except ValueError:  # reported where the column is used
        return column, []
    dates = pandas.Series(times.values, column.index, name=column.name)
    return dates.dt.tz_localize("UTC") if times.has_zone else dates, orders
