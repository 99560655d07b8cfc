"""Features of the values of a signal: moments, quantiles, changes, and relations of channels."""

from __future__ import annotations

import numpy as np

from ._constants import SD_FLOOR
from ._signals import channel_names, count_sensors, sensor_suffixes

QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}
SIGNAL_FEATURES = (
    "mean",
    "sd",
    *QUANTILES,
    "median_absolute_deviation",
    "root_mean_square",
    "skewness",
    "kurtosis",
    "mean_absolute",
    "mean_absolute_change",
    "mean_crossings",
)


def time_features(x: np.ndarray, around: np.ndarray, rate: float) -> list[np.ndarray]:
    """Return each of `SIGNAL_FEATURES`, an array (n_segments, n_signals).

    `x` is (n_segments, n_signals, n_timesteps), and `around` is `x` without its mean. Changes and
    crossings are per second.
    """
    mean, n_timesteps = x.mean(axis=-1), x.shape[-1]
    variance = np.einsum("nst,nst->ns", around, around) / n_timesteps
    sd = np.sqrt(variance)
    # Scaled before the powers, which would overflow float32 for values in raw counts.
    z = around / np.maximum(sd, SD_FLOOR)[..., None]
    squared = z**2
    quantiles = _quantiles(np.sort(x, axis=-1), list(QUANTILES.values()))
    deviations = np.sort(np.abs(x - quantiles[2][..., None]), axis=-1)
    above = around >= 0
    per_second = rate / max(1, n_timesteps - 1)
    return [
        mean,
        sd,
        *quantiles,
        *_quantiles(deviations, [0.5]),
        np.sqrt(mean**2 + variance),
        np.einsum("nst,nst->ns", squared, z) / n_timesteps,
        np.einsum("nst,nst->ns", squared, squared) / n_timesteps,
        np.abs(x).mean(axis=-1),
        np.abs(np.diff(x, axis=-1)).sum(axis=-1) * per_second,
        (above[..., 1:] != above[..., :-1]).sum(axis=-1) * per_second,
    ]


def _quantiles(ordered: np.ndarray, shares: list[float]) -> list[np.ndarray]:
    """Return quantiles of values in ascending order, interpolated as :func:`numpy.quantile`."""
    positions = np.array(shares) * (ordered.shape[-1] - 1)
    below = np.floor(positions).astype(int)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    low, high = ordered[..., below], ordered[..., above]
    found = low + (high - low) * (positions - below).astype(ordered.dtype)
    return list(np.moveaxis(found, -1, 0))


def channel_features(around: np.ndarray) -> list[np.ndarray]:
    """Return the signal magnitude area of each sensor, and the correlation of pairs of channels.

    `around` is (n_segments, n_channels, n_timesteps): channels without their means. The area is the
    mean over time of the sum of absolute values over the channels of a sensor.
    """
    n_segments, n_channels, n_timesteps = around.shape
    areas = np.abs(around).mean(axis=-1).reshape(n_segments, count_sensors(n_channels), -1)
    scale = np.maximum(np.sqrt((around**2).mean(axis=-1)), SD_FLOOR)
    z = around / scale[..., None]
    one, other = np.triu_indices(n_channels, k=1)
    return [areas.sum(axis=-1), (z @ z.transpose(0, 2, 1) / n_timesteps)[:, one, other]]


def channel_feature_names(n_channels: int) -> list[str]:
    """Return the names of the features of :func:`channel_features`."""
    names = channel_names(n_channels)
    one, other = np.triu_indices(n_channels, k=1)
    areas = [f"signal_magnitude_area{sensor}" for sensor in sensor_suffixes(n_channels)]
    return [
        *areas,
        *(f"correlation_{names[i]}_{names[j]}" for i, j in zip(one, other, strict=True)),
    ]
