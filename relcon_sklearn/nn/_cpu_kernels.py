"""Inner loops of the motif distance on CPUs, compiled by numba.

They replace sequences of torch calls, each of which reads a whole (time x time) array from the
cache and writes it back. Here one row of the array stays in the first-level cache until it is
reduced to a few sums.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numba
import numpy as np
from numba.extending import overload


def _may_cache() -> bool:
    """Return whether numba may store machine code, beside the bytecode or in NUMBA_CACHE_DIR.

    Where Python cannot store bytecode, numba would write to the user's home directory, or raise an
    error if it cannot.
    """
    if numba.config.CACHE_DIR:
        return True
    return not sys.dont_write_bytecode and os.access(Path(__file__).parent, os.W_OK)


# Sums may be computed in any order, so that the compiler can use vector instructions. NaN and
# infinity keep their meaning.
_compiled = numba.njit(
    nogil=True,
    cache=_may_cache(),
    error_model="numpy",
    fastmath={"contract", "reassoc", "nsz", "arcp"},
)


def _as_float32(score):
    """Return a score as float32. A uint16 holds the bits of a bfloat16."""
    raise NotImplementedError("compiled only")


@overload(_as_float32, inline="always")
def _compile_as_float32(score):
    if score == numba.types.uint16:  # the upper half of a float32
        return lambda score: np.uint32(np.uint32(score) << np.uint32(16)).view(np.float32)
    return lambda score: score


@_compiled
def _read_row(scores, row):
    """Copy scores to the float32 array `row`, and return the largest.

    The largest is found among integers in the same order, because numba does not compile a maximum
    of floating-point numbers to vector instructions.
    """
    bits = row.view(np.int32)
    for k in range(len(row)):
        row[k] = _as_float32(scores[k])
    largest = np.int32(-(2**31))
    for k in range(len(row)):
        largest = max(largest, _flip_negative(bits[k]))
    return np.int32(_flip_negative(largest)).view(np.float32)


@_compiled
def _flip_negative(bits):
    """Reverse the order of negative numbers, whose bits grow with their magnitude."""
    return bits ^ ((bits >> np.int32(31)) & np.int32(2**31 - 1))


@_compiled
def sparsemax_attend(scores, value, out):
    """Write ``value @ sparsemax(scores).T`` to `out` without storing the weights.

    The threshold is found by Newton's method, as explained in ``sparsemax_``.

    Parameters
    ----------
    scores : float32 or uint16 ndarray of shape (n, n_queries, n_keys)
        Scores. A uint16 holds the bits of a bfloat16, which NumPy does not have.
    value : float32 ndarray of shape (n, n_channels, n_keys)
        Values to sum with the weights.
    out : float32 ndarray of shape (n, n_channels, n_queries)
        Weighted sums.
    """
    n, n_queries, n_keys = scores.shape
    # Constants have the dtype of the scores: others would turn every result into a double.
    zero, one, size = np.float32(0), np.float32(1), np.float32(n_keys)
    tolerance = np.float32(16 * np.finfo(np.float32).eps)
    row = np.empty(n_keys, np.float32)
    for i in range(n):
        for j in range(n_queries):
            top = _read_row(scores[i, j], row)
            # Centred in memory, so that reordered sums keep their digits at any level of scores.
            total, excess, n_support = zero, -one, zero
            for k in range(n_keys):
                centred = row[k] - top
                row[k] = centred
                total += centred
                above = centred + one
                # A product rather than a branch, so that the compiler uses vector instructions.
                in_support = one if above > zero else zero
                excess += above * in_support
                n_support += in_support
            # The Newton step from max - 1, or mean - 1 / n if that is larger.
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
def softmax_attend(scores, value, out):
    """Write ``value @ softmax(scores).T`` to `out`, with the arguments of `sparsemax_attend`."""
    n, n_queries, n_keys = scores.shape
    row = np.empty(n_keys, np.float32)
    for i in range(n):
        for j in range(n_queries):
            top = _read_row(scores[i, j], row)
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
    """Return the exponential of a float32 that is not positive, with a relative error below 2e-7.

    Calls of the C library's function would prevent vector instructions in the surrounding loop.
    With ``x = n ln 2 + r`` and an integer n, ``exp(x) = 2**n exp(r)``, which is a shift of the
    exponent's bits and a short polynomial (the one of the Cephes library). For x below -60 the
    result is exp(-60), which avoids denormal numbers and is far below the last digit of a sum that
    contains 1.
    """
    x = max(x, np.float32(-60))
    n = np.int32(x * np.float32(1.44269504) - np.float32(0.5))
    # ln 2 as a sum of two parts. The first has few digits and is exact.
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
    """Apply GELU to each row of `x`, (n, n_timesteps), then standardise the row, in place.

    The normal distribution function in GELU is formula 26.2.17 of Abramowitz and Stegun, with an
    absolute error below 8e-8.
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
