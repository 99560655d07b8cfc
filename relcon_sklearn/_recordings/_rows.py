"""Some rows of a signal or of its times, which are looked up where they are needed.

A week at 100 Hz has 60 million samples: the numbers of those that are used would need as much
memory as their times.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_ROWS_AT_ONCE = 2**20  # so that temporary arrays are small


class Ranges:
    """Numbers of samples in ranges. Indexing is as that of an array with all the numbers.

    Parameters
    ----------
    first, stop : ndarray of shape (n_ranges,)
        First sample of each range, and the sample after its last, increasing. No range is empty.
    """

    def __init__(self, first: np.ndarray, stop: np.ndarray):
        self.first, self.stop = first, stop
        self._ends = np.cumsum(stop - first)
        self._shift = stop - self._ends

    @classmethod
    def where_rows(cls, condition: Callable[[np.ndarray], np.ndarray], values) -> Ranges:
        """Return the numbers of the rows at which a condition is True, in little memory.

        `condition` returns a mask, given some rows of `values`.
        """
        edges, before = [], False
        for start in range(0, len(values), _ROWS_AT_ONCE):
            mask = condition(values[start : start + _ROWS_AT_ONCE])
            edges.append(start + np.flatnonzero(np.diff(mask, prepend=before)))
            before = mask[-1]
        edges = np.concatenate([*edges, [len(values)] * int(before)]).astype(np.int64)
        return cls(edges[::2], edges[1::2])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, which):
        if not isinstance(which, slice):
            which = np.asarray(which)
            which = which + len(self) * (which < 0)
            return which + self._shift[np.searchsorted(self._ends, which, side="right")]
        number = np.arange(*which.indices(len(self)))
        if len(number):
            run, last = np.searchsorted(self._ends, number[[0, -1]], side="right")
            if run != last:
                run = np.searchsorted(self._ends, number, side="right")
            number += self._shift[run]
        return number

    def others(self, n_samples: int) -> Ranges:
        """Return the numbers of the other ones of `n_samples` samples."""
        first, stop = np.append(0, self.stop), np.append(self.first, n_samples)
        return Ranges(first[first < stop], stop[first < stop])


class Taken:
    """Rows of an array. Indexing is as that of the array ``values[rows[:]]``.

    Parameters
    ----------
    values : array-like
        What takes slices and arrays of numbers as an index.
    rows : Ranges, Taken or ndarray
        Numbers of the rows.
    """

    def __init__(self, values, rows):
        self._values, self._rows = values, rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return (len(self), *self._values.shape[1:])

    def __getitem__(self, which):
        if not isinstance(which, slice):
            return self._values[self._rows[which]]
        return rows_of(self._values, self._rows[which])


class AsFloat:
    """Numbers of rows as float64."""

    def __init__(self, rows):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which):
        return np.float64(self._rows[which])


def rows_of(values, rows: np.ndarray):
    """Return rows of an array, increasing, as a view if they are consecutive."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return values[rows[0] : rows[-1] + 1]
    return values[rows]
