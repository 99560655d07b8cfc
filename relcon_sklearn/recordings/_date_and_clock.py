"""Tables with the date in one column and the time of day in another."""

from __future__ import annotations

import logging
import re

import numpy as np

from ._frame import File

logger = logging.getLogger("relcon_sklearn")

_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?"
_ELAPSED = re.compile("elapsed|duration|relative|since")
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")
_DATE_WORDS = {
    *("date", "dates", "day", "days", "datetime", "calendar", "datum", "data", "dato", "tag"),
    *("dag", "fecha", "dia", "día", "jour", "giorno"),
}
_OTHER_WORDS = {  # of names such as recording_date_utc and Date (dd/mm/yyyy)
    *("recording", "recorded", "record", "measurement", "measured", "sample", "sampling", "of"),
    *("time", "timestamp", "local", "utc", "gmt", "iso", "dd", "mm", "yy", "yyyy"),
}
_N_MONTHS = 12
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
    dates = [name for name, column in frame.items() if _has_dates(column)] if clocks else []
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
    if date != file.time and not _is_named_date(date):
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

    known = _read_days(dates, clocks.name, name)
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
    return bool(re.fullmatch(_CLOCK, _first_text(column)))


def _has_dates(column) -> bool:
    if column.dtype.kind == "M":
        known = column.dropna()
        return known.dt.tz is None and len(known) > 0 and (known == known.dt.normalize()).all()
    text = _first_text(column)
    return bool(_YEAR_FIRST.fullmatch(text) or _YEAR_LAST.fullmatch(text))


def _is_named_date(name) -> bool:
    """Return whether a column has the dates of the samples by its name, unlike birth_date."""
    words = {word.lower() for word in _WORD.findall(str(name))}
    return bool(words & _DATE_WORDS) and words <= _DATE_WORDS | _OTHER_WORDS


def _first_text(column) -> str:
    """Return the first known value of a column that has neither numbers nor dates, "" if none."""
    known = column[column.notna()].iloc[:1] if column.dtype.kind not in "biufcmM" else ()
    return next((str(value).strip() for value in known), "")


def _read_clocks(column, first: int, name: str):
    """Return a part of a column of times of day, from the sample `first` on, as durations."""
    import pandas

    text, start = column.astype(str).str.strip().str.replace(",", "."), "1970-01-01"
    read = pandas.to_datetime(start + " " + text, format="ISO8601", errors="coerce")
    read = read.where(text.str.fullmatch(_CLOCK, na=False))
    unread = np.flatnonzero((read.isna() & column.notna()).to_numpy())
    if len(unread):
        raise ValueError(
            f"{name}: the column {column.name!r} has {text.iloc[unread[0]]!r} at sample "
            f"{first + unread[0]}, which is not a time of day such as 22:00:00.120."
        )
    return read - pandas.Timestamp(start)


def _read_days(column, clock, name: str):
    """Return the date of each text in a column, None for a column that has dates and no text."""
    import pandas

    if column.dtype.kind == "M":
        return None
    found = {value: _read_numbers(str(value).strip()) for value in column.dropna().unique()}
    wrong = next((value for value, numbers in found.items() if numbers is None), None)
    if wrong is not None:
        raise ValueError(
            f"{name}: the column {column.name!r} has {str(wrong)!r}, which is not a date such as "
            "2024-03-05."
        )
    order = _find_order(list(found.values()))
    if order is None:
        first = str(next(iter(found)))
        raise ValueError(
            f"{name}: the column {column.name!r} has dates such as {first!r}, in which the day or "
            "the month may be first. Write them as 2024-03-05. With pandas: "
            f"{_advise_format(column.name, clock, first)}"
        )
    dates = {}
    for value, numbers in found.items():
        try:
            dates[value] = pandas.Timestamp(**dict(zip(order, numbers, strict=True)))
        except ValueError:
            raise ValueError(
                f"{name}: the column {column.name!r} has {str(value)!r}, which is not a date."
            ) from None
    return dates


def _read_numbers(text: str) -> tuple[int, ...] | None:
    """Return the three numbers of a date, None if it is no date."""
    found = _YEAR_FIRST.fullmatch(text) or _YEAR_LAST.fullmatch(text)
    return None if found is None else tuple(int(found[group]) for group in (1, 3, 4))


def _find_order(dates: list[tuple[int, ...]]) -> tuple[str, str, str] | None:
    """Return which of the three numbers of dates is which, None if the dates do not tell."""
    first, second, _ = np.array(dates).T
    if (first > 99).all():
        return "year", "month", "day"
    if (first > 99).any():
        return None
    if (first == second).all() or first.max() > _N_MONTHS >= second.max():
        return "day", "month", "year"
    if second.max() > _N_MONTHS >= first.max():
        return "month", "day", "year"
    return None


def _advise_format(date, clock, value: str) -> str:
    """Return how to join dates of a known order with times of day."""
    mark = re.sub(r"\d", "", value)[:1]
    day, month = (mark.join([*order, "%Y"]) for order in (("%d", "%m"), ("%m", "%d")))
    return (
        f"frame['when'] = pandas.to_datetime(frame[{date!r}] + ' ' + frame[{clock!r}], "
        f"format='{day} %H:%M:%S.%f') if the day is first, format='{month} %H:%M:%S.%f' if the "
        f"month is. Then frame.drop(columns={[date, clock]}).to_csv(path, index=False) writes a "
        "file that can be read."
    )
