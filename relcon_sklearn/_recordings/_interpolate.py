"""Linear interpolation of signals at regular times."""

from __future__ import annotations

import math

import numpy as np

_POINTS_AT_ONCE = 2**13  # so that temporary arrays stay in the cache


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

    Returns
    -------
    points : ndarray of shape (stop - first, n_channels)
        The values of a channel are contiguous.
    """
    points = np.empty((values.shape[1], stop - first), dtype=values.dtype)
    end = min(math.ceil(knots[-1]), stop)  # of those between samples
    for start in range(first, end, _POINTS_AT_ONCE):
        some = np.arange(start, min(start + _POINTS_AT_ONCE, end))
        after = np.searchsorted(knots, some[[0, -1]], side="right")
        near = slice(after[0] - 1, after[1] + 1)
        x = knots[near]
        # For each point, the number of the last sample up to it, without a search.
        first_after = np.clip(np.ceil(x).astype(np.int64) - start, 0, len(some))
        left = np.arange(len(x) - 1).repeat(np.diff(first_after))
        apart, since = np.diff(x), some - x.take(left)
        for channel, y in enumerate(values[near].T.astype(np.float64)):
            slope = np.diff(y) / apart
            part = slice(some[0] - first, some[-1] + 1 - first)
            points[channel, part] = slope.take(left) * since + y.take(left)
    points[:, max(end - first, 0) :] = values[-1:].T
    return points.T
