"""CSV files that the programs of devices export: lines about the device, then samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from mmap import ACCESS_READ, mmap
from typing import NamedTuple

import numpy as np

from .._recordings._stamps import Positions, typical_spacing
from .._utils._rates import is_rate
from .._utils._warnings import warn
from ..exceptions import DamagedFileError
from ._csv_in_parts import (
    errors_for_lost_values,
    line_without_end,
    read_parts,
    rows_without_last,
)
from ._csv_lines import first_decimal, open_below, split
from ._damage import report_cut
from ._frame import AXES, GYROSCOPE, File, Slow, build_frame
from ._measured_rate import measure_rate, refuse_unordered

TIME = "time"
_TOLERANCE = 0.1  # by which the rate of times may differ from that in the header


class Layout(NamedTuple):
    """Where the samples of a file are.

    `n_above` is the number of lines above them, and `first` is the first line with a sample.
    `separator` is between columns, and `decimal` is in numbers. `columns` are their names: x, y and
    z, those of other signals, and `TIME` if there are times.
    """

    n_above: int
    first: str
    separator: str
    decimal: str
    columns: list[str]

    @property
    def signals(self) -> list[str]:
        """Names of the columns without that of times."""
        return [name for name in self.columns if name != TIME]


def find_layout(file: File, lines: list[str], n_above: int) -> Layout:
    """Return the layout of a file whose samples are below some lines, with no names of columns.

    `lines` are the first lines of the file.

    Raises
    ------
    DamagedFileError
        If the file ends within the first sample.
    """
    rows = [line for line in lines[n_above:] if line.strip()]
    if rows[0].strip() == line_without_end(file.path).decode(errors="replace"):
        raise DamagedFileError(
            f"{file.name} was cut within its first sample, {rows[0][:60]!r}. Copy it from the "
            "device again."
        )
    # Commas are decimal marks beside the others.
    separator = next((mark for mark in ";\t" if mark in rows[0]), ",")
    with open_below(file.path, n_above) as samples:  # which may begin with hours of zeros
        decimal = first_decimal((split(row, separator) for row in samples), separator)
    return Layout(n_above, rows[0], separator, decimal, [])


def is_cut(file: File) -> bool:
    """Return whether a file ends within a line: programs of devices write the end of each line."""
    return bool(line_without_end(file.path))


def read_tables(file: File, layout: Layout, multiple_of: int = 1) -> Iterator:
    """Yield the samples in parts, each a DataFrame: times as text, and other columns as float32.

    The number of samples of each part but the last is a multiple of a number.

    Raises
    ------
    DamagedFileError
        If the file ends within a line, if it has no times and a blank line, if a value is not a
        number, or if a row has more values than there are columns.
    """
    import pandas

    if TIME not in layout.columns:
        _refuse_blank_lines(file, layout)
    cut = is_cut(file)
    if cut:
        report_cut(file, "its last line has no end of a line, as the lines before it have")
    how = {"sep": layout.separator, "decimal": layout.decimal}
    how |= {"header": None, "names": layout.columns}
    how["dtype"] = dict.fromkeys(layout.signals, np.float32) | {TIME: str}
    # With skiprows, pandas would count the lines of a quoted text in the header as one.
    try:
        if cut:
            with open_below(file.path, layout.n_above) as rows, errors_for_lost_values():
                how |= rows_without_last(rows, how)
        with open_below(file.path, layout.n_above) as rows:
            tables = read_parts(rows, how, multiple_of)
            while True:
                with errors_for_lost_values():
                    table = next(tables, None)
                if table is None:
                    return
                yield table
    except (ValueError, pandas.errors.ParserError) as error:
        raise DamagedFileError(
            f"{file.name} cannot be read as a table of {layout.columns}: {str(error).strip()}. "
            "Export it again."
        ) from None


def _refuse_blank_lines(file: File, layout: Layout) -> None:
    """Raise DamagedFileError if there is a blank line between samples.

    Without times, it is not known whether it stands for a sample that was lost.
    """
    spaces = b" \t\r".replace(layout.separator.encode(), b"")
    blank = re.compile(rb"\n[%b]*\n(?=\s*\S)" % spaces)
    with open(file.path, "rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        for _ in range(layout.n_above):
            content.readline()
        found = blank.search(content, content.tell())
        if found:
            number = 1 + content[: found.start() + 1].count(b"\n")
            raise DamagedFileError(
                f"{file.name} has no times, and its line {number} between samples is blank. If no "
                "sample is missing there, remove the line. Otherwise export the file again."
            )


def read_samples(file: File, layout: Layout, read_times: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of the samples, int64 in ns, and their values, float32.

    `read_times` returns text, a Series, as dates, with NaT for what it cannot read. If the layout
    has no column of times, there are none.

    Raises
    ------
    DamagedFileError
        If a time cannot be read, or for a reason of :func:`read_tables`.
    """
    stamps = [np.empty(0, np.int64)]
    values = [np.empty((0, len(layout.signals)), np.float32)]
    n = 0
    for table in read_tables(file, layout):
        if TIME in layout.columns:
            text = table.pop(TIME)
            dates = np.asarray(read_times(text), dtype="M8[ns]")
            unread = np.flatnonzero(np.isnat(dates))
            if len(unread):
                raise DamagedFileError(
                    f"{file.name} has {text.iloc[unread[0]]!r:.60} at sample {n + unread[0]}, "
                    "which cannot be read as a time. Export it again."
                )
            stamps.append(dates.view(np.int64))
        values.append(table.to_numpy(np.float32))
        n += len(table)
    return np.concatenate(stamps), np.concatenate(values)


