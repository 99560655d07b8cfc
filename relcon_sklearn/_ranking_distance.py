"""The distance by which an embedder ranks candidates: given, frozen, or fitted first."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from ._base import FitRun, fit_nested
from ._cards import lacks_its_weights
from ._feature_distance import FeatureDistance
from ._files import FileError, FittedReader, check_entry
from ._motif_distance import LearnedMotifDistance
from ._training import MotifRanker, PairwiseRanker, VectorRanker
from ._utils._frozen import is_frozen, unwrap
from ._utils._warnings import warn
from .segments._array import SegmentArray


def fit_distance(distance, array: SegmentArray, groups, run: FitRun):
    """Return the given distance if it is frozen or a callable, otherwise a fitted clone.

    Parameters
    ----------
    distance : estimator, FrozenEstimator or callable
        The given distance.
    array : SegmentArray
        Checked segments.
    groups : array-like of shape (n_segments,) or None
        Groups of the segments.
    run : FitRun
        The fit that needs the distance.
    """
    if is_frozen(distance):
        distance = unwrap(distance)
        check_is_fitted(distance)
        distance._check_segments(array, reset=False)
        if isinstance(distance, LearnedMotifDistance):
            distance._check_query_stride(array)
        return distance
    if not isinstance(distance, BaseEstimator):
        return distance
    copied = clone(distance)
    is_fitted = isinstance(distance, LearnedMotifDistance) and distance.__sklearn_is_fitted__()
    # The fit of the copy warns if it lacks the weights of a model with a card.
    if is_fitted and not lacks_its_weights(copied):
        warn(
            "distance is a fitted LearnedMotifDistance, which fit clones and fits again. To use it "
            "without fitting, pass FrozenEstimator(distance). To silence this warning, pass "
            "clone(distance)."
        )
    run.configure_nested(copied, "distance")
    return fit_nested(copied, array, groups)


def released_distance(distance, n_channels: int):
    """Return the distance of a released encoder: a callable, or the estimator that is frozen.

    Raises ValueError if an estimator is not frozen, or was fitted with another number of channels.
    """
    if is_frozen(distance):
        distance = unwrap(distance)
        check_is_fitted(distance)
        if distance.n_channels_in_ != n_channels:
            raise ValueError(
                f"distance was fitted with {distance.n_channels_in_} channels, but the encoder "
                f"with {n_channels}."
            )
    elif isinstance(distance, BaseEstimator):
        raise ValueError(
            f"distance={distance!r} cannot be fitted here. Pass a fitted LearnedMotifDistance, or "
            "another fitted distance in a FrozenEstimator."
        )
    return distance


def read_distance(reader: FittedReader, n_channels: int):
    """Return the distance that a file holds: a fitted one, a callable, or None if released."""
    entry = reader.take("distance_")
    distance = reader.value(entry, "distance_")
    if isinstance(entry, dict) and "given" in entry:
        if not callable(distance):
            raise FileError(f"{entry['given']} must be a callable. Got {distance!r}.")
    elif distance is not None:
        check_entry(isinstance(distance, LearnedMotifDistance | FeatureDistance), "distance_")
        # Only a fitted one has the attribute. Its arrays are read later.
        check_entry(getattr(distance, "n_channels_in_", None) == n_channels, "distance_")
    return distance


def make_ranker(
    distance,
    device: torch.device,
    dtype: torch.dtype,
    *,
    exact: bool = False,
    vectors: np.ndarray | None = None,
) -> MotifRanker | VectorRanker | PairwiseRanker:
    """Return a function of batches that ranks candidates by a distance.

    If `exact`, the `query_stride` of a learned distance has no effect. `vectors` are those by which
    a :class:`FeatureDistance` describes all segments, if they are known.
    """
    if isinstance(distance, LearnedMotifDistance):
        stride = 1 if exact else distance.query_stride
        return MotifRanker(distance.net_.to(device), dtype, stride)
    if isinstance(distance, FeatureDistance):
        known = None if vectors is None else torch.from_numpy(vectors).to(device)
        return VectorRanker(distance._describe, known)
    return PairwiseRanker(distance)
