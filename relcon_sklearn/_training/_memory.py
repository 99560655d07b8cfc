"""Memory of the process: keeping freed memory from step to step of a training."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator

KEEP_VARIABLE = "RELCON_SKLEARN_KEEP_MEMORY"
"""Environment variable. With the value 0, the settings of the allocator are not changed."""

# Variables of glibc. If one is set, the user has set up the allocator, which is then not changed.
_USER_VARIABLES = (
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
)

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
# The settings after a block. Glibc has no function that returns the settings before it. By default
# glibc raises its thresholds up to these values as arrays are freed, but it stops doing so once one
# of them was set. With smaller values, all later code would be slower than before.
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _MMAP_MAX = 2**25, 2**26, 65536

_lock = threading.Lock()
_n_inside = 0


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process within the block, and return it to the system at the end.

    By default glibc returns large arrays to the system when they are freed, and gets new pages for
    the next ones. Every training step then pays for millions of page faults, which took nearly
    half of its time in benchmarks.

    The setting applies to the whole process, and blocks in several threads share it. Nothing
    changes if the C library is not glibc, if the environment variable
    ``RELCON_SKLEARN_KEEP_MEMORY`` is 0, or if the user has set up glibc's allocator by its
    environment variables.
    """
    global _n_inside
    libc = _glibc() if _is_enabled() else None
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


def _is_enabled() -> bool:
    """Whether the user has neither switched this off nor set up the allocator."""
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    set_up = "glibc.malloc" in tunables or any(name in os.environ for name in _USER_VARIABLES)
    return os.environ.get(KEEP_VARIABLE, "1") != "0" and not set_up


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc."""
    if sys.platform != "linux":
        return None
    libc = _c_library()
    return libc if all(hasattr(libc, f) for f in ("gnu_get_libc_version", "mallopt")) else None


@functools.cache
def _c_library() -> ctypes.CDLL:
    # Cached, because loading takes as long as embedding a segment, and leaves a class to collect.
    return ctypes.CDLL(None)
