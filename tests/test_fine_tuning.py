"""RelConClassifier and RelConRegressor: initial weights, frozen parts, weights and targets."""

import copy
from functools import partial

import h5py
import joblib
import numpy as np
import pytest
import scipy.special
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from skorch.callbacks import Callback
from torch import nn

from relcon_sklearn import RelConEmbedder
from relcon_sklearn._batches import LabelledBatch
from relcon_sklearn._utils._sample_weight import class_weights, weighted_moments
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D
from tests.support.estimators import tiny_classifier, tiny_embedder, tiny_encoder, tiny_regressor
from tests.support.reference import euclidean

staged_encoder = partial(ResNet1D, n_blocks=(1, 1), widths=(8, 8), kernel_sizes=(3, 3))


def classifier(**kwargs):
    return tiny_classifier(**({"max_epochs": 3, "lr": 0.01} | kwargs))


def regressor(**kwargs):
    return tiny_regressor(**({"max_epochs": 3, "lr": 0.01} | kwargs))


MAKERS = pytest.mark.parametrize("make", [classifier, regressor])


def labels(make, motion):
    """Return labels for a classifier, or two targets for a regressor."""
    X, y, _ = motion
    return y if make is classifier else X[..., :2].std(axis=1) * [1, 10]


def outputs(fitted, X):
    return fitted.predict_proba(X) if hasattr(fitted, "classes_") else fitted.predict(X)


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before, module):
    """Return the names of parameters and buffers that are not bit-identical."""
    after = module.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture(scope="module")
def embedder(motion):
    X, _, subjects = motion
    settings = {"encoder": staged_encoder, "distance": euclidean, "max_epochs": 1}
    return tiny_embedder(**settings).fit(X, groups=subjects)


class TestEncoder:
    @MAKERS
    def test_starts_from_the_weights_of_a_frozen_embedder(self, make, motion, embedder):
        model = make(encoder=FrozenEstimator(embedder), max_epochs=0)
        model.fit(motion[0], labels(make, motion), groups=motion[2])
        assert model.history_ == []
        assert model.encoder_ is not embedder.encoder_
        assert not changed(state_of(embedder.encoder_), model.encoder_)

    @MAKERS
    def test_starts_from_a_model_of_the_package_by_its_name(self, make, motion, tmp_path):
        shipped = RelConEmbedder.from_pretrained("motion-small")
        model = make(encoder="motion-small", max_epochs=0)
        clone(model).fit(motion[0], labels(make, motion))
        model.fit(motion[0], labels(make, motion))
        assert not changed(state_of(shipped.encoder_), model.encoder_)
        assert model.sampling_rate_ == shipped.sampling_rate_ == 50
        model.save(tmp_path / "model")
        loaded = type(model).load(tmp_path / "model")
        assert loaded.encoder == "motion-small"
        np.testing.assert_array_equal(outputs(loaded, motion[0]), outputs(model, motion[0]))

    def test_a_model_by_its_name_compares_rates_and_units(self, motion):
        X, y, _ = motion
        with pytest.raises(ValueError, match=r"^sampling_rate=100, but RelConEmbedder .* 50 Hz"):
            classifier(encoder="motion-small", sampling_rate=100).fit(X, y)
        with pytest.warns(UserWarning, match="The median magnitude of X is") as caught:
            classifier(encoder="motion-small", max_epochs=0).fit(9.80665 * X, y)
        assert len(caught) == 1, [str(warning.message) for warning in caught]

    @pytest.mark.parametrize("freeze", ["none", "encoder", 1])
    def test_a_frozen_embedder_never_changes(self, motion, embedder, freeze):
        X, y, subjects = motion
        before, hashed = state_of(embedder.encoder_), joblib.hash(embedder)
        classifier(encoder=FrozenEstimator(embedder), freeze=freeze).fit(X, y, groups=subjects)
        assert not changed(before, embedder.encoder_)
        assert joblib.hash(embedder) == hashed
        assert all(p.requires_grad for p in embedder.encoder_.parameters())

    def test_unfitted_is_cloned_and_pretrained_on_the_same_data(self, motion, embedder):
        X, y, subjects = motion
        given = clone(embedder)
        model = classifier(encoder=given, freeze="encoder").fit(X, y, groups=subjects)
        assert not hasattr(given, "encoder_")
        assert not changed(state_of(embedder.encoder_), model.encoder_)

    def test_random_state_reaches_it(self, motion, embedder):
        X, y, subjects = motion
        model = classifier(encoder=clone(embedder).set_params(random_state=None))
        first, second = (clone(model).fit(X, y, groups=subjects) for _ in range(2))
        np.testing.assert_array_equal(outputs(first, X), outputs(second, X))

    def test_fitted_but_not_frozen_is_pretrained_again_with_a_warning(self, motion, embedder):
        X, y, subjects = motion
        model = classifier(encoder=embedder, freeze="encoder")
        with pytest.warns(UserWarning, match=r"pass FrozenEstimator\(embedder\)"):
            model.fit(X[:60], y[:60], groups=subjects[:60])
        assert changed(state_of(embedder.encoder_), model.encoder_)
        assert len(embedder.transform(X)) == 90

    def test_new_encoder(self, motion):
        X, y, subjects = motion
        model = classifier(encoder="resnet14-half", max_epochs=0).fit(X, y, groups=subjects)
        same = RelConEmbedder(euclidean, encoder="resnet14-half", max_epochs=0, random_state=0)
        assert not changed(state_of(same.fit(X).encoder_), model.encoder_)

    @pytest.mark.parametrize(
        ("encoder", "error", "message"),
        [
            ("resnet35", ValueError, "'encoder' parameter"),
            (FrozenEstimator(tiny_embedder()), NotFittedError, "RelConEmbedder"),
            (FrozenEstimator(StandardScaler()), ValueError, "is or wraps a StandardScaler"),
            (StandardScaler(), ValueError, r"a StandardScaler\. The only estimator"),
            (FrozenEstimator(classifier()), ValueError, r"wraps a RelConClassifier\. .* predict\."),
            (regressor(), ValueError, r"RelConRegressor\. .* FrozenEstimator\(embedder\)"),
            (
                "activity-small",
                ValueError,
                r"from_pretrained\('activity-small'\)\. To train .* 'motion-small'",
            ),
            (lambda n_channels: nn.Identity(), ValueError, "mapped 1 segments to a tensor"),
            (lambda n_channels: 3, TypeError, "not a torch module"),
        ],
    )
    def test_invalid_encoders(self, motion, encoder, error, message):
        with pytest.raises(error, match=message):
            classifier(encoder=encoder).fit(motion[0], motion[1])

    def test_frozen_with_other_channels(self, motion, embedder):
        with pytest.raises(ValueError, match=r"X has 2 channels, but RelConEmbedder .* with 3"):
            classifier(encoder=FrozenEstimator(embedder)).fit(motion[0][..., :2], motion[1])


