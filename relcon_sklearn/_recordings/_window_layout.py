"""Positions of windows in stretches, and cutting of windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Layout(NamedTuple):
    """Length and stride of windows, in samples after resampling, and the rate of these in Hz."""

    n_timesteps: int
    stride_samples: int
    rate: float


def lay_out(window: float, stride: float | None, overlap: float | None, rate: float) -> Layout:
    """Return the layout for a window and stride in seconds, of at least one sample each."""
    if stride is not None and overlap is not None:
        raise ValueError(
            f"stride={stride} and overlap={overlap} cannot be used together. Pass one of them."
        )
    n_timesteps = max(1, round(window * rate))
    samples = n_timesteps * (1 - (overlap or 0.0)) if stride is None else stride * rate
    return Layout(n_timesteps, max(1, round(samples)), rate)


class Windows(NamedTuple):
    """Windows, given by the stretch of each and its first sample in the stretch."""

    stretch: np.ndarray
    begin: np.ndarray

    def select(self, which: np.ndarray) -> Windows:
        """Return some of the windows."""
        return Windows(self.stretch[which], self.begin[which])


def count_windows(n_samples: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the number of whole windows in stretches of `n_samples` samples."""
    return np.maximum(0, (n_samples - layout.n_timesteps) // layout.stride_samples + 1)


def place_windows(n_windows: np.ndarray, layout: Layout) -> Windows:
    """Return the windows of all stretches; `n_windows` is the number of windows of each stretch."""
    stretch = np.repeat(np.arange(len(n_windows)), n_windows)
    number = np.arange(len(stretch)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    return Windows(stretch, number * layout.stride_samples)


def count_covered(windows: Windows, layout: Layout) -> int:
    """Return the number of samples in any of the windows, which are in the order of time."""
    if len(windows.begin) == 0:
        return 0
    n = layout.n_timesteps
    same_stretch = np.diff(windows.stretch) == 0
    new = np.where(same_stretch, np.minimum(np.diff(windows.begin), n), n)
    return int(new.sum()) + n


def cut_windows(stretch: np.ndarray, begin: np.ndarray, n_timesteps: int) -> np.ndarray:
    """Return windows of a stretch as a new array of shape (n_windows, n_timesteps, n_channels)."""
    shape = (n_timesteps, stretch.shape[1])
    return sliding_window_view(stretch, shape)[begin, 0]
