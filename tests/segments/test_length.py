"""The warning about segments of another length than those of the training."""

import warnings

import numpy as np
import pytest

from relcon_sklearn.segments._length import warn_of_length
from tests.support.estimators import tiny_classifier, tiny_embedder, tiny_regressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 40, 3)).astype(np.float32)


@pytest.mark.parametrize("n", [40, 20, 240])
def test_segments_of_similar_length(n):
    warn_of_length(n, 40, "X", "M")
    warn_of_length(n, None, "X", "M")


@pytest.mark.parametrize(("n", "how"), [(19, "shorter"), (1, "shorter"), (241, "longer")])
def test_segments_of_another_length(n, how):
    message = f"X has segments of {n} time steps, but M .* segments of 40. .* much {how} segments"
    with pytest.warns(UserWarning, match=message):
        warn_of_length(n, 40, "X", "M")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X has segments of")
        warn_of_length(n, 40, "X", "M")
    warn_of_length(n, None, "X", "M")


@pytest.mark.parametrize("model", [tiny_classifier, tiny_regressor], ids=["classes", "values"])
def test_predictions_warn(model):
    fitted = model(max_epochs=1).fit(X, np.arange(8.0) % 2)
    with pytest.warns(UserWarning, match="X has segments of 10 time steps"):
        fitted.predict(X[:, :10])
    fitted.predict(X)


def test_embeddings_may_have_any_length():
    tiny_embedder(max_epochs=0).fit(X).transform(X[:, :10])
