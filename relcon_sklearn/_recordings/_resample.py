"""Change of the sampling rate with an anti-aliasing filter."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Largest relative error of a ratio. A smaller one needs larger terms. The length of the filter is
# proportional to the larger term.
_LARGEST_ERROR = 5e-4

_LOWEST_RATE = 1e-3  # Hz
_LARGEST_RATIO = 10_000

# Half the length of the filter, in periods of the lower rate, and the shape of its Kaiser window.
_HALF_LENGTH = 10
_KAISER_BETA = 5.0

_BLOCK = 32  # samples at the higher rate, at least: few are many calls, many are many zeros


class Ratio(NamedTuple):
    """Rate after resampling divided by the rate before: `up` / `down`, without common factors."""

    up: int
    down: int

    @classmethod
    def of(cls, after: float, before: float) -> Ratio:
        """Return the ratio of two rates in Hz, approximated with a relative error up to 5e-4.

        It is the best fraction whose term for the lower rate is at most 1000 divided by the
        quotient of the rates, rounded up. The term for the higher rate is then at most 1000 plus
        the quotient. The error is 0.13 samples in a window of 256. It does not add up over a
        recording, because the times of the windows are computed with the approximated ratio.

        Raises
        ------
        ValueError
            If a rate is below 0.001 Hz, or if the rates differ by a factor above 10,000.
        """
        for name, rate in (("sampling_rate", before), ("target_rate", after)):
            if rate < _LOWEST_RATE:
                raise ValueError(
                    f"{name}={rate:g} Hz is one sample in {1 / rate:g} s. Pass the rate in Hz, at "
                    f"least {_LOWEST_RATE:g}."
                )
        quotient = max(after, before) / min(after, before)
        if quotient > _LARGEST_RATIO:
            raise ValueError(
                f"target_rate={after:g} Hz and sampling_rate={before:g} Hz differ by a factor of "
                f"{quotient:g}. Pass a target_rate that differs by at most {_LARGEST_RATIO}."
            )
        # The best fraction with terms up to n is within 1 / (2 * n) of the quotient.
        largest_term = math.ceil(1 / (2 * _LARGEST_ERROR * quotient))
        ratio = Fraction(quotient).limit_denominator(largest_term)
        high, low = ratio.numerator, ratio.denominator
        return cls(high, low) if after >= before else cls(low, high)

    def length(self, n_samples):
        """Return the number of samples after resampling `n_samples` samples."""
        return -(-n_samples * self.up // self.down)


def resample(
    signal_at: Callable[[slice], np.ndarray], n_samples: int, ratio: Ratio, first: int, stop: int
) -> np.ndarray:
    """Return a part of a signal after resampling.

    The result is that of :func:`scipy.signal.resample_poly` with ``padtype="line"`` for the whole
    signal, up to rounding. Blocks of samples are multiplied with a matrix, which is several times
    faster.

    Parameters
    ----------
    signal_at : callable
        Function that returns the samples of a slice of the signal, floating-point, of shape
        (n_samples_of_slice, n_channels).
    n_samples : int
        Length of the signal.
    ratio : Ratio
        Rate after resampling divided by the rate before.
    first, stop : int
        The part: samples first, ..., stop - 1 after resampling.

    Returns
    -------
    resampled : ndarray of shape (stop - first, n_channels)
        In the dtype of the signal.
    """
    if ratio.up == ratio.down:
        return signal_at(slice(first, stop))
    n_in, n_out, margin = _block(ratio)
    n_blocks = -(-stop // n_out) - first // n_out
    begin = first // n_out * n_in - margin
    end = begin + n_blocks * n_in + 2 * margin
    part = _along_line(signal_at, n_samples, begin, end)
    matrix = _matrix(ratio, part.dtype)
    blocks = sliding_window_view(part, len(matrix), axis=0)[::n_in]  # overlap by two margins
    # A matrix product with all channels of a block at once would be slower.
    values = np.ascontiguousarray(blocks).reshape(-1, len(matrix)) @ matrix
    values = values.reshape(n_blocks, -1, n_out).swapaxes(1, 2).reshape(n_blocks * n_out, -1)
    return values[first % n_out :][: stop - first]


def _along_line(
    signal_at: Callable[[slice], np.ndarray], n_samples: int, begin: int, end: int
) -> np.ndarray:
    """Return samples begin, ..., end - 1 of a signal, continued along the line between its ends.

    Zeros would add a step as large as gravity.
    """
    inside = signal_at(slice(max(begin, 0), min(end, n_samples)))
    if begin >= 0 and end <= n_samples:
        return inside
    low = inside[:1] if begin <= 0 else signal_at(slice(0, 1))
    high = inside[-1:] if end >= n_samples else signal_at(slice(n_samples - 1, n_samples))
    slope = (high.astype(np.float64) - low) / max(n_samples - 1, 1)
    before = low + slope * np.arange(min(begin, 0), 0)[:, None]
    after = high + slope * np.arange(1, max(end - n_samples, 0) + 1)[:, None]
    return np.concatenate([before, inside, after], dtype=inside.dtype, casting="same_kind")


def _block(ratio: Ratio) -> tuple[int, int, int]:
    """Return the numbers of samples of a block, before and after resampling, and of its margins.

    The values of a block also depend on the samples in its margins, half a filter on each side.
    """
    n_times = -(-_BLOCK // max(ratio))
    return n_times * ratio.down, n_times * ratio.up, -(-_HALF_LENGTH * max(ratio) // ratio.up)


@lru_cache(maxsize=8)
def _matrix(ratio: Ratio, dtype: np.dtype) -> np.ndarray:
    """Return the matrix (n_in + 2 * margin, n_out) that resamples a block with its margins."""
    from scipy.signal import firwin

    n_in, n_out, margin = _block(ratio)
    half = _HALF_LENGTH * max(ratio)
    taps = firwin(2 * half + 1, 1 / max(ratio), window=("kaiser", _KAISER_BETA)) * ratio.up
    # Time from each sample to each resampled one, in units that both periods are multiples of.
    apart = np.arange(n_out) * ratio.down - np.arange(-margin, n_in + margin)[:, None] * ratio.up
    matrix = np.where(np.abs(apart) <= half, taps[np.clip(apart, -half, half) + half], 0)
    return matrix.astype(dtype)
