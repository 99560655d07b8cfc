"""Helpers for estimators in scikit-learn's ``FrozenEstimator``."""

from __future__ import annotations

from sklearn.frozen import FrozenEstimator


def is_frozen(estimator) -> bool:
    """Whether an estimator is wrapped, so that ``clone`` and ``fit`` do not change it."""
    return isinstance(estimator, FrozenEstimator)


def unwrap(estimator):
    """Return the estimator in a ``FrozenEstimator``; any other object is returned unchanged."""
    return estimator.estimator if is_frozen(estimator) else estimator
