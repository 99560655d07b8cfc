"""Records of the type Activity2 in ActiGraph's .gt3x files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from ..exceptions import DamagedFileError
from ._damage import warn_left_out
from ._frame import File
from ._gt3x_log import HEADER, SEPARATOR

_ACTIVITY2 = 0x1A
_VALUES = np.dtype("<i2")
_SAMPLE = 3 * _VALUES.itemsize


def read_activity2(file: File, rate: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the times, int64 in ns by the clock of the device, and the acceleration in g.

    The samples of a record begin at its time and have the nominal rate.

    Parameters
    ----------
    file : File
        The .gt3x file. With ``file.skip``, damaged records are left out, and a warning tells where.
    rate : float
        Nominal rate in Hz.
    scale : float
        Counts of 1 g.

    Raises
    ------
    DamagedFileError
        If a record is damaged.
    """
    try:
        with zipfile.ZipFile(file.path) as archive:
            log = archive.read("log.bin")
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DamagedFileError(
            f"{file.name}: log.bin is damaged ({error}). Copy the file from the device again."
        ) from None
    seconds, payloads, damage = [], [], []
    for at, record in _records(log):
        if record is None:
            damage.append(f"byte {at} of log.bin")
            continue
        type_, second, payload = record
        # A payload of one byte is written when the device is connected to a computer.
        if type_ == _ACTIVITY2 and len(payload) >= _SAMPLE:
            seconds.append(second)
            payloads.append(payload[: len(payload) // _SAMPLE * _SAMPLE])
    if damage and not file.skip:
        raise DamagedFileError(
            f"{file.name} is damaged at {damage[0]}. errors='skip' leaves out what is damaged."
        )
    if damage:
        warn_left_out(file, damage)
    counts = np.frombuffer(b"".join(payloads), _VALUES).reshape(-1, 3)
    size = np.array([len(payload) // _SAMPLE for payload in payloads], dtype=np.int64)
    number = np.arange(len(counts)) - np.repeat(np.cumsum(size) - size, size)
    stamps = np.repeat(np.array(seconds, dtype=np.int64) * 10**9, size)
    stamps += np.rint(number * (1e9 / rate)).astype(np.int64)
    return stamps, counts * np.float32(1 / scale)


def _records(log: bytes) -> Iterator[tuple[int, tuple[int, int, memoryview] | None]]:
    """Yield where each record is, with its type, second and payload; None if it is damaged.

    The device may have stopped within the header of a last record, which is left out.
    """
    view, at = memoryview(log), 0
    while at + HEADER.size < len(log):
        record = _record_at(view, at)
        yield at, record
        if record is None:
            at = _next_record(log, view, at)
        else:
            at += HEADER.size + len(record[2]) + 1


def _record_at(view: memoryview, at: int) -> tuple[int, int, memoryview] | None:
    """Return the type, second and payload of the record at a byte, None if there is none."""
    start = at + HEADER.size
    if start >= len(view):
        return None
    separator, type_, second, size = HEADER.unpack_from(view, at)
    stop = start + size
    if separator != SEPARATOR or stop >= len(view):
        return None
    checksum = ~np.bitwise_xor.reduce(np.frombuffer(view[at:stop], np.uint8)) & 0xFF
    return (type_, second, view[start:stop]) if checksum == view[stop] else None


def _next_record(log: bytes, view: memoryview, at: int) -> int:
    """Return the byte of the first record after a byte, or the end."""
    separator = bytes([SEPARATOR])
    at = log.find(separator, at + 1)
    while at != -1 and _record_at(view, at) is None:
        at = log.find(separator, at + 1)
    return len(log) if at == -1 else at
