"""FeatureDistance: the distance of segments by the features that tests/features checks."""

import logging
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from benchmarks.reliability import model_mutations as mutations
from relcon_sklearn import Checkpoints, FeatureDistance, RelConEmbedder
from relcon_sklearn._features import motion_features
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.break_off import BreakOff, Broken
from tests.support.estimators import tiny_embedder

RATE = 50


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    strength = rng.uniform(0.5, 3, (60, 1, 1))
    return (strength * rng.normal(size=(60, 40, 3)) + [0, 0, 1]).astype(np.float32)


@pytest.fixture(scope="module")
def distance(X):
    return FeatureDistance(RATE).fit(X)


@pytest.mark.filterwarnings("ignore:X of shape:UserWarning")
@parametrize_with_checks([FeatureDistance(RATE)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- values


def reference(X, X_fit):
    """Return the standardised, clipped features of segments, and their distances."""
    of_fit = motion_features(np.float64(X_fit), RATE)
    scale = of_fit.std(axis=0)
    scale[scale <= 1e-6] = 1
    vectors = np.clip((motion_features(np.float64(X), RATE) - of_fit.mean(axis=0)) / scale, -4, 4)
    return vectors, np.sqrt(((vectors[:, None] - vectors) ** 2).sum(axis=-1))


def test_values_equal_a_slow_reference(X):
    found = FeatureDistance(RATE).fit(X[:40])
    vectors, distances = reference(X, X[:40])
    assert np.abs(vectors).max() == 4  # the largest are clipped
    assert_allclose(found.transform(X), vectors, atol=2e-3)
    assert found.transform(X).dtype == found.pairwise(X).dtype == np.float32
    assert_allclose(found.pairwise(X), distances, atol=2e-2)
    assert_allclose(found.pairwise(X[:5], X[5:]), distances[:5, 5:], atol=2e-2)


def test_distances_are_a_metric_on_segments(X, distance):
    found = distance.pairwise(X)
    assert_array_equal(found, found.T)
    assert (np.diag(found) == 0).all()
    assert (found >= 0).all()


def test_constant_features_are_not_divided_by(X):
    still = np.ones_like(X)
    found = FeatureDistance(RATE).fit(still)
    assert (found.scale_ == 1).all()
    assert not found.pairwise(still).any()
    assert np.isfinite(found.transform(X)).all()


def test_large_arrays_are_fitted_by_a_sample(X, monkeypatch):
    monkeypatch.setattr("relcon_sklearn._feature_distance._MAX_SAMPLE", 20)
    assert_array_equal(FeatureDistance(RATE).fit(X).mean_, FeatureDistance(RATE).fit(X[::3]).mean_)


def test_blocks_and_layouts_do_not_matter(X, distance, monkeypatch, tmp_path):
    expected = distance.transform(X)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_array_equal(FeatureDistance(RATE).fit(mapped).transform(mapped), expected)
    flat = FeatureDistance(RATE, n_channels=3).fit(X.reshape(60, -1))
    assert_array_equal(flat.transform(X.reshape(60, -1)), expected)
    monkeypatch.setattr("relcon_sklearn._feature_transformer._BLOCK_BYTES", 5000)
    assert_allclose(distance.transform(X), expected, rtol=1e-5, atol=1e-5)


def test_segments_of_another_length_are_compared(X, distance):
    assert distance.pairwise(X[:4], X[:6, :30]).shape == (4, 6)


def test_names(X, distance):
    assert len(distance.get_feature_names_out()) == distance.transform(X).shape[1]


# ---------------------------------------------------------------- sampling rate


class WithRate(np.ndarray):
    sampling_rate = 25.0


def test_another_rate_is_refused(X, distance):
    other = X.view(WithRate)
    assert FeatureDistance().fit(other).sampling_rate_ == 25
    for use in (distance.transform, distance.pairwise, FeatureDistance(RATE).fit):
        with pytest.raises(ValueError, match="25 Hz"):
            use(other)
    with pytest.raises(ValueError, match=r"^X_candidate has a sampling rate of 25 Hz"):
        distance.pairwise(X, other)


@pytest.mark.parametrize("rate", [0, -1, "50", True])
def test_a_rate_that_is_not_one_is_refused(X, rate):
    with pytest.raises(ValueError, match="'sampling_rate' parameter"):
        FeatureDistance(rate).fit(X)


def test_an_unknown_rate_is_logged_and_taken_as_50(X, distance, caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        found = FeatureDistance().fit(X)
    assert "rate is not known" in caplog.text
    assert found.sampling_rate_ is None
    assert_array_equal(found.transform(X), distance.transform(X))


# ---------------------------------------------------------------- copies and files


@pytest.mark.parametrize("rate", [None, RATE])
def test_copies_give_the_same_features(X, tmp_path, rate):
    fitted = FeatureDistance(rate).fit(X)
    fitted.save(tmp_path / "file")
    loaded = FeatureDistance.load(tmp_path / "file")
    assert loaded.sampling_rate_ == rate
    for copy in (loaded, pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X)):
        assert copy.get_params() == fitted.get_params()
        assert vars(copy).keys() == vars(fitted).keys()
        assert_array_equal(copy.transform(X), fitted.transform(X))


def fitted_part(header):
    return header["estimators"][0]["fitted"]


def shorten(name):
    def change(header, tensors):
        tensors[name] = tensors[name][:-1].clone()

    return change


HOSTILE = {
    "mean of another length": shorten("mean_"),
    "scale of another length": shorten("scale_"),
    "no mean": lambda header, tensors: tensors.pop("mean_"),
    "NaN": lambda header, tensors: tensors["scale_"].fill_(float("nan")),
    "matrix": lambda header, tensors: tensors.update(mean_=tensors["mean_"][None].clone()),
    "integers": lambda header, tensors: tensors.update(mean_=tensors["mean_"].int()),
    "other channels": lambda header, tensors: fitted_part(header).update(n_channels_in_=2),
    "rate": lambda header, tensors: fitted_part(header).update(sampling_rate_=-1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(distance, tmp_path, name):
    path = tmp_path / "file"
    distance.save(path)
    path.write_bytes(mutations.signed(path.read_bytes(), HOSTILE[name]))
    with pytest.raises(DamagedFileError, match="cannot be loaded"):
        FeatureDistance.load(path)


@pytest.mark.parametrize("kind", [*mutations.UNSIGNED])
def test_damaged_files_are_refused(distance, tmp_path, kind):
    path = tmp_path / "file"
    distance.save(path)
    path.write_bytes(mutations.UNSIGNED[kind](path.read_bytes(), np.random.default_rng(0)))
    with pytest.raises(ValueError, match="cannot be loaded"):  # the version may be a later one
        FeatureDistance.load(path)


# ---------------------------------------------------------------- in an embedder


def embedder(**kwargs):
    settings = {"distance": "features", "projection": (8,), "steps_per_epoch": 2, "max_epochs": 2}
    return tiny_embedder(**settings | kwargs)


@pytest.mark.parametrize("given", ["name", "instance", "frozen"])
def test_an_embedder_with_it_is_saved(motion, tmp_path, given):
    X, _, subjects = motion
    own = {
        "name": "features",
        "instance": FeatureDistance(RATE),
        "frozen": FrozenEstimator(FeatureDistance(RATE).fit(X)),
    }
    fitted = embedder(distance=own[given]).fit(X, groups=subjects)
    assert isinstance(fitted.distance_, FeatureDistance)
    fitted.save(tmp_path / "file")
    for copy in (RelConEmbedder.load(tmp_path / "file"), pickle.loads(pickle.dumps(fitted))):
        assert repr(copy) == repr(fitted)
        assert_array_equal(copy.transform(X), fitted.transform(X))
        assert_array_equal(copy.distance_.transform(X), fitted.distance_.transform(X))
        assert copy.score(X, groups=subjects) == fitted.score(X, groups=subjects)


def test_a_frozen_one_gives_the_same_embedder(motion):
    X, _, subjects = motion
    frozen = FrozenEstimator(FeatureDistance().fit(X))
    expected = embedder().fit(X, groups=subjects)
    found = embedder(distance=frozen).fit(X, groups=subjects)
    assert found.history_ == expected.history_
    assert found.distance_ is frozen.estimator


@pytest.mark.parametrize("n_steps", [2, 50])  # with many, features are computed once
@pytest.mark.parametrize("candidates", ["independent", "shared"])
def test_resuming_is_exact(motion, tmp_path, candidates, n_steps):
    X, _, subjects = motion
    expected = embedder(candidates=candidates, steps_per_epoch=n_steps).fit(X, groups=subjects)
    settings = Checkpoints(tmp_path, every_seconds=None, every_steps=1)
    broken = clone(expected).set_params(checkpoint_dir=settings, callbacks=[BreakOff(3)])
    with pytest.raises(Broken):
        broken.fit(X, groups=subjects)
    # The parameters of a callback are part of the training.
    found = clone(broken).set_params(callbacks=[BreakOff(10**9)]).fit(X, groups=subjects)
    assert found.history_ == expected.history_
    assert_array_equal(found.transform(X), expected.transform(X))


@pytest.mark.parametrize("candidates", ["independent", "shared"])
def test_features_of_all_segments_are_computed_once_if_a_training_reads_as_many(
    motion, monkeypatch, candidates
):
    X, _, subjects = motion
    many = embedder(candidates=candidates, steps_per_epoch=len(X))
    few = embedder(candidates=candidates, max_epochs=1, steps_per_epoch=1)
    with monkeypatch.context() as patch:
        patch.setattr("relcon_sklearn._embedder_training._MOST_VECTOR_BYTES", 0)
        expected = clone(many).fit(X, groups=subjects).history_
    with monkeypatch.context() as patch:
        patch.setattr("relcon_sklearn._training._rankers.described", None)
        found = clone(many).fit(X, groups=subjects).history_
        with pytest.raises(TypeError, match="not callable"):
            few.fit(X, groups=subjects)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
