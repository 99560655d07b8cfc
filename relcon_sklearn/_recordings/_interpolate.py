"""Linear interpolation of signals at regular times."""

from __future__ import annotations

import math

import numpy as np

_POINTS_AT_ONCE = 2**14  # so that temporary arrays stay in the cache


def interpolate(values: np.ndarray, knots: np.ndarray, n_points: int) -> np.ndarray:
    """Return values at the times 0, 1, ..., n_points - 1, as numpy.interp does for each channel.

    All channels share the search for the samples around each point, which takes most of the time.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_channels)
        Floats. The dtype is kept. Values between samples are computed in float64.
    knots : ndarray of shape (n_samples,)
        Times of the samples, strictly increasing from 0.
    n_points : int
        Number of points. Those after the last sample have its value.
    """
    points = np.empty((n_points, values.shape[1]), dtype=values.dtype)
    n_between = min(math.ceil(knots[-1]), n_points)
    for start in range(0, n_between, _POINTS_AT_ONCE):
        stop = min(start + _POINTS_AT_ONCE, n_between)
        first = np.searchsorted(knots, start, side="right") - 1
        near = slice(first, np.searchsorted(knots, stop - 1, side="right") + 1)
        x = knots[near]
        # For each point, the number of samples up to it, without a search.
        up_to = np.maximum(np.ceil(x[:-1]).astype(np.int64) - start, 0)
        left = np.cumsum(np.bincount(up_to, minlength=stop - start)) - 1
        apart, since = np.diff(x), np.arange(start, stop) - x[left]
        for channel in range(values.shape[1]):
            y = values[near, channel].astype(np.float64)
            slope = np.diff(y) / apart
            points[start:stop, channel] = slope[left] * since + y[left]
    points[n_between:] = values[-1]
    return points
