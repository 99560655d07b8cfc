"""Files written by an earlier version load, and give the same results."""

import json

import numpy as np
import pytest
import sklearn
import torch
from sklearn.frozen import FrozenEstimator

import relcon_sklearn
from benchmarks.reliability import model_mutations as mutations
from relcon_sklearn import RelConEmbedder
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.nn import PulsePPGEncoder
from tests.support.comparing import comparable
from tests.support.golden import EXPECTED, outputs, path_of, reversed_in_time, settings

# Parameters that the files do not contain.
GIVEN = {"RelConEmbedder": {"augmentation": reversed_in_time}}


def load(name):
    kind = getattr(relcon_sklearn, name)
    return kind.load(path_of(name), **GIVEN.get(name, {}))


@pytest.mark.parametrize("name", settings())
def test_version_1(name):
    estimator = load(name)
    with np.load(EXPECTED) as expected:
        found = outputs(estimator, expected["X"])
        # CPUs round differently.
        np.testing.assert_allclose(found, expected[name], rtol=1e-5, atol=1e-6)
        assert found.dtype == expected[name].dtype
        assert estimator.history_ == json.loads(str(expected[f"{name} history"]))
    assert estimator.n_features_in_ == 40
    assert estimator.n_channels_in_ == 3
    found = estimator.get_params(deep=False)
    for key, value in settings()[name].items():
        assert comparable(found[key]) == comparable(value)
    assert path_of(name).stat().st_size < 100_000


def test_what_else_is_in_them():
    distance, embedder, classifier, regressor = map(load, settings())
    assert distance.references_.shape == (6, 40, 3)
    assert embedder.distance.n_references == 2
    assert embedder.distance_.references_.shape == (2, 40, 3)
    assert "'person'" in str(embedder.get_metadata_routing())
    assert "True" in str(embedder.distance.get_metadata_routing())
    assert type(embedder.transform(np.zeros((2, 40, 3)))).__name__ == "DataFrame"
    assert isinstance(classifier.encoder, FrozenEstimator)
    pretrained = classifier.encoder.estimator
    assert isinstance(pretrained.encoder_, PulsePPGEncoder)
    assert pretrained.distance_ is pretrained.distance.estimator
    for key, value in distance.net_.state_dict().items():
        assert torch.equal(pretrained.distance_.net_.state_dict()[key], value)
    assert classifier.classes_.tolist() == ["sitting", "walking"]
    assert isinstance(regressor.random_state, np.random.RandomState)


def test_what_is_read_is_written_again(tmp_path):
    for name in settings():
        estimator = load(name)
        estimator.save(tmp_path / name)
        again = type(estimator).load(tmp_path / name, **GIVEN.get(name, {}))
        assert comparable(again) == comparable(estimator)


def test_parameters_that_were_added_later_have_values_of_before():
    loaded = load("RelConEmbedder")
    assert (loaded.projection, loaded.feature_weight, loaded.steps_per_epoch) == (None, 0.0, None)


def with_params_of_before(**params):
    """Return the golden file of an embedder with other values of the parameters of before."""

    def change(header, tensors):
        written = header["estimators"][-1]["params"]
        assert {"compile", "query_stride"} <= written.keys()
        written.update(params)

    return mutations.signed(path_of("RelConEmbedder").read_bytes(), change)


def test_the_stride_of_before_becomes_that_of_the_distance(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(with_params_of_before(query_stride=4, compile=True))
    found = RelConEmbedder.load(path, augmentation=reversed_in_time)
    assert found.distance.query_stride == 4
    assert not hasattr(found, "compile")


@pytest.mark.parametrize(
    ("distance", "stride", "expected"),
    [
        (None, 1, "None"),
        (None, 4, "LearnedMotifDistance(query_stride=4)"),
        ("features", 4, "'features'"),
    ],
)
def test_the_stride_of_before_without_a_distance(motion, tmp_path, distance, stride, expected):
    path = tmp_path / "file"
    RelConEmbedder(max_epochs=0).fit(motion[0]).save(path)

    def change(header, tensors):
        former = {"distance": distance, "query_stride": stride, "compile": True}
        header["estimators"][-1]["params"].update(former)

    path.write_bytes(mutations.signed(path.read_bytes(), change))
    assert repr(RelConEmbedder.load(path).distance) == expected


def test_a_stride_of_before_that_is_not_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(with_params_of_before(query_stride=0))
    with pytest.raises(DamagedFileError, match="query_stride"):
        RelConEmbedder.load(path, augmentation=reversed_in_time)


def test_trained_on():
    with np.load(EXPECTED) as expected:
        X = expected["X"]
    for name in settings():
        estimator = sklearn.base.clone(load(name)).set_params(max_epochs=1, validation_fraction=0)
        y = X.std(axis=1) if name == "RelConRegressor" else np.repeat(["sitting", "walking"], 5)
        assert len(estimator.fit(X, y, groups=np.arange(10) // 2).history_) == 1
