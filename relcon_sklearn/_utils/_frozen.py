"""Estimators in scikit-learn's ``FrozenEstimator``."""

from __future__ import annotations

from sklearn.frozen import FrozenEstimator


def is_frozen(estimator) -> bool:
    """Whether an estimator is wrapped, so that ``clone`` and ``fit`` leave it as it is."""
    return isinstance(estimator, FrozenEstimator)


def unwrap(estimator):
    """Return the estimator within a ``FrozenEstimator``; any other object as it is."""
    return estimator.estimator if is_frozen(estimator) else estimator
