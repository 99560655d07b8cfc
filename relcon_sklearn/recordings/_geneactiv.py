"""GENEActiv: .bin."""

from __future__ import annotations

from ._by_actfast import read_by_actfast
from ._damage import report_cut
from ._frame import NO_ZONE, File, Slow, build_frame
from ._header_text import read_number, read_offset

_PER_PAGE = 300  # samples


def read_geneactiv(file: File):
    """Return the recording in a .bin file."""
    content = read_by_actfast(file)
    header, series = content["metadata"], content["timeseries"]
    fast, slow = series["high_frequency"], series["low_frequency"]
    if not content["warnings"]:  # which already name what is missing
        n_pages, n_samples = len(slow["datetime"]), len(fast["datetime"])
        _check_pages(file, _value(header, "Memory Status", "Number of Pages"), n_pages, n_samples)
    zone = _value(header, "Configuration Info", "Time Zone")
    offset = read_offset(zone)
    frequency = _value(header, "Configuration Info", "Measurement Frequency")
    return build_frame(
        file,
        fast["datetime"],
        fast["acceleration"],
        rate=read_number(frequency.removesuffix("Hz")),
        device=_value(header, "Device Identity", "Device Type") or "GENEActiv",
        serial=_value(header, "Device Identity", "Device Unique Serial Code") or None,
        offset=offset,
        clock=NO_ZONE if offset is None else f"clock of the device: {zone}",
        slow={
            "temperature": Slow(slow["datetime"], slow["temperature"]),
            "light": Slow(fast["datetime"], fast["light"]),
        },
    )


def _value(header: dict, section: str, name: str) -> str:
    """Return a value of the header, "" if it is missing."""
    return header.get(section, {}).get(name, "").strip()


def _check_pages(file: File, expected: str, n_pages: int, n_samples: int) -> None:
    """Raise DamagedFileError, or warn, if pages are missing, or samples of the last page."""
    if expected.isdigit() and n_pages < int(expected):
        report_cut(file, f"it has {n_pages} of the {int(expected)} pages in its header")
    elif n_samples < n_pages * _PER_PAGE:
        report_cut(file, f"its pages have {n_samples} of {n_pages * _PER_PAGE} samples")
