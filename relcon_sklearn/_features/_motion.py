"""All features of a segment, and their names."""

from __future__ import annotations

import numpy as np

from . import _autocorrelation, _spectrum, _time_domain
from ._autocorrelation import autocorrelation_features
from ._signals import signal_names, to_signals
from ._spectrum import spectrum_features
from ._time_domain import channel_feature_names, channel_features, time_features

_SIGNAL_FEATURES = (
    *_time_domain.SIGNAL_FEATURES,
    *_spectrum.SIGNAL_FEATURES,
    *_autocorrelation.SIGNAL_FEATURES,
)


def motion_features(X: np.ndarray, rate: float) -> np.ndarray:
    """Return the features of segments, of shape (n_segments, n_features) and the dtype of `X`.

    `X` is (n_segments, n_timesteps, n_channels), float32 or float64.
    """
    signals = to_signals(X)
    around = signals - signals.mean(axis=-1, keepdims=True)
    around -= around.mean(axis=-1, keepdims=True)  # what float32 rounds off next to gravity
    parts = [
        *time_features(signals, around, rate),
        *spectrum_features(around, rate),
        *autocorrelation_features(around, rate),
        *channel_features(around[:, : X.shape[2]]),
    ]
    return np.concatenate(parts, axis=1, dtype=X.dtype)


def feature_names(n_channels: int) -> list[str]:
    """Return the names of the features, in the order of :func:`motion_features`."""
    signals = signal_names(n_channels)
    of_signals = [f"{feature}_{signal}" for feature in _SIGNAL_FEATURES for signal in signals]
    return of_signals + channel_feature_names(n_channels)
