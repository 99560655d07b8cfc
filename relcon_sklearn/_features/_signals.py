"""The signals that features are computed from: channels, and the magnitude of each sensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._constants import SD_FLOOR


def count_sensors(n_channels: int) -> int:
    """Return the number of sensors: one for every three channels, else one for all channels."""
    return n_channels // 3 if n_channels % 3 == 0 else 1


def to_signals(X: np.ndarray) -> np.ndarray:
    """Return the channels, then the vector magnitude of each sensor.

    `X` is (n_segments, n_timesteps, n_channels), the result (n_segments, n_signals, n_timesteps).
    """
    n_segments, n_timesteps, n_channels = X.shape
    n_sensors = count_sensors(n_channels)
    signals = np.empty((n_segments, n_channels + n_sensors, n_timesteps), X.dtype)
    channels = signals[:, :n_channels]
    channels[...] = X.transpose(0, 2, 1)
    by_sensor = channels.reshape(n_segments, n_sensors, -1, n_timesteps)
    np.sqrt((by_sensor**2).sum(axis=2), out=signals[:, n_channels:])
    return signals


class Centred(NamedTuple):
    """Signals without their means, and what features have in common.

    `around` are the signals without their means, `z` the same divided by `scale`, and `squared` the
    squares of `z`, all (n_signals, n_timesteps). `mean`, `variance`, `sd` and `scale`, which is
    `sd` or at least `SD_FLOOR`, are (n_signals,). Powers are of `z`, because those of values in raw
    counts would overflow float32.
    """

    around: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    sd: np.ndarray
    scale: np.ndarray
    z: np.ndarray
    squared: np.ndarray


def centre(x: np.ndarray) -> Centred:
    """Return signals, (n_signals, n_timesteps), without their means."""
    mean = x.mean(axis=-1)
    around = x - mean[:, None]
    around -= around.mean(axis=-1, keepdims=True)  # what float32 rounds off next to gravity
    variance = np.einsum("st,st->s", around, around) / x.shape[-1]
    sd = np.sqrt(variance)
    scale = np.maximum(sd, SD_FLOOR)
    z = around / scale[:, None]
    return Centred(around, mean, variance, sd, scale, z, z * z)


def channel_names(n_channels: int) -> list[str]:
    """Return x, y, z for one sensor of three channels, and numbered names otherwise."""
    if n_channels % 3:
        return [f"channel{i}" for i in range(n_channels)]
    return [f"{axis}{sensor}" for sensor in sensor_suffixes(n_channels) for axis in "xyz"]


def signal_names(n_channels: int) -> list[str]:
    """Return the names of the signals, in the order of :func:`to_signals`."""
    magnitudes = [f"magnitude{sensor}" for sensor in sensor_suffixes(n_channels)]
    return [*channel_names(n_channels), *magnitudes]


def sensor_suffixes(n_channels: int) -> list[str]:
    """Return what the names of a sensor end with: nothing if there is one, else its number."""
    n_sensors = count_sensors(n_channels)
    return [""] if n_sensors == 1 else [str(i) for i in range(n_sensors)]
