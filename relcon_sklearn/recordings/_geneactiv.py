"""GENEActiv: .bin, a header and pages of 300 samples, as text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from .._recordings._compact import CompactRecording
from ..exceptions import DamagedFileError
from ._by_actfast import parse, read_by_actfast
from ._damage import report_cut
from ._frame import AXES, NO_ZONE, File, Slow, build_frame
from ._header_text import read_number, read_offset
from ._in_parts import Part, join_parts

_PER_PAGE = 300  # samples
_PAGE = b"Recorded Data"  # its first line
_BYTES_OF_SAMPLE = 12
_BYTES_AT_ONCE = 2**22


def read_geneactiv(file: File):
    """Return the recording in a .bin file."""
    content = read_by_actfast(file)
    fast, slow = (content["timeseries"][name] for name in ("high_frequency", "low_frequency"))
    if not content["warnings"]:  # which already name what is missing
        cut = _find_cut(content["metadata"], len(slow["datetime"]), len(fast["datetime"]))
        if cut:
            report_cut(file, cut)
    return build_frame(
        file,
        fast["datetime"],
        fast["acceleration"],
        slow={
            "temperature": Slow(slow["datetime"], slow["temperature"]),
            "light": Slow(fast["datetime"], fast["light"]),
        },
        **_describe(content["metadata"]),
    )


def read_compact(file: File) -> CompactRecording | None:
    """Return the acceleration in a .bin file in little memory, None if it does not fit into it."""
    contents = _read_in_parts(file)
    most = file.path.stat().st_size // _BYTES_OF_SAMPLE
    try:
        first = next(contents)
        parts = _as_parts(chain([first], contents))
        return join_parts(file, parts, most, **_describe(first["metadata"]))
    except DamagedFileError:
        return None


def _read_in_parts(file: File) -> Iterator[dict[str, Any]]:
    """Yield what actfast reads from parts of a file: some pages after the header.

    Raises
    ------
    DamagedFileError
        If the file is damaged, such as one with something else instead of pages.
    """
    with open(file.path, "rb") as source, tempfile.TemporaryDirectory() as folder:
        of_part = file._replace(path=Path(folder) / "part.bin", skip=False)
        header, _, rest = source.read(_BYTES_AT_ONCE).partition(_PAGE)
        rest = _PAGE + rest
        while rest:
            some = source.read(_BYTES_AT_ONCE)
            pages = rest + some
            stop = pages.rfind(_PAGE) if some else len(pages)
            rest = pages[stop:]
            if len(rest) > _BYTES_AT_ONCE:
                raise DamagedFileError(f"{file.name} has {len(rest)} bytes without a page.")
            if stop > 0:  # not if what was read ends within the first page
                of_part.path.write_bytes(header + pages[:stop])
                yield parse(of_part)


def _as_parts(contents: Iterable[dict[str, Any]]) -> Iterator[Part]:
    """Yield the samples of parts.

    Raises
    ------
    DamagedFileError
        If pages or samples are missing.
    """
    n_pages = n_samples = 0
    for content in contents:
        fast, header = content["timeseries"]["high_frequency"], content["metadata"]
        stamps, acceleration = fast["datetime"], fast["acceleration"]
        n_pages += len(content["timeseries"]["low_frequency"]["datetime"])
        n_samples += len(stamps)
        first = np.arange(0, len(stamps), _PER_PAGE)
        yield Part(stamps, first, acceleration, _counts(header, acceleration))
    cut = _find_cut(header, n_pages, n_samples)
    if cut:
        raise DamagedFileError(cut)


def _counts(header: dict, acceleration: np.ndarray) -> np.ndarray:
    """Return what the device measured, NaN if its calibration is not in the header."""
    gain, offset = (
        [read_number(_value(header, "Calibration Data", f"{axis} {name}")) for axis in AXES]
        for name in ("gain", "offset")
    )
    return np.rint((acceleration * np.array(gain) + offset) / 100)


def _describe(header: dict) -> dict[str, Any]:
    """Return what the header says about the device and its clock."""
    zone = _value(header, "Configuration Info", "Time Zone")
    offset = read_offset(zone)
    frequency = _value(header, "Configuration Info", "Measurement Frequency")
    return {
        "rate": read_number(frequency.removesuffix("Hz")),
        "device": _value(header, "Device Identity", "Device Type") or "GENEActiv",
        "serial": _value(header, "Device Identity", "Device Unique Serial Code") or None,
        "offset": offset,
        "clock": NO_ZONE if offset is None else f"clock of the device: {zone}",
    }


def _value(header: dict, section: str, name: str) -> str:
    """Return a value of the header, "" if it is missing."""
    return header.get(section, {}).get(name, "").strip()


def _find_cut(header: dict, n_pages: int, n_samples: int) -> str:
    """Return in words which pages are missing, or which samples of the last page, "" if none."""
    expected = _value(header, "Memory Status", "Number of Pages")
    if expected.isdigit() and n_pages < int(expected):
        return f"it has {n_pages} of the {int(expected)} pages in its header"
    if n_samples < n_pages * _PER_PAGE:
        return f"its pages have {n_samples} of {n_pages * _PER_PAGE} samples"
    return ""
