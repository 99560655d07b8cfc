"""Base class of estimators that accept segments: checks of X, and what a fit tells about it."""

from __future__ import annotations

import operator
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from ._files import (
    FileError,
    FittedReader,
    FittedWriter,
    SavedAsFile,
    are_strings,
    as_count,
    as_numbers,
    check_entry,
)
from ._utils._doc_link import DocLinkMixin
from ._utils._rates import is_rate
from .segments._array import SegmentArray
from .segments._as_segments import as_segments
from .segments._layout import advice_on_channels, warn_of_layout
from .segments._magnitudes import Magnitudes, training_magnitudes, warn_of_magnitudes
from .segments._sampling_rate import agreed_rate, check_rate, rate_of


class RateInterval(Interval):
    """Interval of sampling rates: numbers except True and infinity."""

    def is_satisfied_by(self, val):
        return is_rate(val) and super().is_satisfied_by(val)


class SegmentInput(SavedAsFile, DocLinkMixin, BaseEstimator):
    """Base class of estimators that accept segments.

    Subclasses have the parameters below. Their methods begin with :meth:`_check_segments`.
    """

    _parameter_constraints: dict = {
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "sampling_rate": [RateInterval(Real, 0, None, closed="neither"), None],
    }

    # Parameters that are not in the fingerprint of a training, because they do not change it. An
    # embedder adds the rate that its FeatureDistance uses.
    _without_effect = frozenset({"sampling_rate"})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @property
    def n_features_in_(self) -> int:
        # The classes document it as an attribute. n_channels may be set after fit.
        return self._n_timesteps_in * (self.n_channels or 1)

    def _check_segments(self, X, *, reset: bool, name: str = "X") -> SegmentArray:
        """Check `X` without copying it, and return a view of it as segments.

        Arrays in memory are scanned for NaN and infinity immediately. Rows of arrays that are
        memory-mapped or read on demand are checked when they are read.
        """
        # A SegmentArray was checked by the estimator that this one is nested in.
        is_nested = isinstance(X, SegmentArray)
        array = X if is_nested else as_segments(X, name, self.n_channels)
        _, n_timesteps, n_channels = array.shape
        self._check_channels(array, reset=reset)
        # An estimator nested in one with another n_channels gets segments and no columns.
        has_columns = len(array.X.shape) == 2 and n_channels == (self.n_channels or 1)
        if has_columns:
            # For scikit-learn each column is a feature: names and number must match those of the
            # fit, which sets the number below.
            validate_data(
                self, array.given, reset=reset, skip_check_array=True, ensure_2d=not reset
            )
        if not is_nested and self.n_channels is None:
            warn_of_layout(array)
        if reset:
            self._n_timesteps_in = operator.index(n_timesteps)
            self.n_channels_in_ = operator.index(n_channels)
            vars(self).pop("card_", None)  # it describes an earlier fit
            self._forget_fit()
            if not has_columns:
                vars(self).pop("feature_names_in_", None)
        self._check_signal(array, reset=reset)
        return array

    def _check_channels(self, array: SegmentArray, *, reset: bool) -> None:
        """Raise ValueError unless the number of channels is `n_channels`, and that of the fit."""
        n_channels, estimator = array.shape[2], type(self).__name__
        if self.n_channels not in (None, n_channels):
            raise ValueError(
                f"{array.name} has {n_channels} channels, but {estimator} has "
                f"n_channels={self.n_channels}. {advice_on_channels(array, self.n_channels)}"
            )
        if not reset and n_channels != self.n_channels_in_:
            raise ValueError(
                f"{array.name} has {n_channels} channels, but {estimator} was fitted with "
                f"{self.n_channels_in_}. {advice_on_channels(array, self.n_channels_in_)}"
            )

    def _check_signal(self, array: SegmentArray, *, reset: bool) -> None:
        """Keep rate and magnitudes of the training, or compare those of other segments with them.

        Raises ValueError for another rate, and warns of other magnitudes.
        """
        if reset:
            is_array = not array.rate_is_parameter
            holder = array.name if is_array else "the estimator around it"
            rate = agreed_rate(self.sampling_rate, array.sampling_rate, holder, is_array=is_array)
            if self.sampling_rate is not None:
                array.set_rate(rate)
            self.sampling_rate_ = rate
            self._magnitudes = training_magnitudes(array)
            return
        name, model = array.name, type(self).__name__
        check_rate(
            array.sampling_rate,
            rate_of(self, "sampling_rate_"),
            name,
            model,
            is_parameter=array.rate_is_parameter,
        )
        warn_of_magnitudes(array, getattr(self, "_magnitudes", None), name, model)

    def _forget_fit(self) -> None:
        """Remove the results of an earlier fit, because another one starts."""

    def _write_fitted(self, writer: FittedWriter) -> dict:
        """Return the header entries of the fitted attributes, by attribute name.

        Subclasses add their own entries. `writer` collects modules and arrays.
        """
        names = getattr(self, "feature_names_in_", None)
        n_features = getattr(self, "n_features_in_", None)  # unknown for released networks
        card = getattr(self, "card_", None)
        if not isinstance(card, (str, type(None))):
            raise FileError(f"card_ is a {type(card).__name__}; expected a text.")
        return {
            "n_features_in_": None if n_features is None else int(n_features),
            "n_channels_in_": int(self.n_channels_in_),
            "feature_names_in_": None if names is None else [str(name) for name in names],
            "sampling_rate_": rate_of(self, "sampling_rate_"),
            "_magnitudes": getattr(self, "_magnitudes", None),
            "card_": card,
        }

    def _read_fitted(self, reader: FittedReader) -> None:
        """Set the attributes that :meth:`_write_fitted` wrote, and check them.

        Raises
        ------
        ValueError
            If an entry is not as this class writes it. The error may also be a KeyError, a
            TypeError or another one.
        """
        self.n_channels_in_ = as_count(reader.take("n_channels_in_"))
        # Earlier versions did not write the next three.
        self.sampling_rate_ = reader.take("sampling_rate_", None)
        check_entry(self.sampling_rate_ is None or is_rate(self.sampling_rate_), "sampling_rate_")
        self._magnitudes = _read_magnitudes(reader.take("_magnitudes", None))
        if (card := reader.take("card_", None)) is not None:
            check_entry(isinstance(card, str), "card_")
            self.card_ = card
        if (n_features := reader.take("n_features_in_")) is not None:
            self._n_timesteps_in = as_count(n_features) // (self.n_channels or 1)
            check_entry(self.n_features_in_ == n_features, "n_features_in_")
        if (names := reader.take("feature_names_in_")) is not None:
            n_names = getattr(self, "_n_timesteps_in", 0) * self.n_channels_in_
            check_entry(are_strings(names) and len(names) == n_names, "feature_names_in_")
            self.feature_names_in_ = np.array(names, dtype=object)


def _read_magnitudes(entry: list[float] | None) -> Magnitudes | None:
    if entry is None:
        return None
    magnitudes = Magnitudes(*as_numbers(entry, "_magnitudes").tolist())
    check_entry(0 < magnitudes.low <= magnitudes.median <= magnitudes.high, "_magnitudes")
    check_entry(magnitudes.level >= 0, "_magnitudes")
    return magnitudes
