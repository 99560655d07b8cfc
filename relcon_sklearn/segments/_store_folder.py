"""Directory of a segment store: what may be created or continued, and its lock."""

from __future__ import annotations

import logging
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # On Windows the user must not open two writers on one store.
    fcntl = None

from .._utils._atomic import unfinished
from ._store_format import HEADER, LOCK, Header

logger = logging.getLogger("relcon_sklearn")


def check_folder(folder: Path) -> None:
    """Raise FileExistsError if a path holds something other than a finished or unfinished store."""
    if not folder.exists() or (folder / HEADER).is_file():
        return
    begun = {folder / LOCK, *unfinished(folder, HEADER)}
    if folder.is_dir() and set(folder.iterdir()) <= begun:
        return
    raise FileExistsError(
        f"{folder} exists and is neither an empty directory nor a segment store. Choose another "
        "path."
    )


def create_or_continue(folder: Path, wanted: Header) -> None:
    """Write the header of a new store, or check that an existing one has the same description."""
    if not (folder / HEADER).is_file():
        wanted.write(folder)
        return
    old, new = Header.read(folder).description(), wanted.description()
    differences = [f"{k} is {old[k]!r}, not {new[k]!r}" for k in old if old[k] != new[k]]
    if differences:
        raise ValueError(
            f"The existing store at {folder} differs: {'; '.join(differences)}. Pass the values of "
            "the existing store to continue it, or choose another path."
        )


def lock_folder(folder: Path) -> int:
    """Open and lock the directory's lock file, or raise ValueError if another writer holds it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if fcntl is None:
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ValueError(
            f"Another SegmentWriter has the store at {folder} open. Close it first."
        ) from error
    except OSError:
        logger.info(
            "The file system of %s does not support locks. Open one writer at a time.", folder
        )
    return descriptor
