"""Models with a card: warnings where fit, also of a clone, discards their weights."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor
from tests.support.reference import euclidean

MAKERS = {
    "LearnedMotifDistance": tiny_distance,
    "RelConEmbedder": lambda **kwargs: tiny_embedder(distance=euclidean, n_within=0, **kwargs),
    "RelConClassifier": tiny_classifier,
    "RelConRegressor": tiny_regressor,
}
TRAINING = {
    name: f"{name}(init=FrozenEstimator(model))" if i < 2 else f"{name}(FrozenEstimator(embedder))"
    for i, name in enumerate(MAKERS)
}


@pytest.fixture
def data(motion):
    return motion[0], np.arange(len(motion[0])) % 2


@pytest.fixture(scope="module")
def fitted(motion):
    """Return fitted estimators, by the name of their class, without a card."""
    X = motion[0]
    return {name: make(max_epochs=0).fit(X, np.arange(len(X)) % 2) for name, make in MAKERS.items()}


@pytest.fixture(params=MAKERS)
def model(request, fitted):
    found = copy.deepcopy(fitted[request.param])
    found.card_ = "# Model of ours"
    return found


def test_a_fit_that_discards_the_weights_warns_once(model, data):
    with pytest.warns(UserWarning, match="fit discards the weights of this") as caught:
        model.fit(*data)
    (text,) = (str(warning.message) for warning in caught)
    assert TRAINING[type(model).__name__] in text
    assert not hasattr(model, "card_")
    model.fit(*data)  # without a warning
    clone(model).fit(*data)


@pytest.mark.parametrize(
    "copies", [clone, lambda m: clone(clone(m)), lambda m: pickle.loads(pickle.dumps(clone(m)))]
)
def test_a_fit_of_a_clone_warns_once(model, data, copies):
    cloned = copies(model)
    with pytest.warns(UserWarning, match="is a clone of a model that has a model card") as caught:
        cloned.fit(*data)
    (text,) = (str(warning.message) for warning in caught)
    assert TRAINING[type(model).__name__] in text
    cloned.fit(*data)  # without a warning
    clone(cloned).fit(*data)


@pytest.mark.parametrize("name", MAKERS)
def test_a_clone_that_starts_with_another_model_has_no_warning(name, fitted, data):
    start = "init" if hasattr(fitted[name], "init") else "encoder"
    other = fitted[name if start == "init" else "RelConEmbedder"]
    model = copy.deepcopy(fitted[name]).set_params(**{start: FrozenEstimator(other)})
    model.card_ = "# Model of ours"
    clone(model).fit(*data)
    with pytest.warns(UserWarning, match="fit discards the weights of this"):
        model.fit(*data)


@pytest.mark.parametrize(
    ("make", "parameter", "nested"),
    [
        (tiny_classifier, "encoder", "RelConEmbedder"),
        (tiny_embedder, "distance", "LearnedMotifDistance"),
    ],
)
def test_a_model_that_is_nested_and_not_frozen_warns_once(make, parameter, nested, fitted, data):
    model = copy.deepcopy(fitted[nested])
    model.card_ = "# Model of ours"
    outer = make(max_epochs=0, **{parameter: model})
    warning = f"This {nested} is a clone of a model that has a model card"
    with pytest.warns(UserWarning, match=warning) as caught:
        outer.fit(*data, groups=np.arange(len(data[0])) // 9)
    assert len(caught) == 1, [str(other.message) for other in caught]


def test_the_way_to_silence_it(model, data):
    type(model)(**clone(model).get_params(deep=False)).fit(*data)


def test_cross_validation_of_a_model_in_a_pipeline_warns(fitted, data):
    model = copy.deepcopy(fitted["RelConEmbedder"])
    model.card_ = "# Model of ours"
    with pytest.warns(UserWarning, match=r"cross-validation, pass FrozenEstimator\(model\)"):
        cross_val_score(make_pipeline(model, LogisticRegression()), *data, cv=2)
    frozen = make_pipeline(FrozenEstimator(model), LogisticRegression(max_iter=1000))
    cross_val_score(frozen, *data, cv=2)  # without a warning
    assert model.card_ == "# Model of ours"


def test_cross_validation_of_a_frozen_classifier_scores_the_model_itself(fitted, data):
    model = copy.deepcopy(fitted["RelConClassifier"])
    model.card_ = "# Model of ours"
    X, y = data
    scores = cross_val_score(FrozenEstimator(model), X, y, cv=[(np.arange(5), np.arange(len(X)))])
    assert scores == [model.score(X, y)]
