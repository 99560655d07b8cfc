"""Text of dates as times: in ISO 8601, or as people and programs write them."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np

from ._times import Times, read_times
from ._written_times import N_MONTHS, day_is_first, days_are_months, read_written

_DECIMAL_COMMA = re.compile(r"(:\d\d|T\d{6}),(?=\d)")  # of seconds, as ISO 8601 allows it
_DIGITS = re.compile(r"^\s*(\d{8})(\d{6})(?:[.,]?(\d{1,9}))?\s*$")  # of a date and a time of day
_POINTS = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d)\.(\d\d)\.(\d\d)(?!\d)")  # of MetaWear
_DAY_OR_MONTH = re.compile(r"'\s*(\d{1,2})(?P<sep>[/.-])(\d{1,2})(?P=sep)(?P<year>\d{4}|\d\d)\b")
_HALF_OF_DAY = re.compile(r"\d\s*[AaPp]\.?\s?[Mm]")
_FORMATS = (  # of pandas, from the most to the least exact
    *("ISO8601", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S,%f", "%Y%m%d%H%M%S%f"),
    *("%Y-%m-%dT%H.%M.%S.%f", "%Y-%m-%d %H:%M:%S:%f", "mixed"),
)
_TIME = slice(len("2024-03-05"), None)  # of text: a "-" before it is not that of an offset


class NotTimesError(ValueError):
    """A column that is not times. The message is one of its values."""


def read_text(column, what: str, code: str) -> Times:
    """Return text or datetime objects as dates, with a time zone if they have one.

    Parameters
    ----------
    column : Series
        Text or objects of datetime.
    what : str
        What to call the column in an error.
    code : str
        Python code for the column.

    Raises
    ------
    NotTimesError
        If a value cannot be read, or if the day or the month of the dates may be first.
    """
    times, orders = read_text_in_any_order(column, what, code)
    if len(orders) > 1 and not days_are_months(times.values):
        at = int(column.notna().to_numpy().argmax())
        raise NotTimesError(_show(column, at))
    return times


def read_text_in_any_order(column, what: str, code: str) -> tuple[Times, list]:
    """Return what `read_text` returns, and the orders that the numbers of dates may have.

    They are read in the first of them. There are none for dates in ISO 8601.
    """
    import pandas

    known = column[column.notna()].astype(object)
    if pandas.api.types.infer_dtype(known) not in ("string", "datetime", "empty"):
        raise NotTimesError(f"values of the type {type(known.iloc[-1]).__name__}")
    dates, orders = _read(column)
    unread = _first_unread(dates, column)
    if unread < len(column):
        alone, _ = read_written(column.iloc[[unread]])
        order = "" if alone.isna().all() else ", with its day in another place than in other rows"
        raise NotTimesError(_show(column, unread) + order)
    zoned = [] if orders else [_has_offset(value) for value in known]
    if any(zoned) and not all(zoned):
        raise NotTimesError(
            f"{sum(zoned)} dates with a UTC offset and {len(zoned) - sum(zoned)} without one, such "
            f"as {str(known.iloc[zoned.index(False)])!r}"
        )
    dates = dates if any(zoned) or orders else dates.dt.tz_localize(None)
    times = read_times(dates, what, code)
    code = f"pandas.to_datetime({code}, {advise_arguments(column, times)})"
    return times._replace(index=read_times(dates.iloc[:0], what, code).index), orders


def advise_arguments(column, times: Times) -> str:
    """Return the arguments with which pandas.to_datetime reads the text in a column as `times`."""
    if not len(column):
        return "format='ISO8601'"
    at = int(column.notna().to_numpy().argmax())
    text = str(column.iloc[at])
    first = day_is_first(text, times.values[at])
    if first is not None:
        return f"format='mixed', dayfirst={first}"
    return f"format={_format_of(text)!r}" + ", utc=True" * times.has_zone


def _format_of(text: str) -> str:
    """Return the format with which pandas reads a date that begins with its year."""
    import pandas

    for format_ in _FORMATS:
        with suppress(ValueError):
            pandas.to_datetime(text, format=format_)
            return format_
    return "ISO8601"


def advise_order(value: str, code: str) -> str:
    """Return how to read a date whose first number may be the day or the month, "" for others.

    `value` has the date in quotes.
    """
    found = _DAY_OR_MONTH.match(value)
    years = len(found["year"]) if found else 0
    if found is None or (years == 4 and max(int(found[1]), int(found[3])) > N_MONTHS):
        return ""
    year = "%Y" if years == 4 else "%y"
    day, month = (found["sep"].join([*order, year]) for order in (("%d", "%m"), ("%m", "%d")))
    clock = "%I:%M:%S.%f %p" if _HALF_OF_DAY.search(value) else "%H:%M:%S.%f"
    return (
        f"Say whether the day or the month is first: pandas.to_datetime({code}, format='{day} "
        f"{clock}') reads the day first, format='{month} {clock}' the month. Without a format, "
        "pandas guesses. "
    )


def _read(column) -> tuple:
    """Return text as dates, with NaT where it cannot be read, and the orders that they may have.

    Of the formats, it is that which reads the most rows from the first one on.
    """
    dates = _read_iso(column)
    unread = _first_unread(dates, column)
    if unread == len(column):
        return dates, []
    text = str(column.iloc[unread])
    if any(form.search(text) for form in (_DECIMAL_COMMA, _DIGITS, _POINTS)):
        dates = _read_iso(column.astype(object).map(_as_iso, na_action="ignore"))
        unread = _first_unread(dates, column)
    written, orders = read_written(column) if unread < len(column) else (dates, [])
    return (written, orders) if _first_unread(written, column) > unread else (dates, [])


def _read_iso(column):
    import pandas

    return pandas.to_datetime(column.astype(object), utc=True, format="ISO8601", errors="coerce")


def _as_iso(text) -> str:
    """Return a date of another form, such as one with a decimal comma, in that of pandas."""
    text = str(text)
    digits = _DIGITS.match(text)
    if digits is None:
        return _DECIMAL_COMMA.sub(r"\1.", _POINTS.sub(r"\1:\2:\3", text))
    return f"{digits[1]}T{digits[2]}" + (f".{digits[3]}" if digits[3] else "")


def _first_unread(dates, column) -> int:
    """Return the number of the first row that is not missing and was not read, else of rows."""
    unread = np.flatnonzero((dates.isna() & column.notna()).to_numpy())
    return int(unread[0]) if len(unread) else len(column)


def _show(column, row: int) -> str:
    return f"{column.iloc[row]!r:.60} at sample {row}"


def _has_offset(value) -> bool:
    """Return whether a date, as text in ISO 8601 or as datetime, has an offset from UTC."""
    if isinstance(value, str):  # a regular expression would take longer than the parsing
        return "Z" in value or "+" in value or "-" in value[_TIME]
    return value.tzinfo is not None
