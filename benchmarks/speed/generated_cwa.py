"""Files in the layout of Axivity AX3, of any length."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

RATE = 100  # Hz, nominal
PER_BLOCK = 80  # samples
_RATE_CODE = 0x4A  # 100 Hz, 8 g
_HEADER_BYTES = 1024

_BLOCK = np.dtype(
    [
        ("magic", "S2"), ("length", "<u2"), ("fraction", "<u2"), ("session", "<u4"),
        ("number", "<u4"), ("time", "<u4"), ("light", "<u2"), ("temperature", "<u2"),
        ("events", "u1"), ("battery", "u1"), ("rate", "u1"), ("axes", "u1"),
        ("offset", "<i2"), ("count", "<u2"), ("samples", "<i2", (PER_BLOCK, 3)),
        ("checksum", "<u2"),
    ]
)  # fmt: skip


def write_cwa(path: Path, hours: float, rate: float, seed: int = 0) -> int:
    """Write a recording of a device that runs at a rate near 100 Hz; return the number of samples.

    It lies still and moves in turn, for ten minutes each.
    """
    n_blocks = int(hours * 3600 * rate / PER_BLOCK)
    rng = np.random.default_rng(seed)
    starts = np.rint(np.arange(n_blocks) * PER_BLOCK / rate * 100).astype(np.int64)  # in 10 ms
    seconds = -(-starts // 100)
    when = np.datetime64("2024-03-05T22:00:00") + seconds.astype("m8[s]")
    day = when.astype("M8[D]")
    month = day.astype("M8[M]")
    clock = (when - day).astype(np.int64)
    year = month.astype("M8[Y]")
    stamps = (year.astype(np.int64) - 30) << 26 | ((month - year).astype(np.int64) + 1) << 22
    stamps |= ((day - month).astype(np.int64) + 1) << 17 | (clock // 3600) << 12
    stamps |= (clock // 60 % 60) << 6 | clock % 60
    blocks = np.zeros(n_blocks, _BLOCK)
    blocks["magic"], blocks["length"], blocks["number"] = b"AX", 508, np.arange(n_blocks)
    blocks["time"], blocks["light"], blocks["temperature"] = stamps, 300, 256
    blocks["battery"], blocks["rate"], blocks["axes"] = 200, _RATE_CODE, 0x32
    blocks["offset"], blocks["count"] = seconds * 100 - starts, PER_BLOCK
    pool = rng.normal([0, 0, 256], 60, (200, PER_BLOCK, 3)).astype(np.int16)
    moves = (seconds // 600 % 2).astype(bool)
    blocks["samples"] = [0, 0, 256]
    blocks["samples"][moves] = pool[rng.integers(len(pool), size=moves.sum())]
    words = blocks.view("<u2").reshape(n_blocks, -1)
    blocks["checksum"] = -words.sum(axis=1, dtype=np.int64) & 0xFFFF
    header = bytearray(b"MD" + struct.pack("<HBHIH", 1020, 0, 1234, 0, 0xFFFF))
    header = header.ljust(_HEADER_BYTES, b"\xff")
    header[36] = _RATE_CODE
    path.write_bytes(bytes(header) + blocks.tobytes())
    return n_blocks * PER_BLOCK
