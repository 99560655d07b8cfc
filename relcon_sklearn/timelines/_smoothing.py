"""Smoothing of labels and values over the steps of a run, a part of a timeline without holes."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_STEPS_AT_ONCE = 2**14  # so that temporary arrays are small


def neighbours(first: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps around each step, in the same run, as the first and the one after the last.

    Parameters
    ----------
    first : ndarray of shape (n,), dtype bool
        Whether each step is the first of a run.
    n_steps : int
        Number of steps around each, itself included, odd. There are fewer near the ends of a run.
    """
    number, starts = np.arange(len(first)), np.flatnonzero(first)
    run = np.cumsum(first) - 1
    stops = np.append(starts[1:], len(first))
    half = n_steps // 2
    return np.maximum(number - half, starts[run]), np.minimum(number + half + 1, stops[run])


def most_frequent(
    codes: np.ndarray, shares: np.ndarray, first: np.ndarray, n_steps: int
) -> np.ndarray:
    """Return the most frequent code of the steps around each step.

    Of equally frequent codes, it is the one with the largest sum of `shares`, (n, n_classes).
    """
    low, high = neighbours(first, n_steps)
    hard = np.zeros(shares.shape, dtype=np.int64)
    hard[np.arange(len(codes)), codes] = 1
    count = _sums(hard, low, high)
    support = np.where(count == count.max(axis=1, keepdims=True), _sums(shares, low, high), -1)
    return support.argmax(axis=1)


def running_median(values: np.ndarray, first: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the median of the values of the steps around each step."""
    low, high = neighbours(first, n_steps)
    half = n_steps // 2
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = sliding_window_view(padded, n_steps)
    medians = np.empty(len(values))
    for start in range(0, len(values), _STEPS_AT_ONCE):
        rows = np.arange(start, min(start + _STEPS_AT_ONCE, len(values)))
        number = rows[:, None] - half + np.arange(n_steps)
        own = (number >= low[rows, None]) & (number < high[rows, None])
        medians[rows] = np.nanmedian(np.where(own, windows[rows], np.nan), axis=1)
    return medians


def _sums(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the sums of the rows from `low` to below `high`."""
    total = np.zeros((len(values) + 1, values.shape[1]), dtype=values.dtype)
    np.cumsum(values, axis=0, out=total[1:])
    return total[high] - total[low]
