"""Fast reading of rows of memory-mapped files with a bounded number of resident pages."""

from __future__ import annotations

import mmap

import numpy as np

# Bytes of memory-mapped pages that reading may leave resident before they are released. If a file
# is in the page cache in large pages, the kernel maps a whole one (2 MB) around each row read.
_RESIDENT_BYTES = 2**28
_BYTES_PER_FAULT = 2**21

# Rows at most this far apart are fetched from the disk as one piece
# (benchmarks/speed/bench_store.py).
_NEAR_BYTES = 2**14

_CAN_ADVISE = hasattr(mmap, "MADV_WILLNEED") and hasattr(mmap, "MADV_DONTNEED")


class Residency:
    """Account of the pages that reading has left resident, shared by mappings and threads."""

    def __init__(self):
        self._n_bytes = 0
        self._mappings: dict[int, mmap.mmap] = {}

    def add(self, mapping: mmap.mmap, n_bytes: int) -> None:
        """Add pages of a mapping; release all pages once they exceed the limit."""
        self._n_bytes += n_bytes
        self._mappings[id(mapping)] = mapping
        if self._n_bytes > _RESIDENT_BYTES:
            # Taken out first: other threads may be adding to the account. They may also lose a
            # part of it, which only delays the next release.
            mappings, self._mappings, self._n_bytes = self._mappings, {}, 0
            for mapping in list(mappings.values()):
                mapping.madvise(mmap.MADV_DONTNEED)


class MappedRows:
    """Reader of rows of a memory-mapped array, which copies them into new memory.

    Parameters
    ----------
    array : memmap of shape (n_rows, ...)
        The array, or a view of it. Rows may overlap.
    residency : Residency or None, default=None
        Account of resident pages, which files that are read in turn can share. If None, a new one.
    """

    def __init__(self, array: np.memmap, residency: Residency | None = None):
        self.array = array
        self._residency = residency or Residency()
        # Copy-on-write maps hold changes that exist nowhere else. Pages of shared maps can be
        # released without loss, since the file, or its cache, has their content.
        shared = array.mode in ("r", "r+", "w+") and _CAN_ADVISE
        self._mapping = array._mmap if shared else None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the given rows, in the order given."""
        values = np.empty((len(rows), *self.array.shape[1:]), self.array.dtype)
        if self._mapping is not None:
            self._prefetch(np.unique(rows))
        n_rows = max(1, _RESIDENT_BYTES // _BYTES_PER_FAULT)
        for i in range(0, len(rows), n_rows):
            part = rows[i : i + n_rows]
            values[i : i + n_rows] = self.array[part]
            if self._mapping is not None:
                self._account_for(part)
        return values

    def _prefetch(self, rows: np.ndarray) -> None:
        """Ask the system to fetch all rows at once, before they are read one after the other.

        This is six times as fast for random rows that are not in the page cache.
        """
        strides = np.array(self.array.strides)
        extent = (
            int((strides[1:] * (np.array(self.array.shape[1:]) - 1)).sum()) + self.array.itemsize
        )
        if len(rows) == 0 or (strides < 0).any() or extent > 2 * self._row_bytes():
            return
        start_of_mapping = np.frombuffer(self._mapping, np.uint8).ctypes.data
        first = self.array.ctypes.data - start_of_mapping + rows * strides[0]
        last = first + extent
        new = np.flatnonzero(np.append(True, first[1:] > last[:-1] + _NEAR_BYTES))
        starts = first[new] // mmap.PAGESIZE * mmap.PAGESIZE
        ends = last[np.append(new[1:], len(rows)) - 1]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            self._mapping.madvise(mmap.MADV_WILLNEED, start, end - start)

    def _account_for(self, rows: np.ndarray) -> None:
        scattered = len(rows) * (self._row_bytes() + _BYTES_PER_FAULT)
        span = int(rows.max() - rows.min() + 1) * abs(self.array.strides[0]) + 2 * _BYTES_PER_FAULT
        self._residency.add(self._mapping, min(scattered, span))

    def _row_bytes(self) -> int:
        return self.array.nbytes // len(self.array)
