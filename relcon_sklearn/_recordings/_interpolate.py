"""Linear interpolation of signals at regular times."""

from __future__ import annotations

import math

import numpy as np

_POINTS_AT_ONCE = 2**14  # so that temporary arrays stay in the cache


def interpolate(values: np.ndarray, knots: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Return values at the times first, ..., stop - 1, as numpy.interp does for each channel.

    All channels share the search for the samples around each point, which takes most of the time.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_channels)
        Floats. The dtype is kept. Values between samples are computed in float64.
    knots : ndarray of shape (n_samples,)
        Times of the samples, strictly increasing. The first is not after `first`.
    first, stop : int
        The points. Those after the last sample have its value.
    """
    points = np.empty((stop - first, values.shape[1]), dtype=values.dtype)
    end = min(math.ceil(knots[-1]), stop)  # of those between samples
    for start in range(first, end, _POINTS_AT_ONCE):
        some = np.arange(start, min(start + _POINTS_AT_ONCE, end))
        after = np.searchsorted(knots, some[[0, -1]], side="right")
        near = slice(after[0] - 1, after[1] + 1)
        x = knots[near]
        # For each point, the number of samples up to it, without a search.
        up_to = np.maximum(np.ceil(x[:-1]).astype(np.int64) - start, 0)
        left = np.cumsum(np.bincount(up_to, minlength=len(some))) - 1
        apart, since = np.diff(x), some - x[left]
        for channel in range(values.shape[1]):
            y = values[near, channel].astype(np.float64)
            slope = np.diff(y) / apart
            points[some[0] - first : some[-1] + 1 - first, channel] = slope[left] * since + y[left]
    points[max(end - first, 0) :] = values[-1]
    return points