def build_exported(file: File, layout: Layout, stamps: np.ndarray, values: np.ndarray, **about):
    """Return a recording as a DataFrame, with all columns of the file.

    `about` are arguments of :func:`~relcon_sklearn.recordings._frame.build_frame`.
    """
    column = {name: i for i, name in enumerate(layout.signals)}
    axes = [column.pop(name) for name in AXES]
    has_gyroscope = column.keys() >= set(GYROSCOPE)
    rotation = [column.pop(name) for name in GYROSCOPE] if has_gyroscope else None
    return build_frame(
        file,
        stamps,
        values[:, axes],
        gyroscope=values[:, rotation] if has_gyroscope else None,
        slow={name: Slow(stamps, values[:, i]) for name, i in column.items()},
        **about,
    )


def rate_of(file: File, stamps: np.ndarray) -> float:
    """Return the rate in Hz by the times of the samples, in ns; see :func:`measure_rate`."""
    import pandas

    return measure_rate(pandas.DatetimeIndex(stamps.view("M8[ns]")), file)


def check_rate(file: File, rate: float, stamps: np.ndarray) -> None:
    """Raise ValueError if the times of samples have another rate in Hz than the header, or none."""
    refuse_unordered(file, stamps)
    if not is_rate(rate) or len(stamps) < 2:  # which is reported where the frame is built
        return
    spacing = typical_spacing(Positions(stamps.view("M8[ns]"), 1.0))
    if abs(spacing * rate - 1) > _TOLERANCE:
        raise ValueError(
            f"{file.name} has the rate {rate:g} Hz in its header, and a sample every "
            f"{spacing:.4g} s by its times. If its rows are means or counts of epochs, export the "
            "raw data. Otherwise correct the rate in the header."
        )


def warn_of_start(file: File, start: np.datetime64, stamps: np.ndarray, tolerance: float) -> None:
    """Warn if the first sample is more than `tolerance` in s away from the start in the header."""
    first = stamps[:1].view("M8[ns]")
    if len(first) and abs((first[0] - start) / np.timedelta64(1, "s")) > tolerance:
        warn(
            f"{file.name}: its header has the start {start.astype('M8[ms]')}, and its first sample "
            f"has the time {first[0].astype('M8[ms]')}. The times of the samples are used. If they "
            "are right, correct the start in the header, which ends this warning."
        )
