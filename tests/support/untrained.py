"""Estimators that are fitted without a training, for tests of what they keep of the data."""

import numpy as np
import pytest

from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

_UNTRAINED = {"max_epochs": 0, "validation_fraction": 0}


def distance(**kwargs):
    return tiny_distance(**_UNTRAINED, **kwargs)


def embedder(**kwargs):
    return tiny_embedder(**_UNTRAINED | {"distance": distance()} | kwargs)


def classifier(**kwargs):
    return tiny_classifier(**_UNTRAINED, **kwargs)


def regressor(**kwargs):
    return tiny_regressor(**_UNTRAINED, **kwargs)


MAKERS = pytest.mark.parametrize("make", [distance, embedder, classifier, regressor])


def fit(estimator, X):
    """Fit to segments of four people, with targets 0 and 1 if it needs any."""
    n = np.arange(len(X))
    return estimator.fit(X, *([n % 2] if hasattr(estimator, "predict") else []), groups=n % 4)
