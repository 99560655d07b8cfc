"""Array-likes whose rows are read when they are indexed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from .._utils._rated_array import with_rate
from ._sampling_rate import rate_of


class LazyArray(ABC):
    """Array-like whose rows are read when they are indexed.

    It has the parts of an array that scikit-learn and the estimators here need: ``shape``,
    ``dtype``, ``len``, and indexing of rows by an integer, a slice, row numbers or a mask. Indexing
    returns an ndarray. If there is an attribute `sampling_rate`, whole rows have it too, so that
    the parts of a cross-validation know it. Conversion to an ndarray reads all rows into memory.
    Subclasses set `shape` and `dtype` and define how rows are read.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @abstractmethod
    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Return the given rows as a new array; `rows` are int64, in range and in any order."""

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
        """Number of bytes that all values would take in memory."""
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
        rate = rate_of(self)
        if rate is not None:
            values = with_rate(values, rate)
        return values[(slice(None), *rest)] if rest else values

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError(
                f"A {type(self).__name__} can only be converted to an ndarray by a copy."
            )
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of shape {self.shape}, dtype {self.dtype}>"

    def _row_numbers(self, key: np.ndarray) -> np.ndarray:
        if key.ndim != 1 or (key.size and key.dtype.kind not in "iub"):
            raise IndexError(
                f"Rows of a {type(self).__name__} are indexed by an integer, a slice, a list of "
                f"integers or a mask. Got an array of shape {key.shape} and dtype {key.dtype}."
            )
        if key.dtype.kind != "b":
            return self._in_range(key.astype(np.int64))
        if len(key) != len(self):
            raise IndexError(
                f"The mask has {len(key)} entries, but there are {len(self)} rows. Pass one entry "
                "for each row."
            )
        return np.flatnonzero(key)

    def _in_range(self, rows: np.ndarray) -> np.ndarray:
        outside = (rows < -len(self)) | (rows >= len(self))
        if outside.any():
            raise IndexError(
                f"Row {rows[outside][0]} is out of range for a {type(self).__name__} of "
                f"{len(self)} rows."
            )
        return np.where(rows < 0, rows + len(self), rows)


def positions_by_part(part: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each number in an array once, with the positions that have it, in order."""
    order = np.argsort(part, kind="stable")
    numbers, first = np.unique(part[order], return_index=True)
    for number, start, stop in zip(numbers, first, [*first[1:], len(part)], strict=False):
        yield int(number), order[start:stop]
