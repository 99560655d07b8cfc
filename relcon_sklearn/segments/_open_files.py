"""Any number of files, of which a bounded number is open at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

# A mapping uses a file descriptor, and that of a store two. A process may have about a thousand,
# and on macOS 256.
_MAX_OPEN_FILES = 96


class OpenFiles(Generic[T]):
    """What reads the files that were opened last, by their numbers."""

    def __init__(self):
        self._readers: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._readers)

    def get(self, number: int, open: Callable[[int], T]) -> T:
        """Return what reads a file, which is ``open(number)`` if the file is not open.

        The file opened first is then closed: its reader is forgotten.
        """
        reader = self._readers.get(number)
        if reader is None:
            reader = open(number)
            # In training, only candidates of one batch come from the same few files, so the order
            # of use would not do better. The dictionary is replaced, never changed, because other
            # threads may be using it. If two replace it at once, a file is opened twice. A lock
            # could be held for ever in a forked process.
            kept = list(self._readers.items())[1 - _MAX_OPEN_FILES :]
            self._readers = dict([*kept, (number, reader)])
        return reader
