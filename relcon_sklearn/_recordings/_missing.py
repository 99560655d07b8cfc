"""Samples with missing values, and with values above a limit, in one pass over a recording."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_BLOCK_SAMPLES = 2**20  # samples


class Found(NamedTuple):
    """Numbers of samples: those with a missing value, and those with a large acceleration."""

    missing: np.ndarray
    large: np.ndarray


def find_missing(
    signal: np.ndarray,
    nan_policy: str,
    name: str,
    acceleration: list[list[int]] = (),
    limit: float = np.finfo(np.float64).max,
) -> Found:
    """Return the rows of a signal in which any channel is NaN, and those with large accelerations.

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
    missing, large = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for start in range(0, len(signal), _BLOCK_SAMPLES):
        values = signal[start : start + _BLOCK_SAMPLES]
        # They are NaN or infinite if any value is, and take as long as a check of all values.
        low, high = float(values.min()), float(values.max())
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
    found = Found(np.concatenate(missing), np.concatenate(large))
    if len(found.missing) and nan_policy == "raise":
        raise ValueError(
            f"{name} has NaN in {len(found.missing)} of {len(signal)} samples, the first in sample "
            f"{found.missing[0]}. Pass nan_policy='omit' to treat such samples as missing. They "
            "then make gaps, and no window spans a gap."
        )
    return found
