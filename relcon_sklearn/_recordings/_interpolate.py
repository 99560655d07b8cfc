"""Linear interpolation of signals at regular times."""

from __future__ import annotations

import math

import numpy as np

_POINTS_AT_ONCE = 2**14  # so that temporary arrays stay in the cache


def interpolate(values: np.ndarray, knots: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Return values at the times first, ..., stop - 1, as numpy.interp does for each channel.

    All channels share the search for the samples around each point. Most points are the first one
    after a sample if there is about one for each. The values of these points are computed in the
    order of the samples, so that only they are looked up, and not slopes, samples and times.

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
        n = min(_POINTS_AT_ONCE, end - start)
        after = np.searchsorted(knots, [start, start + n - 1], side="right")
        near = slice(after[0] - 1, after[1] + 1)
        x = knots[near]
        next_point = np.ceil(x[:-1])
        apart, since = x[1:] - x[:-1], next_point - x[:-1]
        left = _last_samples(next_point[1:] - start, n)
        others = np.append(0, np.flatnonzero(left[1:] == left[:-1]) + 1)
        left_of_others = left[others]
        since_others = start + others - x[left_of_others]
        part = points[:, start - first : start - first + n]
        for y, out in zip(values[near].T.astype(np.float64, order="C"), part, strict=True):
            slope = y[1:] - y[:-1]
            slope /= apart
            at_next = slope * since
            at_next += y[:-1]
            at_next.astype(values.dtype, copy=False).take(left, out=out, mode="clip")
            out[others] = slope[left_of_others] * since_others + y[left_of_others]
    points[:, max(end - first, 0) :] = values[-1:].T
    return points.T


def _last_samples(next_point: np.ndarray, n_points: int) -> np.ndarray:
    """Return the number of the last sample up to each of some points, without a search.

    `next_point` has the number of the first point at or after each sample, without the first and
    the last sample: the first one is not after the first point, the last one is after all points.
    """
    edges = np.empty(len(next_point) + 2, dtype=np.int32)
    edges[0], edges[1:-1], edges[-1] = 0, next_point, n_points
    return np.arange(len(edges) - 1).repeat(edges[1:] - edges[:-1])
