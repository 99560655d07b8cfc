"""Axivity: .wav, as exported by OmGui and omconvert.

The recording is resampled to a regular grid. The header names the channels of sensors. A last
channel without a name marks samples that the device does not have, such as those of gaps. The
layout is described by the maker in https://github.com/digitalinteraction/openmovement.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.io import wavfile

from .._recordings._compact import CompactRecording
from ..exceptions import DamagedFileError
from ._damage import report_cut
from ._frame import File, build_frame
from ._header_text import read_number
from ._in_parts import Part, join_parts

_FULL_SCALE = 32768  # of int16
_UNAVAILABLE = 0x8000
_CHUNK = struct.Struct("<4sI")
_RIFF_HEADER = 12  # bytes
_AT_ONCE = 2**20  # samples


def read_wav(file: File):
    """Return the recording in a .wav file."""
    header, cut = _read_header(file)
    if cut:
        report_cut(file, cut)
    if not _is_known(header):
        raise ValueError(
            f"{file.name} is a .wav file without the time and the scales that Axivity writes into "
            "its header. Read it with scipy.io.wavfile, and pass the samples in g."
        )
    rate, samples = _read_samples(file)
    kept = np.flatnonzero(~_is_unavailable(samples, header))
    if len(kept) < len(samples):
        samples = samples[kept]
    has_gyroscope = samples.shape[1] >= 6 and header.get("Channel-4", "").startswith("Gyro")
    return build_frame(
        file,
        _stamps(header, rate, kept),
        samples[:, :3] * _scales(header, 1),
        gyroscope=samples[:, 3:6] * _scales(header, 4) if has_gyroscope else None,
        **_describe(header, rate),
    )


def read_compact(file: File) -> CompactRecording | None:
    """Return the acceleration in a .wav file in little memory, None if it does not fit into it."""
    header, cut = _read_header(file)
    if cut or not _is_known(header):
        return None
    try:
        rate, samples = _read_samples(file, mmap=True)
    except ValueError:  # of which the other reader says what it is
        return None
    parts = _as_parts(header, rate, samples)
    return join_parts(file, parts, len(samples), **_describe(header, rate))


def _as_parts(header: dict[str, str], rate: int, samples: np.ndarray) -> Iterator[Part]:
    """Yield the samples in parts."""
    for start in range(0, len(samples), _AT_ONCE):
        some = samples[start : start + _AT_ONCE]
        kept = np.flatnonzero(~_is_unavailable(some, header))
        counts = some[kept, :3]
        first = np.flatnonzero(np.diff(kept, prepend=-2) != 1)
        stamps = _stamps(header, rate, start + kept)
        yield Part(stamps, first, counts * _scales(header, 1), counts.astype(np.float32))


def _is_known(header: dict[str, str]) -> bool:
    """Return whether a header has the time and the scales that Axivity writes."""
    return not (np.isnat(_start(header)) or np.isnan(_scales(header, 1)).any())


def _start(header: dict[str, str]) -> np.datetime64:
    """Return the time of the first sample, NaT if it is not known."""
    try:
        return np.datetime64(header.get("Time", ""), "ns")
    except ValueError:
        return np.datetime64("NaT", "ns")


def _stamps(header: dict[str, str], rate: int, number: np.ndarray) -> np.ndarray:
    """Return the times of numbered samples in ns since 1970."""
    return _start(header).astype(np.int64) + np.rint(number * (1e9 / rate)).astype(np.int64)


def _describe(header: dict[str, str], rate: int) -> dict[str, Any]:
    """Return what is known about the device."""
    return {"rate": float(rate), "device": "Axivity", "serial": header.get("Id")}


def _scales(header: dict[str, str], first: int) -> np.ndarray:
    """Return the factors of three channels, counted from 1, to g or degrees per second."""
    full = [read_number(header.get(f"Scale-{channel}")) for channel in range(first, first + 3)]
    return np.float32(full) / np.float32(_FULL_SCALE)


def _read_samples(file: File, mmap: bool = False) -> tuple[int, np.ndarray]:
    """Return the rate and the int16 samples of a file, which may be mapped."""
    try:
        with warnings.catch_warnings():
            # What is missing has been reported, and other chunks are not needed.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, samples = wavfile.read(file.path, mmap=mmap)
    except (ValueError, struct.error) as error:
        raise DamagedFileError(f"{file.name} is damaged: {error}. Copy it again.") from None
    if samples.ndim != 2 or samples.shape[1] < 3 or samples.dtype != np.int16:
        raise ValueError(
            f"{file.name} has samples of shape {samples.shape} and dtype {samples.dtype}. Axivity "
            "writes x, y and z as int16."
        )
    return rate, samples


def _is_unavailable(samples: np.ndarray, header: dict[str, str]) -> np.ndarray:
    """Return which samples the device does not have."""
    last = samples.shape[1]
    if not header.get(f"Channel-{last}", "Aux").startswith("Aux"):
        return np.zeros(len(samples), dtype=bool)
    return samples[:, -1].astype(np.uint16) & _UNAVAILABLE != 0


def _read_header(file: File) -> tuple[dict[str, str], str]:
    """Return the lines "name: value" of the header, and in words what is missing of the samples."""
    lines = {}
    size_of_file = file.path.stat().st_size
    with open(file.path, "rb") as source:
        source.seek(_RIFF_HEADER)
        while len(chunk := source.read(_CHUNK.size)) == _CHUNK.size:
            name, size = _CHUNK.unpack(chunk)
            if name == b"data":
                there = size_of_file - source.tell()
                return lines, f"it has {there} of {size} bytes of samples" if there < size else ""
            if name == b"LIST":
                text = source.read(size).decode("latin-1")
                lines.update(re.findall(r"([\w-]+): ([^\n\0]*)", text))
            else:
                source.seek(size, 1)
            source.seek(size % 2, 1)  # chunks begin at even bytes
    return lines, "it has no samples"
