"""The lines of a CSV file above its values: names, and what some programs write around them."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple

from .._recordings._time_column import EARLIEST, is_named_time, unit_of_time
from .._recordings._units import UNITS, unit_in_name, unit_of
from ._csv_lines import SEPARATORS, find_decimal, read_lines, split
from ._frame import File

# Of Excel, which adds empty cells when it saves the file again: sep=;;;;
_HINT = re.compile(r'"?sep=(.)"?\1*', re.IGNORECASE)
_N_LINES = 100  # in which a decimal comma and the first values are looked for
_NO_NAME = re.compile(r"\s*(?:[-+]\d|\d*\.\d|\d{4})")  # pandas names columns 0, 1 and 2
_MISSING = {"", "-", "na", "n/a", "null", "none"}
_DATE_OR_TIME = re.compile(r"\d([-/.])\d{1,2}\1\d|\d:\d\d")
# Of dates, such as 20240325130203.250: numbers of 64 bits do not hold so many digits.
_DIGITS_OF_DATE = re.compile(
    r"(?:19|20|21)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d([.,]\d+)?"
)
_BRACKETS = re.compile(r"[(\[](.*)[)\]]")
_SHOWN = 60  # characters of a line


class Header(NamedTuple):
    """The lines of a CSV file above its values.

    `names` is the line of names, `separator` is between columns, and `decimal` is in numbers.
    `skipped` are the numbers of lines that are neither names nor values. `units` are the texts of
    the line of units, one for each column and "" for those without one, or empty. `text` are the
    numbers of columns to read as text, because their numbers have too many digits.
    """

    names: str
    separator: str
    decimal: str
    skipped: list[int]
    units: list[str]
    text: list[int]

    def add_units(self, columns: list[str]) -> list[str]:
        """Return the names of columns with their units, such as x (mg)."""
        units = [*self.units, *[""] * len(columns)][: len(columns)]
        return [
            f"{column} ({unit})" if unit and not _has(column, unit) else column
            for column, unit in zip(columns, units, strict=True)
        ]


def read_header(file: File) -> Header:
    """Read the lines of a CSV file above its values.

    Raises
    ------
    ValueError
        If the first line does not have names, or if a line below them is neither values nor units
        that fit the names.
    """
    lines = [(i, line) for i, line in enumerate(read_lines(file.path, _N_LINES)) if line.strip()]
    hint = _HINT.fullmatch(lines[0][1].rstrip(" ")) if lines else None
    skipped = [lines.pop(0)[0]] if hint else []
    names, rows = (lines[0][1], lines[1:]) if lines else ("", [])
    separator = hint[1] if hint else max(SEPARATORS, key=names.count)
    if any(map(_NO_NAME.match, split(names, separator))):
        raise ValueError(
            f"{file.name} does not name its columns: its first line is {names[:_SHOWN]!r}. Read it "
            "with pandas.read_csv(path, names=[...]), for example names=['time', 'x', 'y', 'z']. "
            "Then pass the DataFrame, with its rate, units and time, to segment_recordings."
        )
    table = [(i, split(line, separator)) for i, line in rows]
    decimal = find_decimal((row for _, row in table), separator)
    above = list(takewhile(lambda row: _has_only_text(row[1], decimal), table))
    cells = split(names, separator)
    text = [i for i in range(len(cells)) if _has_digits_of_dates(table, i, decimal)]
    # Tables of text, and lines before the names, are reported where the values are read.
    if not above or len(above) == len(table) or _width(above[0][1]) > len(cells):
        return Header(names, separator, decimal, skipped, [], text)
    below = [row for _, row in table[len(above) :]]
    first = [_read_first(below, column, decimal) for column in range(len(cells))]
    units = _read_units(cells, [row for _, row in above], first, file)
    return Header(names, separator, decimal, [*skipped, above[0][0]], units, text)


def _has_digits_of_dates(table: list, column: int, decimal: str) -> bool:
    """Return whether all numbers of a column are digits of dates, with fractions of a second.

    Nanoseconds since the start of a device may have as many digits.
    """
    cells = [row[column] for _, row in table if column < len(row)]
    numbers = (cell for cell in cells if _read_number(cell, decimal) is not None)
    found = list(map(_DIGITS_OF_DATE.fullmatch, numbers))
    return all(found) and any(date[1] for date in found)


def _width(row: list[str]) -> int:
    """Return the number of cells in a row, without empty ones at its end."""
    return max((i + 1 for i, cell in enumerate(row) if cell), default=0)


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _read_number(cell: str, decimal: str) -> float | None:
    """Return the number in a cell, None if it has none."""
    try:
        return float(cell.replace(decimal, "."))
    except ValueError:
        return None


def _read_first(rows: list[list[str]], column: int, decimal: str) -> float | None:
    """Return the first number in a column, None if it has other values, NaN if it has none."""
    cells = (row[column] for row in rows if column < len(row) and not _is_missing(row[column]))
    return _read_number(next(cells, "nan"), decimal)


def _is_value(cell: str, decimal: str) -> bool:
    """Return whether a cell has a number, a date or a time of day."""
    return _read_number(cell, decimal) is not None or bool(_DATE_OR_TIME.search(cell))


def _has_only_text(row: list[str], decimal: str) -> bool:
    """Return whether a row has text and no values."""
    return not all(map(_is_missing, row)) and not any(_is_value(cell, decimal) for cell in row)


def _read_units(
    names: list[str], above: list[list[str]], first: list[float | None], file: File
) -> list[str]:
    """Return the unit of each column, "" for none.

    `above` are the rows between the names and the values. `first` are the first numbers, None in
    columns of other values: text above these, such as dd.mm.yyyy above dates, is no unit.
    """
    row, *more = above
    cells = [*row, *[""] * len(names)][: len(names)]
    units = [
        "" if value is None or _is_missing(cell) else _without_brackets(cell)
        for cell, value in zip(cells, first, strict=True)
    ]
    named = zip(units, names, strict=True)
    if more or not any(unit_of(unit, name) or _is_unit_of_time(unit) for unit, name in named):
        lines = "lines" if more else "a line"
        raise ValueError(
            f"{file.name} has {lines} between its first line, {names}, and its values that are not "
            f"units: {row}. If the names are in a later line, remove the lines before it. "
            "Otherwise remove what is not units, and keep units in one line or in the names, such "
            "as 'x (g)' and 'time (ms)'."
        )
    for name, unit, value in zip(names, units, first, strict=True):
        _check_unit(name, unit, value, file)
    return units


def _check_unit(name: str, unit: str, value: float | None, file: File) -> None:
    """Raise ValueError if a unit is another one than that in the name, or leaves times open."""
    known, found = unit_in_name(name), unit_of(unit, name)
    other = known and unit and (found is None or UNITS[found] != UNITS[known])
    of_name, of_time = unit_of_time(name), unit_of_time(unit)
    if other or (of_name and of_time and of_name != of_time):
        raise ValueError(
            f"{file.name} has two units of the column {name!r}: the line below the names has "
            f"{unit!r}. Remove the wrong one."
        )
    is_time = is_named_time(name) or name == file.time
    # The size of numbers tells the unit of times since 1970.
    if unit and is_time and not (of_name or of_time) and abs(value) < EARLIEST:
        raise ValueError(
            f"{file.name} has the unit {unit!r} for the times in the column {name!r}, and units of "
            "times are s, ms, us and ns. Convert them, or correct the unit."
        )


def _is_unit_of_time(text: str) -> bool:
    """Return whether a text is a unit of times and nothing else, unlike time (s)."""
    return text.isalpha() and unit_of_time(text) is not None


def _without_brackets(unit: str) -> str:
    unit = unit.replace("/(s^2)", "/s^2")  # of Shimmer
    found = _BRACKETS.fullmatch(unit)
    return found[1].strip() if found else unit


def _has(name: str, unit: str) -> bool:
    """Return whether a name has a unit already."""
    of_time = unit_of_time(name)
    return (
        unit_in_name(name) is not None
        or f"({unit})" in name
        or f"[{unit}]" in name
        or (of_time is not None and of_time == unit_of_time(unit))
    )
