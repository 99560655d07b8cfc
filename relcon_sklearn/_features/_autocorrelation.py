"""Features of the autocorrelation of a signal: how regular a rhythm is, and how long it takes."""

from __future__ import annotations

import numpy as np
from scipy import fft

from ._constants import SD_FLOOR
from ._signals import Centred

PERIODS = (0.25, 1.5)  # s; from a running step to a slow walking stride
SIGNAL_FEATURES = ("autocorrelation_peak", "autocorrelation_lag")


def autocorrelation_features(centred: Centred, rate: float) -> list[np.ndarray]:
    """Return height and lag, in s, of the first peak of at least 0.9 of the highest one.

    The autocorrelation at a lag is the correlation of the time steps that overlap, which are at
    least a quarter of all. Both features are 0 if there is no peak within `PERIODS`.
    """
    n_signals, n_timesteps = centred.z.shape
    low = max(1, int(np.ceil(PERIODS[0] * rate)))
    high = min(int(PERIODS[1] * rate), 3 * n_timesteps // 4)
    if low > high:
        return [np.zeros(n_signals, centred.z.dtype)] * 2
    correlation = _correlation(centred, low - 1, high + 1)
    inner = correlation[:, 1:-1]
    peak = (inner > correlation[:, :-2]) & (inner >= correlation[:, 2:]) & (inner > 0)
    heights = np.where(peak, inner, 0)
    highest = heights.max(axis=-1)
    first = (heights >= 0.9 * highest[:, None]).argmax(axis=-1)
    height = heights[np.arange(n_signals), first]
    return [height, np.where(highest > 0, (low + first) / rate, 0)]


def _correlation(centred: Centred, first: int, last: int) -> np.ndarray:
    """Return the correlation of what overlaps, for each lag from `first` to `last` samples."""
    n_signals, n_timesteps = centred.z.shape
    n_padded = fft.next_fast_len(n_timesteps + last, real=True)
    spectrum = fft.rfft(centred.z, n_padded)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    products = fft.irfft(power, n_padded, overwrite_x=True)[:, first : last + 1]
    energy = np.zeros((n_signals, n_timesteps + 1), centred.squared.dtype)  # of the first samples
    np.cumsum(centred.squared, axis=-1, out=energy[:, 1:])
    # At a lag, the head is all but the last `lag` samples, the tail all but the first `lag`.
    head = energy[:, n_timesteps - last : n_timesteps - first + 1][:, ::-1]
    tail = energy[:, -1:] - energy[:, first : last + 1]
    norm = np.sqrt(head * np.maximum(tail, 0))
    floor = n_timesteps * np.square(SD_FLOOR / centred.scale)
    return products / np.maximum(norm, floor[:, None])
