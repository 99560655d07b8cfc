"""MotionFeatures: the features of the literature on activity recognition and gait."""

from __future__ import annotations

from numbers import Real

from sklearn.base import _fit_context
from sklearn.utils.validation import check_is_fitted

from ._feature_transformer import FeatureTransformer, features_in_blocks
from ._files import saved_in_files
from ._segment_input import RateInterval, SegmentInput


@saved_in_files
class MotionFeatures(FeatureTransformer):
    r"""Hand-made features of the movement in a segment.

    They are the features used in the literature on activity recognition and gait, 128 for segments
    of three channels. They need no training and are a strong baseline of learned embeddings. The
    union of both is usually better than either, see the example below.

    Parameters
    ----------
    sampling_rate : float or None, default=None
        Sampling rate of the segments in Hz, at least 1. If None, the rate that `X` has as an
        attribute, as ``store.X``, :class:`LazyWindows` and their rows have. Other arrays have none.
    n_channels : int or None, default=None
        Number of channels. With it, 2-D `X` may be flat, of shape
        (n_segments, n_timesteps * n_channels), and is read as
        ``X.reshape(n_segments, -1, n_channels)``. 3-D `X` must have this number of channels. If
        None, 2-D `X` has one channel, and a shape of `X` that suggests another layout gives a
        warning (:doc:`/guide/layouts`).

    Attributes
    ----------
    n_features_in_ : int
        Number of time steps of the segments in `fit`. With `n_channels`, number of columns of flat
        segments: ``n_timesteps * n_channels``.
    n_channels_in_ : int
        Number of channels.
    sampling_rate_ : float
        Sampling rate of the segments in Hz. Segments that have another rate as an attribute are
        refused.
    feature_names_in_ : ndarray of str
        Column names of `X`. Set only for data frames with string column names.

    See Also
    --------
    RelConEmbedder : Features that are learned without labels.

    Notes
    -----
    Features are computed for each signal: each channel, and the vector magnitude of each sensor. A
    sensor is three successive channels, or all channels if their number is not divisible by three.

    - **Values**: mean, standard deviation, minimum, quartiles, maximum, median absolute deviation,
      root mean square, skewness, kurtosis, mean absolute value. They are in the unit of `X`,
      usually g, except skewness and kurtosis, which have none.
    - **Changes**: mean absolute change (unit of `X` per second), crossings of the mean per second.
    - **Spectrum**, with a Hann window and a resolution of 0.05 Hz by padding: :math:`\log_{10}` of
      the power, in total and from 0.3 to 1, 1 to 2, 2 to 3, 3 to 5 and 5 to 10 Hz; the share of
      each band; the dominant frequency (Hz), from 0.3 Hz on, and the share of the power around it;
      the centroid (Hz); the entropy, from 0 to 1.
    - **Autocorrelation**: height and lag (s) of its first high peak between 0.25 and 1.5 s, both 0
      if there is none.

    Then follow the signal magnitude area of each sensor and the correlations of the channels.

    Constant signals have finite features, because standard deviations below :math:`10^{-5}` count
    as :math:`10^{-5}`. Segments of other units than g give valid features if they are not that
    small.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from relcon_sklearn import MotionFeatures
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, y, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
    >>> features = MotionFeatures(sampling_rate=50).fit(X)
    >>> features.transform(X).shape
    (60, 128)
    >>> features.get_feature_names_out()[-2:].tolist()
    ['correlation_x_z', 'correlation_y_z']
    >>> pipe = make_pipeline(features, StandardScaler(), LogisticRegression())
    >>> pipe.fit(X, y).predict(X).shape
    (60,)
    """

    _parameter_constraints: dict = {
        **SegmentInput._parameter_constraints,
        # The frequency bands start at 0.3 Hz. A rate below 0.6 Hz cannot represent this frequency.
        "sampling_rate": [RateInterval(Real, 1, None, closed="left"), None],
    }

    def __sklearn_is_fitted__(self):
        # fit sets the rate before it raises an error because the rate is not known.
        return getattr(self, "sampling_rate_", None) is not None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the segments, and keep their sampling rate.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : MotionFeatures
            The fitted estimator.

        Raises
        ------
        ValueError
            If the sampling rate is not known, or if `X` cannot be used.
        """
        self._check_segments(X, reset=True)
        if self.sampling_rate_ is None:
            raise ValueError(
                "sampling_rate is None, and X has no sampling rate as an attribute. Pass the rate "
                "of the segments in Hz: MotionFeatures(sampling_rate=...)."
            )
        return self

    def transform(self, X):
        """Compute the features of segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. 3-D input may have another number of time steps than in `fit`.
            Memory-mapped arrays are read a block at a time.

        Returns
        -------
        features : ndarray of shape (n_segments, n_features)
            Features, float32.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used, has another number of channels or another sampling rate than in
            `fit`, or contains NaN or infinity.

        Warns
        -----
        UserWarning
            If magnitudes of `X` are far from those in `fit` (other units, gravity removed).
        """
        check_is_fitted(self)
        array = self._check_segments(X, reset=False)
        return features_in_blocks(array, self.sampling_rate_)
