"""Tables with the date in one column and the time of day in another."""

from __future__ import annotations

import logging
import re

import numpy as np

from .._recordings._written_times import (
    find_order,
    is_clock,
    read_clocks,
    read_date,
    read_numbers,
)
from ._frame import File

logger = logging.getLogger("relcon_sklearn")

_ELAPSED = re.compile("elapsed|duration|relative|since")
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")
_DATE_WORDS = {
    *("date", "dates", "day", "days", "datetime", "calendar", "datum", "data", "dato", "tag"),
    *("dag", "fecha", "dia", "día", "jour", "giorno"),
}
_CLOCK_WORDS = {"time", "clock", "hour", "uhrzeit", "zeit", "hora", "heure", "ora", "tid", "tijd"}
_OTHER_WORDS = {  # of names such as recording_date_utc and Date (dd/mm/yyyy)
    *("recording", "recorded", "record", "measurement", "measured", "sample", "sampling", "of"),
    *("time", "timestamp", "local", "utc", "gmt", "iso", "dd", "mm", "yy", "yyyy"),
}
_DIGITS = (19_000_000, 22_000_000)  # of dates such as 20240325, as numbers
_ROWS_AT_ONCE = 2**18


def join_dates_and_clocks(frame, file: File):
    """Return a table whose column of times of day has dates too, and the file.

    The column of dates is left out. Without a column of each kind, the table is unchanged.

    Raises
    ------
    ValueError
        If there are several columns of one kind, and the user names none of them. If the name of
        the only column of dates may mean other dates, such as those of birth, and the user does not
        name it. If a value cannot be read, or if the day or the month of a date may be first.
    """
    clocks = [name for name, column in frame.items() if _has_clocks(column)]
    columns = frame.items() if clocks else ()
    dates = [name for name, column in columns if _has_dates(column, name == file.time)]
    named = file.time in (*dates, *clocks)
    if not dates or not (named or file.time is None):
        return frame, file
    dates = [file.time] if file.time in dates else dates
    clocks = [file.time] if file.time in clocks else clocks
    if len(dates) > 1 or len(clocks) > 1:
        several = dates if len(dates) > 1 else clocks
        raise ValueError(
            f"{file.name} has dates in {dates} and times of day in {clocks}. Name the one of "
            f"{several} with the times of the samples: "
            f"{' or '.join(f'time={column!r}' for column in several)}."
        )
    (date,), (clock,) = dates, clocks
    told = date == file.time or (clock == file.time and _have_one_name(date, clock))
    if not told and not _is_named_date(date):
        raise ValueError(
            f"{file.name} has dates in the column {date!r} and times of day in {clock!r}. The name "
            f"{date!r} does not tell that these are the dates of the samples. If they are, pass "
            f"time={date!r}. Otherwise remove the column from the file, or pass time= with the "
            "name of another column of times."
        )
    joined = _join(frame[date], frame[clock], file.name)
    logger.info(
        "%s: the dates in column %r and the times of day in column %r were joined; the first is %s",
        *(file.name, date, clock, joined.iloc[0]),
    )
    frame = frame.drop(columns=[date])
    frame[clock] = joined
    return frame, file._replace(time=clock if named else None)


def _join(dates, clocks, name: str):
    """Return dates and times of day, each a Series, as one Series of dates, a part at a time."""
    import pandas

    known = _read_days(dates, clocks, name)
    parts = []
    for start in range(0, len(dates), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        days = dates.iloc[rows] if known is None else dates.iloc[rows].map(known)
        parts.append(days.astype("datetime64[ns]") + _read_clocks(clocks.iloc[rows], start, name))
    return pandas.concat(parts)


def _has_clocks(column) -> bool:
    """Return whether a column has times of day, and not times since a start."""
    if _ELAPSED.search(str(column.name).lower()):
        return False
    return is_clock(_first_text(column))


def _has_dates(column, named: bool) -> bool:
    """Return whether a column has dates. Numbers are dates if the name tells it, or the user."""
    if column.dtype.kind == "M":
        known = column.dropna()
        return known.dt.tz is None and len(known) > 0 and (known == known.dt.normalize()).all()
    if column.dtype.kind in "iuf":
        known = column.dropna()
        told = named or not _DATE_WORDS.isdisjoint(_words(column.name))
        return told and len(known) > 0 and known.between(*_DIGITS).all()
    return read_numbers(_first_text(column)) is not None


def _is_named_date(name) -> bool:
    """Return whether a column has the dates of the samples by its name, unlike birth_date."""
    words = _words(name)
    return bool(words & _DATE_WORDS) and words <= _DATE_WORDS | _OTHER_WORDS


def _have_one_name(date, clock) -> bool:
    """Return whether two columns have one name but for their kind, as start_date and start_time."""
    rest = _words(date) - _DATE_WORDS
    return bool(rest) and rest == _words(clock) - _CLOCK_WORDS


def _words(name) -> set[str]:
    return {word.lower() for word in _WORD.findall(str(name))}


def _first_text(column) -> str:
    """Return the first known value of a column that has neither numbers nor dates, "" if none."""
    known = column[column.notna()].iloc[:1] if column.dtype.kind not in "biufcmM" else ()
    return next((str(value).strip() for value in known), "")


def _read_clocks(column, first: int, name: str):
    """Return a part of a column of times of day, from the sample `first` on, as durations."""
    read = read_clocks(map(str, column)).set_axis(column.index)
    unread = np.flatnonzero((read.isna() & column.notna()).to_numpy())
    if len(unread):
        raise ValueError(
            f"{name}: the column {column.name!r} has {str(column.iloc[unread[0]]).strip()!r} at "
            f"sample {first + unread[0]}, which is not a time of day such as 22:00:00.120 or "
            "10:00:00.120 PM."
        )
    return read


def _read_days(column, clocks, name: str):
    """Return the date of each value in a column, None for a column that has dates already."""
    if column.dtype.kind == "M":
        return None
    found = {value: read_numbers(value) for value in column.dropna().unique()}
    wrong = next((value for value, numbers in found.items() if numbers is None), None)
    if wrong is not None:
        raise ValueError(
            f"{name}: the column {column.name!r} has {str(wrong)!r}, which is not a date such as "
            "2024-03-05."
        )
    order = find_order(list(found.values()))
    if order is None:
        first = str(next(iter(found)))
        raise ValueError(
            f"{name}: the column {column.name!r} has dates such as {first!r}, in which the day or "
            "the month may be first. Write them as 2024-03-05. With pandas: "
            f"{_advise_format(column.name, clocks, first)}"
        )
    dates = {value: read_date(numbers, order) for value, numbers in found.items()}
    for value, date in dates.items():
        if date != date:  # NaT
            raise ValueError(
                f"{name}: the column {column.name!r} has {str(value)!r}, which is not a date."
            )
    return dates


def _advise_format(date, clocks, value: str) -> str:
    """Return how to join dates of a known order with times of day."""
    mark, clock = re.sub(r"\d", "", value)[:1], clocks.name
    day, month = (mark.join([*order, "%Y"]) for order in (("%d", "%m"), ("%m", "%d")))
    of_day = "%I:%M:%S.%f %p" if _first_text(clocks)[-1:].lower() in ("m", ".") else "%H:%M:%S.%f"
    return (
        f"frame['when'] = pandas.to_datetime(frame[{date!r}] + ' ' + frame[{clock!r}], "
        f"format='{day} {of_day}') if the day is first, format='{month} {of_day}' if the "
        f"month is. Then frame.drop(columns={[date, clock]}).to_csv(path, index=False) writes a "
        "file that can be read."
    )
