"""Idle sleep mode: some devices take no samples while they are not moved, and write zeros."""

from __future__ import annotations

import numpy as np

from ._rows import Ranges, Taken

SHORTEST = 1.0  # s: a device in free fall, which measures 0 g too, falls 5 m in it


def find_idle(signal: np.ndarray | Taken, rate: float) -> Ranges:
    """Return the samples in runs of at least a second that are 0 in all channels.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        Acceleration with gravity, which is never 0 for as long.
    rate : float
        Nominal rate in Hz.
    """
    runs = Ranges.where_rows(lambda rows: ~rows.any(axis=1), signal)
    long = runs.stop - runs.first >= SHORTEST * rate
    return Ranges(runs.first[long], runs.stop[long])
