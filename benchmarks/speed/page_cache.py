"""Dropping files from the operating system's page cache, for measurements of cold reads."""

from __future__ import annotations

import os
from pathlib import Path


def drop_from_cache(path: Path) -> None:
    """Drop a file that was flushed to the disk from the page cache, where the system can."""
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
