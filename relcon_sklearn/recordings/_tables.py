"""Tables of samples: CSV and parquet, with named columns and times."""

from __future__ import annotations

import numpy as np

from .._recordings._columns import acceleration_axes, in_order_of_axes
from .._recordings._stamps import are_copies
from .._recordings._time_column import index_as_column
from .._recordings._times import has_dates
from .._recordings._units import UNITS, unit_in_name
from .._utils._warnings import warn
from ..exceptions import DamagedFileError
from . import _csv_in_parts, _parquet_in_parts
from ._csv_header import read_header
from ._csv_in_parts import last_line_is_cut
from ._damage import report_cut
from ._date_and_clock import join_dates_and_clocks
from ._frame import File
from ._measured_rate import measure_rate
from ._table_times import read_table_times

_SHOWN = 60  # characters of a line
_MOST_REPEATS = 0.01  # share of rows


def read_csv(file: File):
    """Return the recording in a CSV file, with columns between commas, semicolons or tabs."""
    import pandas

    header = read_header(file)
    cut = last_line_is_cut(file.path, header.names, header.separator)
    if cut:
        report_cut(file, "its last line has fewer columns than its first")
    try:
        frame = _csv_in_parts.read_table(file.path, header, without_last=cut)
    except UnicodeDecodeError as error:
        raise DamagedFileError(
            f"{file.name} is not text in UTF-8: {error}. Save it as CSV in UTF-8, or read it with "
            "pandas.read_csv(path, encoding=...) and pass the DataFrame to segment_recordings."
        ) from None
    except (ValueError, pandas.errors.ParserError) as error:
        raise DamagedFileError(
            f"{file.name} cannot be read as a table: {str(error).strip()}. Its first line is "
            f"{header.names[:_SHOWN]!r}. If these are not the names of its columns, remove the "
            "lines before the names. Otherwise export it again, or read it with pandas.read_csv "
            "and pass the DataFrame to segment_recordings."
        ) from None
    without = list(frame.columns)
    frame.columns = header.add_units(without)
    renamed = dict(zip(without, frame.columns, strict=True))
    return _describe(frame, file._replace(time=renamed.get(file.time, file.time)))


def read_parquet(file: File):
    """Return the recording in a parquet file. One that was written by this package is unchanged."""
    try:
        frame = _parquet_in_parts.read_table(file.path)
    except ImportError as error:
        raise ImportError(
            f"pyarrow reads {file.name}, and it is not installed. Install it with: pip install "
            "pyarrow"
        ) from error
    except (ValueError, OSError) as error:
        raise DamagedFileError(
            f"{file.name} cannot be read as parquet: {error}. Write it again."
        ) from None
    _check_own_units(frame, file)
    complete = "sampling_rate" in frame.attrs and file.time in (None, frame.index.name)
    return frame if complete else _describe(frame, file)


def _describe(frame, file: File):
    """Return a table with its times in the index, and with what is known in its attributes."""
    import pandas

    own = frame.attrs
    if file.time is not None or not isinstance(frame.index, pandas.DatetimeIndex):
        frame = _with_times(frame, file)
    columns = in_order_of_axes(list(frame.columns))
    if columns != list(frame.columns):
        frame = frame[columns]
    if file.skip:
        frame = _without_repeats(frame, file)
    units = _units(list(frame.columns))
    frame.attrs = {
        **({"units": units} if units else {}),
        "sampling_rate": measure_rate(frame.index, file, frame),
        "device": None,
        "serial": None,
        "clock": "as in the table",
        **own,
    }
    return frame


def _with_times(frame, file: File):
    """Return a table with its times as its index, and without its columns of times."""
    import pandas

    frame, _ = index_as_column(frame, file.time)
    frame, file = join_dates_and_clocks(frame, file)
    found, times = read_table_times(frame, file)
    dates = has_dates(times.values)
    index = pandas.DatetimeIndex(times.values) if dates else pandas.to_timedelta(times.values, "s")
    index = index.tz_localize("UTC") if times.has_zone else index
    return frame.drop(columns=found).set_index(index.rename("time"))


def _without_repeats(frame, file: File):
    """Return a table without rows that have the time of the row before, if they are few.

    Many are no copies: their times are too coarse, or the clock was set back.
    """
    repeats = np.append(False, frame.index[1:] == frame.index[:-1])
    if not 0 < repeats.mean() <= _MOST_REPEATS or not are_copies(np.flatnonzero(repeats)):
        return frame
    warn(
        f"{file.name}: {repeats.sum()} rows were left out, because they have the time of the row "
        f"before them. The first is that of {frame.index[repeats.argmax()]}."
    )
    return frame[~repeats]


def _units(columns: list[str]) -> str | None:
    """Return the unit that stands in brackets in the names of the acceleration, None if none."""
    units = set(map(unit_in_name, _acceleration(columns)))
    return units.pop() if len(units) == 1 else None


def _acceleration(columns: list[str]) -> list[str]:
    """Return the names of the columns of acceleration."""
    return [columns[i] for axes in acceleration_axes(columns) for i in axes]


def _check_own_units(frame, file: File) -> None:
    """Raise ValueError if the unit in the attributes of a table is another one than in a name."""
    own = frame.attrs.get("units")
    for name in _acceleration(list(frame.columns)) if own in list(UNITS) else ():
        known = unit_in_name(name)
        if known and UNITS[known] != UNITS[own]:
            raise ValueError(
                f"{file.name} has two units of the column {name!r}: its attrs['units'] is "
                f"{own!r}. Rename the columns, or correct attrs['units'], and write the file again."
            )