class CustomEncoder(nn.Module):
    """An encoder that draws from the global generators and has no stages."""

    def __init__(self, n_channels):
        super().__init__()
        self.conv = nn.Conv1d(n_channels, 5, 3, padding=1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.conv(x)).mean(-1)


@pytest.mark.usefixtures("global_rng_untouched")
@pytest.mark.parametrize("freeze", ["none", "encoder"])
def test_custom_encoder_with_dropout(motion, freeze):
    X, y, subjects = motion
    model = classifier(encoder=CustomEncoder, freeze=freeze)
    first, second = (clone(model).fit(X, y, groups=subjects) for _ in range(2))
    np.testing.assert_array_equal(outputs(first, X), outputs(second, X))


class TestFreeze:
    @MAKERS
    @pytest.mark.parametrize("freeze", ["none", 1, 2, "encoder"])
    def test_what_is_frozen_stays_bit_identical_and_the_rest_learns(
        self, make, motion, embedder, freeze
    ):
        model = make(encoder=FrozenEstimator(embedder), freeze=freeze, validation_fraction=0)
        model.fit(motion[0], labels(make, motion), groups=motion[2])
        n_frozen = {"none": 0, "encoder": 2}.get(freeze, freeze)
        stages = [["stem", "blocks.0."], ["blocks.1."]]
        learning = tuple(name for stage in stages[n_frozen:] for name in stage)
        before = state_of(embedder.encoder_)
        expected = {name for name in before if learning and name.startswith(learning)}
        assert changed(before, model.encoder_) == expected
        assert all(p.requires_grad for p in model.encoder_.parameters())

    def test_all_stages_frozen_and_encoder_frozen_are_the_same_function(self, motion, embedder):
        X, y, subjects = motion
        settings = {"encoder": FrozenEstimator(embedder), "precision": "float32"}
        plain, cached = (
            classifier(freeze=freeze, **settings).fit(X, y, groups=subjects)
            for freeze in (2, "encoder")
        )
        np.testing.assert_allclose(outputs(plain, X), outputs(cached, X), atol=1e-3)

    def test_a_frozen_encoder_embeds_each_segment_once(self, motion):
        calls = []

        class Counting(CustomEncoder):
            def forward(self, x):
                calls.append(len(x))
                return super().forward(x)

        X, y, subjects = motion
        classifier(encoder=Counting, freeze="encoder", max_epochs=5).fit(X, y, groups=subjects)
        assert sum(calls) == 90 + 1  # one more for the number of features

    def test_large_embeddings_go_to_a_file(self, motion, monkeypatch):
        X, y, subjects = motion
        model = classifier(freeze="encoder").fit(X, y, groups=subjects)
        made = []
        memmap = np.memmap
        monkeypatch.setattr("relcon_sklearn._fine_tuning._KEPT_BYTES", 0)
        monkeypatch.setattr(
            "relcon_sklearn._fine_tuning.np.memmap",
            type("Spy", (memmap,), {"__init__": lambda self, *args, **kwargs: made.append(self)}),
        )
        on_disk = clone(model).fit(X, y, groups=subjects)
        assert [array.shape for array in made] == [(90, 8)]
        np.testing.assert_array_equal(outputs(on_disk, X), outputs(model, X))

    @pytest.mark.parametrize(
        ("encoder", "freeze", "message"),
        [
            (CustomEncoder, 1, "freeze=1, but the encoder, a CustomEncoder, has 0 stages"),
            (tiny_encoder, 2, "freeze=2, but the encoder, a ResNet1D, has 1 stages"),
            (tiny_encoder, 0, "'freeze' parameter"),
            (tiny_encoder, True, "'freeze' parameter .* Got True"),
            (tiny_encoder, "head", "'freeze' parameter"),
        ],
    )
    def test_invalid_freeze(self, motion, encoder, freeze, message):
        with pytest.raises(ValueError, match=message):
            classifier(encoder=encoder, freeze=freeze).fit(motion[0], motion[1])


