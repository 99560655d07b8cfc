"""Base class of the estimators that describe segments by hand-made features."""

from __future__ import annotations

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._features import feature_names, motion_features
from ._segment_input import SegmentInput
from .segments._array import SegmentArray

# Segments are described in blocks of this size, which fits into the cache of a core.
_BLOCK_BYTES = 2**18


class FeatureTransformer(TransformerMixin, SegmentInput):
    """Base class of transformers that compute the features of segments."""

    def __init__(self, sampling_rate=None, *, n_channels=None):
        self.sampling_rate = sampling_rate
        self.n_channels = n_channels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features, such as "dominant_frequency_magnitude".

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of str
            Name of each feature. Three channels are called x, y and z, the channels of more sensors
            x0, y0, z0, x1 and so on, and other channels channel0, channel1 and so on.
        """
        check_is_fitted(self)
        return np.array(feature_names(self.n_channels_in_), dtype=object)


def features_in_blocks(array: SegmentArray, rate: float) -> np.ndarray:
    """Return the features of all segments, which are read a block at a time."""
    features = np.empty((len(array), len(feature_names(array.shape[2]))), dtype=np.float32)
    for rows in array.chunks(_BLOCK_BYTES):
        features[rows] = motion_features(array.read(rows), rate)
    return features
