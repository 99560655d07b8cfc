"""FeatureDistance: the distance of segments by their hand-made features."""

from __future__ import annotations

import logging

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils.validation import check_is_fitted

from ._feature_transformer import FeatureTransformer, features_in_blocks
from ._features import feature_names, motion_features
from ._files import FittedReader, FittedWriter, check_entry, saved_in_files
from .segments._array import SegmentArray

logger = logging.getLogger("relcon_sklearn")

# Number of segments, evenly spaced, that are enough for the mean and the scale of each feature.
_MAX_SAMPLE = 10_000

# Standardised features beyond are clipped: a single feature would decide the distance.
_LARGEST = 4.0

# Rate in Hz if none is known. A wrong rate only shifts the limits of the frequency bands.
_ASSUMED_RATE = 50.0


@saved_in_files
class FeatureDistance(FeatureTransformer):
    """Distance of segments by hand-made features: Euclidean, after standardisation.

    It needs no training. An embedder can rank its whole batch by it with one matrix product
    (``RelConEmbedder(distance="features")``). It is also a baseline for retrieval.

    Parameters
    ----------
    sampling_rate : float or None, default=None
        Sampling rate of the segments in Hz. If None, the rate that `X` has as an attribute, as from
        :func:`segment_recordings`, ``store.X`` and :class:`LazyWindows`. If that is unknown too, 50
        Hz is assumed, with a line in the log: the rate only determines which frequencies the
        features describe.
    n_channels : int or None, default=None
        Number of channels. With it, 2-D `X` may be flat, of shape
        (n_segments, n_timesteps * n_channels), and is read as
        ``X.reshape(n_segments, -1, n_channels)``. 3-D `X` must have this number of channels. If
        None, 2-D `X` has one channel, and a shape of `X` that suggests another layout gives a
        warning (:doc:`/guide/layouts`).

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of each feature.
    scale_ : ndarray of shape (n_features,)
        Standard deviation of each feature, 1 for constant features.
    n_features_in_ : int
        Number of time steps of the training segments. With `n_channels`, number of columns of
        flat segments: ``n_timesteps * n_channels``.
    n_channels_in_ : int
        Number of channels.
    sampling_rate_ : float or None
        Sampling rate of the training segments in Hz. None if it is not known. Segments that have
        another rate as an attribute are refused.
    feature_names_in_ : ndarray of str
        Column names of `X`. Set only for data frames with string column names.

    See Also
    --------
    MotionFeatures : The features, in their own units.
    LearnedMotifDistance : The distance of RelCon, which is trained.

    Examples
    --------
    >>> from relcon_sklearn import FeatureDistance
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, *_ = make_motion(20, n_subjects=2, n_timesteps=64, random_state=0)
    >>> distance = FeatureDistance(sampling_rate=50).fit(X)
    >>> distance.pairwise(X[:3], X).shape
    (3, 20)
    """

    def __sklearn_is_fitted__(self):
        return hasattr(self, "scale_")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, groups=None):
        """Determine mean and scale of the features, from up to 10,000 segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        y : Ignored
            Not used, present for API consistency by convention.
        groups : Ignored
            Not used, so that the distance can be fitted like a learned one.

        Returns
        -------
        self : FeatureDistance
            The fitted estimator.

        Raises
        ------
        ValueError
            If `X` cannot be used or contains NaN or infinity.
        """
        array = self._check_segments(X, reset=True)
        if self.sampling_rate_ is None:
            logger.info("The sampling rate is not known, so features are those of 50 Hz.")
        step = -(-len(array) // _MAX_SAMPLE)
        sample = SegmentArray(array.read(np.arange(0, len(array), step)))
        features = features_in_blocks(sample, self._rate()).astype(np.float64)
        scale = features.std(axis=0)
        self.mean_ = features.mean(axis=0).astype(np.float32)
        self.scale_ = np.where(scale > 1e-6, scale, 1.0).astype(np.float32)
        return self

    def transform(self, X):
        """Return standardised features, whose Euclidean distances are the distances.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. 3-D input may have another number of time steps than in training.

        Returns
        -------
        features : ndarray of shape (n_segments, n_features)
            Float32 features from -4 to 4. Larger values are clipped.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used, has another number of channels or another sampling rate than in
            training, or contains NaN or infinity.

        Warns
        -----
        UserWarning
            If magnitudes of `X` are far from those of the training (other units, gravity removed).
        """
        check_is_fitted(self)
        return self._describe_all(self._check_segments(X, reset=False))

    def pairwise(self, X_anchor, X_candidate=None):
        """Return the distance of every anchor from every candidate.

        Parameters
        ----------
        X_anchor : array-like of shape (n_anchors, n_timesteps, n_channels)
            Segments.
        X_candidate : array-like of shape (n_candidates, n_candidate_timesteps, n_channels) \
                or None, default=None
            Segments. If None, the anchors are used.

        Returns
        -------
        distances : ndarray of shape (n_anchors, n_candidates)
            Float32 distances. The matrix of all distances within a set of segments is symmetric.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the segments cannot be used, have another number of channels or another sampling rate
            than in training, or contain NaN or infinity.

        Warns
        -----
        UserWarning
            If the median magnitude of segments is far from the training.
        """
        from sklearn.metrics import euclidean_distances

        check_is_fitted(self)
        anchors = self._describe_all(self._check_segments(X_anchor, reset=False, name="X_anchor"))
        candidates = None
        if X_candidate is not None:
            array = self._check_segments(X_candidate, reset=False, name="X_candidate")
            candidates = self._describe_all(array)
        return euclidean_distances(anchors, candidates)

    def _describe(self, segments: np.ndarray) -> np.ndarray:
        """Return what :meth:`transform` returns, for float32 segments that are checked already."""
        return self._standardise(motion_features(segments, self._rate()))

    def _describe_all(self, array: SegmentArray) -> np.ndarray:
        return self._standardise(features_in_blocks(array, self._rate()))

    def _standardise(self, features: np.ndarray) -> np.ndarray:
        return ((features - self.mean_) / self.scale_).clip(-_LARGEST, _LARGEST)

    def _rate(self) -> float:
        return self.sampling_rate_ or _ASSUMED_RATE

    def _rate_after_fit(self, rate: float | None) -> float:
        """Return the rate of the features after a fit to segments whose rate is `rate` or None."""
        return float(self.sampling_rate or rate or _ASSUMED_RATE)

    def _forget_fit(self) -> None:
        vars(self).pop("scale_", None)

    def _write_fitted(self, writer: FittedWriter) -> dict:
        writer.array("mean_", np.float32)
        writer.array("scale_", np.float32)
        return super()._write_fitted(writer)

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        (n_features,) = reader.shape("mean_", 1)
        check_entry(n_features == len(feature_names(self.n_channels_in_)), "mean_")
        for name in ("mean_", "scale_"):
            reader.array(name, "F32", (n_features,))
