"""Inner loops of the ranking on CPUs, compiled by numba.

What they replace is a row of torch calls, each of which takes the whole of a (time x time) array
from the cache and puts it back. Here one row of it stays in the first-level cache until nothing
but its few sums is left.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numba
import numpy as np


def _is_kept() -> bool:
    """Whether machine code is kept: where Python keeps bytecode, or where NUMBA_CACHE_DIR says.

    Otherwise numba would write to the user's home, or refuse where it cannot.
    """
    if numba.config.CACHE_DIR:
        return True
    return not sys.dont_write_bytecode and os.access(Path(__file__).parent, os.W_OK)


# Sums may be added up in any order, which is what makes them vector instructions; not-a-number and
# infinity keep their meaning.
_compiled = numba.njit(
    nogil=True,
    cache=_is_kept(),
    error_model="numpy",
    fastmath={"contract", "reassoc", "nsz", "arcp"},
)


@_compiled
def sparsemax_attend(scores, tops, value, out):
    """Write ``value @ sparsemax(scores).T`` to `out`, without the weights.

    Newton's method as in ``sparsemax_``, where it is explained.

    Parameters
    ----------
    scores : float32 ndarray of shape (n, n_queries, n_keys)
        C-contiguous. Overwritten.
    tops : float32 ndarray of shape (n, n_queries)
        The largest score of each row: a maximum is no vector instruction here, but is in torch.
    value : float32 ndarray of shape (n, n_channels, n_keys)
        What is to be summed, with the weights.
    out : float32 ndarray of shape (n, n_channels, n_queries)
        The sums.
    """
    n, n_queries, n_keys = scores.shape
    # Numbers of the scores' own dtype: one of another would make all that it meets a double.
    zero, one, size = np.float32(0), np.float32(1), np.float32(n_keys)
    tolerance = np.float32(16 * np.finfo(np.float32).eps)
    for i in range(n):
        for j in range(n_queries):
            row, top = scores[i, j], tops[i, j]
            # Centred once and for all: sums in any order must not bring the level back in.
            total, excess, n_support = zero, -one, zero
            for k in range(n_keys):
                centred = row[k] - top
                row[k] = centred
                total += centred
                above = centred + one
                # A product, not a choice, or the compiler makes no vector instructions of it.
                in_support = one if above > zero else zero
                excess += above * in_support
                n_support += in_support
            # Newton's step from max - 1, or the mean's start where that is farther on.
            threshold = max((total - one) / size, excess / n_support - one)
            for _ in range(100):
                excess, n_support = -one, zero
                for k in range(n_keys):
                    above = row[k] - threshold
                    in_support = one if above > zero else zero
                    excess += above * in_support
                    n_support += in_support
                threshold += excess / n_support
                if not excess > tolerance:
                    break
            for c in range(value.shape[1]):
                attended = zero
                for k in range(n_keys):
                    above = row[k] - threshold
                    attended += (above if above > zero else zero) * value[i, c, k]
                out[i, c, j] = attended


@_compiled
def softmax_attend(scores, tops, value, out):
    """Write ``value @ softmax(scores).T`` to `out`, without the weights; as `sparsemax_attend`."""
    n, n_queries, n_keys = scores.shape
    for i in range(n):
        for j in range(n_queries):
            row, top = scores[i, j], tops[i, j]
            total = np.float32(0)
            for k in range(n_keys):
                weight = _exp(row[k] - top)
                row[k] = weight
                total += weight
            for c in range(value.shape[1]):
                attended = np.float32(0)
                for k in range(n_keys):
                    attended += row[k] * value[i, c, k]
                out[i, c, j] = attended / total


@_compiled
def _exp(x):
    """Return the exponential of a float32 that is not positive, to its last two digits but one.

    Calls of the C library's would keep the loop around them from becoming vector instructions.
    ``x = n ln 2 + r`` with an integer n, so ``exp(x) = 2**n exp(r)``: a shift of the exponent's
    bits and a short polynomial (that of the Cephes library). From exp(-60) on, which is far below
    the last digit of a sum that contains 1, the result is exp(-60): no denormal numbers.
    """
    x = max(x, np.float32(-60))
    n = np.int32(x * np.float32(1.44269504) - np.float32(0.5))
    # ln 2 in two parts, the first of which is exact with few digits.
    r = (x - np.float32(n) * np.float32(0.693359375)) + np.float32(n) * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1)
    return p * np.int32(np.int32(n + 127) << 23).view(np.float32)


@_compiled
def activate_rows(x, eps):
    """Apply GELU to each row of `x`, (n, n_timesteps), then take out its mean and deviation.

    In place. The normal distribution function within GELU is formula 26.2.17 of Abramowitz and
    Stegun, good to 8e-8 (of 1).
    """
    n, n_timesteps = x.shape
    one, size = np.float32(1), np.float32(n_timesteps)
    for i in range(n):
        row = x[i]
        mean = np.float32(0)
        for k in range(n_timesteps):
            value = row[k]
            t = one / (one + np.float32(0.2316419) * abs(value))
            p = np.float32(0.530702715)
            p = p * t + np.float32(-0.726576014)
            p = p * t + np.float32(0.710706871)
            p = p * t + np.float32(-0.142248368)
            p = p * t + np.float32(0.127414796)
            tail = p * t * _exp(np.float32(-0.5) * value * value)
            value *= one - tail if value > 0 else tail
            row[k] = value
            mean += value
        mean /= size
        variance = np.float32(0)
        for k in range(n_timesteps):
            variance += (row[k] - mean) * (row[k] - mean)
        gain = one / np.sqrt(variance / size + np.float32(eps))
        for k in range(n_timesteps):
            row[k] = (row[k] - mean) * gain
