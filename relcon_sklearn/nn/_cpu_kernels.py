"""Inner loops of the ranking on CPUs, compiled by numba.

What they replace is a row of torch calls, each of which takes the whole of a (time x time) array
from the cache and puts it back. Here one row of it stays in the first-level cache until nothing
but its few sums is left.
"""

from __future__ import annotations

import numba
import numpy as np

# Sums may be added up in any order, which is what makes them vector instructions; not-a-number and
# infinity keep their meaning.
_compiled = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"}
)


@_compiled
def sparsemax_attend(scores, value, out):
    """Write ``value @ sparsemax(scores).T`` to `out`, without the weights.

    Newton's method as in ``sparsemax_``, where it is explained.

    Parameters
    ----------
    scores : ndarray of shape (n, n_queries, n_keys)
        C-contiguous. Overwritten.
    value : ndarray of shape (n, n_channels, n_keys)
        What is to be summed, with the weights.
    out : ndarray of shape (n, n_channels, n_queries)
        The sums.
    """
    n, n_queries, n_keys = scores.shape
    tolerance = scores.dtype.type(16 * np.finfo(scores.dtype).eps)
    # Numbers of the scores' own dtype: one of another would make all that it meets a double.
    zero, one, size = scores.dtype.type(0), scores.dtype.type(1), scores.dtype.type(n_keys)
    for i in range(n):
        for j in range(n_queries):
            row = scores[i, j]
            top, total = row[0], zero
            for k in range(n_keys):
                top = row[k] if row[k] > top else top
            # Centred once and for all: sums in any order must not bring the level back in.
            for k in range(n_keys):
                row[k] -= top
                total += row[k]
            threshold = max((total - one) / size, -one)
            for _ in range(100):
                excess, n_support = -one, zero
                for k in range(n_keys):
                    above = row[k] - threshold
                    # A product, not a choice, or the compiler makes no vector instructions of it.
                    in_support = one if above > zero else zero
                    excess += above * in_support
                    n_support += in_support
                threshold += excess / n_support
                if not excess > tolerance:
                    break
            for k in range(n_keys):
                above = row[k] - threshold
                row[k] = above if above > zero else zero
            for c in range(value.shape[1]):
                total = zero
                for k in range(n_keys):
                    total += row[k] * value[i, c, k]
                out[i, c, j] = total


@_compiled
def normalise_rows(x, eps):
    """Take mean and standard deviation out of each row of `x`, (n, n_timesteps), in place."""
    n, n_timesteps = x.shape
    zero, one, size = x.dtype.type(0), x.dtype.type(1), x.dtype.type(n_timesteps)
    for i in range(n):
        mean = zero
        for k in range(n_timesteps):
            mean += x[i, k]
        mean /= size
        variance = zero
        for k in range(n_timesteps):
            variance += (x[i, k] - mean) * (x[i, k] - mean)
        gain = one / np.sqrt(variance / size + x.dtype.type(eps))
        for k in range(n_timesteps):
            x[i, k] = (x[i, k] - mean) * gain
