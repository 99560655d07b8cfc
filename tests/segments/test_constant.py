"""A training warns of segments that are constant over time."""

import warnings

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import LazyWindows, MotionFeatures
from relcon_sklearn.segments._array import SegmentArray
from relcon_sklearn.segments._constant import warn_if_constant
from relcon_sklearn.segments._magnitudes import magnitudes_of
from tests.support import untrained
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor
from tests.support.untrained import fit

SHORT = {"max_epochs": 1, "validation_fraction": 0}


def distance(**kwargs):
    return tiny_distance(**SHORT | kwargs)


def embedder(**kwargs):
    return tiny_embedder(**SHORT | {"distance": distance()} | kwargs)


def classifier(**kwargs):
    return tiny_classifier(**SHORT | kwargs)


def regressor(**kwargs):
    return tiny_regressor(**SHORT | kwargs)


POSTURES = np.random.default_rng(0).normal(size=(20, 1, 3)).astype(np.float32)


def constant(n=20, n_timesteps=16):
    """Return segments at rest in several postures, without any noise."""
    return np.resize(POSTURES, (n, 1, 3)).repeat(n_timesteps, axis=1)


@pytest.mark.parametrize("make", [distance, embedder, classifier, regressor])
@pytest.mark.parametrize("X", [constant(), np.zeros((20, 16, 3)), np.ones((20, 16))])
def test_a_training_warns_once_at_the_line_of_the_user(make, X):
    with pytest.warns(UserWarning, match="^X is constant over time in all its segments") as record:
        fit(make(), X)
    assert len(record) == 1  # nested estimators do not repeat it
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X is constant over time")
        fit(make(), X)


@untrained.MAKERS
def test_a_fit_without_a_training_does_not_warn(make):
    fit(make(), constant())


@pytest.mark.parametrize(
    "make",
    [
        lambda: embedder(max_epochs=0),
        lambda: classifier(max_epochs=0, encoder=embedder()),
        lambda: classifier(max_epochs=0, encoder=embedder(max_epochs=0)),
    ],
)
def test_a_training_of_a_nested_estimator_warns_once(make):
    with pytest.warns(UserWarning, match="^X is constant over time in all its segments") as record:
        fit(make(), constant())
    assert len(record) == 1


def test_the_rows_that_have_weights_are_not_compared_again():
    model = classifier(encoder=embedder())
    weights = np.arange(20) > 2
    with pytest.warns(UserWarning, match="^X is constant over time in all its segments") as record:
        model.fit(constant(), np.arange(20) % 2, sample_weight=weights, groups=np.arange(20) % 4)
    assert len(record) == 1


def test_one_value_that_differs_is_enough():
    X = constant()
    X[11, 3, 1] += 1e-6
    fit(embedder(), X)


@pytest.mark.parametrize("shape", [{"n": 1}, {"n_timesteps": 1}])
def test_one_segment_or_time_step_says_nothing(shape):
    warn_if_constant(SegmentArray(constant(**shape)))


def test_new_segments_and_features_without_a_training_may_be_constant():
    model = fit(untrained.embedder(), constant() + np.linspace(0, 0.1, 16)[:, None])
    model.transform(constant())
    MotionFeatures(sampling_rate=25).fit(constant(n_timesteps=64))


def test_a_frozen_distance_does_not_hide_it():
    frozen = FrozenEstimator(fit(distance(), constant() + np.linspace(0, 0.1, 16)[:, None]))
    with pytest.warns(UserWarning, match="X is constant over time"):
        fit(embedder(distance=frozen), constant())


def test_of_many_segments_some_stand_for_all():
    array = SegmentArray(constant(300))
    with pytest.warns(UserWarning, match="in all 256 segments read, for example "):
        warn_if_constant(array)


def test_segments_that_move_are_not_read_a_second_time():
    windows = LazyWindows([np.random.default_rng(0).normal(size=(9000, 3))], 30)
    array = SegmentArray(windows)
    magnitudes_of(array)
    array.on_read(lambda rows, segments: pytest.fail("reads segments again"))
    warn_if_constant(array)