class TestLearning:
    def test_fine_tuning_beats_chance_on_unseen_subjects(self, embedder):
        X, y, subjects, *_ = make_motion(
            180,
            n_subjects=9,
            n_timesteps=64,
            activities=["sitting", "walking", "running"],
            random_state=1,
        )
        train = subjects < 6
        model = classifier(encoder=FrozenEstimator(embedder), max_epochs=15, validation_fraction=0)
        model.fit(X[train], y[train], groups=subjects[train])
        assert model.score(X[~train], y[~train]) > 1 / 2

    @pytest.mark.parametrize("head", ["linear", "mlp"])
    @pytest.mark.parametrize("freeze", ["none", "encoder"])
    def test_losses_fall(self, motion, embedder, head, freeze):
        X, y, subjects = motion
        model = classifier(
            encoder=FrozenEstimator(embedder), head=head, freeze=freeze, max_epochs=10, lr=0.03
        )
        model.fit(X, y, groups=subjects)
        losses = [record["train_loss"] for record in model.history_]
        assert losses[-1] < 0.9 * losses[0]
        assert {"linear": 1, "mlp": 2}[head] == sum(isinstance(m, nn.Linear) for m in model.head_)

    def test_a_linear_probe_is_close_to_logistic_regression(self, motion, embedder):
        X, y, _ = motion
        frozen = FrozenEstimator(embedder)
        model = classifier(
            encoder=frozen, freeze="encoder", max_epochs=300, validation_fraction=0, lr=0.05
        ).fit(X, y)
        exact = make_pipeline(frozen, StandardScaler(), LogisticRegression(C=1e3, max_iter=5000))
        assert model.score(X, y) > exact.fit(X, y).score(X, y) - 0.05

    def test_regression_with_several_outputs(self, motion):
        X, _, subjects = motion
        y = X.std(axis=1) * [1, 10, 100]
        model = regressor(max_epochs=20).fit(X, y, groups=subjects)
        assert model.predict(X).shape == (90, 3)
        assert model.score(X, y) > 0.5
        single = regressor(max_epochs=20).fit(X, y[:, 0], groups=subjects)
        assert single.predict(X).shape == (90,)
        assert single.score(X, y[:, 0]) > 0.5
        assert regressor(max_epochs=1).fit(X, y[:, :1]).predict(X).shape == (90, 1)

    def test_string_labels(self, motion):
        X, y, subjects = motion
        names = np.array(["b", "a", "f", "e", "d", "c"])
        coded = np.unique(y, return_inverse=True)[1]
        model = classifier().fit(X, names[coded], groups=subjects)
        assert list(model.classes_) == list("abcdef")
        predicted = model.predict(X)
        np.testing.assert_array_equal(
            predicted, model.classes_[model.predict_proba(X).argmax(axis=1)]
        )

    def test_scores_of_labels_that_are_no_classes(self, motion):
        X, y, subjects = motion
        model = classifier().fit(X, y, groups=subjects)
        foreign = np.char.add("als ", y)
        for other in (np.char.upper(y), foreign, foreign.tolist()):
            with pytest.warns(UserWarning, match="^Labels of y are not classes of the model: "):
                assert model.score(X, other) == 0
        weights = np.arange(90) % 2
        expected = np.average(model.predict(X) == y, weights=weights)
        assert model.score(X, y, sample_weight=weights) == pytest.approx(expected)

    def test_cross_validation_with_a_class_that_the_training_lacks(self, motion):
        X, _, subjects = motion
        only_one = subjects == subjects[0]
        y = np.where(only_one, "rowing", np.where(np.arange(90) % 2, "lying", "sitting"))
        model = classifier(max_epochs=1, validation_fraction=0)
        scores = cross_val_score(
            model, X, y, groups=subjects, cv=LeaveOneGroupOut(), error_score="raise"
        )
        assert scores[np.unique(subjects) == subjects[0]] == 0

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_probabilities(self, motion, n_classes):
        X = motion[0]
        model = classifier().fit(X, np.arange(90) % n_classes)
        probabilities = model.predict_proba(X)
        assert probabilities.shape == (90, n_classes)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
        log_probabilities = model.predict_log_proba(X)
        assert log_probabilities.dtype == np.float32
        np.testing.assert_allclose(log_probabilities, np.log(probabilities), rtol=1e-5, atol=1e-6)

    def test_log_probabilities_are_finite_where_probabilities_are_zero(self, motion):
        X, y, subjects = motion
        model = classifier(max_epochs=0, validation_fraction=0).fit(X, y, groups=subjects)
        with torch.no_grad():
            for parameter in model.head_.parameters():
                parameter *= 1e4
        assert (model.predict_proba(X) == 0).any()
        found, logits = model.predict_log_proba(X), model._outputs(X).astype(np.float64)
        expected = logits - scipy.special.logsumexp(logits, axis=1, keepdims=True)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)

    @MAKERS
    def test_predictions_do_not_depend_on_blocks(self, make, motion, monkeypatch):
        X = motion[0]
        model = make().fit(X, labels(make, motion), groups=motion[2])
        whole, single = outputs(model, X), np.concatenate([outputs(model, x[None]) for x in X])
        np.testing.assert_allclose(whole, single, rtol=1e-4, atol=1e-5)

    def test_bfloat16_stays_close(self, motion):
        X, y, subjects = motion
        half, single = (
            classifier(precision=precision, max_epochs=1).fit(X, y, groups=subjects)
            for precision in ("bfloat16", "float32")
        )
        losses = [model.history_[0]["train_loss"] for model in (half, single)]
        assert losses[0] != losses[1]
        assert losses[0] == pytest.approx(losses[1], rel=0.05)

    def test_divergence(self, motion):
        with pytest.raises(FloatingPointError, match="diverged"):
            regressor(lr=1e30).fit(motion[0], motion[0][:, 0, 0])

    def test_interrupted_is_not_fitted(self, motion):
        class Interrupt(Callback):
            def on_batch_begin(self, net, **kwargs):
                raise KeyboardInterrupt

        model = classifier(max_epochs=1).fit(motion[0], motion[1])
        with pytest.raises(KeyboardInterrupt):
            model.set_params(callbacks=[Interrupt()]).fit(motion[0], motion[1])
        with pytest.raises(NotFittedError):
            model.predict(motion[0])
        assert all(p.requires_grad for p in model.encoder_.parameters())


