"""Detection of time in which the device was not worn."""

from __future__ import annotations

import numpy as np

from ._rows import Ranges
from ._sample_times import RESOLUTION, SampleTimes

BLOCK = 10.0  # s
STILL = 0.013  # g, standard deviation of every axis

_SAMPLES_AT_ONCE = 2**18  # so that temporary arrays are small


def find_nonwear(
    signal: np.ndarray, sample_times: SampleTimes, rate: float, minutes: float, scale: float
) -> Ranges:
    """Return which samples belong to long periods in which the device did not move.

    Time is cut into blocks of 10 s from the start of the recording. A block is still if the
    standard deviation of every axis in it is below 13 mg. Consecutive still blocks whose samples
    span at least `minutes` are non-wear. A block without samples ends a run of still blocks. A
    shorter gap does not.

    Parameters
    ----------
    signal : ndarray of shape (n_rows, n_channels)
        Acceleration.
    sample_times : SampleTimes
        The rows of `signal` to look at, at least one, and their times.
    rate : float
        Nominal rate in Hz.
    minutes : float
        Shortest duration of non-wear, in minutes.
    scale : float
        Factor that converts `signal` to g.

    Returns
    -------
    nonwear : Ranges
        The samples of non-wear.
    """
    number, start, still = _blocks(signal, sample_times, rate, scale)
    # A run ends at a block that is not still, and at a block without samples.
    new_run = np.concatenate([[True], (np.diff(number) != 1) | (np.diff(still) != 0)])
    run_start = np.flatnonzero(new_run)
    first = start[run_start]
    stop = np.append(first[1:], sample_times.n_samples)
    lasts = sample_times.seconds(rate, stop - 1) - sample_times.seconds(rate, first) + 1 / rate
    found = still[run_start] & (lasts >= 60 * minutes - RESOLUTION)
    return Ranges(first[found], stop[found])


def _blocks(
    signal: np.ndarray, sample_times: SampleTimes, rate: float, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of each block with samples, its first sample, and whether it is still."""
    numbers, starts, stills = [], [], []
    begin, size, n = 0, _SAMPLES_AT_ONCE, sample_times.n_samples
    while begin < n:
        end = min(begin + size, n)
        seconds = sample_times.seconds(rate, slice(begin, end))
        block = np.floor((seconds + RESOLUTION) / BLOCK).astype(np.int64)
        start = np.concatenate([[0], np.flatnonzero(np.diff(block)) + 1])
        if end < n:  # the last block may have more samples
            if len(start) == 1:
                size *= 2
                continue
            start, end = start[:-1], begin + int(start[-1])
        values = sample_times.take(signal, slice(begin, end))
        numbers.append(block[start])
        starts.append(begin + start)
        stills.append(_is_still(values, start, scale))
        begin = end
    return np.concatenate(numbers), np.concatenate(starts), np.concatenate(stills)


def _is_still(values: np.ndarray, start: np.ndarray, scale: float) -> np.ndarray:
    """Return whether no axis moves in each block of some samples."""
    size = np.diff(np.append(start, len(values)))
    still = np.ones(len(start), dtype=bool)
    for axis in range(values.shape[1]):
        still &= _deviations(values[:, axis], start, size) * scale < STILL
    return still


def _deviations(values: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each block; the mean is subtracted first, for precision."""
    values = values.astype(np.float64)
    values -= np.repeat(np.add.reduceat(values, start) / size, size)
    np.square(values, out=values)
    return np.sqrt(np.add.reduceat(values, start) / size)
