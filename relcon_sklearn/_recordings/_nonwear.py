"""Detection of time in which the device was not worn."""

from __future__ import annotations

import numpy as np

from ._sample_times import RESOLUTION

BLOCK = 10.0  # s
STILL = 0.013  # g, standard deviation of every axis


def find_nonwear(
    signal: np.ndarray, seconds: np.ndarray, period: float, minutes: float, scale: float
) -> np.ndarray:
    """Return which samples belong to long periods in which the device did not move.

    Time is cut into blocks of 10 s from the start of the recording. A block is still if the
    standard deviation of every axis in it is below 13 mg. Consecutive still blocks whose samples
    span at least `minutes` are non-wear. A block without samples ends a run of still blocks. A
    shorter gap does not.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        Acceleration.
    seconds : ndarray of shape (n_samples,)
        Time of each sample since the start of the recording, increasing. At least one sample.
    period : float
        Time from one sample to the next, in s.
    minutes : float
        Shortest duration of non-wear, in minutes.
    scale : float
        Factor that converts `signal` to g.

    Returns
    -------
    nonwear : ndarray of shape (n_samples,), dtype bool
        Whether each sample is non-wear.
    """
    block = np.floor((seconds + RESOLUTION) / BLOCK).astype(np.int64)
    start = np.concatenate([[0], np.flatnonzero(np.diff(block)) + 1])
    size = np.diff(np.concatenate([start, [len(signal)]]))
    still = np.ones(len(start), dtype=bool)
    for channel in range(signal.shape[1]):
        still &= _deviations(signal[:, channel], start, size) * scale < STILL
    # A run ends at a block that is not still, and at a block without samples.
    number = block[start]
    new_run = np.concatenate([[True], (np.diff(number) != 1) | (np.diff(still) != 0)])
    run_start = np.flatnonzero(new_run)
    first = start[run_start]
    last = np.concatenate([first[1:], [len(signal)]]) - 1
    long = seconds[last] - seconds[first] + period >= 60 * minutes - RESOLUTION
    nonwear = np.zeros(len(signal), dtype=bool)
    for run in np.flatnonzero(long & still[run_start]):
        nonwear[first[run] : last[run] + 1] = True
    return nonwear


def _deviations(values: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each block; the mean is subtracted first, for precision."""
    values = values.astype(np.float64)
    values -= np.repeat(np.add.reduceat(values, start) / size, size)
    np.square(values, out=values)
    return np.sqrt(np.add.reduceat(values, start) / size)