class Spy(Callback):
    """Record the segments of the training and validation parts, and the weights of each epoch."""

    def __init__(self):
        self.seen = {True: set(), False: set()}
        self.states = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        assert isinstance(batch, LabelledBatch)
        self.seen[training] |= {segment.tobytes() for segment in batch.segments.numpy()}

    def on_epoch_end(self, net, **kwargs):
        self.states.append(copy.deepcopy(net.module_.state_dict()))


class Worse(Callback):
    """Make the head worse in every epoch after the first `after` epochs."""

    def __init__(self, after):
        self.after = after

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.after:
            for parameter in net.module_.head.parameters():
                parameter.data.mul_(-3)


class TestValidation:
    @MAKERS
    def test_whole_groups_are_held_out(self, make, motion):
        X, _, subjects = motion
        spy = Spy()
        model = make(callbacks=[spy], validation_fraction=0.3)
        model.fit(X, labels(make, motion), groups=subjects)
        subjects_of = {
            training: {s for s, x in zip(subjects, X, strict=True) if x.tobytes() in seen}
            for training, seen in spy.seen.items()
        }
        assert not subjects_of[True] & subjects_of[False]
        assert (len(subjects_of[True]), len(subjects_of[False])) == (4, 2)
        assert "valid_loss" in model.history_[0]

    def test_stops_early_and_keeps_the_best_epoch(self, motion):
        X, y, subjects = motion
        spy = Spy()
        model = classifier(max_epochs=30, n_iter_no_change=2, callbacks=[Worse(4), spy], lr=1e-3)
        model.fit(X, y, groups=subjects)
        losses = [record["valid_loss"] for record in model.history_]
        best = int(np.argmin(losses))
        assert best <= 3
        assert len(losses) == best + 3
        learned = {"encoder": model.encoder_, "head": model.head_}
        for name, module in learned.items():
            for key, value in module.state_dict().items():
                assert torch.equal(value, spy.states[best][f"{name}.{key}"])

    def test_never_stops_without_patience(self, motion):
        X, y, subjects = motion
        model = classifier(max_epochs=6, n_iter_no_change=None, callbacks=[Worse(1)])
        assert len(model.fit(X, y, groups=subjects).history_) == 6

    @pytest.mark.parametrize("seed", range(8))
    def test_no_class_is_held_out_whole(self, motion, seed):
        X = motion[0]
        # One class is only in the first two of the ten groups.
        groups = np.arange(90) // 9
        y = np.where(groups < 2, 2, np.arange(90) % 2)
        spy = Spy()
        model = classifier(
            random_state=seed, callbacks=[spy], validation_fraction=0.5, max_epochs=1
        )
        model.fit(X, y, groups=groups)
        assert {y[i] for i in range(90) if X[i].tobytes() in spy.seen[True]} == {0, 1, 2}
        assert spy.seen[False]

    def test_no_validation_if_each_class_is_in_one_group(self, motion):
        groups = np.arange(90) // 30
        model = classifier(max_epochs=1)
        with pytest.warns(UserWarning, match=r"lacked a class\. Training without"):
            model.fit(motion[0], groups, groups=groups)
        assert list(model.history_[0]) == ["epoch", "train_loss"]


