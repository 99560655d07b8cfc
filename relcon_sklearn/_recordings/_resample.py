"""Anti-aliased change of the sampling rate."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.signal import firwin, resample_poly

# Rates are taken as fractions with this largest denominator: the ratio is then off by 1e-6 at most.
_LARGEST_DENOMINATOR = 1000

# Of the filter: half its length in periods of the lower rate, and the shape of its Kaiser window.
_HALF_LENGTH = 10
_KAISER_BETA = 5.0


class Ratio(NamedTuple):
    """The rate after resampling over the one before, `up` / `down`, without common factors."""

    up: int
    down: int

    @classmethod
    def of(cls, after: float, before: float) -> Ratio:
        """Return the ratio of two rates."""
        ratio = _fraction(after) / _fraction(before)
        return cls(ratio.numerator, ratio.denominator)

    def length(self, n_samples):
        """Return how many samples resampling makes of `n_samples`."""
        return -(-n_samples * self.up // self.down)


def _fraction(rate: float) -> Fraction:
    return Fraction(rate).limit_denominator(_LARGEST_DENOMINATOR)


def resample(signal: np.ndarray, ratio: Ratio) -> np.ndarray:
    """Resample a floating (n_samples, n_channels); its dtype is kept."""
    if ratio.up == ratio.down:
        return signal
    if len(signal) == 1:  # no line leads through one point
        return np.repeat(signal, ratio.length(1), axis=0)
    # Extended along a line at both ends: zeros would make a step of the size of gravity there.
    taps = _low_pass(max(ratio)).astype(signal.dtype)
    return resample_poly(signal, *ratio, axis=0, window=taps, padtype="line")


@lru_cache(maxsize=8)
def _low_pass(factor: int) -> np.ndarray:
    """Design the filter that resample_poly would design anew for every stretch."""
    return firwin(2 * _HALF_LENGTH * factor + 1, 1 / factor, window=("kaiser", _KAISER_BETA))
