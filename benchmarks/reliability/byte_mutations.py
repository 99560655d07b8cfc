"""Random mutations of the bytes of any file: accidents, such as flipped bits and truncation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def mutate_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one random mutation."""
    kinds = list(BYTES.values())
    return kinds[rng.integers(len(kinds))](content, rng)


def _flip_bits(content: bytes, rng) -> bytes:
    changed = bytearray(content)
    for i in rng.integers(len(content), size=rng.choice([1, 1, 2, 8])):
        changed[i] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _edit_bytes(content: bytes, rng) -> bytes:
    start, n = int(rng.integers(len(content))), int(rng.integers(1, 64))
    return content[:start] + rng.bytes(n) + content[start + n :]


def _zero_a_block(content: bytes, rng) -> bytes:
    start, n = int(rng.integers(len(content))), int(rng.integers(1, 4096))
    return content[:start] + bytes(len(content[start : start + n])) + content[start + n :]


def _truncate(content: bytes, rng) -> bytes:
    return content[: rng.integers(len(content))]


def _extend(content: bytes, rng) -> bytes:
    more = rng.bytes(int(rng.integers(1, 1000)))
    return rng.choice(np.array([content + more, more + content, content + content], dtype=object))


def _insert_or_remove(content: bytes, rng) -> bytes:
    start, n = int(rng.integers(len(content))), int(rng.integers(1, 64))
    if rng.integers(2):
        return content[:start] + rng.bytes(n) + content[start:]
    return content[:start] + content[start + n :]


def _random_bytes(content: bytes, rng) -> bytes:
    return rng.bytes(int(rng.integers(2000)))


BYTES: dict[str, Callable] = {
    "bits flipped": _flip_bits,
    "bytes edited": _edit_bytes,
    "a block zeroed": _zero_a_block,
    "truncated": _truncate,
    "extended": _extend,
    "bytes inserted or removed": _insert_or_remove,
    "random bytes": _random_bytes,
}