class TestWeights:
    FULL_BATCH = {
        "freeze": "encoder",
        "validation_fraction": 0,
        "batch_size": 4096,
        "max_epochs": 20,
    }

    @MAKERS
    @given(counts=st.lists(st.integers(0, 3), min_size=30, max_size=30))
    @settings(max_examples=10)
    def test_integer_weights_are_repetitions(self, make, motion, counts):
        counts = np.array([*counts, 1, 1, 1])
        X, y = motion[0][:33], labels(make, motion)[:33]
        y = np.arange(33) % 3 if make is classifier else y
        weighted, repeated = make(**self.FULL_BATCH), make(**self.FULL_BATCH)
        weighted.fit(X, y, sample_weight=counts)
        repeated.fit(X.repeat(counts, 0), y.repeat(counts, 0))
        np.testing.assert_allclose(outputs(weighted, X), outputs(repeated, X), rtol=2e-3, atol=1e-4)

    @MAKERS
    @pytest.mark.parametrize("groups", [True, False])
    def test_rows_of_weight_zero_are_as_if_absent(self, make, motion, groups):
        X, _, subjects = motion
        y = labels(make, motion)
        weights = np.random.default_rng(0).integers(0, 3, 90)
        there = weights > 0
        spoiled = np.where(there[:, None, None], X, 1e6)
        with_zeros, without = make(), make()
        with_zeros.fit(spoiled, y, sample_weight=weights, groups=subjects if groups else None)
        without.fit(
            X[there],
            y[there],
            sample_weight=weights[there],
            groups=subjects[there] if groups else None,
        )
        np.testing.assert_array_equal(outputs(with_zeros, X), outputs(without, X))
        assert with_zeros.history_ == without.history_

    def test_rows_of_weight_zero_are_not_pretrained_on(self, motion, embedder):
        X, y, subjects = motion
        there = np.arange(90) % 3 > 0
        model = classifier(encoder=clone(embedder), freeze="encoder")
        model.fit(
            np.where(there[:, None, None], X, 0),
            y,
            sample_weight=there.astype(float),
            groups=list(subjects),
        )
        expected = clone(embedder).fit(X[there], groups=subjects[there])
        assert not changed(state_of(expected.encoder_), model.encoder_)

    def test_scale_of_the_weights_has_no_effect(self, motion):
        X, y, _ = motion
        weights = np.random.default_rng(0).uniform(0.5, 2, 90)
        first, second = (classifier().fit(X, y, sample_weight=w) for w in (weights, 1024 * weights))
        np.testing.assert_array_equal(outputs(first, X), outputs(second, X))

    @pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 0.5, 2: 8.0}])
    def test_class_weights_are_sample_weights(self, motion, class_weight):
        X = motion[0]
        y = np.repeat([0, 1, 2], [50, 30, 10])
        weighted = classifier(class_weight=class_weight).fit(X, y)
        by_row = classifier().fit(X, y, sample_weight=compute_sample_weight(class_weight, y))
        np.testing.assert_allclose(outputs(weighted, X), outputs(by_row, X), atol=1e-4)

    def test_classes_that_a_dict_lacks_have_weight_one(self):
        y = np.arange(3)
        weights = class_weights({1: 0.5}, y, y, np.ones(3))
        np.testing.assert_array_equal(weights, [1, 0.5, 1])
        with pytest.raises(ValueError, match=r"0, 2\], are not in class_weight"):
            class_weights({1: 0.5, 7: 2.0}, y, y, np.ones(3))

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            (-1, "class_weight contains a negative weight: first for the class 'lying'"),
            (-1e-300, "a negative weight: first for the class 'lying'"),
            (
                np.float32("nan"),
                "class_weight contains NaN or infinity: first for the class 'lying",
            ),
            (np.inf, "NaN or infinity: first for the class 'lying'"),
            (10**400, "NaN or infinity: first for the class 'lying'"),
            ("2", "class_weight contains '2' for the class 'lying'; expected a number"),
            (None, "class_weight contains None for the class 'lying'; expected a number"),
            ([1.0], "for the class 'lying'; expected a number"),
        ],
    )
    def test_bad_class_weights_name_the_class(self, motion, weight, message):
        """A negative weight trained on a negative loss, and NaN was blamed on `lr`."""
        y = np.array(["lying", "walking"])[np.arange(90) % 2]
        for class_weight in ({"lying": weight, "walking": 1}, {"walking": 1.0, "lying": weight}):
            with pytest.raises(ValueError, match=message):
                classifier(class_weight=class_weight).fit(motion[0], y)

    @pytest.mark.parametrize(
        ("weights", "kept"),
        [((0, 0, 0), r"\[\]"), ((0, 2, 0), r"\['running'\]"), ((1e40, 1, 1), r"\['lying'\]")],
    )
    def test_class_weights_that_leave_one_class_are_named(self, motion, weights, kept):
        names = np.array(["lying", "running", "walking"])
        y = names[np.arange(len(motion[0])) % 3]
        match = f"class_weight leaves the classes {kept} .* at least two are needed"
        with pytest.raises(ValueError, match=match):
            classifier(class_weight=dict(zip(names, weights, strict=True))).fit(motion[0], y)

    def test_complex_weights_are_not_printed(self, motion):
        weights = np.full(len(motion[0]), 1j)
        with pytest.raises(ValueError, match=r"sample_weight .*Complex data not supported$"):
            classifier().fit(motion[0], motion[1], sample_weight=weights)

    @pytest.mark.parametrize("scale", [1e300, 1e-300])
    def test_only_the_ratios_of_class_weights_count(self, motion, scale):
        X, _, _ = motion
        y = np.arange(90) % 2
        scale = 2.0 ** np.round(np.log2(scale))
        first, second = (classifier(class_weight={0: w, 1: 3 * w}).fit(X, y) for w in (1.0, scale))
        np.testing.assert_array_equal(outputs(first, X), outputs(second, X))

    @given(
        codes=st.lists(st.integers(0, 3), min_size=4, max_size=20),
        seed=st.integers(0, 99),
    )
    def test_balanced_makes_the_classes_weigh_the_same(self, codes, seed):
        codes = np.array([*codes, 0, 1, 2, 3])
        weights = np.random.default_rng(seed).uniform(0.1, 1, len(codes)) * (codes != 3)
        by_class = class_weights("balanced", np.arange(4), codes, weights)
        totals = np.bincount(codes, weights * by_class[codes])
        np.testing.assert_allclose(totals, [*[weights.sum() / 3] * 3, 0])

    @given(n=st.integers(1, 30), seed=st.integers(0, 99))
    def test_moments(self, n, seed):
        rng = np.random.default_rng(seed)
        values, weights = rng.normal(1e3, 1, (n, 3)), rng.integers(0, 3, n)
        weights[0] = 1
        repeated = values.repeat(weights, axis=0)
        mean, variance = weighted_moments(values, weights)
        np.testing.assert_allclose(mean, repeated.mean(axis=0))
        np.testing.assert_allclose(variance, repeated.var(axis=0), atol=1e-9)

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            (np.ones(3), r"sample_weight has shape \(3,\), but there are 90 segments"),
            (np.ones((90, 1)), r"sample_weight has shape \(90, 1\)"),
            (np.where(np.arange(90) == 7, -1, 1), "sample_weight .* negative .* row 7"),
            (np.where(np.arange(90) == 7, np.nan, 1), "sample_weight contains NaN"),
            (np.arange(90) == 7, "sample_weight leaves fewer than 2 segments"),
        ],
    )
    @MAKERS
    def test_bad_weights(self, make, motion, weights, message):
        with pytest.raises(ValueError, match=message):
            make().fit(motion[0], labels(make, motion), sample_weight=weights)


