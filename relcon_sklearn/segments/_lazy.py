"""Array-likes that are read when they are indexed."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class LazyArray(ABC):
    """Array-like whose rows are made when they are asked for.

    It has what scikit-learn and the estimators here need of an array: ``shape``, ``dtype``,
    ``len``, indexing of rows by an integer, a slice, row numbers or a mask, and, for code that
    insists, conversion to an ndarray, which holds everything in memory. What indexing returns is
    an ndarray. Subclasses set `shape` and `dtype`, and say how rows are read.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @abstractmethod
    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Return the given rows, int64 numbers in range and in any order, as a new array."""

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        """Bytes that the whole would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key):
        key, *rest = key if isinstance(key, tuple) else (key,)
        if key is Ellipsis:
            key, rest = slice(None), [Ellipsis, *rest]
        if isinstance(key, (int, np.integer)):
            return self._read(self._in_range(np.array([key], dtype=np.int64)))[(0, *rest)]
        if isinstance(key, slice):
            rows = np.arange(*key.indices(len(self)))
        else:
            rows = self._row_numbers(np.asarray(key))
        values = self._read(rows)
        return values[(slice(None), *rest)] if rest else values

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError(f"A {type(self).__name__} can only become an ndarray by a copy.")
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of shape {self.shape}, dtype {self.dtype}>"

    def _row_numbers(self, key: np.ndarray) -> np.ndarray:
        if key.ndim != 1 or (key.size and key.dtype.kind not in "iub"):
            raise IndexError(
                f"rows of a {type(self).__name__} are chosen by an integer, a slice, a list of "
                f"integers or a mask, not by an array of shape {key.shape} and dtype {key.dtype}."
            )
        if key.dtype.kind != "b":
            return self._in_range(key.astype(np.int64))
        if len(key) != len(self):
            raise IndexError(f"a mask of {len(key)} entries cannot choose among {len(self)} rows.")
        return np.flatnonzero(key)

    def _in_range(self, rows: np.ndarray) -> np.ndarray:
        outside = (rows < -len(self)) | (rows >= len(self))
        if outside.any():
            raise IndexError(
                f"row {rows[outside][0]} is out of range for a {type(self).__name__} of "
                f"{len(self)} rows."
            )
        return np.where(rows < 0, rows + len(self), rows)
