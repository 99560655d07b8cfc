"""Axivity: CSV as written by OmGui, omconvert and cwa-convert, without names of columns."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from ._csv_lines import read_lines, split
from ._exported_csv import TIME, build_exported, find_layout, rate_of, read_samples
from ._frame import AXES, GYROSCOPE, File
from ._tables import read_csv

_N_LINES = 100  # in which the steps of values are looked for
_SIGNALS = [*AXES, *GYROSCOPE, "mag_x", "mag_y", "mag_z"]
_DAY = 86_400  # s
_EXCEL, _MATLAB = 25_569, 719_529  # the days from their day 0 to 1970
_LARGEST_EXCEL = 10**5  # days: the day 100,000 of Excel is in 2173, and that of Matlab in 273
_DECIMALS_OF_DAYS = 12
_VALUE = re.compile(r"-?\d+\.\d{6}")
_RESOLUTION = 16_384  # of 1 g, the finest of a device. Others are 256, 2048, 4096 and 8192.
_ROUNDED = 0.01  # of the resolution, by which a value with six decimals may differ


def read_axivity_csv(file: File):
    """Return the recording in a CSV file of Axivity.

    Times are those of the device's clock. The file does not have its nominal rate. One whose values
    are not in steps of a device in g is read as a table, which refuses it for having no names.
    """
    lines = read_lines(file.path, _N_LINES)
    layout = find_layout(file, lines, 0)
    rows = [split(line, layout.separator) for line in lines]
    if not _is_of_axivity(rows):
        return read_csv(file)
    cells = rows[0]
    layout = layout._replace(columns=[TIME, *_SIGNALS[: len(cells) - 1]])
    stamps, values = read_samples(file, layout, _reader_of(cells[0]))
    about = {"rate": rate_of(file, stamps), "device": "Axivity", "serial": None}
    return build_exported(file, layout, stamps, values, **about)


def _is_of_axivity(rows: list[list[str]]) -> bool:
    """Return whether the acceleration in some rows is in steps of an Axivity device, in g."""
    cells = (cell for row in rows for cell in row[1 : 1 + len(AXES)])
    steps = np.array([float(cell) for cell in cells if _VALUE.fullmatch(cell)]) * _RESOLUTION
    return bool((abs(steps - np.rint(steps)) <= _ROUNDED).all())


def _reader_of(time: str) -> Callable:
    """Return the function that reads times in the form of the first one."""
    import pandas

    if ":" in time:
        return lambda text: pandas.to_datetime(text, format="ISO8601", errors="coerce")
    if len(time.partition(".")[2]) < _DECIMALS_OF_DAYS:
        return lambda text: _read_numbers(text, 0, 1)
    origin = _EXCEL if float(time) < _LARGEST_EXCEL else _MATLAB
    return lambda text: _read_numbers(text, origin, _DAY)


def _read_numbers(text, origin: int, seconds: int) -> np.ndarray:
    """Return numbers since an origin, in a unit of some seconds, as dates in microseconds."""
    import pandas

    number = pandas.to_numeric(text, errors="coerce").to_numpy(np.float64)
    known = np.isfinite(number)
    since = np.rint((np.where(known, number, origin) - origin) * seconds * 1e6).astype(np.int64)
    return np.where(known, since.view("M8[us]"), np.datetime64("NaT"))
