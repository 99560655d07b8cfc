"""Idle sleep mode: some devices take no samples while they are not moved, and write zeros."""

from __future__ import annotations

import math

import numpy as np

from ._rows import Ranges, Taken

SHORTEST = 1.0  # s: a device in free fall, which measures 0 g too, falls 5 m in it


def find_idle(signal: np.ndarray | Taken, acceleration: list[list[int]], rate: float) -> Ranges:
    """Return the samples in runs of at least a second in which an accelerometer has zeros.

    Zeros before and after a gap are one run: a device that was asleep wrote both.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        Acceleration with gravity, which is never 0 for as long. It may have other channels too.
    acceleration : list of list of int
        The channels of each accelerometer, which are all 0.
    rate : float
        Nominal rate in Hz.
    """
    n = math.ceil(SHORTEST * rate)  # samples of the shortest run

    def has_long_zeros(rows: np.ndarray) -> np.ndarray:
        # A run that is long enough has one of these samples, or goes on after the last one.
        if any(has_zeros(some, acceleration).any() for some in (rows[::n], rows[-1:])):
            return has_zeros(rows, acceleration)
        return np.zeros(len(rows), dtype=bool)

    runs = Ranges.where_rows(has_long_zeros, signal)
    long = runs.stop - runs.first >= SHORTEST * rate
    return Ranges(runs.first[long], runs.stop[long])


def find_zeros(signal: np.ndarray | Taken, acceleration: list[list[int]]) -> Ranges:
    """Return the samples in which an accelerometer has zeros, however long they last."""
    return Ranges.where_rows(lambda rows: has_zeros(rows, acceleration), signal)


def has_zeros(samples: np.ndarray, acceleration: list[list[int]]) -> np.ndarray:
    """Return in which samples all channels of an accelerometer are 0."""
    idle = np.zeros(len(samples), dtype=bool)
    for first, *others in acceleration:
        zeros = samples[:, first] == 0  # one axis at a time, because samples[:, axes] is a copy
        for axis in others:
            zeros &= samples[:, axis] == 0
        idle |= zeros
    return idle
