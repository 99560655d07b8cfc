"""Features of the values of a signal: moments, quantiles, changes, and relations of channels."""

from __future__ import annotations

import numpy as np

from ._signals import Centred, channel_names, count_sensors, sensor_suffixes

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


def time_features(x: np.ndarray, centred: Centred, rate: float) -> list[np.ndarray]:
    """Return each of `SIGNAL_FEATURES`, an array (n_signals,).

    `x` is (n_signals, n_timesteps), and `centred` is `x` without its means. Changes and crossings
    are per second.
    """
    n_timesteps = x.shape[-1]
    z, squared = centred.z, centred.squared
    work = np.sort(x, axis=-1)
    quantiles = _quantiles(work, list(QUANTILES.values()))
    np.subtract(x, quantiles[2][:, None], out=work)
    np.abs(work, out=work)
    work.sort(axis=-1)
    deviation = _quantiles(work, [0.5])
    absolute = np.abs(x, out=work).mean(axis=-1)
    change = np.subtract(x[:, 1:], x[:, :-1], out=work[:, 1:])
    np.abs(change, out=change)
    per_second = rate / max(1, n_timesteps - 1)
    above = centred.around >= 0
    crossings = (above[:, 1:] != above[:, :-1]).astype(x.dtype)
    return [
        centred.mean,
        centred.sd,
        *quantiles,
        *deviation,
        np.sqrt(centred.mean**2 + centred.variance),
        np.einsum("st,st->s", squared, z) / n_timesteps,
        np.einsum("st,st->s", squared, squared) / n_timesteps,
        absolute,
        change.sum(axis=-1) * per_second,
        crossings.sum(axis=-1) * per_second,
    ]


def _quantiles(ordered: np.ndarray, shares: list[float]) -> list[np.ndarray]:
    """Return quantiles of values in ascending order, interpolated as :func:`numpy.quantile`."""
    positions = np.array(shares) * (ordered.shape[-1] - 1)
    below = np.floor(positions).astype(int)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    low, high = ordered[..., below], ordered[..., above]
    found = low + (high - low) * (positions - below).astype(ordered.dtype)
    return list(np.moveaxis(found, -1, 0))


def channel_features(centred: Centred, n_segments: int, n_channels: int) -> list[np.ndarray]:
    """Return the signal magnitude area of each sensor, and the correlation of pairs of channels.

    The first `n_channels` signals of each segment are its channels. Results are
    (n_segments, n_features). The area is the mean over time of the sum of absolute values over the
    channels of a sensor.
    """
    n_timesteps = centred.z.shape[1]
    around, z = (
        values.reshape(n_segments, -1, n_timesteps)[:, :n_channels]
        for values in (centred.around, centred.z)
    )
    areas = np.abs(around).mean(axis=-1).reshape(n_segments, count_sensors(n_channels), -1)
    one, other = np.triu_indices(n_channels, k=1)
    products = np.einsum("nit,njt->nij", z, z)
    return [areas.sum(axis=-1), products[:, one, other] / n_timesteps]


def channel_feature_names(n_channels: int) -> list[str]:
    """Return the names of the features of :func:`channel_features`."""
    names = channel_names(n_channels)
    one, other = np.triu_indices(n_channels, k=1)
    areas = [f"signal_magnitude_area{sensor}" for sensor in sensor_suffixes(n_channels)]
    return [
        *areas,
        *(f"correlation_{names[i]}_{names[j]}" for i, j in zip(one, other, strict=True)),
    ]
