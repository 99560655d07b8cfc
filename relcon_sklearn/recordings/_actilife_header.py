"""The lines above the samples in CSV files of ActiLife."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from .._recordings._written_times import (
    YEAR_FIRST,
    possible_orders,
    read_clocks,
    read_date,
    read_numbers,
)
from ..exceptions import DamagedFileError
from ._csv_lines import read_lines, split
from ._exported_csv import TIME, Layout, find_layout
from ._frame import AXES, File
from ._header_text import read_number

_N_LINES = 100  # in which the header and the first samples are
_PADDING = ' ",;\t'  # of a program that has saved the file again
_RULE = re.compile("-{10,}")  # the last line of the header

# In the first line.
_DEVICE = re.compile("Created By (.+?)(?: ActiLife| omconv| date format| *-{3}|$)", re.IGNORECASE)
_FORMAT = re.compile(r"date format (.+?) *(?:at *[\d.,]+ *Hz|Filter|-{3}|$)", re.IGNORECASE)
_RATE = re.compile(r"\bat *(\d+(?:[.,]\d+)?) *Hz", re.IGNORECASE)
_TABLE = re.compile("Data Table File", re.IGNORECASE)

_EPOCH = re.compile(r"^(?:Epoch?|Cycle|Window) \w+.*?(\d+:\d+:\d+)", re.IGNORECASE | re.MULTILINE)
_NAME_OF_COUNTS = re.compile("axis *[123xyz]|activity.*|counts?|steps|vector magnitude|vm")
_PART_OF_FORMAT = {"d": "day", "M": "month", "y": "year"}

_COLUMNS = {
    **{name: axis for axis in AXES for name in (axis, f"accelerometer{axis}")},
    **{f"gyroscope{axis}": f"gyro_{axis}" for axis in AXES},
    "temperature": "temperature",
    "timestamp": TIME,
}
_NOT_IN_COLUMNS = re.compile(r"[\s_]|[(\[]g[)\]]")


class Header(NamedTuple):
    """What the lines above the samples say.

    `order` is that of the day, the month and the year in dates. `rate` is NaN if there is none.
    """

    layout: Layout
    rate: float
    start: np.datetime64
    order: tuple[str, str, str]
    device: str
    serial: str | None


def read_header(file: File) -> Header:
    """Read the lines above the samples.

    Raises
    ------
    DamagedFileError
        If the header has no end or no start, or if there are no samples.
    ValueError
        If the file has counts, if its columns are not known, or if the day or the month of its
        start may be first.
    """
    raw = read_lines(file.path, _N_LINES)
    lines = [line.strip(_PADDING) for line in raw]
    end = next((i for i, line in enumerate(lines) if i and _RULE.fullmatch(line)), len(lines))
    below = [i for i, line in enumerate(lines) if i > end and line]
    named = bool(below) and lines[below[0]][0].isalpha()
    if len(below) < 1 + named:
        raise DamagedFileError(
            f"{file.name} is of ActiLife, and has no samples below a header that ends with a line "
            "of dashes. Export it again."
        )
    title, entries = lines[0], "\n".join(lines[1:end])
    layout = find_layout(file, raw, below[named])
    # Without the padding at its end. Each name may be in quotes.
    names = split(raw[below[0]].rstrip(" ,;\t"), layout.separator) if named else []
    _refuse_counts(file, title, entries, names)
    order, start = _read_start(file, title, entries)
    device = _DEVICE.search(title)
    return Header(
        layout._replace(columns=_find_columns(file, names, layout)),
        read_number(_first(_RATE, title)),
        start,
        order,
        device[1] if device else "ActiGraph",
        _entry(entries, "Serial Number") or None,
    )


def _first(pattern: re.Pattern, text: str) -> str:
    """Return the first group of a pattern that is found in a text, "" if it is not."""
    found = pattern.search(text)
    return found[1].strip() if found else ""


def _entry(entries: str, name: str) -> str:
    """Return what the line of a name has after it, "" if there is none."""
    return _first(re.compile(rf"^{name}:?[ \t]+(.*)$", re.IGNORECASE | re.MULTILINE), entries)


def _refuse_counts(file: File, title: str, entries: str, names: list[str]) -> None:
    """Raise ValueError for a file of counts."""
    epoch = _first(_EPOCH, entries)
    of_counts = [name for name in names if _NAME_OF_COUNTS.fullmatch(name.lower())]
    if epoch.strip("0:") or _TABLE.search(title) or of_counts:
        what = f" in epochs of {epoch}" if epoch.strip("0:") else ""
        columns = f", in the columns {of_counts}" if of_counts else ""
        raise ValueError(
            f"{file.name} is of a format that is not read: ActiGraph counts{what}{columns}. They "
            "are sums over time, and models need the acceleration that they were made of. Export "
            "the raw data in ActiLife, or read the .gt3x file of the recording."
        )


def _find_columns(file: File, names: list[str], layout: Layout) -> list[str]:
    """Return the columns of a frame, given their names in the file, or none."""
    cells = split(layout.first, layout.separator)
    if names:
        found = [_COLUMNS.get(_NOT_IN_COLUMNS.sub("", name.lower()), name) for name in names]
    else:
        found = [TIME, *AXES] if ":" in cells[0] else [*AXES]
    if not set(AXES) <= set(found) or len(found) != len(cells):
        raise ValueError(
            f"{file.name} is of ActiLife, and its columns are not those of raw data, such as "
            f"Timestamp, Accelerometer X, Accelerometer Y and Accelerometer Z. Its first sample is "
            f"{layout.first[:60]!r}{f', below the names {names}' if names else ''}. Export the raw "
            "data in ActiLife."
        )
    return found


def _read_start(file: File, title: str, entries: str) -> tuple[tuple[str, str, str], np.datetime64]:
    """Return the order of the numbers of dates, and the time of the first sample."""
    form = _first(_FORMAT, title)
    date, clock = _entry(entries, "Start Date"), _entry(entries, "Start Time")
    numbers = read_numbers(date.replace(" ", "").rstrip("."))
    orders = possible_orders([numbers]) if numbers else []
    # A program that has saved the file again may have written the date in another form.
    if orders != [YEAR_FIRST] and _marks(date) == _marks(form):
        orders = [order for order in orders if order == _order_of(form)]
    if numbers and len(orders) != 1:
        raise ValueError(
            f"{file.name} has the start date {date!r}, and its first line has {form!r} as the "
            "format of dates, which do not tell together which number is the day. Correct one of "
            "them in the file."
        )
    (since_midnight,) = read_clocks([clock])
    start = read_date(numbers, orders[0]) + since_midnight if numbers else None
    if start is None or start != start:  # NaT
        raise DamagedFileError(
            f"{file.name} is of ActiLife, and its header has no start that can be read: the date "
            f"is {date!r}, and the time {clock!r}. If the file is complete, write them as Start "
            "Date 2024-03-05 and Start Time 22:00:00. Otherwise export it again."
        )
    return orders[0], start.to_datetime64()


def _marks(date: str) -> list[str]:
    """Return what is between the numbers of a date, or the letters of its format."""
    return re.findall(r"[^\w\s]", date.rstrip("."))


def _order_of(form: str) -> tuple[str, ...]:
    """Return the order of the day, the month and the year in a format such as dd/MM/yyyy."""
    return tuple(_PART_OF_FORMAT[letter] for letter in dict.fromkeys(re.findall("[dMy]", form)))
