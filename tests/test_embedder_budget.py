"""Parameters of RelConEmbedder for a budget in steps and for the heads of training."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import FeatureDistance, RandomAugmentations, RelConEmbedder
from tests.support.count_steps import CountSteps
from tests.support.estimators import tiny_embedder
from tests.support.reference import euclidean


def embedder(**kwargs):
    return tiny_embedder(**{"distance": euclidean, "validation_fraction": 0} | kwargs)


@pytest.mark.parametrize("candidates", ["independent", "shared"])
@pytest.mark.parametrize("n_segments", [10, 90])  # 1 or 2 batches a pass, and 3 to 11
@pytest.mark.parametrize("steps", [1, 4])
def test_an_epoch_has_the_given_number_of_steps(motion, candidates, n_segments, steps):
    X, _, subjects = motion
    counter = CountSteps()
    fitted = embedder(
        steps_per_epoch=steps, max_epochs=3, candidates=candidates, callbacks=[counter]
    ).fit(X[:n_segments], groups=subjects[:n_segments])
    assert counter.n_steps == 3 * steps
    assert [row["epoch"] for row in fitted.history_] == [1, 2, 3]


@pytest.mark.parametrize(("steps", "n_batches"), [(1, 1), (2, 2), (5, 4), (None, 4)])
def test_a_validation_is_not_longer_than_an_epoch(motion, steps, n_batches):
    X, _, subjects = motion
    # 30 segments of two subjects, which are four batches of 8.
    settings = {"validation_fraction": 1 / 3, "max_epochs": 2, "steps_per_epoch": steps}
    counter = CountSteps()
    fitted = embedder(**settings, callbacks=[counter]).fit(X, groups=subjects)
    first, second = np.split(np.array(counter.seeds), 2)
    assert len(first) == n_batches
    assert first.tolist() == second.tolist()
    assert all(np.isfinite(row["valid_loss"]) for row in fitted.history_)


def test_a_pass_in_steps_is_the_same_training(motion):
    X, _, subjects = motion
    n_batches = -(-len(X) // 8)  # of a pass
    expected = embedder().fit(X, groups=subjects)
    found = embedder(steps_per_epoch=n_batches).fit(X, groups=subjects)
    assert found.history_ == expected.history_


@pytest.mark.parametrize("bad", [0, -1, 1.5, "all"])
def test_steps_are_counts(motion, bad):
    with pytest.raises(ValueError, match="'steps_per_epoch' parameter"):
        embedder(steps_per_epoch=bad).fit(motion[0])


@pytest.mark.parametrize("projection", [(8,), [8, 4]])
def test_a_projection_is_dropped_after_training(motion, projection):
    X, _, subjects = motion
    plain = embedder().fit(X, groups=subjects)
    fitted = embedder(projection=projection).fit(X, groups=subjects)
    assert fitted.encoder_.state_dict().keys() == plain.encoder_.state_dict().keys()
    assert fitted.transform(X).shape == plain.transform(X).shape
    assert not any("projection" in name for name in vars(fitted) if name != "projection")
    # It takes part in the training.
    assert fitted.history_ != plain.history_


@pytest.mark.parametrize("empty", [(), []])
def test_an_empty_projection_is_none(motion, empty):
    X, _, subjects = motion
    expected = embedder().fit(X, groups=subjects)
    assert embedder(projection=empty).fit(X, groups=subjects).history_ == expected.history_


@pytest.mark.parametrize("bad", [(0,), (8, -1), (8.0,), ("8",), (True,), (None,), [[8]]])
def test_entries_of_a_projection_are_positive_integers(motion, bad):
    with pytest.raises(ValueError, match=r"^projection=.* has the entry .*positive integers"):
        embedder(projection=bad).fit(motion[0])


@pytest.mark.parametrize("bad", [8, "8", {8: 8}])
def test_a_projection_is_a_sequence(motion, bad):
    with pytest.raises(ValueError, match="'projection' parameter"):
        embedder(projection=bad).fit(motion[0])


def test_widths_of_numpy_are_integers(motion):
    X, _, subjects = motion
    settings = {"max_epochs": 1, "steps_per_epoch": 1}
    expected = embedder(projection=(8,), **settings).fit(X, groups=subjects)
    found = embedder(projection=(np.int64(8),), **settings).fit(X, groups=subjects)
    assert found.history_ == expected.history_


def test_predicting_features_takes_part_in_training_and_is_dropped(motion):
    X, _, subjects = motion
    settings = {"distance": "features", "sampling_rate": 50}
    plain = embedder(**settings).fit(X, groups=subjects)
    fitted = embedder(feature_weight=5, **settings).fit(X, groups=subjects)
    assert fitted.encoder_.state_dict().keys() == plain.encoder_.state_dict().keys()
    assert not any("regression" in name for name in vars(fitted))
    assert fitted.history_ != plain.history_
    assert fitted.history_[0]["train_loss"] > plain.history_[0]["train_loss"]


def test_features_can_be_predicted_better_than_without_the_second_loss(motion):
    X, _, subjects = motion
    features = FeatureDistance(50).fit_transform(X)
    settings = {"distance": "features", "sampling_rate": 50, "lr": 0.01}

    def error(feature_weight):
        fitted = embedder(feature_weight=feature_weight, max_epochs=15, **settings)
        Z = fitted.fit(X, groups=subjects).transform(X)
        predicted = cross_val_predict(make_pipeline(StandardScaler(), Ridge()), Z, features)
        return mean_squared_error(features, predicted)

    assert error(100) < 0.9 * error(0)


@pytest.mark.parametrize("distance", ["features", euclidean])
def test_features_are_predicted_with_any_distance(motion, distance):
    X = motion[0]
    settings = {"distance": distance, "sampling_rate": 50, "n_within": 0}
    plain, fitted = (embedder(feature_weight=w, **settings).fit(X) for w in (0, 1))
    assert fitted.history_[0]["train_loss"] > plain.history_[0]["train_loss"]


@pytest.mark.parametrize("bad", [-1, np.inf, "features"])
def test_the_weight_is_a_number(motion, bad):
    with pytest.raises(ValueError, match="'feature_weight' parameter"):
        embedder(feature_weight=bad).fit(motion[0])


def test_features_of_another_rate_are_another_training(motion, tmp_path):
    X = motion[0]
    settings = {"feature_weight": 1, "checkpoint_dir": tmp_path, "n_within": 0, "max_epochs": 1}
    embedder(sampling_rate=50, **settings).fit(X)
    with pytest.raises(ValueError, match=r"sampling_rate of the features was 50\.0 and is 25\.0"):
        embedder(sampling_rate=25, **settings).fit(X)


def test_the_default_augmentation_is_random(motion):
    X = motion[0]
    first, second = (
        embedder(augmentation=augmentation, n_within=0).fit(X)
        for augmentation in ("random", RandomAugmentations())
    )
    assert first.history_ == second.history_
    with pytest.raises(ValueError, match="'augmentation' parameter"):
        embedder(augmentation="none").fit(X)


def test_the_defaults_train_without_a_warning(motion):
    """No groups, sampling rate or other parameter is needed."""
    fitted = RelConEmbedder(max_epochs=1, steps_per_epoch=2, random_state=0).fit(motion[0])
    assert np.isfinite(fitted.transform(motion[0])).all()
