"""Dates and times of day as text: 29.11.2026 1:02:03 PM, 29-Nov-2026 13:02:03, and their parts."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

DAY_FIRST, MONTH_FIRST = ("day", "month", "year"), ("month", "day", "year")
YEAR_FIRST = ("year", "month", "day")

_FORMS = (  # of dates
    re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"),
    re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})"),
    re.compile(r"(\d{4})()(\d\d)(\d\d)"),
)
_NAMED_MONTH = re.compile(r"(\d{1,2})([-/. ])([A-Za-z]{3,9})\2(\d{4})")
_MONTHS = (  # in English, or their first three letters
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_NUMBER_OF_MONTH = {
    name: number for number, month in enumerate(_MONTHS, 1) for name in (month, month[:3])
}
# Hour; minute, second and its fraction, which some programs write as :250; AM or PM.
_CLOCK = re.compile(
    r"(\d{1,2})(:\d\d(?::\d\d(?:[.,]\d+|:\d{3})?)?)(?:\s*([ap])\.?\s?m\.?)?", re.IGNORECASE
)
_DATE_AND_CLOCK = re.compile(
    r"\s*([\d./-]+|\d{1,2}[-/. ][A-Za-z]{3,9}[-/. ]\d{4})(?:\s*,\s*|\s+|T)(\d.*)"
)
_FULL_CLOCK, _DIGITS_AND_MARKS = r"\d\d:\d\d:\d\d(?:\.\d{1,9})?", re.compile(r"[\d./-]+")
_FRACTION = len(":02:03")  # where that of a second begins
N_MONTHS, _N_HOURS, _NOON = 12, 24, 12
_ROWS_AT_ONCE = 2**18


def is_clock(text: str) -> bool:
    """Return whether a text is a time of day, such as 13:02:03.250 or 1:02 PM."""
    return _CLOCK.fullmatch(text) is not None


def read_clocks(texts: Iterable[str]):
    """Return times of day as durations, with NaT for other text."""
    import pandas

    hours, rests, known = [], [], {}
    for text in texts:
        found = _CLOCK.fullmatch(text.strip())
        hour, rest, half = found.groups() if found else ("", None, None)
        if (hour, half) not in known:
            known[hour, half] = _read_hour(hour, half)
        if rest and rest[_FRACTION:]:
            rest = f"{rest[:_FRACTION]}.{rest[_FRACTION + 1 :]}"
        hours.append(known[hour, half])
        rests.append(rest and "1970-01-01 00" + rest)
    rests, hours = pandas.Series(rests, dtype=object), pandas.Series(hours, dtype=float)
    rests = pandas.to_datetime(rests, format="ISO8601", errors="coerce")
    return rests - pandas.Timestamp(0) + pandas.to_timedelta(hours, "h")


def _read_hour(hour: str, half: str | None) -> float:
    """Return the hour of a day, NaN if there is none."""
    if not half:
        return float(hour) if hour and int(hour) < _N_HOURS else np.nan
    of_half = int(hour) % _NOON + _NOON * (half in "pP")
    return float(of_half) if 1 <= int(hour) <= _NOON else np.nan


def read_numbers(date) -> tuple[int, ...] | None:
    """Return the three numbers of a date, as text or 20261129, None if it is no date.

    Those of a date with the name of its month, such as 29-Nov-2026, are in the order of the year,
    the month and the day.
    """
    text = str(int(date) if isinstance(date, float) and date.is_integer() else date).strip()
    named = _NAMED_MONTH.fullmatch(text)
    if named:
        month = _NUMBER_OF_MONTH.get(named[3].lower())
        return None if month is None else (int(named[4]), month, int(named[1]))
    found = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    return None if found is None else tuple(int(found[group]) for group in (1, 3, 4))


def possible_orders(dates: Iterable[tuple[int, ...]]) -> list[tuple[str, str, str]]:
    """Return the orders that the numbers of dates may have.

    There are two if the day or the month may be first, and none if no order fits all dates.
    """
    first, second, _ = np.array(list(dates)).T
    if (first > 99).any():
        return [YEAR_FIRST] if (first > 99).all() else []
    possible = (DAY_FIRST, second.max() <= N_MONTHS), (MONTH_FIRST, first.max() <= N_MONTHS)
    return [order for order, fits in possible if fits]


def find_order(dates: list[tuple[int, ...]]) -> tuple[str, str, str] | None:
    """Return the order of the numbers of dates, None if the dates do not tell."""
    orders = possible_orders(dates)
    same = all(first == second for first, second, _ in dates)
    return orders[0] if len(orders) == 1 or (orders and same) else None


def read_date(numbers: tuple[int, ...], order: tuple[str, str, str]):
    """Return a date, NaT if there is no such day, or none that nanoseconds can represent."""
    import pandas

    try:
        return pandas.Timestamp(**dict(zip(order, numbers, strict=True))).as_unit("ns")
    except ValueError:
        return pandas.NaT


def read_written(column, order: tuple[str, str, str] | None = None) -> tuple:
    """Return text of dates with times of day, a Series, as dates, and the orders they may have.

    They are read in the first order, which is the given one if they may have it. What cannot be
    read is NaT, which is all of it if there is no order.
    """
    import pandas

    days, clocks, numbers = [], [], {}
    for start in range(0, len(column), _ROWS_AT_ONCE):
        day, clock = _split(column.iloc[start : start + _ROWS_AT_ONCE])
        days.append(day)
        clocks.append(clock)
        numbers |= {text: read_numbers(text) for text in day.categories}
    numbers = {text: found for text, found in numbers.items() if found}
    orders = possible_orders(numbers.values()) if numbers else []
    orders = [order] if order in orders else orders
    if not orders:
        return pandas.Series(pandas.NaT, column.index, dtype="datetime64[ns]"), []
    known = {text: read_date(found, orders[0]) for text, found in numbers.items()}
    read = [
        pandas.Series(day.astype(object)).map(known).astype("datetime64[ns]") + clock
        for day, clock in zip(days, clocks, strict=True)
    ]
    dates = pandas.concat(read).astype("datetime64[ns]")
    return dates.set_axis(column.index).rename(column.name), orders


def _split(column) -> tuple:
    """Return the dates in a part of a column, as text (Categorical), and its times of day."""
    import pandas

    texts = column.reset_index(drop=True).map(str).astype(str)
    parts = texts.str.partition(" ")
    # The most frequent form is read several times as fast.
    if parts[2].str.fullmatch(_FULL_CLOCK).all():
        day = pandas.Categorical(parts[0])
        if all(map(_DIGITS_AND_MARKS.fullmatch, day.categories)):
            since = pandas.to_datetime("1970-01-01 " + parts[2], format="ISO8601", errors="coerce")
            return day, since - pandas.Timestamp(0)
    found = list(map(_DATE_AND_CLOCK.match, texts))
    day = pandas.Categorical([part and part[1] for part in found])
    return day, read_clocks(part[2] if part else "" for part in found)


def swap_days_and_months(dates):
    """Return dates, a Series without a time zone, with the day as the month and vice versa.

    Dates whose day is above 12 are NaT.
    """
    import pandas

    midnight = dates.dt.normalize()
    swapped = {
        day: read_date((day.day, day.month, day.year), MONTH_FIRST)
        for day in midnight.dropna().unique()
    }
    days = midnight.map(swapped).astype("datetime64[ns]")
    return pandas.Series(days + (dates - midnight), dates.index, name=dates.name)


def days_are_months(dates: np.ndarray) -> bool:
    """Return whether the day of each date is the number of its month, so that either is first."""
    days = np.unique(dates[~np.isnat(dates)].astype("M8[D]"))
    months = days.astype("M8[M]")
    number = (days - months).astype(int)  # from 0
    return bool((number == (months - months.astype("M8[Y]")).astype(int)).all())


def day_is_first(text: str, date: np.datetime64) -> bool | None:
    """Return whether a date that was read begins with its day, None if it is in ISO 8601."""
    found = _DATE_AND_CLOCK.match(text)
    numbers = read_numbers(found[1]) if found else None
    if numbers is None or (numbers[0] > 99 and text.strip()[-1].isdigit()):
        return None
    return numbers[0] == (date.astype("M8[D]") - date.astype("M8[M]")).astype(int) + 1


def are_clocks(values: np.ndarray) -> bool:
    """Return whether numbers are digits of times of day, such as 130203.25, over a full minute.

    Seconds that count on from a start have other digits.
    """
    whole = np.floor(values).astype(np.int64)
    if whole.min(initial=0) < 0 or whole.max(initial=0) >= _N_HOURS * 10_000:
        return False
    valid = (whole % 100).max(initial=0) < 60 and (whole // 100 % 100).max(initial=0) < 60
    second = whole % 100 if valid else whole[:0]
    return bool(((second[:-1] == 59) & (second[1:] == 0)).any())


def digits_as_dates(values: np.ndarray) -> np.ndarray | None:
    """Return whole numbers such as 20261129130203, or with three more digits for ms, as dates.

    None if one of them is no date and time of day.
    """
    import pandas

    for ms in (1, 1000):
        date, clock = np.divmod(values, 10**6 * ms)
        if len(values) and 19_000_000 <= date.min() and date.max() < 22_000_000:
            days, number = np.unique(date, return_inverse=True)
            days = pandas.to_datetime(days.astype(str), format="%Y%m%d", errors="coerce")
            seconds, ms_of = np.divmod(clock, ms)
            hour, minute, second = seconds // 10_000, seconds // 100 % 100, seconds % 100
            valid = (hour < _N_HOURS) & (minute < 60) & (second < 60)
            if days.isna().any() or not valid.all():
                return None
            since = ((hour * 60 + minute) * 60 + second) * 1000 + ms_of
            return days.to_numpy().astype("M8[ms]")[number] + since.astype("m8[ms]")
    return None
