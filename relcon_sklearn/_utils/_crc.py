"""Checksums of files that may be larger than the memory."""

from __future__ import annotations

import zlib
from typing import IO

_BLOCK_BYTES = 2**20


def crc_of(file: IO[bytes], n_bytes: int) -> int:
    """Read `n_bytes` of an open file, or fewer if it ends, and return their CRC-32."""
    checksum = 0
    while block := file.read(min(n_bytes, _BLOCK_BYTES)):
        checksum = zlib.crc32(block, checksum)
        n_bytes -= len(block)
    return checksum
