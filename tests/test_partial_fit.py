"""Training a fitted embedder further."""

import copy

import numpy as np
import pytest
import sklearn
import torch

from relcon_sklearn import Checkpoints, RelConEmbedder
from relcon_sklearn._training import fit_module
from tests.support.break_off import BreakOff, Broken
from tests.support.estimators import tiny_embedder
from tests.support.reference import euclidean


def embedder(**kwargs):
    return tiny_embedder(**{"distance": euclidean, "validation_fraction": 0} | kwargs)


def weights(fitted):
    return {name: value.numpy().copy() for name, value in fitted.encoder_.state_dict().items()}


def assert_same_weights(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_an_unfitted_embedder_is_fitted(motion):
    X, _, subjects = motion
    found = embedder().partial_fit(X, groups=subjects)
    expected = embedder().fit(X, groups=subjects)
    assert_same_weights(weights(found), weights(expected))
    assert found.history_ == expected.history_


@pytest.mark.parametrize("settings", [{}, {"projection": (8,), "feature_weight": 1.0}])
def test_it_is_a_training_from_the_present_weights(motion, monkeypatch, settings):
    X, _, subjects = motion
    fitted = embedder(**settings).fit(X, groups=subjects)
    before = weights(fitted)
    seen = []

    def spy(module, *args):
        encoder = getattr(module, "encoder", module)
        seen.append({name: v.numpy().copy() for name, v in encoder.state_dict().items()})
        return fit_module(module, *args)

    monkeypatch.setattr("relcon_sklearn._embedder_training.fit_module", spy)
    distance = fitted.distance_
    assert fitted.partial_fit(X[:30], groups=subjects[:30]) is fitted
    assert_same_weights(seen[0], before)
    assert fitted.distance_ is distance
    with pytest.raises(AssertionError):
        assert_same_weights(weights(fitted), before)
    assert [record["epoch"] for record in fitted.history_] == [1, 2, 3, 4]
    assert not fitted.encoder_.training


def test_a_learned_distance_is_not_trained_again(motion):
    X, _, subjects = motion
    fitted = tiny_embedder(validation_fraction=0).fit(X, groups=subjects)
    before = [value.clone() for value in fitted.distance_.net_.state_dict().values()]
    fitted.partial_fit(X[:20], groups=subjects[:20])
    after = fitted.distance_.net_.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_another_length_but_no_other_channels(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    fitted.partial_fit(X[:, :20], groups=subjects)
    assert fitted.n_features_in_ == X.shape[1]
    with pytest.raises(ValueError, match="X has 2 channels, but RelConEmbedder was fitted with 3"):
        fitted.partial_fit(X[:, :, :2], groups=subjects)


def test_a_failure_leaves_the_embedder_as_it_was(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    before, history = weights(fitted), copy.copy(fitted.history_)
    with pytest.raises(Broken):
        fitted.set_params(callbacks=[BreakOff(3)]).partial_fit(X, groups=subjects)
    assert_same_weights(weights(fitted), before)
    assert fitted.history_ == history


def test_it_resumes(motion, tmp_path):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    expected = copy.deepcopy(fitted).partial_fit(X, groups=subjects)
    first = copy.deepcopy(fitted)
    folder = Checkpoints(tmp_path, every_seconds=None, every_steps=2)
    first.set_params(checkpoint_dir=folder, callbacks=[BreakOff(5)])
    with pytest.raises(Broken):
        first.partial_fit(X, groups=subjects)
    first.set_params(callbacks=[BreakOff(10**9)]).partial_fit(X, groups=subjects)
    assert_same_weights(weights(first), weights(expected))
    assert first.history_ == expected.history_
    # The weights that it started with are part of what identifies a training.
    other = embedder(random_state=1).fit(X, groups=subjects).set_params(random_state=0)
    other.set_params(checkpoint_dir=folder, callbacks=[BreakOff(10**9)])
    with pytest.raises(ValueError, match="weights"):
        other.partial_fit(X, groups=subjects)


def test_the_distance_is_part_of_what_identifies_a_training(motion, tmp_path):
    X, _, subjects = motion
    settings = {"distance": "features", "max_epochs": 0}
    first = embedder(**settings).fit(X, groups=subjects)
    other = embedder(**settings).fit(X[::2], groups=subjects[::2])
    assert_same_weights(weights(first), weights(other))
    for fitted in (first, other):
        fitted.set_params(max_epochs=1, checkpoint_dir=tmp_path)
    first.partial_fit(X, groups=subjects)
    with pytest.raises(ValueError, match=r"data\.distance"):
        other.partial_fit(X, groups=subjects)


def test_another_sampling_rate_in_the_parameter(motion):
    X, _, subjects = motion
    fitted = embedder(sampling_rate=50).fit(X, groups=subjects)
    before = weights(fitted)
    with pytest.raises(ValueError, match=r"sampling_rate=100, but RelConEmbedder was .* of 50 Hz"):
        fitted.set_params(sampling_rate=100).partial_fit(X, groups=subjects)
    assert_same_weights(weights(fitted), before)
    fitted.set_params(sampling_rate=None).partial_fit(X, groups=subjects)
    assert fitted.sampling_rate_ == 50


def test_other_units_are_noticed_in_a_short_training(motion):
    X, _, subjects = motion
    settings = {"steps_per_epoch": 1, "max_epochs": 1, "batch_size": 2, "n_within": 1}
    fitted = embedder(**settings).fit(X, groups=subjects)
    with pytest.warns(UserWarning, match="median magnitude of X"):
        fitted.partial_fit(9.81 * X, groups=subjects)


def test_errors_as_in_fit(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    with pytest.raises(ValueError, match="at least 2 segments"):
        fitted.partial_fit(X[:1], groups=subjects[:1])
    with pytest.raises(ValueError, match="projection="):
        fitted.set_params(projection=(0,)).partial_fit(X, groups=subjects)
    fitted.set_params(projection=None)
    with pytest.raises(ValueError, match="'lr' parameter"):
        fitted.set_params(lr=-1).partial_fit(X, groups=subjects)
    fitted.set_params(lr=1e-3, device="nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        fitted.partial_fit(X, groups=subjects)


def test_missing_groups_are_noticed(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    with pytest.warns(UserWarning, match=r"RelConEmbedder\.partial_fit received no groups"):
        fitted.partial_fit(X)


def test_without_a_distance(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    fitted.distance_ = None  # as of a released checkpoint
    with pytest.raises(ValueError, match=r"Pass distance=\.\.\. to from_released_checkpoint"):
        fitted.partial_fit(X, groups=subjects)


def test_without_epochs_nothing_changes(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    before, history = weights(fitted), fitted.history_
    fitted.card_ = "# Model of ours"
    fitted.set_params(max_epochs=0).partial_fit(X, groups=subjects)
    assert_same_weights(weights(fitted), before)
    assert fitted.history_ == history
    assert fitted.card_ == "# Model of ours"


def test_the_card_says_so_once(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    fitted.card_ = "# Model of ours"
    for _ in range(2):
        fitted.partial_fit(X, groups=subjects)
    assert fitted.card_.startswith("# Trained further")
    assert fitted.card_.count("Trained further") == 1
    assert fitted.card_.endswith("# Model of ours")
    with pytest.warns(UserWarning, match=r"discards the weights .*FrozenEstimator\(embedder\)"):
        fitted.fit(X, groups=subjects)
    assert not hasattr(fitted, "card_")
    fitted.fit(X, groups=subjects)  # without a warning


def test_a_card_that_is_no_text_does_not_stop_a_training(motion):
    X, _, subjects = motion
    fitted = embedder().fit(X, groups=subjects)
    fitted.card_ = {"licence": "CC BY 4.0"}  # refused by save
    assert len(fitted.partial_fit(X, groups=subjects).history_) == 4
    assert fitted.card_ == {"licence": "CC BY 4.0"}


def test_requests_of_partial_fit_are_saved(motion, tmp_path):
    X, _, subjects = motion
    fitted = embedder(distance="features").fit(X, groups=subjects)
    with sklearn.config_context(enable_metadata_routing=True):
        fitted.set_partial_fit_request(groups=True)
    fitted.save(tmp_path / "file")
    found = RelConEmbedder.load(tmp_path / "file")
    assert found.get_metadata_routing().partial_fit.requests == {"groups": True}
