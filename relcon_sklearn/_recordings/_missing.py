"""Samples with missing values, and those whose values are far from others, found in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FAR = 0.5  # of a value that stands for missing ones: all measured ones are smaller
_BLOCK_SAMPLES = 2**20  # samples


class Found(NamedTuple):
    """Numbers of samples: those with a missing value, and those with a large acceleration.

    In `equal` samples, all axes of an accelerometer have the same value, and the others near them
    are at most half as large.
    """

    missing: np.ndarray
    large: np.ndarray
    equal: np.ndarray


def find_missing(
    signal: np.ndarray,
    nan_policy: str,
    name: str,
    acceleration: list[list[int]] = (),
    limit: float = np.finfo(np.float64).max,
) -> Found:
    """Return the rows of a signal in which any channel is NaN, and those to look at again.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        The recording.
    nan_policy : {"raise", "omit"}
        Whether NaN raises an error.
    name : str
        What to call the recording in an error.
    acceleration : list of list of int, default=()
        The channels of each accelerometer.
    limit : float
        Magnitude above which a value of an accelerometer is large, in the units of the signal.

    Raises
    ------
    ValueError
        If a value is infinite, or if a value is NaN with ``nan_policy="raise"``.
    """
    missing, large, equal = ([np.empty(0, dtype=np.int64)] for _ in Found._fields)
    for start in range(0, len(signal), _BLOCK_SAMPLES):
        values = signal[start : start + _BLOCK_SAMPLES]
        # They are NaN or infinite if any value is, and take as long as a check of all values.
        low, high = float(values.min()), float(values.max())
        for axes in acceleration:
            equal.append(start + _find_equal(values, axes, low, high))
        if abs(low) <= limit and abs(high) <= limit:
            continue
        if not np.isfinite([low, high]).all():
            infinite = np.isinf(values).any(axis=1)
            if infinite.any():
                raise ValueError(
                    f"{name} has infinite values, the first in sample {start + infinite.argmax()}. "
                    "If they stand for missing samples, replace them with NaN and pass "
                    "nan_policy='omit'."
                )
            missing.append(start + np.flatnonzero(np.isnan(values).any(axis=1)))
        above = np.zeros(len(values), dtype=bool)
        for axis in (axis for axes in acceleration for axis in axes):
            above |= (values[:, axis] > limit) | (values[:, axis] < -limit)
        large.append(start + np.flatnonzero(above))
    # Of several accelerometers, their order is not that of the samples.
    equal = np.unique(np.concatenate(equal))
    found = Found(np.concatenate(missing), np.concatenate(large), equal)
    if len(found.missing) and nan_policy == "raise":
        raise ValueError(
            f"{name} has NaN in {len(found.missing)} of {len(signal)} samples, the first in sample "
            f"{found.missing[0]}. Pass nan_policy='omit' to treat such samples as missing. They "
            "then make gaps, and no window spans a gap."
        )
    return found


def _find_equal(values: np.ndarray, axes: list[int], low: float, high: float) -> np.ndarray:
    """Return the samples in which all axes of an accelerometer have its value that is far away.

    `low` and `high` are the smallest and the largest value of all channels, or NaN.
    """
    if len(axes) != values.shape[1] or low != low:
        own = values[:, axes]
        low, high = (float(ufunc.reduce(own, axis=None)) for ufunc in (np.fmin, np.fmax))
    largest, other = (low, high) if -low > high else (high, low)
    samples = np.arange(0)
    if largest and (largest == other or abs(other) <= FAR * abs(largest)):
        samples = np.flatnonzero(values[:, axes[0]] == largest)
        for axis in axes[1:]:
            samples = samples[values[samples, axis] == largest]
    return samples
