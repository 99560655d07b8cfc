"""Rows of a file, read by system calls instead of through mapped pages."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

import numpy as np

from ..exceptions import DamagedFileError

CAN_READ_AT = hasattr(os, "preadv")  # not on Windows


class FileRows:
    """Reader of rows of a file of one array, in C order from the first byte.

    The file stays open as long as the reader exists.

    Parameters
    ----------
    path : Path
        Path of the file.
    dtype : str or numpy.dtype
        Dtype of the array.
    shape : tuple of int
        Shape of the array.
    """

    def __init__(self, path: Path, dtype, shape: tuple[int, ...]):
        self.path, self.dtype, self.shape = path, np.dtype(dtype), shape
        self._row_bytes = int(np.prod(shape[1:], dtype=object)) * self.dtype.itemsize
        self._file = open(os.fspath(path), "rb", buffering=0)  # a str becomes memmap.filename
        weakref.finalize(self, self._file.close)

    def mapped(self) -> np.memmap:
        """Return the array, mapped from the same open file.

        Raises
        ------
        DamagedFileError
            If the file is shorter than the array.
        """
        size, expected = os.fstat(self._file.fileno()).st_size, self.shape[0] * self._row_bytes
        if size < expected:
            raise DamagedFileError(
                f"{self.path} is truncated: it has {size} bytes, and not the {expected} that it "
                "had when its store was opened."
            )
        return np.memmap(self._file, self.dtype, "r", shape=self.shape)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the given rows, in the order given, in new memory.

        Raises
        ------
        DamagedFileError
            If the file is shorter than the array: it was truncated after it was opened.
        """
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        content, n = memoryview(values.reshape(-1).view(np.uint8)), self._row_bytes
        # Successive rows are one piece.
        first = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        edges = np.append(first, len(rows)) * n
        for start, stop, position in zip(edges, edges[1:], rows[first] * n, strict=False):
            self._fill(content[start:stop], int(position))
        return values

    def _fill(self, content: memoryview, position: int) -> None:
        """Read bytes of the file from a position on."""
        while len(content):
            n_read = os.preadv(self._file.fileno(), [content], position)
            if n_read == 0:
                raise DamagedFileError(
                    f"{self.path} was truncated after it was opened: it ends before byte "
                    f"{position + len(content)}."
                )
            content, position = content[n_read:], position + n_read