class TestTargets:
    def test_unit_and_origin_of_targets_have_no_effect(self, motion):
        X, _, subjects = motion
        y = X.std(axis=1)
        plain, moved = (regressor().fit(X, t, groups=subjects) for t in (y, 1000 * y + 5))
        np.testing.assert_allclose(moved.predict(X), 1000 * plain.predict(X) + 5, rtol=1e-4)
        assert moved.history_[-1]["valid_loss"] == pytest.approx(
            plain.history_[-1]["valid_loss"], rel=1e-3
        )

    def test_scaled_by_the_training_part(self, motion):
        X, _, _ = motion
        y, weights = X[:, 0, 0], np.random.default_rng(0).uniform(size=90)
        model = regressor(validation_fraction=0, max_epochs=0).fit(X, y, sample_weight=weights)
        assert model.target_mean_ == pytest.approx(np.average(y, weights=weights))
        variance = np.average((y - model.target_mean_) ** 2, weights=weights)
        assert model.target_scale_ == pytest.approx(np.sqrt(variance))
        held_out = regressor(max_epochs=0).fit(X, y, sample_weight=weights)
        assert held_out.target_mean_ != model.target_mean_

    def test_unscaled(self, motion):
        model = regressor(scale_targets=False).fit(motion[0], motion[0][:, 0, :2])
        assert model.target_mean_.tolist() == [0, 0]
        assert model.target_scale_.tolist() == [1, 1]

    def test_constant_target(self, motion):
        model = regressor(max_epochs=1, lr=1e-4).fit(motion[0], np.full(90, 7.1))
        assert model.target_scale_ == 1
        np.testing.assert_allclose(model.predict(motion[0]), 7.1, atol=3)

    @pytest.mark.parametrize(
        ("make", "y", "message"),
        [
            (classifier, None, "requires y to be passed, but the target y is None"),
            (classifier, np.arange(3), "y has 3 entries, but X has 90 segments"),
            (regressor, np.arange(3), "y has 3 entries, but X has 90 segments"),
            (classifier, np.linspace(0, 1, 90), "Unknown label type: continuous"),
            (classifier, np.zeros((90, 2)), "y should be a 1d array"),
            (classifier, np.zeros(90), "y has one class only, .*0.0"),
            (classifier, np.where(np.arange(90) == 7, np.nan, 1), "y contains NaN .* row 7"),
            (regressor, np.where(np.arange(90) == 7, np.nan, 1), "y contains NaN .* row 7"),
            (regressor, np.zeros((90, 2, 2)), "3"),
            (regressor, np.array(["1", "12.5"] * 45), r"bytes/strings.*instead\.$"),
        ],
    )
    def test_bad_targets(self, motion, make, y, message):
        with pytest.raises(ValueError, match=message):
            make().fit(motion[0], y)

    def test_bad_targets_leave_an_earlier_fit_alone(self, motion):
        X, y, _ = motion
        model = classifier(max_epochs=1).fit(X, y)
        expected = model.predict(X)
        with pytest.raises(ValueError, match="NaN"):
            model.fit(X, np.full(90, np.nan))
        np.testing.assert_array_equal(model.predict(X), expected)

    def test_a_class_with_zero_weights_only_is_still_a_class(self, motion):
        X = motion[0]
        y = np.arange(90) % 3
        model = classifier(class_weight="balanced").fit(X, y, sample_weight=(y < 2).astype(float))
        assert model.classes_.tolist() == [0, 1, 2]
        assert model.predict_proba(X).shape == (90, 3)


