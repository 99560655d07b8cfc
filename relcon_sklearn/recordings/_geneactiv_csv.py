"""GENEActiv: raw CSV as exported by its PC software."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..exceptions import DamagedFileError
from ._csv_lines import read_lines, split
from ._exported_csv import (
    TIME,
    Layout,
    build_exported,
    check_rate,
    find_layout,
    read_samples,
    warn_of_start,
)
from ._frame import AXES, NO_ZONE, File
from ._header_text import read_number, read_offset

_N_LINES = 400  # in which samples begin: headers have 100 lines, or more if notes have several
_SAMPLE = re.compile(r"\s*\"?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[:.,]\d{3}\"?[,;\t]")
_COLUMNS = [TIME, *AXES, "light", "button", "temperature"]
_FRACTION = len("2024-03-05 22:00:00")  # where that of a second begins, with a colon
_START_DIFFERS = 60.0  # s: a device begins some seconds after the time that was set


def read_geneactiv_csv(file: File):
    """Return the recording in a raw CSV file of GENEActiv."""
    layout, header = _read_header(file)
    stamps, values = read_samples(file, layout, _read_times)
    about = _describe(header)
    check_rate(file, about["rate"], stamps)
    start = _read_start(header)
    if not np.isnat(start):
        warn_of_start(file, start, stamps, _START_DIFFERS)
    return build_exported(file, layout, stamps, values, **about)


def _read_header(file: File) -> tuple[Layout, dict[str, str]]:
    """Return where the samples are, and the values of the header by their names.

    Raises
    ------
    DamagedFileError
        If there are no samples.
    ValueError
        If the columns are not those of raw data.
    """
    lines = read_lines(file.path, _N_LINES)
    n_above = next((i for i, line in enumerate(lines) if _SAMPLE.match(line)), None)
    if n_above is None:
        raise DamagedFileError(
            f"{file.name} is of GENEActiv, and has no sample with a time such as 2024-03-05 "
            f"22:00:00:250 in its first {_N_LINES} lines. Export it again."
        )
    layout = find_layout(file, lines, n_above)
    n_columns = len(split(layout.first, layout.separator))
    if n_columns != len(_COLUMNS):
        raise ValueError(
            f"{file.name} is of GENEActiv, and has {n_columns} columns. Raw data has "
            f"{len(_COLUMNS)}: {', '.join(_COLUMNS)}. If its rows are means of epochs, convert the "
            ".bin file of the recording to raw data instead, or read the .bin file."
        )
    entries = (split(line, layout.separator) for line in lines[:n_above])
    header = {cells[0]: cells[1] for cells in entries if len(cells) > 1}
    return layout._replace(columns=_COLUMNS), header


def _read_times(text):
    """Return times such as 2024-03-05 22:00:00:250 as dates."""
    import pandas

    text = text.str.slice_replace(_FRACTION, _FRACTION + 1, ".")
    return pandas.to_datetime(text, format="ISO8601", errors="coerce")


def _read_start(header: dict[str, str]) -> np.datetime64:
    """Return the start that was set, NaT if it was not, as if the device waits for its button."""
    import pandas

    return _read_times(pandas.Series([header.get("Start Time", "")], dtype=str)).to_numpy()[0]


def _describe(header: dict[str, str]) -> dict[str, Any]:
    """Return what the header says about the device and its clock."""
    zone = header.get("Time Zone", "")
    offset = read_offset(zone)
    return {
        "rate": read_number(header.get("Measurement Frequency", "").removesuffix("Hz")),
        "device": header.get("Device Type") or "GENEActiv",
        "serial": header.get("Device Unique Serial Code") or None,
        "offset": offset,
        "clock": NO_ZONE if offset is None else f"clock of the device: {zone}",
    }
