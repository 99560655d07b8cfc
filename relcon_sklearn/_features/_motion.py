"""All features of a segment, and their names."""

from __future__ import annotations

import numpy as np

from . import _autocorrelation, _spectrum, _time_domain
from ._autocorrelation import autocorrelation_features
from ._signals import centre, signal_names, to_signals
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
    n_segments, n_signals, n_timesteps = signals.shape
    x = signals.reshape(-1, n_timesteps)
    centred = centre(x)
    of_signals = np.array(
        [
            *time_features(x, centred, rate),
            *spectrum_features(centred.around, rate),
            *autocorrelation_features(centred, rate),
        ],
        dtype=X.dtype,
    )
    of_segments = of_signals.reshape(-1, n_segments, n_signals).transpose(1, 0, 2)
    return np.concatenate(
        [
            of_segments.reshape(n_segments, -1),
            *channel_features(centred, n_segments, X.shape[2]),
        ],
        axis=1,
        dtype=X.dtype,
    )


def feature_names(n_channels: int) -> list[str]:
    """Return the names of the features, in the order of :func:`motion_features`."""
    signals = signal_names(n_channels)
    of_signals = [f"{feature}_{signal}" for feature in _SIGNAL_FEATURES for signal in signals]
    return of_signals + channel_feature_names(n_channels)