class TestTogether:
    def test_grid_search_in_nested_cross_validation_routes_groups_and_weights(
        self, motion, embedder
    ):
        X, y, subjects = motion
        weights = np.random.default_rng(0).uniform(0.5, 2, 90)
        model = classifier(encoder=FrozenEstimator(embedder), freeze="encoder")
        with sklearn.config_context(enable_metadata_routing=True):
            model.set_fit_request(groups=True, sample_weight=True)
            model.set_score_request(sample_weight=True)
            pipe = Pipeline([("same", FunctionTransformer()), ("clf", model)])
            search = GridSearchCV(
                pipe, {"clf__head": ["linear", "mlp"]}, cv=GroupKFold(2), error_score="raise"
            )
            result = cross_validate(
                search,
                X,
                y,
                params={"groups": subjects, "sample_weight": weights},
                cv=GroupKFold(3),
                return_estimator=True,
                error_score="raise",
            )
        best = result["estimator"][0].best_estimator_["clf"]
        train = next(GroupKFold(3).split(X, y, subjects))[0]
        expected = clone(best).fit(
            X[train], y[train], sample_weight=weights[train], groups=subjects[train]
        )
        np.testing.assert_array_equal(outputs(best, X), outputs(expected, X))

    @MAKERS
    @pytest.mark.parametrize("freeze", ["none", "encoder"])
    def test_input_on_disk(self, make, motion, tmp_path, freeze):
        X, _, subjects = motion
        y = labels(make, motion)
        np.save(tmp_path / "X.npy", X)
        expected = make(freeze=freeze).fit(X, y, groups=subjects)
        with h5py.File(tmp_path / "X.h5", "w") as file:
            for lazy in (
                np.load(tmp_path / "X.npy", mmap_mode="r"),
                file.create_dataset("X", data=X),
            ):
                actual = make(freeze=freeze).fit(lazy, y, groups=subjects)
                np.testing.assert_array_equal(outputs(actual, lazy), outputs(expected, X))

    @MAKERS
    def test_pickle_holds_no_torch_storage(self, make, motion, tmp_path, embedder):
        X = motion[0]
        model = make(encoder=FrozenEstimator(embedder), freeze=1, head="mlp")
        model.fit(X, labels(make, motion), groups=motion[2])
        path = tmp_path / "model.joblib"
        joblib.dump(model, path)
        assert b"torch.storage" not in path.read_bytes()
        assert b"_rebuild_tensor" not in path.read_bytes()
        loaded = joblib.load(path)
        np.testing.assert_array_equal(outputs(loaded, X), outputs(model, X))
        assert loaded.history_ == model.history_
        assert not loaded.encoder_.training
        assert joblib.hash(loaded) == joblib.hash(model)

    def test_threads_equal_serial(self, motion, embedder):
        X, y, subjects = motion
        models = [classifier(encoder=FrozenEstimator(embedder), random_state=i) for i in range(4)]
        serial = [outputs(clone(m).fit(X, y, groups=subjects), X) for m in models]
        with joblib.parallel_backend("threading", n_jobs=4):
            fitted = joblib.Parallel()(
                joblib.delayed(clone(m).fit)(X, y, groups=subjects) for m in models
            )
        for model, expected in zip(fitted, serial, strict=True):
            np.testing.assert_array_equal(outputs(model, X), expected)

    def test_silent_unless_verbose(self, motion, capfd):
        X, y, subjects = motion
        classifier(max_epochs=12, n_iter_no_change=1).fit(X, y, groups=subjects).predict(X)
        assert capfd.readouterr() == ("", "")
        classifier(verbose=1).fit(X, y, groups=subjects).predict(X)
        out, err = capfd.readouterr()
        assert out == ""
        assert "RelConClassifier: 100%" in err
        assert "predict: 100%" in err
