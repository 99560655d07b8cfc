"""Change of the sampling rate with an anti-aliasing filter."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

# Largest relative error of a ratio. A smaller one needs larger terms. The length of the filter is
# proportional to the larger term.
_LARGEST_ERROR = 5e-4

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

    def sources(self, first: int, stop: int) -> slice:
        """Return the samples that resampled ones depend on; they may be outside of the signal.

        The first of them is at the time of a resampled one.
        """
        margin = _HALF_LENGTH * max(self) // self.up + 1
        begin = (first * self.down // self.up - margin) // self.down * self.down
        return slice(begin, stop * self.down // self.up + margin + 1)


def resample(signal: np.ndarray, ratio: Ratio) -> np.ndarray:
    """Resample a floating-point array of shape (n_samples, n_channels); the dtype is kept."""
    if ratio.up == ratio.down:
        return signal
    if len(signal) == 1:  # one point does not define a line for the padding below
        return np.repeat(signal, ratio.length(1), axis=0)
    from scipy.signal import resample_poly

    # Padded along a line at both ends: zeros would add a step as large as gravity.
    taps = _low_pass(max(ratio)).astype(signal.dtype)
    return resample_poly(signal, *ratio, axis=0, window=taps, padtype="line")


def pad_along_line(part: np.ndarray, of: slice, ends: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the samples `of` a signal, of which those outside of it are on a line.

    It is the line on which :func:`resample` pads the whole signal.

    Parameters
    ----------
    part : ndarray of shape (n_samples_inside, n_channels)
        Those of the samples that the signal has.
    of : slice
        The samples. It may start before 0 and stop after `n_samples`.
    ends : ndarray of shape (2, n_channels)
        First and last sample of the signal.
    n_samples : int
        Length of the signal.
    """
    slope = (ends[1] - ends[0]) / (n_samples - 1)
    before = np.arange(min(of.start, 0), 0)[:, None]
    after = np.arange(1, max(of.stop - n_samples, 0) + 1)[:, None]
    padded = [ends[0] + slope * before, part, ends[1] + slope * after]
    return np.concatenate(padded, dtype=part.dtype, casting="same_kind")


@lru_cache(maxsize=8)
def _low_pass(factor: int) -> np.ndarray:
    """Return the filter of resample_poly, cached because it would design it for each stretch."""
    from scipy.signal import firwin

    return firwin(2 * _HALF_LENGTH * factor + 1, 1 / factor, window=("kaiser", _KAISER_BETA))
