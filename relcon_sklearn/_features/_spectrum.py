"""Features of the spectrum of a signal."""

from __future__ import annotations

import functools
from typing import NamedTuple

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

# Number of signals whose padded values are transformed at once, which fit into the cache of a core.
_N_AT_ONCE = 64


class _Axis(NamedTuple):
    """What the spectra of signals of one length and rate have in common."""

    n_padded: int
    window: np.ndarray  # (n_timesteps,), scaled so that the sum of the power is the variance
    frequency: np.ndarray  # (n_frequencies,), Hz
    bands: list[slice]  # of the frequencies in each of `BANDS`
    lowest: int  # number of the first frequency that can be dominant
    reach: int  # number of frequencies on each side of a peak that are of the same sine


@functools.lru_cache(maxsize=8)
def _make_axis(n_timesteps: int, rate: float, dtype: np.dtype) -> _Axis:
    # The periodic window without the 0 at its end, since each of a few samples counts.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n_timesteps) + 0.5) / n_timesteps)
    n = fft.next_fast_len(max(n_timesteps, int(np.ceil(rate / _RESOLUTION))), real=True)
    frequency = fft.rfftfreq(n, 1 / rate)
    edges = np.searchsorted(frequency, BANDS).tolist()
    return _Axis(
        n,
        (window * np.sqrt(2 / (n * (window**2).sum()))).astype(dtype),
        frequency.astype(dtype),
        [slice(*band) for band in edges],
        edges[0][0],
        # The main lobe of a sine with a Hann window is two bins of the unpadded spectrum wide.
        int(2 * rate / n_timesteps * n / rate),
    )


def spectrum_features(around: np.ndarray, rate: float) -> list[np.ndarray]:
    """Return each of `SIGNAL_FEATURES`, an array (n_signals,).

    `around` is (n_signals, n_timesteps): signals without their means.
    """
    axis, floor = _make_axis(around.shape[-1], rate, around.dtype), SD_FLOOR**2
    padded, power = _power(around, axis)
    # Not a matrix product, which would start threads of its own for a few columns.
    sums = np.stack([power.sum(axis=-1), *(power[:, band].sum(axis=-1) for band in axis.bands)])
    total, moment = sums[0], np.einsum("sf,f->s", power, axis.frequency)
    norm = np.maximum(total, floor)
    peak = axis.lowest + power[:, axis.lowest :].argmax(axis=-1)
    around_peak = _sum_from(padded, peak, 2 * axis.reach + 1)
    return [
        *np.log10(np.maximum(sums, floor)),
        *sums[1:] / norm,
        np.where(total > floor, axis.frequency[peak], 0),
        np.where(total > floor, around_peak / norm, 0),
        moment / norm,
        _entropy(power, total, norm) / np.log(len(axis.frequency)),
    ]


def _power(around: np.ndarray, axis: _Axis) -> tuple[np.ndarray, np.ndarray]:
    """Return the power of each frequency between `reach` zeros, and a view of it without them."""
    n_signals, n_timesteps = around.shape
    n_frequencies = len(axis.frequency)
    padded = np.zeros((n_signals, n_frequencies + 2 * axis.reach), around.dtype)
    power = padded[:, axis.reach : axis.reach + n_frequencies]
    windowed = np.zeros((min(n_signals, _N_AT_ONCE), axis.n_padded), around.dtype)
    for start in range(0, n_signals, _N_AT_ONCE):
        some = slice(start, min(start + _N_AT_ONCE, n_signals))
        part = windowed[: some.stop - start]
        np.multiply(around[some], axis.window, out=part[:, :n_timesteps])
        squares = fft.rfft(part).view(around.dtype)  # real and imaginary parts in turn
        np.square(squares, out=squares)
        np.add(squares[:, ::2], squares[:, 1::2], out=power[some])
    return padded, power


def _sum_from(values: np.ndarray, first: np.ndarray, n: int) -> np.ndarray:
    """Return the sum of `n` values of each row, from the column `first` on."""
    starts = np.arange(len(values)) * values.shape[1] + first
    return values.reshape(-1)[starts[:, None] + np.arange(n)].sum(axis=-1)


def _entropy(power: np.ndarray, total: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Return the entropy in nats of the shares ``power / norm``, in one pass over the spectrum.

    With the shares p / N, the sum of -p / N log(p / N) is (P log N - sum of p log p) / N, where P
    is the sum of p.
    """
    logs = np.maximum(power, np.finfo(power.dtype).tiny)
    np.log(logs, out=logs)
    return (total * np.log(norm) - np.einsum("sf,sf->s", power, logs)) / norm
