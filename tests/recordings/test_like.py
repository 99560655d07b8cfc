"""segment_recordings(like=model) makes segments as a fitted model expects them."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from relcon_sklearn import MotionFeatures, segment_recordings
from tests.support.untrained import embedder, fit

RECORDING = np.random.default_rng(0).normal([0, 0, 9.8], 1, (1200, 3))
Y = np.arange(20) % 2


def fitted(**kwargs):
    X = np.random.default_rng(0).normal([0, 0, 1], 0.1, (20, 37, 3))
    return fit(embedder(**kwargs), X)


@pytest.fixture(scope="module")
def model():
    return fitted(sampling_rate=30)


def segments(like, **kwargs):
    return segment_recordings(RECORDING, 100, units="m/s^2", like=like, **kwargs).X


def test_length_rate_and_units_are_as_in_training(model):
    X = segments(model)
    window = 37 / 30
    expected = segment_recordings(RECORDING, 100, units="m/s^2", window=window, target_rate=30).X
    assert X.shape[1:] == (37, 3)
    np.testing.assert_array_equal(X, expected)
    model.transform(X)  # without a warning about its magnitude


def test_overlap_is_free_to_choose(model):
    assert len(segments(model, overlap=0.5)) > len(segments(model))


def test_the_model_may_be_in_another_estimator(model):
    expected = segments(model)
    frozen = FrozenEstimator(model)
    pipeline = make_pipeline("passthrough", frozen, LogisticRegression())
    search = GridSearchCV(pipeline, {}, cv=2).fit(expected, Y[: len(expected)])
    union = make_pipeline(make_union("passthrough", frozen), LogisticRegression())
    wrapped = (make_pipeline(pipeline), FrozenEstimator(pipeline), union)
    for like in (frozen, pipeline, *wrapped, search):
        np.testing.assert_array_equal(segments(like), expected)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda pipe: CalibratedClassifierCV(pipe, cv=2),
        lambda pipe: CalibratedClassifierCV(FrozenEstimator(pipe), cv=2),
        lambda pipe: VotingClassifier([("one", pipe), ("none", DummyClassifier())]),
        lambda pipe: StackingClassifier([("one", pipe)], cv=2),
        lambda pipe: OneVsRestClassifier(pipe),
        lambda pipe: make_pipeline(FunctionTransformer(), GridSearchCV(pipe, {}, cv=2)),
    ],
)
def test_the_model_may_be_in_a_meta_estimator(model, wrap):
    expected = segments(model)
    pipe = make_pipeline(FrozenEstimator(model), LogisticRegression())
    y = Y[: len(expected)]
    np.testing.assert_array_equal(segments(wrap(pipe.fit(expected, y)).fit(expected, y)), expected)


def test_parameters_that_a_search_has_cloned_do_not_count(model):
    features = make_pipeline(MotionFeatures(sampling_rate=30), DummyClassifier())
    X = np.asarray(segments(model))  # without its rate
    y = Y[: len(X)]
    search = GridSearchCV(features, {"motionfeatures__sampling_rate": [60]}, cv=2).fit(X, y)
    features.fit(X, y)  # the estimator that the search has as its parameter
    assert len(segments(search)) == 19  # of 37 time steps at 60 Hz in 12 s


def test_what_was_fitted_last_tells_the_length(model):
    """A frozen model may have been trained on segments of another length."""
    union = make_union(FrozenEstimator(model), MotionFeatures(sampling_rate=30))
    X = np.random.default_rng(0).normal([0, 0, 1], 0.1, (20, 60, 3))
    pipeline = make_pipeline(union, LogisticRegression(max_iter=1000)).fit(X, Y)
    for like in (union, pipeline, FrozenEstimator(pipeline)):
        assert segments(like).shape[1] == 60
    frozen = make_union(FrozenEstimator(model), FrozenEstimator(union.transformer_list[1][1]))
    known = r"segments of 37 time steps \(1\.233 s\) and 60 time steps \(2 s\), .*Pass window and"
    with pytest.raises(ValueError, match=f"^like contains models that were trained on {known}"):
        segments(frozen)


def test_models_of_different_rates_are_refused(model):
    X = np.asarray(segments(model))  # without its rate
    union = make_union(FrozenEstimator(model), MotionFeatures(sampling_rate=25)).fit(X)
    known = "a MotionFeatures of 25 Hz and a RelConEmbedder of 30 Hz"
    with pytest.raises(ValueError, match=f"^The FeatureUnion contains {known}, but all"):
        segments(union)
    nearly = make_union(FrozenEstimator(model), MotionFeatures(sampling_rate=30.003)).fit(X)
    np.testing.assert_array_equal(segments(nearly), X)


@pytest.mark.parametrize("extra", [{"window": 2.0}, {"target_rate": 50}])
def test_window_and_rate_are_not_given_twice(model, extra):
    (given,) = (rf"{name}={value}\." for name, value in extra.items())
    with pytest.raises(ValueError, match=f"like cannot be used together with {given}"):
        segments(model, **extra)


def test_a_model_without_a_rate_is_refused():
    with pytest.raises(ValueError, match=r"does not know the sampling rate.*sampling_rate"):
        segments(fitted())


def test_a_model_without_a_length_is_refused(model):
    released = fitted(sampling_rate=30)
    del released._n_timesteps_in
    with pytest.raises(ValueError, match="does not know the number of time steps"):
        segments(released)


@pytest.mark.parametrize("like", [embedder(), make_pipeline(LogisticRegression()), 50, "model"])
def test_what_holds_no_fitted_model_is_refused(like):
    with pytest.raises(ValueError, match=r"like is a .* nor contains a fitted"):
        segments(like)
