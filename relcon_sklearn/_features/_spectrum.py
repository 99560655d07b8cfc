"""Features of the spectrum of a signal."""

from __future__ import annotations

import numpy as np
from scipy import fft

from ._constants import SD_FLOOR

BANDS = ((0.3, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 10.0))  # Hz
_BAND_NAMES = [f"{low:g}_{high:g}hz" for low, high in BANDS]
SIGNAL_FEATURES = (
    "log_power",
    *(f"log_power_{band}" for band in _BAND_NAMES),
    *(f"power_share_{band}" for band in _BAND_NAMES),
    "dominant_frequency",
    "dominant_power_share",
    "spectral_centroid",
    "spectral_entropy",
)
_RESOLUTION = 0.05  # Hz, reached by padding with zeros


def spectrum_features(around: np.ndarray, rate: float) -> list[np.ndarray]:
    """Return each of `SIGNAL_FEATURES`, an array (n_segments, n_signals).

    `around` is (n_segments, n_signals, n_timesteps): signals without their means.
    """
    n_timesteps, floor = around.shape[-1], SD_FLOOR**2
    # The periodic window without the 0 at its end, since each of a few samples counts.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n_timesteps) + 0.5) / n_timesteps)
    n = fft.next_fast_len(max(n_timesteps, int(np.ceil(rate / _RESOLUTION))), real=True)
    frequency = fft.rfftfreq(n, 1 / rate)
    window_scaled = window * np.sqrt(2 / (n * (window**2).sum()))
    spectrum = fft.rfft(around * window_scaled.astype(around.dtype), n)
    power = spectrum.real**2
    power += spectrum.imag**2

    bands = [(frequency >= low) & (frequency < high) for low, high in BANDS]
    weights = np.stack([np.ones_like(frequency), frequency, *bands], axis=1)
    total, moment, *in_bands = np.moveaxis(power @ weights.astype(power.dtype), -1, 0)
    norm = np.maximum(total, floor)
    lowest = int(np.searchsorted(frequency, BANDS[0][0]))
    peak = lowest + power[..., lowest:].argmax(axis=-1)
    # The main lobe of a sine with a Hann window is two bins of the unpadded spectrum wide.
    reach = int(2 * rate / n_timesteps * n / rate)
    around_peak = _sum_around(power, peak, reach)
    return [
        np.log10(norm),
        *(np.log10(np.maximum(part, floor)) for part in in_bands),
        *(part / norm for part in in_bands),
        np.where(total > floor, frequency[peak], 0).astype(power.dtype),
        np.where(total > floor, around_peak / norm, 0),
        moment / norm,
        _entropy(power, total, norm) / np.log(len(frequency)),
    ]


def _sum_around(power: np.ndarray, center: np.ndarray, reach: int) -> np.ndarray:
    """Return the sum of the values at most `reach` positions from `center`."""
    positions = center[..., None] + np.arange(-reach, reach + 1)
    inside = (positions >= 0) & (positions < power.shape[-1])
    values = np.take_along_axis(power, np.where(inside, positions, 0), axis=-1)
    return (values * inside).sum(axis=-1)


def _entropy(power: np.ndarray, total: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Return the entropy in nats of the shares ``power / norm``, in one pass over the spectrum.

    With the shares p / N, the sum of -p / N log(p / N) is (P log N - sum of p log p) / N, where P
    is the sum of p.
    """
    logs = np.log(np.maximum(power, np.finfo(power.dtype).tiny))
    return (total * np.log(norm) - np.einsum("nsf,nsf->ns", power, logs)) / norm
