"""Atomic writing of files: after a crash, a file is complete or unchanged."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# Errors of systems that do not support or do not permit syncing a folder to the disk.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR}

# Errors of writing only, of a disk that is full or a file that has become too large.
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# Longer names are replaced by their hash, because file systems limit the length of names.
_MAX_STEM_BYTES = 100
_TOKEN = "[0-9a-f]" * 16


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Make or replace a file atomically: after a crash at any time, it is the old or the new one.

    A symbolic link stays, and the file that it refers to is replaced. The new file has the
    permissions of the old one. Temporary files of killed processes are removed.

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
        If the file cannot be written, or if `path` is a loop of symbolic links. The old file then
        stays unchanged, unless only the sync of the folder failed. In this case it is the new file.
        If there is no folder or no space, the error names `path`.
    """
    path = Path(os.path.realpath(path))
    if path.is_symlink():  # links that refer to each other, where realpath gives up
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    stem = _stem(path.name)
    for left in unfinished(path.parent, glob.escape(stem)):
        _remove_if_abandoned(left)
    temporary = path.with_name(f".{stem}-{secrets.token_hex(8)}.tmp")
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else None
    with _named(path, temporary), ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        with open(temporary, "xb") as file:
            stack.enter_context(_in_use(file))
            if mode is not None:
                os.chmod(temporary, mode)  # before there is anything to read
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)


def write_atomically(path: Path, data) -> None:
    """Make or replace a file with these bytes, as :func:`replacing` does."""
    with replacing(path) as file:
        file.write(data)


def unfinished(folder: Path, pattern: str) -> list[Path]:
    """Return the temporary files that killed processes left behind for names of this pattern.

    Another process could be writing them right now. Hold a lock to remove them.
    """
    return sorted(folder.glob(f".{pattern}-{_TOKEN}.tmp"))


def _stem(name: str) -> str:
    """Return the beginning of the names of temporary files for a file name."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= _MAX_STEM_BYTES else hashlib.sha256(encoded).hexdigest()


@contextmanager
def _named(path: Path, temporary: Path) -> Iterator[None]:
    """Name a file in errors of a full disk, which name none, and of its temporary file."""
    try:
        yield
    except OSError as error:
        is_of_write = error.errno in _NO_SPACE and error.filename is None
        if is_of_write or error.filename == str(temporary):
            error.filename = str(path)
        raise


@contextmanager
def _in_use(file: IO[bytes]) -> Iterator[None]:
    """Lock an open file within the block, or until the process ends, if the system has locks."""
    if fcntl is None:
        yield
        return
    descriptor = os.dup(file.fileno())  # keeps the lock when the file is closed within the block
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_if_abandoned(temporary: Path) -> None:
    """Remove a temporary file unless a process is writing it."""
    with suppress(OSError):
        if fcntl is None:
            temporary.unlink()  # fails while a process has opened it
            return
        with temporary.open("rb") as file:
            # A file that is still empty may not be locked yet.
            if os.fstat(file.fileno()).st_size > 0:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if it is in use
                temporary.unlink()


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
