"""Axivity AX3 and AX6: .cwa."""

from __future__ import annotations

import numpy as np

from ._by_actfast import read_by_actfast
from ._damage import report_cut
from ._frame import File, Slow, build_frame

_NS = 1e9  # in a second
_BLOCK = 512  # bytes

# The rate of a device may differ from the nominal one by this share. Longer blocks have a gap.
_DEVIATION = 0.1
_BLOCKS_AT_ONCE = 4096  # so that temporary arrays are small


def read_axivity(file: File):
    """Return the recording in a .cwa file."""
    content = read_by_actfast(file)
    rest = file.path.stat().st_size % _BLOCK
    if rest:
        report_cut(file, f"its last block has {rest} of {_BLOCK} bytes")
    device, series = content["metadata"]["device"], content["timeseries"]
    fast, slow = series["high_frequency"], series["low_frequency"]
    rate = float(content["metadata"]["configuration"]["sample_rate_hz"])
    stamps = fast["datetime"]
    if rate > 0:
        place_samples(stamps, slow["datetime"], rate)
    return build_frame(
        file,
        stamps,
        fast["acceleration"],
        rate=rate,
        device=f"Axivity {device['hardware_type'].replace('Unknown', '')}".strip(),
        serial=device["device_id"],
        gyroscope=fast.get("gyroscope"),
        slow={name: Slow(slow["datetime"], slow[name]) for name in ("temperature", "light")},
    )


def place_samples(stamps: np.ndarray, starts: np.ndarray, rate: float) -> None:
    """Place the samples of each block evenly from its start to that of the next one, in place.

    In the file, only blocks have times. With the nominal rate, samples after the first of each
    block would be too early or too late: the rate of devices differs by one or two percent.

    Parameters
    ----------
    stamps : ndarray of shape (n_samples,), dtype int64
        Times of the samples in ns, by the nominal rate. The first sample of each block has its
        start. They are changed in place.
    starts : ndarray of shape (n_blocks,), dtype int64
        Times of the blocks in ns.
    rate : float
        Nominal rate in Hz. If a block is more than 10 % longer or shorter than this tells, such as
        one before a gap, its samples have the median rate of the other blocks.
    """
    first = _first_samples(stamps, starts)
    if first is None:
        return
    n_samples = np.diff(np.append(first, len(stamps)))
    period = np.append(np.diff(starts) / n_samples[:-1], np.nan)
    own = np.abs(period * rate / _NS - 1) <= _DEVIATION
    period[~own] = np.median(period[own]) if own.any() else _NS / rate
    for begin in range(0, len(starts), _BLOCKS_AT_ONCE):
        blocks = slice(begin, begin + _BLOCKS_AT_ONCE)
        size = n_samples[blocks]
        samples = slice(first[begin], first[begin] + size.sum())
        number = np.arange(samples.start, samples.stop) - np.repeat(first[blocks], size)
        since = np.rint(number * np.repeat(period[blocks], size)).astype(np.int64)
        stamps[samples] = np.repeat(starts[blocks], size) + since


def _first_samples(stamps: np.ndarray, starts: np.ndarray) -> np.ndarray | None:
    """Return the number of the first sample of each block, None if they are not known."""
    if len(starts) == 0 or len(stamps) < len(starts):
        return None
    first = np.arange(len(starts)) * (len(stamps) // len(starts))  # nearly always of one size
    if (stamps[first] != starts).any():
        first = np.flatnonzero(np.isin(stamps, starts))
    same = len(first) == len(starts) and (stamps[first] == starts).all() and first[0] == 0
    return first if same else None
