"""GENEActiv: .bin."""

from __future__ import annotations

import re

import numpy as np

from ._by_actfast import read_by_actfast
from ._damage import report_cut
from ._frame import NO_ZONE, File, Slow, build_frame

_OFFSET = re.compile(r"([+-])(\d\d?):(\d\d)")


def read_geneactiv(file: File):
    """Return the recording in a .bin file."""
    content = read_by_actfast(file)
    header, series = content["metadata"], content["timeseries"]
    fast, slow = series["high_frequency"], series["low_frequency"]
    settings, identity = header["Configuration Info"], header["Device Identity"]
    _check_pages(file, header["Memory Status"]["Number of Pages"], len(slow["datetime"]))
    zone = settings.get("Time Zone", "")
    offset = _read_offset(zone)
    return build_frame(
        file,
        fast["datetime"],
        fast["acceleration"],
        rate=_read_rate(settings["Measurement Frequency"]),
        device=identity["Device Type"].strip(),
        serial=identity["Device Unique Serial Code"].strip() or None,
        offset=offset,
        clock=NO_ZONE if offset is None else f"clock of the device: {zone.strip()}",
        slow={
            "temperature": Slow(slow["datetime"], slow["temperature"]),
            "light": Slow(fast["datetime"], fast["light"]),
        },
    )


def _check_pages(file: File, expected: str, n_read: int) -> None:
    """Raise DamagedFileError, or warn, if the file has fewer pages than its header says."""
    if expected.strip().isdigit() and n_read < int(expected):
        report_cut(file, f"it has {n_read} of the {int(expected)} pages in its header")


def _read_rate(text: str) -> float:
    """Return the rate in a text such as "85.7 Hz", NaN if there is none."""
    found = re.match(r"\s*(\d+(?:[.,]\d+)?)", text)
    return float(found[1].replace(",", ".")) if found else np.nan


def _read_offset(text: str) -> np.timedelta64 | None:
    """Return the offset from UTC in a text such as "GMT +01:00", None if there is none."""
    found = _OFFSET.search(text)
    if found is None:
        return None
    minutes = 60 * int(found[2]) + int(found[3])
    return np.timedelta64(-minutes if found[1] == "-" else minutes, "m")
