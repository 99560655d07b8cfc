"""Hand-crafted features of segments beside :class:`relcon_sklearn.MotionFeatures`."""

import numpy as np

from relcon_sklearn._features._signals import count_sensors


def dominant_frequency(X: np.ndarray, rate: float) -> np.ndarray:
    """Return the frequency (Hz) of the largest oscillation of each channel; 0 if it is constant."""
    spectrum = np.abs(np.fft.rfft(X - X.mean(axis=1, keepdims=True), axis=1))
    return spectrum.argmax(axis=1) * (rate / X.shape[1])


def summary_features(X: np.ndarray, rate: float) -> np.ndarray:
    """Return mean, sd, quartiles and dominant frequency of each channel of each segment.

    `X` is (n_segments, n_timesteps, n_channels); the features are (n_segments, 6 * n_channels).
    """
    quartiles = np.quantile(X, [0.25, 0.5, 0.75], axis=1)
    parts = [X.mean(axis=1), X.std(axis=1), *quartiles, dominant_frequency(X, rate)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def magnitudes(X: np.ndarray) -> np.ndarray:
    """Return the vector magnitude of each sensor: (n_segments, n_timesteps, n_sensors).

    A sensor is three successive channels, or all if their number is not divisible by three.
    """
    n_segments, n_timesteps, n_channels = X.shape
    by_sensor = X.reshape(n_segments, n_timesteps, count_sensors(n_channels), -1)
    return np.linalg.norm(by_sensor, axis=3)
