"""Axivity AX3 and AX6: .cwa.

Files are read in parts, because what actfast returns for a week needs several gigabytes.
"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._recordings._compact import BlockTimes, CompactRecording, SignalInParts
from ._by_actfast import parse
from ._damage import report_cut, warn_left_out
from ._frame import File, Slow, attributes, build_frame, warn_if_set_back

_BLOCK = 512  # bytes
_HEADER = 1024  # bytes
_LARGEST_BLOCK = 120  # samples
_BLOCKS_AT_ONCE = 2**14

# Counts of 1 g: of AX3, and of AX6 with ranges of 16, 8, 4 and 2 g.
_COUNTS_PER_G = (256, 2048, 4096, 8192, 16384)

_PLACE = re.compile(r"(record|sector|byte offset) (\d+)")


class _Part(NamedTuple):
    """Some blocks of a file. `sizes` are their numbers of samples, None if they are not known."""

    device: dict[str, Any]
    sizes: np.ndarray | None
    fast: dict[str, np.ndarray]
    slow: dict[str, np.ndarray]


def read_axivity(file: File):
    """Return the recording in a .cwa file."""
    sizes, signals, slow = [], defaultdict(list), defaultdict(list)
    for part in _parts(file):
        sizes.append(part.sizes)
        for joined, values in ((signals, part.fast), (slow, part.slow)):
            for name, of_part in values.items():
                joined[name].append(of_part)
    slow = {name: np.concatenate(parts) for name, parts in slow.items()}
    times = _place(slow["datetime"], sizes, part.device["rate"])
    return build_frame(
        file,
        _nominal_times(file) if times is None else times[:].view(np.int64),
        np.concatenate(signals.pop("acceleration")),
        gyroscope=np.concatenate(signals.pop("gyroscope")) if "gyroscope" in signals else None,
        slow={name: Slow(slow["datetime"], slow[name]) for name in ("temperature", "light")},
        **part.device,
    )


def read_compact(file: File) -> CompactRecording | None:
    """Return the acceleration in a .cwa file in little memory, None if it does not fit into it.

    It does not if the file is of an unknown kind of device, or if its blocks cannot be told.
    """
    return next(filter(None, (_read_counts(file, per_g) for per_g in _COUNTS_PER_G)), None)


def _read_counts(file: File, per_g: int) -> CompactRecording | None:
    """Return the acceleration as counts, None if they do not tell it or are too large."""
    n_blocks = max(file.path.stat().st_size - _HEADER, 0) // _BLOCK
    signal, starts, sizes = SignalInParts(n_blocks * _LARGEST_BLOCK), [], []
    for part in _parts(file):
        g = part.fast["acceleration"]
        if part.sizes is None or not signal.append(g, np.rint(g * np.float32(per_g))):
            return None
        starts.append(part.slow["datetime"])
        sizes.append(part.sizes)
    times = _place(np.concatenate(starts), sizes, part.device["rate"])
    if times is None:
        return None
    signal = signal.join()
    attrs = attributes(file, len(signal), **part.device)
    warn_if_set_back(file, times)
    return CompactRecording(signal, times, attrs)


def _parts(file: File) -> Iterator[_Part]:
    """Read a file in parts. In the end, report what is damaged or missing.

    Raises
    ------
    DamagedFileError
        If the file is damaged.
    """
    damage, number = [], 0
    with open(file.path, "rb") as source, tempfile.TemporaryDirectory() as folder:
        header, path = source.read(_HEADER), Path(folder) / "part.cwa"
        while (blocks := source.read(_BLOCKS_AT_ONCE * _BLOCK)) or number == 0:
            path.write_bytes(header + blocks)
            in_file = partial(_in_file, number=number)
            content = parse(file._replace(path=path), in_file)
            damage += map(in_file, content["warnings"])
            yield _as_part(content)
            number += _BLOCKS_AT_ONCE
    if damage:
        warn_left_out(file, damage)
    rest = file.path.stat().st_size % _BLOCK
    if rest:
        report_cut(file, f"its last block has {rest} of {_BLOCK} bytes")


def _in_file(text: str, number: int) -> str:
    """Return a text about places in a part as one about the file; its first block has a number."""

    def moved(place: re.Match) -> str:
        by = number * _BLOCK if place[1] == "byte offset" else number
        return f"{place[1]} {int(place[2]) + by}"

    return _PLACE.sub(moved, text)


def _as_part(content: dict) -> _Part:
    """Return what actfast returned for a part of a file."""
    header, series = content["metadata"]["device"], content["timeseries"]
    fast, slow = series["high_frequency"], series["low_frequency"]
    device = {
        "rate": float(content["metadata"]["configuration"]["sample_rate_hz"]),
        "device": f"Axivity {header['hardware_type'].replace('Unknown', '')}".strip(),
        "serial": header["device_id"],
    }
    sizes = sizes_of_blocks(fast.pop("datetime"), slow["datetime"])
    fast = {name: values.reshape(-1, 3) for name, values in fast.items()}  # also without samples
    return _Part(device, sizes, fast, slow)


def _place(starts: np.ndarray, sizes: list[np.ndarray | None], rate: float) -> BlockTimes | None:
    """Return the times of all samples, None if they are not known better than by the nominal rate.

    In the file, only blocks have times. With the nominal rate, samples after the first of each
    block would be too early or too late: the rate of devices differs by one or two percent.
    """
    if len(starts) == 0 or rate <= 0 or any(of_part is None for of_part in sizes):
        return None
    return BlockTimes.between(starts, np.concatenate(sizes), rate)


def _nominal_times(file: File) -> np.ndarray:
    """Return the times of all samples by the nominal rate."""
    return parse(file)["timeseries"]["high_frequency"]["datetime"]


def sizes_of_blocks(stamps: np.ndarray, starts: np.ndarray) -> np.ndarray | None:
    """Return the number of samples of each block, None if blocks cannot be told.

    Parameters
    ----------
    stamps : ndarray of shape (n_samples,), dtype int64
        Times of the samples in ns, by the nominal rate. The first sample of each block has its
        start.
    starts : ndarray of shape (n_blocks,), dtype int64
        Times of the blocks in ns.
    """
    if len(stamps) < len(starts) or (len(starts) == 0 < len(stamps)):
        return None
    if len(starts) == 0:
        return np.zeros(0, dtype=np.int64)
    first = np.arange(len(starts)) * (len(stamps) // len(starts))  # nearly always of one size
    if (stamps[first] != starts).any():
        first = np.flatnonzero(np.isin(stamps, starts))
    same = len(first) == len(starts) and (stamps[first] == starts).all() and first[0] == 0
    return np.diff(first, append=len(stamps)) if same else None
