"""Samples with missing values."""

from __future__ import annotations

import numpy as np

_BLOCK_SAMPLES = 2**20  # samples


def find_missing(signal: np.ndarray, nan_policy: str, name: str) -> np.ndarray:
    """Return the rows of `signal`, (n_samples, n_channels), in which any channel is NaN.

    Raises
    ------
    ValueError
        If a value is infinite, or if a value is NaN with ``nan_policy="raise"``.
    """
    found = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(signal), _BLOCK_SAMPLES):
        values = signal[start : start + _BLOCK_SAMPLES]
        if np.isfinite(values).all():
            continue
        infinite = np.isinf(values).any(axis=1)
        if infinite.any():
            raise ValueError(
                f"{name} has infinite values, the first in sample {start + infinite.argmax()}. "
                "If they stand for missing samples, replace them with NaN and pass "
                "nan_policy='omit'."
            )
        found.append(start + np.flatnonzero(np.isnan(values).any(axis=1)))
    missing = np.concatenate(found)
    if len(missing) and nan_policy == "raise":
        raise ValueError(
            f"{name} has NaN in {len(missing)} of {len(signal)} samples, the first in sample "
            f"{missing[0]}. Pass nan_policy='omit' to treat such samples as missing. They then "
            "make holes, and no window spans a hole."
        )
    return missing
