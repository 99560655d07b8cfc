"""Blocks of time in which the device did not move: they show gravity alone."""

from __future__ import annotations

import numpy as np

from ._nonwear import BLOCK, STILL


def still_means(
    signal: np.ndarray, rate: float, axes: list[int], scale: float, most: int | None = None
) -> np.ndarray:
    """Return the mean acceleration in g of each block of 10 s in which the device did not move.

    A block is still if the standard deviation of every axis is below 13 mg, as for non-wear. Blocks
    with NaN, and of zeros, which devices write in idle sleep mode, do not count.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        The recording. Gaps in it are not known, so that a block may span one.
    rate : float
        Nominal rate in Hz.
    axes : list of int
        The three channels of the acceleration.
    scale : float
        Factor that converts `signal` to g.
    most : int or None, default=None
        Largest number of blocks to look at, evenly spaced. If None, all.

    Returns
    -------
    means : ndarray of shape (n_blocks, 3), dtype float64
    """
    size = max(1, round(BLOCK * rate))
    n_blocks = len(signal) // size
    numbers = np.arange(n_blocks)
    if most is not None and n_blocks > most:
        numbers = np.linspace(0, n_blocks - 1, most).astype(np.int64)
    means = np.empty((len(numbers), len(axes)))
    still = np.zeros(len(numbers), dtype=bool)
    for i, number in enumerate(numbers):  # so that little of a memory-mapped recording is read
        block = signal[number * size : (number + 1) * size][:, axes].astype(np.float64) * scale
        means[i] = block.mean(axis=0)
        still[i] = (block.std(axis=0) < STILL).all() and block.any()
    return means[still]


def gravity_errors(means: np.ndarray) -> np.ndarray:
    """Return how far the magnitude of each still block is from 1 g, in g."""
    return np.abs(np.linalg.norm(means, axis=1) - 1)
