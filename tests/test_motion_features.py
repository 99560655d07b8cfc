"""MotionFeatures: the estimator around the features, whose values tests/features checks."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from relcon_sklearn import LazyWindows, MotionFeatures, SegmentWriter, open_segments
from relcon_sklearn._features import motion_features
from tests.support.estimators import tiny_embedder

RATE = 50


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(300, 40, 3)).astype(np.float32) + 0.5


@pytest.mark.filterwarnings("ignore:X of shape:UserWarning")
@parametrize_with_checks([MotionFeatures(RATE)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_features_have_their_names(X):
    features = MotionFeatures(RATE).set_output(transform="pandas").fit_transform(X)
    assert features.shape == (300, 128)
    assert (features.dtypes == np.float32).all()
    np.testing.assert_allclose(features["mean_y"], X[..., 1].mean(axis=1), rtol=1e-5)
    magnitude = np.linalg.norm(X, axis=2)
    np.testing.assert_allclose(features["max_magnitude"], magnitude.max(axis=1), rtol=1e-5)


def test_features_do_not_depend_on_blocks_and_layouts(X, monkeypatch, tmp_path):
    expected = motion_features(X, RATE)
    monkeypatch.setattr("relcon_sklearn._feature_transformer._BLOCK_BYTES", 10_000)
    features = MotionFeatures(RATE).fit(X)
    np.testing.assert_allclose(features.transform(X), expected, rtol=1e-5, atol=1e-6)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_array_equal(features.transform(mapped), features.transform(X))
    flat = MotionFeatures(RATE, n_channels=3).fit(X.reshape(300, -1))
    assert_array_equal(flat.transform(X.reshape(300, -1)), features.transform(X))


def test_other_lengths_than_in_fit(X):
    features = MotionFeatures(RATE).fit(X)
    short = features.transform(X[:, :25])
    np.testing.assert_allclose(short, motion_features(X[:, :25], RATE), rtol=1e-5, atol=1e-6)


def test_the_rate_of_a_store_is_known(X, tmp_path):
    with SegmentWriter(
        tmp_path / "store", n_timesteps=40, n_channels=3, sampling_rate=25.0
    ) as writer:
        writer.append(X, "lee")
    store = open_segments(tmp_path / "store")
    features = MotionFeatures().fit(store.X)
    assert features.sampling_rate_ == 25
    np.testing.assert_allclose(features.transform(store.X), motion_features(X, 25), rtol=1e-5)
    with pytest.raises(ValueError, match="25"):
        MotionFeatures(RATE).fit(store.X)
    with pytest.raises(ValueError, match="25"):
        MotionFeatures(RATE).fit(X).transform(store.X)


def test_an_unknown_rate_is_refused(X):
    with pytest.raises(ValueError, match=r"sampling_rate is None.*Pass the rate"):
        MotionFeatures().fit(X)


def test_rows_that_cross_validation_selects_have_the_rate(X):
    windows = LazyWindows([X.reshape(-1, 3)], n_timesteps=X.shape[1], sampling_rate=RATE)
    groups = np.arange(len(windows)) % 2
    y = np.arange(len(windows)) % 3
    score = {"y": y, "groups": groups, "cv": GroupKFold(2), "error_score": "raise"}
    scores = [
        cross_val_score(
            make_pipeline(features, StandardScaler(), LogisticRegression(max_iter=1000)),
            data,
            **score,
        )
        for features, data in ((MotionFeatures(), windows), (MotionFeatures(RATE), X))
    ]
    np.testing.assert_allclose(*scores)


def test_a_fit_that_fails_leaves_the_estimator_unfitted(X):
    features = MotionFeatures(RATE).fit(X).set_params(sampling_rate=None)
    with pytest.raises(ValueError, match="sampling_rate is None"):
        features.fit(X)
    with pytest.raises(NotFittedError):
        features.transform(X)


@pytest.mark.parametrize("rate", [0, -1, 0.5, "50", True, np.inf])
def test_a_rate_that_is_not_one_is_refused(X, rate):
    with pytest.raises(ValueError, match="sampling_rate"):
        MotionFeatures(rate).fit(X)


def test_other_channels_and_units_than_in_fit(X):
    features = MotionFeatures(RATE).fit(X)
    with pytest.raises(ValueError, match="fitted with 3"):
        features.transform(X[..., :2])
    with pytest.warns(UserWarning, match="median magnitude"):
        features.transform(9.81 * X)
    with pytest.raises(ValueError, match="NaN"):
        features.transform(np.where(X > 2, np.nan, X))


def test_copies_give_the_same_features(X):
    features = MotionFeatures(RATE).fit(X)
    for copy in (pickle.loads(pickle.dumps(features)), clone(features).fit(X)):
        assert_array_equal(copy.transform(X), features.transform(X))


def test_union_with_an_embedding_under_routing(motion):
    """The recommended pipeline: groups reach the embedder, and the features ignore them."""
    X, y, subjects = motion
    with sklearn.config_context(enable_metadata_routing=True):
        embedder = tiny_embedder(max_epochs=1).set_fit_request(groups=True)
        union = FeatureUnion([("embedding", embedder), ("features", MotionFeatures(RATE))])
        pipe = make_pipeline(union, StandardScaler(), LogisticRegression(max_iter=1000))
        scores = cross_val_score(pipe, X, y, params={"groups": subjects}, cv=GroupKFold(2))
        pipe.fit(X, y, groups=subjects)
    assert np.isfinite(scores).all()
    names = pipe[:-1].get_feature_names_out()
    assert len(names) == len(set(names)) == pipe[:-1].transform(X).shape[1]
    assert names[-1] == "features__correlation_y_z"
