"""Axivity: .wav, as exported by OmGui and omconvert.

The recording is resampled to a regular grid. The header names the channels of sensors. A last
channel without a name marks samples that the device does not have, such as those of gaps. The
layout is described by the maker in https://github.com/digitalinteraction/openmovement.
"""

from __future__ import annotations

import re
import struct
import warnings

import numpy as np
from scipy.io import wavfile

from ..exceptions import DamagedFileError
from ._damage import report_cut
from ._frame import File, build_frame
from ._header_text import read_number

_FULL_SCALE = 32768  # of int16
_UNAVAILABLE = 0x8000
_CHUNK = struct.Struct("<4sI")
_RIFF_HEADER = 12  # bytes


def read_wav(file: File):
    """Return the recording in a .wav file."""
    header, cut = _read_header(file)
    if cut:
        report_cut(file, cut)
    try:
        start = np.datetime64(header.get("Time", ""), "ns")
    except ValueError:
        start = np.datetime64("NaT", "ns")
    if np.isnat(start) or np.isnan(_scales(header, 1)).any():
        raise ValueError(
            f"{file.name} is a .wav file without the time and the scales that Axivity writes into "
            "its header. Read it with scipy.io.wavfile, and pass the samples in g."
        )
    rate, samples = _read_samples(file)
    kept = np.flatnonzero(~_is_unavailable(samples, header))
    if len(kept) < len(samples):
        samples = samples[kept]
    has_gyroscope = samples.shape[1] >= 6 and header.get("Channel-4", "").startswith("Gyro")
    stamps = start.astype(np.int64) + np.rint(kept * (1e9 / rate)).astype(np.int64)
    return build_frame(
        file,
        stamps,
        samples[:, :3] * _scales(header, 1),
        rate=float(rate),
        device="Axivity",
        serial=header.get("Id"),
        gyroscope=samples[:, 3:6] * _scales(header, 4) if has_gyroscope else None,
    )


def _scales(header: dict[str, str], first: int) -> np.ndarray:
    """Return the factors of three channels, counted from 1, to g or degrees per second."""
    full = [read_number(header.get(f"Scale-{channel}")) for channel in range(first, first + 3)]
    return np.float32(full) / np.float32(_FULL_SCALE)


def _read_samples(file: File) -> tuple[int, np.ndarray]:
    """Return the rate and the int16 samples of a file."""
    try:
        with warnings.catch_warnings():
            # What is missing has been reported, and other chunks are not needed.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, samples = wavfile.read(file.path)
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
