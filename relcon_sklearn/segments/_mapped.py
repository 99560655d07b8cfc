"""Fast reading of rows of memory-mapped files.

Files that fit in memory stay mapped, so that their rows are copied at the speed of memory. The
pages are those of the system's cache of the file: it takes them back if it needs memory. Larger
files would displace everything else. Their rows are read without mapping pages if the open file is
known; otherwise a bounded number of pages stays resident. :class:`Residency` decides whether files
fit.
"""

from __future__ import annotations

import functools
import mmap
import os
import weakref

import numpy as np

from ._file_rows import FileRows

# Files that are read in turn fit in memory if they have at most this share of it together.
_SHARE_OF_MEMORY = 0.25

# Of larger files: bytes of memory-mapped pages that reading may leave resident before they are
# released. If a file is in the page cache in large pages, the kernel maps a whole one (2 MB) around
# each row read.
_RESIDENT_BYTES = 2**28
_BYTES_PER_FAULT = 2**21

# Rows at most this far apart are fetched from the disk as one piece
# (benchmarks/speed/bench_store.py).
_NEAR_BYTES = 2**14

# Files that fit in memory are fetched in pieces of this size, each of them once.
_PIECE_BYTES = 2**14

_CAN_ADVISE = hasattr(mmap, "MADV_WILLNEED") and hasattr(mmap, "MADV_DONTNEED")


@functools.cache
def _memory_bytes() -> int:
    """Return the size of the memory, or 0 if it is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 0


class Residency:
    """Account of the pages that reading has left resident, shared by mappings and threads."""

    def __init__(self):
        self._n_bytes = 0
        self._file_bytes = 0
        # Weak, since a mapping keeps its file open, and systems limit the number of open files.
        self._mappings: dict[int, weakref.ref[mmap.mmap]] = {}

    def open(self, mapping: mmap.mmap) -> None:
        """Count the file of a mapping. A file that is opened again counts again."""
        self._file_bytes += len(mapping)

    @property
    def fits(self) -> bool:
        """Whether all files fit in memory, so that their pages stay resident."""
        return self._file_bytes <= _SHARE_OF_MEMORY * _memory_bytes()

    def add(self, mapping: mmap.mmap, n_bytes: int) -> None:
        """Add pages of a mapping; release all pages if they exceed the limit and do not fit."""
        self._n_bytes += n_bytes
        self._mappings[id(mapping)] = weakref.ref(mapping)
        if self._n_bytes > _RESIDENT_BYTES and not self.fits:
            # Taken out first: other threads may be adding to the account. They may also lose a
            # part of it, which only delays the next release.
            mappings, self._mappings, self._n_bytes = self._mappings, {}, 0
            for reference in list(mappings.values()):
                if (mapping := reference()) is not None:
                    mapping.madvise(mmap.MADV_DONTNEED)


class MappedRows:
    """Reader of rows of a memory-mapped array, which copies them into new memory.

    Parameters
    ----------
    array : memmap of shape (n_rows, ...)
        The array, or a view of it. Rows may overlap.
    residency : Residency or None, default=None
        Account of resident pages, which files that are read in turn can share. If None, a new one.
    file : FileRows or None, default=None
        The same rows of the same open file. Random rows of files that do not fit in memory are read
        from it, which is faster, since no pages are mapped and released. Page tables, which older
        kernels keep for pages that are released, do not grow either.
    """

    def __init__(
        self,
        array: np.memmap,
        residency: Residency | None = None,
        file: FileRows | None = None,
    ):
        self.array = array
        self._file = file
        self._residency = residency or Residency()
        # Copy-on-write maps hold changes that exist nowhere else. Pages of shared maps can be
        # released without loss, since the file, or its cache, has their content.
        shared = array.mode in ("r", "r+", "w+") and _CAN_ADVISE
        self._mapping = array._mmap if shared else None
        if self._mapping is not None:
            self._residency.open(self._mapping)
        # Whether each piece of a file that fits in memory was fetched. Asking for pages that are
        # there takes longer than reading them.
        self._fetched: np.ndarray | None = None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the given rows, in the order given."""
        if self._mapping is None or len(rows) == 0:
            return self._copy(rows)
        self._prefetch(rows)
        if self._residency.fits:
            self._residency.add(self._mapping, 0)
            return self._copy(rows)
        if self._file is not None:
            return self._file.read(rows)
        values = np.empty((len(rows), *self.array.shape[1:]), self.array.dtype)
        n_rows = max(1, _RESIDENT_BYTES // _BYTES_PER_FAULT)
        for i in range(0, len(rows), n_rows):
            part = rows[i : i + n_rows]
            values[i : i + n_rows] = self.array[part]
            self._account_for(part)
        return values

    def _copy(self, rows: np.ndarray) -> np.ndarray:
        # Rows of an array with other strides would keep the order of its axes in memory.
        return np.ascontiguousarray(np.asarray(self.array)[rows])

    def _prefetch(self, rows: np.ndarray) -> None:
        """Ask the system to fetch all rows at once, before they are read one after the other.

        This is six times as fast for random rows that are not in the page cache.
        """
        if self._place is None:
            return
        start, step, extent = self._place
        first = start + rows * step
        if self._residency.fits:
            first = self._pieces_to_fetch(first)
            extent += _PIECE_BYTES
        if len(first) == 0:
            return
        first = np.unique(first)
        last = np.minimum(first + extent, len(self._mapping))
        new = np.flatnonzero(np.append(True, first[1:] > last[:-1] + _NEAR_BYTES))
        starts = first[new] // mmap.PAGESIZE * mmap.PAGESIZE
        ends = last[np.append(new[1:], len(first)) - 1]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            self._mapping.madvise(mmap.MADV_WILLNEED, start, end - start)

    def _pieces_to_fetch(self, offsets: np.ndarray) -> np.ndarray:
        """Return the starts of the pieces of the file that have the offsets, if they are new."""
        if self._fetched is None:
            self._fetched = np.zeros(len(self._mapping) // _PIECE_BYTES + 1, dtype=bool)
        pieces = offsets // _PIECE_BYTES
        is_there = self._fetched[pieces]
        if is_there.all():
            return offsets[:0]
        pieces = pieces[~is_there]
        self._fetched[pieces] = True
        return pieces * _PIECE_BYTES

    @functools.cached_property
    def _place(self) -> tuple[int, int, int] | None:
        """Offset of the first row in the mapping, bytes between rows, and bytes that a row spans.

        None if rows are scattered over the file.
        """
        strides = np.array(self.array.strides)
        extent = (
            int((strides[1:] * (np.array(self.array.shape[1:]) - 1)).sum()) + self.array.itemsize
        )
        if (strides < 0).any() or extent > 2 * self._row_bytes():
            return None
        start_of_mapping = np.frombuffer(self._mapping, np.uint8).ctypes.data
        return self.array.ctypes.data - start_of_mapping, int(strides[0]), extent

    def _account_for(self, rows: np.ndarray) -> None:
        scattered = len(rows) * (self._row_bytes() + _BYTES_PER_FAULT)
        span = int(rows.max() - rows.min() + 1) * abs(self.array.strides[0]) + 2 * _BYTES_PER_FAULT
        self._residency.add(self._mapping, min(scattered, span))

    def _row_bytes(self) -> int:
        return self.array.nbytes // len(self.array)
