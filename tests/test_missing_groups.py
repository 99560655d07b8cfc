"""Groups that are missing, which scikit-learn's tools do not pass on without metadata routing."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from tests.support.estimators import (
    tiny_classifier,
    tiny_distance,
    tiny_embedder,
    tiny_regressor,
)
from tests.support.reference import euclidean

MISSING = r"RelConEmbedder\.(fit|score) received no groups.*n_within=3.*set_(fit|score)_request"


def quick(**kwargs):
    return tiny_embedder(**({"distance": euclidean, "max_epochs": 1} | kwargs))


def pipeline(embedder):
    return make_pipeline(embedder, LogisticRegression(max_iter=2000))


def n_warnings(function, *args, **kwargs):
    """Return how many warnings about groups a call gives, and require that there are no others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args, **kwargs)
    assert all("received no groups" in str(warning.message) for warning in caught)
    assert all(warning.category is UserWarning for warning in caught)
    return len(caught)


@pytest.mark.parametrize("candidates", ["independent", "shared"])
def test_a_fit_without_groups_warns_once(motion, candidates):
    X, _, subjects = motion
    embedder = quick(candidates=candidates, max_epochs=3)
    with pytest.warns(UserWarning, match=MISSING):
        embedder.fit(X)
    assert n_warnings(embedder.fit, X) == 1
    assert n_warnings(embedder.fit, X, groups=subjects) == 0
    assert n_warnings(embedder.fit, X, groups=np.arange(len(X))) == 0


def test_n_within_0_trains_without_groups_and_without_a_warning(motion):
    X, _, subjects = motion
    embedder = quick(n_within=0, validation_fraction=0)
    assert n_warnings(embedder.fit, X) == 0
    assert n_warnings(embedder.score, X) == 0
    # Groups have no effect.
    expected = clone(embedder).fit(X, groups=subjects)
    np.testing.assert_array_equal(embedder.transform(X), expected.transform(X))
    assert embedder.score(X) == expected.score(X, groups=subjects)
    # A fit without groups draws no within-subject candidates, as the warning says.
    ignored = clone(embedder).set_params(n_within=3)
    assert n_warnings(ignored.fit, X) == 1
    np.testing.assert_array_equal(embedder.transform(X), ignored.transform(X))


def test_an_untrained_embedder_needs_no_groups(motion):
    assert n_warnings(quick(max_epochs=0).fit, motion[0]) == 0


def test_a_score_without_groups_warns(motion):
    X, _, subjects = motion
    embedder = quick().fit(X, groups=subjects)
    with pytest.warns(UserWarning, match=MISSING):
        embedder.score(X)
    assert n_warnings(embedder.score, X, groups=subjects) == 0


def test_cross_validation_that_loses_the_groups_warns_once_in_each_fit(motion):
    X, y, subjects = motion
    settings = {"groups": subjects, "cv": GroupKFold(3), "error_score": "raise"}
    assert n_warnings(cross_val_score, pipeline(quick()), X, y, **settings) == 3
    # Here the score is without groups too.
    assert n_warnings(cross_val_score, quick(), X, **settings) == 6


def test_search_that_loses_the_groups_warns_once_in_each_fit(motion):
    X, y, subjects = motion
    grid = {"relconembedder__lr": [1e-3, 1e-2]}
    search = GridSearchCV(pipeline(quick()), grid, cv=GroupKFold(2), error_score="raise")
    assert n_warnings(search.fit, X, y, groups=subjects) == 2 * 2 + 1


def test_metadata_routing_silences_the_warning_in_cross_validation(motion):
    X, y, subjects = motion
    settings = {"params": {"groups": subjects}, "cv": GroupKFold(3), "error_score": "raise"}
    with sklearn.config_context(enable_metadata_routing=True):
        embedder = quick().set_fit_request(groups=True)
        assert n_warnings(cross_val_score, pipeline(embedder), X, y, **settings) == 0
        embedder.set_score_request(groups=True)
        assert n_warnings(cross_val_score, embedder, X, **settings) == 0


def test_metadata_routing_silences_the_warning_in_a_search(motion):
    X, y, subjects = motion
    grid = {"relconembedder__lr": [1e-3, 1e-2]}
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = pipeline(quick().set_fit_request(groups=True))
        search = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise")
        assert n_warnings(search.fit, X, y, groups=subjects) == 0


def test_metadata_routing_without_a_request_is_an_error(motion):
    X, y, subjects = motion
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError),
    ):
        pipeline(quick()).fit(X, y, groups=subjects)


@pytest.mark.parametrize("make", [tiny_classifier, tiny_regressor])
def test_pretraining_within_fine_tuning_warns_once(motion, make):
    X, _, subjects = motion
    y = np.arange(len(X)) % 2
    model = make(encoder=quick(), max_epochs=1)
    assert n_warnings(model.fit, X, y) == 1
    assert n_warnings(model.fit, X, y, groups=subjects) == 0
    weights = np.arange(len(X)) % 3
    assert n_warnings(model.fit, X, y, sample_weight=weights) == 1
    assert n_warnings(model.fit, X, y, sample_weight=weights, groups=subjects) == 0
    frozen = FrozenEstimator(quick().fit(X, groups=subjects))
    assert n_warnings(model.set_params(encoder=frozen).fit, X, y) == 0


def test_metadata_routing_reaches_pretraining_within_fine_tuning(motion):
    X, _, subjects = motion
    y = np.arange(len(X)) % 2
    settings = {"cv": GroupKFold(2), "error_score": "raise"}
    model = tiny_classifier(encoder=quick(), max_epochs=1)
    assert n_warnings(cross_val_score, model, X, y, groups=subjects, **settings) == 2
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(groups=True)
        params = {"groups": subjects}
        assert n_warnings(cross_val_score, model, X, y, params=params, **settings) == 0


def test_estimators_without_within_subject_candidates_need_no_groups(motion):
    X = motion[0]
    y = np.arange(len(X)) % 2
    assert n_warnings(tiny_distance(max_epochs=1).fit, X) == 0
    for make in (tiny_classifier, tiny_regressor):
        assert n_warnings(make(max_epochs=1).fit, X, y) == 0


def test_an_error_about_candidates_comes_without_the_warning(motion):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="no group has two segments"):
            quick(n_between=0).fit(motion[0])
    assert not caught
