"""Features of the autocorrelation of a signal: how regular a rhythm is, and how long it takes."""

from __future__ import annotations

import numpy as np
from scipy import fft

from ._constants import SD_FLOOR

PERIODS = (0.25, 1.5)  # s; from a running step to a slow walking stride
SIGNAL_FEATURES = ("autocorrelation_peak", "autocorrelation_lag")


def autocorrelation_features(around: np.ndarray, rate: float) -> list[np.ndarray]:
    """Return height and lag, in s, of the first peak of at least 0.9 of the highest one.

    `around` is (n_segments, n_signals, n_timesteps): signals without their means. The
    autocorrelation at a lag is the correlation of the time steps that overlap, which are at least a
    quarter of all. Both features are 0 if there is no peak within `PERIODS`.
    """
    n_timesteps = around.shape[-1]
    low = max(1, int(np.ceil(PERIODS[0] * rate)))
    high = min(int(PERIODS[1] * rate), 3 * n_timesteps // 4)
    if low > high:
        return [np.zeros(around.shape[:-1], around.dtype)] * 2
    correlation = _correlation(around, low - 1, high + 1)
    inner = correlation[..., 1:-1]
    peak = (inner > correlation[..., :-2]) & (inner >= correlation[..., 2:]) & (inner > 0)
    heights = np.where(peak, inner, 0)
    highest = heights.max(axis=-1)
    first = (heights >= 0.9 * highest[..., None]).argmax(axis=-1)
    height = np.take_along_axis(heights, first[..., None], axis=-1)[..., 0]
    return [height, np.where(highest > 0, (low + first) / rate, 0).astype(around.dtype)]


def _correlation(around: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the correlation of what overlaps, for each lag from `first` to `last` samples."""
    n_timesteps = around.shape[-1]
    n_padded = fft.next_fast_len(n_timesteps + last, real=True)
    spectrum = fft.rfft(around, n_padded)
    power = spectrum.real**2 + spectrum.imag**2
    products = fft.irfft(power, n_padded)[..., first : last + 1]
    energy = np.cumsum(around**2, axis=-1)
    whole = energy[..., -1:]
    # At a lag, the head is all but the last `lag` samples, the tail all but the first `lag`.
    head = energy[..., n_timesteps - 1 - last : n_timesteps - first][..., ::-1]
    before = np.concatenate([np.zeros_like(whole), energy], axis=-1)
    tail = whole - before[..., first : last + 1]
    floor = n_timesteps * SD_FLOOR**2
    return products / np.maximum(np.sqrt(head) * np.sqrt(np.maximum(tail, 0)), floor)
