"""Trainings that start with the weights of a fitted model: the parameter `init`."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from relcon_sklearn import (
    Checkpoints,
    LazyWindows,
    LearnedMotifDistance,
    RelConClassifier,
    RelConEmbedder,
)
from relcon_sklearn._files import class_in_file, list_pretrained
from relcon_sklearn._files._shipped import shipped_path
from relcon_sklearn._initial import NAMES_OF_EMBEDDERS
from relcon_sklearn._training import fit_module
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D
from tests.support.break_off import BreakOff, Broken
from tests.support.comparing import comparable
from tests.support.estimators import (
    tiny_classifier,
    tiny_distance,
    tiny_embedder,
    tiny_encoder,
    tiny_regressor,
)


def embedder(**kwargs):
    settings = {"distance": "features", "validation_fraction": 0, "n_within": 0, "max_epochs": 1}
    return tiny_embedder(**settings | kwargs)


def further(init, **kwargs):
    """Return an embedder with another seed, whose `encoder` has its default."""
    return embedder(init=init, **{"encoder": "resnet14-half", "random_state": 1} | kwargs)


MAKERS = {"RelConEmbedder": embedder, "LearnedMotifDistance": tiny_distance}
MODULE = {"RelConEmbedder": "encoder_", "LearnedMotifDistance": "net_"}


@pytest.fixture(scope="module")
def models(motion):
    """Return a fitted model of each class. Do not change them."""
    return {name: make().fit(motion[0]) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def model(models):
    return models["RelConEmbedder"]


def weights(fitted):
    module = getattr(fitted, MODULE[type(fitted).__name__])
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def are_same(found, expected):
    assert found.keys() == expected.keys()
    return all((found[name] == value).all() for name, value in expected.items())


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("kind", ["fitted", "frozen", "file", "path", "folder"])
def test_a_training_starts_with_the_weights_of_a_model(models, motion, tmp_path, name, kind):
    model = models[name]
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    options = {"frozen": FrozenEstimator(model), "file": str(path), "path": path}
    given = {"fitted": model, "folder": tmp_path, **options}[kind]
    before = weights(model)
    started = MAKERS[name](init=given, max_epochs=0, random_state=1).fit(motion[0])
    assert are_same(weights(started), before)
    trained = MAKERS[name](init=given, max_epochs=1, random_state=1).fit(motion[0])
    assert not are_same(weights(trained), before)
    assert [record["epoch"] for record in trained.history_] == [1]
    again = MAKERS[name](init=given, max_epochs=1, random_state=1).fit(motion[0])
    assert are_same(weights(again), weights(trained))
    assert are_same(weights(model), before)


@pytest.mark.parametrize("settings", [{}, {"projection": (8,), "feature_weight": 1.0}])
def test_the_first_step_has_the_weights(model, motion, monkeypatch, settings):
    seen = []

    def spy(module, *args):
        trained = getattr(module, "encoder", module)
        seen.append({name: v.numpy().copy() for name, v in trained.state_dict().items()})
        return fit_module(module, *args)

    monkeypatch.setattr("relcon_sklearn._embedder_training.fit_module", spy)
    further(FrozenEstimator(model), **settings).fit(motion[0])
    assert are_same(seen[0], weights(model))


def test_a_shipped_model_is_trained_further():
    X, *_ = make_motion(40, n_timesteps=64, sampling_rate=50, random_state=0)
    settings = {"max_epochs": 1, "steps_per_epoch": 1, "batch_size": 8, "random_state": 0}
    found = RelConEmbedder(init="motion-small", **settings).fit(X)
    assert found.sampling_rate_ == 50
    assert found.card_.startswith("# Trained further\n\nThis model started with the weights of")
    assert "# motion-small" in found.card_


class TestEncoderOfAPredictor:
    @pytest.mark.parametrize("make", [tiny_classifier, tiny_regressor])
    def test_of_a_file(self, motion, tmp_path, make):
        X, _, subjects = motion
        y = np.arange(len(X)) % 2
        predictor = make(max_epochs=1, sampling_rate=25).fit(X, y, groups=subjects)
        predictor.card_ = "# Model of ours"
        predictor.save(tmp_path / "file")
        expected = {k: v.numpy() for k, v in predictor.encoder_.state_dict().items()}
        for path in (tmp_path / "file", str(tmp_path / "file")):
            found = further(path, max_epochs=0).fit(X)
            assert are_same(weights(found), expected)
        assert found.sampling_rate_ == 25
        assert found.card_.startswith("# Trained further")  # it is no classifier
        assert not are_same(weights(further(path).fit(X)), expected)
        found.save(tmp_path / "embedder")
        loaded = RelConEmbedder.load(tmp_path / "embedder")
        np.testing.assert_array_equal(loaded.transform(X), found.transform(X))

    def test_of_the_package(self):
        X, *_ = make_motion(20, n_timesteps=64, sampling_rate=50, random_state=0)
        found = RelConEmbedder(init="activity-small", max_epochs=0).fit(X)
        model = RelConClassifier.from_pretrained("activity-small")
        expected = {k: v.numpy() for k, v in model.encoder_.state_dict().items()}
        assert are_same(weights(found), expected)

    def test_other_rates_and_channels_are_refused(self, motion, tmp_path):
        X, y, _ = motion
        tiny_classifier(max_epochs=0, sampling_rate=25).fit(X, y).save(tmp_path / "file")
        with pytest.raises(ValueError, match="X has 2 channels, but RelConClassifier was fitted"):
            further(tmp_path / "file").fit(X[:, :, :2])
        with pytest.raises(ValueError, match=r"sampling_rate=50, but .*RelConClassifier .* 25 Hz"):
            further(tmp_path / "file", sampling_rate=50).fit(X)

    @pytest.mark.parametrize("wrap", [FrozenEstimator, lambda model: model])
    def test_in_memory_it_is_refused_with_advice(self, motion, wrap):
        X, y, _ = motion
        model = tiny_classifier(max_epochs=0).fit(X, y)
        with pytest.raises(ValueError, match=r"wraps a RelConClassifier\. .* and pass init=path"):
            further(wrap(model)).fit(X)

    def test_loading_it_as_an_embedder_says_what_to_do(self, motion, tmp_path):
        X, y, _ = motion
        tiny_classifier(max_epochs=0).fit(X, y).save(tmp_path / "file")
        advice = r"use RelConClassifier\.load .* pass its path: RelConEmbedder\(init=path\)"
        with pytest.raises(ValueError, match=advice):
            RelConEmbedder.load(tmp_path / "file")
        with pytest.raises(ValueError, match=r"or RelConClassifier\.from_pretrained\.$"):
            LearnedMotifDistance.load(tmp_path / "file")


def test_in_searches_and_pipelines(motion, model):
    X, y, _ = motion
    pipe = make_pipeline(further(None, max_epochs=0), LogisticRegression(max_iter=500))
    grid = {"relconembedder__init": [None, "motion-small"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    grid = {"relconembedder__init": [FrozenEstimator(model)]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert are_same(weights(search.best_estimator_[0]), weights(model))


def test_in_a_classifier_that_pretrains(motion, model):
    X, y, subjects = motion
    classifier = tiny_classifier(encoder=further(FrozenEstimator(model), max_epochs=0))
    classifier.set_params(max_epochs=0).fit(X, y, groups=subjects)
    assert are_same(
        {k: v.numpy() for k, v in classifier.encoder_.state_dict().items()}, weights(model)
    )


def test_clones_and_pickles_keep_the_weights(motion, model):
    estimator = further(FrozenEstimator(model)).fit(motion[0])
    for other in (clone(estimator), pickle.loads(pickle.dumps(estimator))):
        assert are_same(weights(other.fit(motion[0])), weights(estimator))


@pytest.mark.parametrize("name", MAKERS)
def test_a_clone_of_a_model_that_is_not_frozen_is_refused(motion, models, name):
    estimator = clone(MAKERS[name](init=models[name]))
    with pytest.raises(ValueError, match=r"not fitted\. Searches.*Pass FrozenEstimator\(model\)"):
        estimator.fit(motion[0])


def test_what_is_no_model(motion, models, tmp_path):
    X, model = motion[0], copy.deepcopy(models["RelConEmbedder"])
    with pytest.raises(ValueError, match="is or wraps a LearnedMotifDistance"):
        further(FrozenEstimator(models["LearnedMotifDistance"])).fit(X)
    with pytest.raises(ValueError, match="The 'init' parameter of RelConEmbedder must be"):
        further(3).fit(X)
    with pytest.raises(FileNotFoundError, match="init='motion-huge': motion-huge does not exist"):
        further("motion-huge").fit(X)
    models["LearnedMotifDistance"].save(tmp_path / "file")
    with pytest.raises(ValueError, match="it holds a LearnedMotifDistance"):
        further(tmp_path / "file").fit(X)
    with pytest.raises(ValueError, match="init is the estimator itself"):
        model.set_params(init=FrozenEstimator(model)).fit(X)
    assert hasattr(model, "history_")  # it is still fitted


class TestEncoder:
    def test_the_same_one_may_be_passed(self, motion, model):
        same = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))
        for encoder in (tiny_encoder, same, "resnet14-half"):
            found = further(FrozenEstimator(model), encoder=encoder, max_epochs=0).fit(motion[0])
            assert found.encoder_.n_features == 8

    def test_another_one_is_refused(self, motion, model):
        other = partial(tiny_encoder, widths=(4,))
        named = embedder(encoder="resnet34-half", max_epochs=0).fit(motion[0])
        with pytest.raises(ValueError, match=r"encoder='relcon', but .* init is 'resnet34-half'"):
            further(FrozenEstimator(named), encoder="relcon").fit(motion[0])
        with pytest.raises(ValueError, match=r"widths=\(4,\).*, but the encoder of init is functo"):
            further(FrozenEstimator(model), encoder=other).fit(motion[0])

    def test_an_adopted_one_is_adopted_again(self, motion, model):
        once = further(FrozenEstimator(model)).fit(motion[0])
        twice = further(FrozenEstimator(once), max_epochs=0).fit(motion[0])
        assert are_same(weights(twice), weights(once))


def test_another_network_of_the_distance_is_refused(motion, models):
    model = FrozenEstimator(models["LearnedMotifDistance"])
    found = LearnedMotifDistance(init=model, max_epochs=0).fit(motion[0])
    assert are_same(weights(found), weights(models["LearnedMotifDistance"]))
    with pytest.raises(ValueError, match="embed_dim=16, but the network of init has embed_dim=8"):
        LearnedMotifDistance.for_cpu(init=model).fit(motion[0])


def test_a_nested_distance_may_have_one(motion, models):
    inner = models["LearnedMotifDistance"]
    distance = tiny_distance(init=FrozenEstimator(inner), max_epochs=0)
    found = embedder(distance=distance, max_epochs=0).fit(motion[0])
    assert are_same(weights(found.distance_), weights(inner))


def test_the_distance_is_a_parameter_of_its_own(motion, models):
    X, inner = motion[0], models["LearnedMotifDistance"]
    model = embedder(distance=FrozenEstimator(inner)).fit(X)
    anew = further(
        FrozenEstimator(model),
    ).fit(X)
    assert type(anew.distance_).__name__ == "FeatureDistance"
    kept = FrozenEstimator(model.distance_)
    assert further(FrozenEstimator(model), distance=kept).fit(X).distance_ is inner


class TestSegments:
    def test_another_length_but_no_other_channels(self, motion, model):
        X = motion[0]
        further(FrozenEstimator(model)).fit(X[:, :20])
        with pytest.raises(ValueError, match="X has 2 channels, but RelConEmbedder was fitted wit"):
            further(FrozenEstimator(model)).fit(X[:, :, :2])

    def test_another_sampling_rate(self, motion):
        X = motion[0]
        model = FrozenEstimator(embedder(sampling_rate=25).fit(X))
        windows = LazyWindows([np.concatenate(X)], n_timesteps=64, sampling_rate=100)
        with pytest.raises(ValueError, match=r"rate of 100 Hz.*resample .*target_rate=25"):
            further(model).fit(windows)
        with pytest.raises(ValueError, match=r"sampling_rate=100, but .* of 25 Hz.*resample"):
            further(model, sampling_rate=100).fit(X)

    def test_the_rate_of_the_model_is_taken(self, motion):
        X = motion[0]
        model = FrozenEstimator(embedder(sampling_rate=25).fit(X))
        settings = {"max_epochs": 0}
        found = further(model, **settings).fit(X)
        expected = embedder(**settings, sampling_rate=25).fit(X)
        assert found.sampling_rate_ == found.distance_.sampling_rate_ == 25
        np.testing.assert_array_equal(found.distance_.mean_, expected.distance_.mean_)

    @pytest.mark.parametrize("name", MAKERS)
    def test_other_units_are_noticed(self, motion, models, name):
        estimator = MAKERS[name](init=FrozenEstimator(models[name]), max_epochs=0)
        with pytest.warns(UserWarning, match="median magnitude of X"):
            estimator.fit(9.81 * motion[0])


class TestCheckpoints:
    def test_a_training_resumes(self, motion, model, tmp_path):
        X = motion[0]
        settings = {"max_epochs": 2, "init": FrozenEstimator(model)}
        expected = further(**settings).fit(X)
        folder = Checkpoints(tmp_path, every_seconds=None, every_steps=2)
        first = further(**settings, checkpoint_dir=folder, callbacks=[BreakOff(5)])
        with pytest.raises(Broken):
            first.fit(X)
        found = clone(first).set_params(callbacks=[BreakOff(10**9)]).fit(X)
        assert are_same(weights(found), weights(expected))
        assert found.history_ == expected.history_

    def test_the_weights_of_a_file_are_part_of_what_identifies_it(self, motion, tmp_path):
        X, path = motion[0], tmp_path / "model"
        for seed, outcome in ((0, None), (1, "weights of init was")):
            embedder(max_epochs=0, random_state=seed).fit(X).save(path)
            estimator = further(path, checkpoint_dir=tmp_path / "folder")
            if outcome is None:
                estimator.fit(X)
            else:
                with pytest.raises(ValueError, match=outcome):
                    estimator.fit(X)

    @pytest.mark.parametrize("name", MAKERS)
    def test_more_epochs_are_refused_with_advice(self, motion, tmp_path, name):
        make = partial(MAKERS[name], checkpoint_dir=tmp_path)
        make(max_epochs=1).fit(motion[0])
        with pytest.raises(ValueError, match=r"was 1 and is 2.*as init=FrozenEstimator\(\.\.\.\)"):
            make(max_epochs=2).fit(motion[0])
        with pytest.raises(ValueError, match=r"choose another folder\.$"):
            make(max_epochs=2, lr=0.1).fit(motion[0])

    def test_a_classifier_has_no_such_advice(self, motion, tmp_path):
        X, y, _ = motion
        make = partial(tiny_classifier, checkpoint_dir=tmp_path, validation_fraction=0)
        make(max_epochs=1).fit(X, y)
        with pytest.raises(ValueError, match=r"choose another folder\.$"):
            make(max_epochs=2).fit(X, y)


class TestCard:
    @pytest.fixture
    def model(self, model):
        found = copy.deepcopy(model)
        found.card_ = "# Model of ours"
        return found

    def test_it_says_once_that_there_was_more_training(self, motion, model):
        once = further(FrozenEstimator(model)).fit(motion[0])
        twice = further(FrozenEstimator(once)).fit(motion[0])
        for found in (once, twice):
            assert found.card_.startswith("# Trained further")
            assert found.card_.count("Trained further") == 1
            assert found.card_.endswith("# Model of ours")
        assert model.card_ == "# Model of ours"

    def test_without_epochs_it_is_the_same(self, motion, model):
        assert further(model, max_epochs=0).fit(motion[0]).card_ == "# Model of ours"

    def test_there_is_none_without_one(self, motion, models):
        for name, make in MAKERS.items():
            assert not hasattr(make(init=models[name], max_epochs=0).fit(motion[0]), "card_")

    def test_of_a_distance(self, motion, models):
        model = copy.deepcopy(models["LearnedMotifDistance"])
        model.card_ = "# Distance of ours"
        found = tiny_distance(init=FrozenEstimator(model), max_epochs=1).fit(motion[0])
        assert found.card_.endswith("# Distance of ours")


class TestFiles:
    def save(self, estimator, tmp_path, **given):
        estimator.save(tmp_path / "file")
        return type(estimator).load(tmp_path / "file", **given)

    @pytest.mark.parametrize("name", MAKERS)
    @pytest.mark.parametrize("kind", ["frozen", "fitted", "str", "path"])
    def test_what_is_saved_comes_back(self, motion, models, tmp_path, name, kind):
        model = models[name]
        model.save(tmp_path / "model")
        path = tmp_path / "model"
        init = {"frozen": FrozenEstimator(model), "fitted": model, "str": str(path), "path": path}
        fitted = MAKERS[name](init=init[kind], random_state=1).fit(motion[0])
        found = self.save(fitted, tmp_path)
        assert comparable(found) == comparable(fitted)
        if kind == "frozen":
            assert are_same(weights(clone(found).fit(motion[0])), weights(fitted))

    def test_an_initial_model_loses_its_own(self, motion, models, tmp_path):
        first = embedder().fit(motion[0])
        inner = tiny_distance(init=FrozenEstimator(models["LearnedMotifDistance"]))
        second = further(FrozenEstimator(first), distance=inner).fit(motion[0])
        third = further(FrozenEstimator(second), distance=inner).fit(motion[0])
        classifier = tiny_classifier(encoder=FrozenEstimator(third), max_epochs=0)
        found = self.save(classifier.fit(motion[0], motion[1]), tmp_path).encoder.estimator
        assert are_same(weights(found.init.estimator), weights(second))
        assert found.init.estimator.init is None
        assert found.init.estimator.distance.init is None
        assert isinstance(found.distance.init, FrozenEstimator)

    def test_an_encoder_of_the_user_is_given_once(self, motion, tmp_path):
        model = embedder(encoder=own_encoder).fit(motion[0])
        fitted = embedder(init=FrozenEstimator(model), encoder=own_encoder).fit(motion[0])
        given = {"encoder": own_encoder, "init__estimator__encoder": own_encoder}
        found = self.save(fitted, tmp_path, **given)
        np.testing.assert_array_equal(found.transform(motion[0]), fitted.transform(motion[0]))


def own_encoder(n_channels):
    """An encoder that files do not contain."""
    return tiny_encoder(n_channels=n_channels)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"distance": "motion-small"},
            r"distance='motion-small' is the name .* init='motion-small'",
        ),
        (
            {"encoder": "motion-small"},
            r"RelConEmbedder\.from_pretrained\('motion-small'\)\. To start",
        ),
        (
            {"encoder": "activity-small"},
            r"RelConClassifier\.from_pretrained\('activity-small'\)\. .* init='activity-small'",
        ),
    ],
)
def test_names_of_models_in_other_places_say_where_they_belong(motion, params, message):
    with pytest.raises(ValueError, match=message):
        RelConEmbedder(**params).fit(motion[0])


def test_the_names_of_embedders_are_those_in_the_package():
    kinds = {name: class_in_file(shipped_path(name)) for name in list_pretrained()}
    embedders = [name for name, kind in kinds.items() if kind is RelConEmbedder]
    assert embedders == list(NAMES_OF_EMBEDDERS)
