"""Memory that training keeps from step to step."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Iterator

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
# What is left at the end. Glibc raises its thresholds by itself as arrays are freed, up to these,
# but no longer once any was set: without them, all that follows would be slower than before.
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _MMAP_MAX = 2**25, 2**26, 65536

_lock = threading.Lock()
_n_inside = 0


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Have freed memory stay with the process within the block, and go back at its end.

    By default glibc gives large arrays back to the system when they are freed, and gets new pages
    for the next ones. Every training step then pays for millions of page faults, which took nearly
    half of its time where it was measured (benchmarks/bench_speed.py). The setting is that of the
    process; blocks in several threads share it. Elsewhere than with glibc nothing is done.
    """
    global _n_inside
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _n_inside += 1
        if _n_inside == 1:
            libc.mallopt(_M_MMAP_MAX, 0)
            libc.mallopt(_M_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                libc.mallopt(_M_MMAP_MAX, _MMAP_MAX)
                libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
                libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)
                libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc."""
    if sys.platform != "linux":
        return None
    libc = _c_library()
    return libc if all(hasattr(libc, f) for f in ("gnu_get_libc_version", "mallopt")) else None


@functools.cache
def _c_library() -> ctypes.CDLL:
    # Once: making one takes as long as embedding a segment, and leaves a class for the collector.
    return ctypes.CDLL(None)
