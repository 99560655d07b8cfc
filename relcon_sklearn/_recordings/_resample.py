"""Change of the sampling rate with an anti-aliasing filter."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.signal import firwin, resample_poly

# Rates are rounded to fractions with at most this denominator: the ratio is off by at most 1e-6.
_LARGEST_DENOMINATOR = 1000

# Half the length of the filter, in periods of the lower rate, and the shape of its Kaiser window.
_HALF_LENGTH = 10
_KAISER_BETA = 5.0


class Ratio(NamedTuple):
    """Rate after resampling divided by the rate before: `up` / `down`, without common factors."""

    up: int
    down: int

    @classmethod
    def of(cls, after: float, before: float) -> Ratio:
        """Return the ratio of two rates."""
        ratio = _fraction(after) / _fraction(before)
        return cls(ratio.numerator, ratio.denominator)

    def length(self, n_samples):
        """Return the number of samples after resampling `n_samples` samples."""
        return -(-n_samples * self.up // self.down)


def _fraction(rate: float) -> Fraction:
    return Fraction(rate).limit_denominator(_LARGEST_DENOMINATOR)


def resample(signal: np.ndarray, ratio: Ratio) -> np.ndarray:
    """Resample a floating-point array of shape (n_samples, n_channels); the dtype is kept."""
    if ratio.up == ratio.down:
        return signal
    if len(signal) == 1:  # one point does not define a line for the padding below
        return np.repeat(signal, ratio.length(1), axis=0)
    # Padded along a line at both ends: zeros would add a step as large as gravity.
    taps = _low_pass(max(ratio)).astype(signal.dtype)
    return resample_poly(signal, *ratio, axis=0, window=taps, padtype="line")


@lru_cache(maxsize=8)
def _low_pass(factor: int) -> np.ndarray:
    """Return the filter of resample_poly, cached because it would design it for each stretch."""
    return firwin(2 * _HALF_LENGTH * factor + 1, 1 / factor, window=("kaiser", _KAISER_BETA))
