"""ActiGraph: raw CSV as exported by ActiLife."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._recordings._compact import CompactRecording
from .._recordings._written_times import YEAR_FIRST, read_written
from .._utils._rates import is_rate
from ..exceptions import DamagedFileError
from ._actilife_header import Header, read_header
from ._exported_csv import (
    TIME,
    build_exported,
    check_rate,
    is_cut,
    rate_of,
    read_samples,
    read_tables,
    warn_of_start,
)
from ._frame import AXES, File
from ._in_parts import Part, join_parts

_START_DIFFERS = 1.0  # s, by which the start in whole seconds may differ from the first sample
_RESOLUTION = 1000  # of 1 g: values have three decimals
_FEWEST_BYTES = 6  # of a sample: "0,0,0" and the end of the line


def read_actilife(file: File):
    """Return the recording in a raw CSV file of ActiLife, with or without times.

    The rate is that of the header, or else that of the times.
    """
    header = read_header(file)
    has_times = TIME in header.layout.columns
    if np.isnan(header.rate) and not has_times:
        raise ValueError(
            f"{file.name} has no rate in its first line, and no times. Write it into the first "
            "line, after the format of dates, as ActiLife does: at 30 Hz, with the rate at which "
            "the device was set."
        )
    stamps, values = read_samples(file, header.layout, lambda text: _read_times(file, header, text))
    if np.isnan(header.rate):
        header = header._replace(rate=rate_of(file, stamps))
    if has_times:
        check_rate(file, header.rate, stamps)
        warn_of_start(file, header.start, stamps, _START_DIFFERS)
    else:
        stamps = _even_stamps(header, 0, len(values))
    return build_exported(file, header.layout, stamps, values, **_describe(header))


def read_compact(file: File) -> CompactRecording | None:
    """Return the recording in a file in little memory.

    None if it has times or other columns, no rate, or damage, which the other reader takes.
    """
    header = read_header(file)
    if is_cut(file) or header.layout.columns != list(AXES) or not is_rate(header.rate):
        return None
    most = file.path.stat().st_size // _FEWEST_BYTES
    try:
        return join_parts(file, _as_parts(file, header), most, **_describe(header))
    except DamagedFileError:  # of which the other reader says what it is
        return None


def _as_parts(file: File, header: Header) -> Iterator[Part]:
    """Yield the samples in parts of a file without times."""
    n = 0
    # Parts begin at whole seconds, so that rounded times are evenly spaced from their starts.
    for table in read_tables(file, header.layout, max(1, round(header.rate))):
        g = table.to_numpy(np.float32)
        counts = np.rint(g.astype(np.float64) * _RESOLUTION)
        yield Part(_even_stamps(header, n, len(g)), np.zeros(1, dtype=np.int64), g, counts)
        n += len(g)


def _even_stamps(header: Header, first: int, n: int) -> np.ndarray:
    """Return the times of `n` samples, of which the first has this number, in ns since 1970."""
    period = 1e9 / header.rate if header.rate > 0 else 0  # which is reported later
    since = np.rint(np.arange(first, first + n) * period).astype(np.int64)
    return header.start.astype("M8[ns]").view(np.int64) + since


def _read_times(file: File, header: Header, text):
    """Return times as dates, read in the order of the header."""
    dates, orders = read_written(text, header.order)
    if orders and orders[0] not in (header.order, YEAR_FIRST):
        raise ValueError(
            f"{file.name} has times such as {text.iloc[0]!r} in which the day and the month are in "
            "another order than in the format of dates in its first line. Correct the format."
        )
    return dates


def _describe(header: Header) -> dict[str, Any]:
    """Return what the header says about the device."""
    return {"rate": header.rate, "device": header.device, "serial": header.serial}
