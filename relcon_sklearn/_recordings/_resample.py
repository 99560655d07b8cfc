"""Change of the sampling rate with an anti-aliasing filter."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.signal import firwin, resample_poly

# Largest term of the lower rate in a ratio. The length of the filter is proportional to the terms.
_LARGEST_TERM = 1000

_LOWEST_RATE = 1e-3  # Hz
_LARGEST_RATIO = 10_000

# Half the length of the filter, in periods of the lower rate, and the shape of its Kaiser window.
_HALF_LENGTH = 10
_KAISER_BETA = 5.0


class Ratio(NamedTuple):
    """Rate after resampling divided by the rate before: `up` / `down`, without common factors."""

    up: int
    down: int

    @classmethod
    def of(cls, after: float, before: float) -> Ratio:
        """Return the ratio of two rates in Hz, approximated with a relative error up to 5e-4.

        It is the best fraction whose term for the lower rate is at most 1000. The error is 0.13
        samples in a window of 256. It does not add up over a recording, because the times of the
        windows are computed with the approximated ratio.

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
        ratio = Fraction(quotient).limit_denominator(_LARGEST_TERM)
        high, low = ratio.numerator, ratio.denominator
        return cls(high, low) if after >= before else cls(low, high)

    def length(self, n_samples):
        """Return the number of samples after resampling `n_samples` samples."""
        return -(-n_samples * self.up // self.down)


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
