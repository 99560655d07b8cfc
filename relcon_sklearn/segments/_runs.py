"""Runs of consecutive rows, which keep the index of a billion segments small."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator

import numpy as np

from ._lazy import LazyArray


def run_starts(labels: np.ndarray) -> np.ndarray:
    """Return the start index of each run of equal neighbours in a 1-D array."""
    return np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))


class Runs:
    """Sequence of runs of consecutive rows.

    The rows of all runs are numbered by their position, from 0 to ``n_rows - 1``: first the rows of
    the first run, then the rows of the second run, and so on. Memory grows with the number of runs,
    not of rows.

    Parameters
    ----------
    starts : ndarray of shape (n_runs,)
        First row of each run.
    sizes : ndarray of shape (n_runs,)
        Number of rows of each run, at least 1.
    """

    def __init__(self, starts: np.ndarray, sizes: np.ndarray):
        self.starts = np.asarray(starts, dtype=np.int64)
        self.sizes = np.asarray(sizes, dtype=np.int64)
        # Position of the first row of each run, and the end.
        self.edges = np.concatenate([[0], np.cumsum(self.sizes)])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def n_rows(self) -> int:
        """Number of rows in all runs."""
        return int(self.edges[-1])

    def take(self, which: np.ndarray) -> Runs:
        """Return the runs selected by `which`, which is an array of run numbers or a mask."""
        return Runs(self.starts[which], self.sizes[which])

    def run_at(self, positions: np.ndarray) -> np.ndarray:
        """Return the number of the run in which each position lies."""
        return np.searchsorted(self.edges, positions, side="right") - 1

    def rows_at(self, positions: np.ndarray) -> np.ndarray:
        """Return the row at each position."""
        run = self.run_at(positions)
        return positions - self.edges[run] + self.starts[run]


class RunLabels(LazyArray):
    """Labels of rows, stored as one label for each run of consecutive rows.

    Estimators accept it as `groups` without expanding it to one label for each row. Elsewhere it is
    an array-like of shape (n_rows,), which can be compared like an array.

    Parameters
    ----------
    labels : ndarray of shape (n_runs,)
        Label of each run, of any sortable type.
    sizes : ndarray of shape (n_runs,)
        Number of rows of each run, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> labels = RunLabels(np.array(["ann", "bob"]), np.array([2, 3]))
    >>> len(labels), labels[[0, 4]].tolist()
    (5, ['ann', 'bob'])
    >>> (labels == "bob").tolist()
    [False, False, True, True, True]
    """

    def __init__(self, labels: np.ndarray, sizes: np.ndarray):
        self.labels = np.asarray(labels)
        sizes = np.asarray(sizes, dtype=np.int64)
        self.runs = Runs(np.cumsum(sizes) - sizes, sizes)
        self.shape = (self.runs.n_rows,)
        self.dtype = self.labels.dtype

    def _read(self, rows: np.ndarray) -> np.ndarray:
        return self.labels[self.runs.run_at(rows)]

    # pandas takes only objects with this method as columns.
    def __iter__(self) -> Iterator:
        return itertools.chain.from_iterable(map(itertools.repeat, self.labels, self.runs.sizes))

    # Without these methods, `groups == "ann"` would be False instead of a mask.
    def __eq__(self, other) -> np.ndarray:
        return self._compare(operator.eq, other)

    def __ne__(self, other) -> np.ndarray:
        return self._compare(operator.ne, other)

    __hash__ = None

    def _compare(self, function, other) -> np.ndarray:
        if np.ndim(other) == 0:
            return np.repeat(function(self.labels, other), self.runs.sizes)
        return function(np.asarray(self), np.asarray(other))


def label_runs(codes: np.ndarray, sizes: np.ndarray, labels: np.ndarray) -> RunLabels:
    """Label runs with ``labels[codes]``, and merge neighbouring runs with the same label."""
    first = run_starts(codes)
    return RunLabels(labels[codes[first]], np.add.reduceat(sizes, first))
