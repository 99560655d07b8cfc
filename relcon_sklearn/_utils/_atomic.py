"""Files that are on the disk whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# What systems answer that cannot bring a folder to the disk, or will not when asked.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR}


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Make or replace a file, so that after a crash at any moment it is the old one or the new.

    Parameters
    ----------
    path : Path
        The file, in a folder that exists.

    Yields
    ------
    file : binary file
        To write to. It gets its name when the block is left; if the block raises, nothing has
        changed.

    Raises
    ------
    OSError
        If it cannot be written. The file is then what it was; the new one only if nothing but
        bringing its name to the disk failed.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data) -> None:
    """Make or replace a file by bytes, as :func:`replacing` does."""
    with replacing(path) as file:
        file.write(data)


def unfinished(folder: Path, pattern: str) -> list[Path]:
    """Return what processes that were killed have left of files whose names match a pattern.

    Others may be writing them at this moment: whoever removes them has to hold a lock.
    """
    return sorted(folder.glob(f".{pattern}-*.tmp"))


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
