"""Atomic writing of files: after a crash, a file is complete or unchanged."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# Errors of systems that do not support or do not permit syncing a folder to the disk.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR}


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Make or replace a file atomically: after a crash at any time, it is the old or the new one.

    Parameters
    ----------
    path : Path
        The file, in an existing folder.

    Yields
    ------
    file : binary file
        Temporary file to write to. At the end of the block it replaces `path`. If the block raises,
        nothing changes.

    Raises
    ------
    OSError
        If the file cannot be written. The old file then stays unchanged, unless only the sync of
        the folder failed. In this case it is the new file.
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
    """Make or replace a file with these bytes, as :func:`replacing` does."""
    with replacing(path) as file:
        file.write(data)


def unfinished(folder: Path, pattern: str) -> list[Path]:
    """Return the temporary files that killed processes left behind for names of this pattern.

    Another process could be writing them right now. Hold a lock to remove them.
    """
    return sorted(folder.glob(f".{pattern}-*.tmp"))


def _sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk, if the system supports it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
