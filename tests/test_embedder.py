import copy

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback
from torch import nn

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn._batches import Batches, GroupIndex, SharedBatches
from relcon_sklearn.augmentations import Jitter
from relcon_sklearn.nn import relative_contrastive_loss
from relcon_sklearn.segments._array import SegmentArray, check_values
from tests.support.estimators import tiny_distance, tiny_embedder, tiny_encoder
from tests.support.reference import euclidean


@pytest.fixture(scope="module")
def distance(motion):
    X, _, subjects = motion
    return tiny_distance().fit(X, groups=subjects)


class TestDistance:
    def test_default_is_a_motif_distance_of_default_settings(self, motion):
        X = motion[0][:8, :16]
        embedder = tiny_embedder(distance=None, max_epochs=0).fit(X)
        differing = {"random_state", "device", "verbose"}
        actual, expected = embedder.distance_.get_params(), LearnedMotifDistance().get_params()
        assert {k for k in actual if actual[k] != expected[k]} <= differing

    def test_unfitted_is_cloned_and_fitted(self, motion):
        X, _, subjects = motion
        given = tiny_distance()
        embedder = tiny_embedder(distance=given, max_epochs=0).fit(X, groups=subjects)
        assert not hasattr(given, "net_")
        assert embedder.distance_ is not given
        np.testing.assert_array_equal(
            embedder.distance_.transform(X), clone(given).fit(X, groups=subjects).transform(X)
        )

    def test_random_state_reaches_it_unless_it_has_its_own(self, motion):
        X = motion[0]
        embedder = tiny_embedder(distance=tiny_distance(random_state=None), max_epochs=0).fit(X)
        assert isinstance(embedder.distance_.random_state, int)
        embedder = tiny_embedder(distance=tiny_distance(random_state=7), max_epochs=0).fit(X)
        assert embedder.distance_.random_state == 7

    def test_frozen_is_used_without_training(self, motion, distance):
        X, _, subjects = motion
        before = distance.pairwise(X[:5])
        embedder = clone(tiny_embedder(distance=FrozenEstimator(distance))).fit(X, groups=subjects)
        assert embedder.distance_ is distance
        np.testing.assert_array_equal(distance.pairwise(X[:5]), before)

    def test_fitted_but_not_frozen_is_fitted_again_with_a_warning(self, motion, distance):
        with pytest.warns(UserWarning, match=r"pass FrozenEstimator\(distance\)") as caught:
            embedder = tiny_embedder(distance=distance, max_epochs=0).fit(motion[0])
        assert embedder.distance_ is not distance
        assert caught[0].filename == __file__

    def test_frozen_but_not_fitted(self, motion):
        with pytest.raises(NotFittedError):
            tiny_embedder(distance=FrozenEstimator(tiny_distance()), n_within=0).fit(motion[0])

    def test_frozen_with_other_channels(self, motion, distance):
        with pytest.raises(ValueError, match="X has 2 channels"):
            tiny_embedder(distance=FrozenEstimator(distance), n_within=0).fit(motion[0][..., :2])

    @pytest.mark.parametrize("metric", ["euclidean", "dtw"])
    def test_any_callable(self, motion, metric):
        X, _, subjects = motion
        if metric == "dtw":
            function = pytest.importorskip("tslearn.metrics").cdist_dtw
        else:
            function = euclidean
        embedder = tiny_embedder(distance=function, max_epochs=1).fit(X[:24], groups=subjects[:24])
        assert np.isfinite(embedder.transform(X)).all()
        assert embedder.distance_ is function

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda a, c: np.zeros(len(c)), "expected \\(1, "),
            (lambda a, c: np.full((1, len(c)), np.nan), "returned NaN"),
        ],
    )
    def test_bad_callables(self, motion, function, message):
        with pytest.raises(ValueError, match=message):
            tiny_embedder(distance=function).fit(motion[0], groups=motion[2])

    def test_neither_estimator_nor_callable(self, motion):
        with pytest.raises(ValueError, match="'distance' parameter"):
            tiny_embedder(distance="euclidean").fit(motion[0])


class CustomEncoder(nn.Module):
    def __init__(self, n_channels):
        super().__init__()
        self.conv = nn.Conv1d(n_channels, 5, 3, padding=1)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.drop(self.conv(x)).mean(-1)


class TestEncoder:
    @pytest.mark.usefixtures("global_rng_untouched")
    def test_custom_module_class(self, motion):
        X, _, subjects = motion
        embedder = tiny_embedder(encoder=CustomEncoder)
        first = clone(embedder).fit(X, groups=subjects).transform(X)
        second = clone(embedder).fit(X, groups=subjects).transform(X)
        assert first.shape == (90, 5)
        np.testing.assert_array_equal(first, second)

    def test_default_gives_448_features(self, motion):
        X = motion[0][:4]
        embedder = RelConEmbedder(max_epochs=0, random_state=0).fit(X)
        assert embedder.transform(X).shape == (4, 448)
        assert len(embedder.get_feature_names_out()) == 448

    @pytest.mark.parametrize(
        ("encoder", "error", "message"),
        [
            ("resnet35", ValueError, "'encoder' parameter"),
            (lambda n_channels: 3, TypeError, "not a torch module"),
            (lambda n_channels: nn.Identity(), ValueError, "mapped 1 segments to a tensor"),
            (lambda n_channels: Broken(), ValueError, "NaN or infinite"),
        ],
    )
    def test_invalid_encoders(self, motion, encoder, error, message):
        with pytest.raises(error, match=message):
            tiny_embedder(encoder=encoder).fit(motion[0], groups=motion[2])


class Broken(nn.Module):
    def forward(self, x):
        return x.mean(-1) * torch.inf


class CountSteps(Callback):
    """Count the steps of training."""

    def __init__(self):
        self.n_steps = 0

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.n_steps += training


class TestTraining:
    def test_learns_the_order(self, motion, distance):
        X, _, subjects = motion
        frozen = FrozenEstimator(distance)
        settings = {"distance": frozen, "lr": 3e-3, "validation_fraction": 0}
        trained = tiny_embedder(max_epochs=12, **settings).fit(X, groups=subjects)
        untrained = tiny_embedder(max_epochs=0, **settings).fit(X, groups=subjects)
        # Scores are negative losses. The loss must fall by a fifth.
        assert trained.score(X, groups=subjects) > 0.8 * untrained.score(X, groups=subjects)
        losses = [epoch["train_loss"] for epoch in trained.history_]
        assert losses[-1] < losses[0]

    def test_score_is_the_negative_loss(self, motion, distance):
        X, _, subjects = motion
        embedder = tiny_embedder(distance=FrozenEstimator(distance)).fit(X, groups=subjects)
        z = torch.from_numpy(embedder.transform(X))
        losses, n_anchors = 0.0, 0
        for batch in Batches(SegmentArray(X), GroupIndex.from_labels(subjects), 8, 0, 3):
            segments = batch.segments.numpy()
            rows = np.array([np.flatnonzero((X == s).all(axis=(1, 2)))[0] for s in segments])
            full = distance.pairwise(segments[batch.anchors], segments)
            d = torch.from_numpy(np.take_along_axis(full, batch.candidates.clamp(min=0).numpy(), 1))
            losses += relative_contrastive_loss(
                z[rows], batch.anchors, batch.candidates, d
            ).item() * len(d)
            n_anchors += len(d)
        assert embedder.score(X, groups=subjects) == pytest.approx(-losses / n_anchors, rel=1e-4)

    def test_best_epoch_is_kept(self, motion, distance):
        X, _, subjects = motion
        weights = []

        class Spoil(Callback):
            def on_epoch_begin(self, net, **kwargs):
                if len(net.history) == 3:
                    for parameter in net.module_.parameters():
                        parameter.data.mul_(-3)

            def on_epoch_end(self, net, **kwargs):
                weights.append({k: v.clone() for k, v in net.module_.state_dict().items()})

        settings = {"distance": FrozenEstimator(distance), "lr": 1e-4}
        spoiled = tiny_embedder(max_epochs=3, callbacks=[Spoil()], **settings)
        spoiled.fit(X, groups=subjects)
        best = np.argmin([epoch["valid_loss"] for epoch in spoiled.history_])
        assert best < 2
        for name, value in spoiled.encoder_.state_dict().items():
            assert torch.equal(value, weights[best][name])

    def test_small_groups_are_used(self, motion):
        X = motion[0][:30]
        groups = np.array([0] * 10 + [1] * 2 + [2] + [3] * 17)
        seen = []

        def spy(anchors, candidates):
            seen.append(anchors[0])
            return euclidean(anchors, candidates)

        settings = {"n_within": 6, "max_epochs": 1, "validation_fraction": 0}
        tiny_embedder(distance=spy, **settings).fit(X, groups=groups)
        assert {s.tobytes() for s in seen} == {s.tobytes() for s in X}

    def test_shared_candidates_make_every_segment_an_anchor(self, motion):
        X, _, subjects = motion
        calls = []

        def spy(anchors, candidates):
            calls.append((anchors[0].tobytes(), len(candidates)))
            return euclidean(anchors, candidates)

        settings = {"distance": spy, "max_epochs": 1, "validation_fraction": 0}
        steps = {}
        for candidates in ("independent", "shared"):
            calls.clear()
            count = CountSteps()
            embedder = tiny_embedder(candidates=candidates, callbacks=[count], **settings)
            embedder.fit(X, groups=subjects)
            assert {anchor for anchor, _ in calls} == {segment.tobytes() for segment in X}
            assert len(calls) == len(X)
            steps[candidates] = count.n_steps
        # A batch has eight sets of four segments instead of eight segments.
        assert steps == {"independent": 12, "shared": 3}
        assert max(n for _, n in calls) == 3 + 7

    def test_shared_candidates_learn_the_order(self, motion, distance):
        X, _, subjects = motion
        settings = {"distance": FrozenEstimator(distance), "lr": 3e-3, "validation_fraction": 0}
        trained = tiny_embedder(candidates="shared", max_epochs=20, **settings)
        trained.fit(X, groups=subjects)
        untrained = tiny_embedder(max_epochs=0, **settings).fit(X, groups=subjects)
        assert trained.score(X, groups=subjects) > 0.8 * untrained.score(X, groups=subjects)

    def test_without_groups_every_segment_is_its_own(self, motion):
        X = motion[0]
        settings = {"distance": euclidean, "max_epochs": 1}
        with pytest.warns(UserWarning, match="received no groups"):
            without = tiny_embedder(**settings).fit(X).transform(X)
        own = tiny_embedder(**settings).fit(X, groups=np.arange(90)).transform(X)
        np.testing.assert_array_equal(without, own)

    def test_bfloat16_stays_close(self, motion, distance):
        X, _, subjects = motion
        settings = {"distance": FrozenEstimator(distance), "max_epochs": 1}
        half, single = (
            tiny_embedder(precision=p, **settings).fit(X, groups=subjects)
            for p in ("bfloat16", "float32")
        )
        assert half.history_[0]["train_loss"] == pytest.approx(
            single.history_[0]["train_loss"], rel=0.05
        )
        assert half.transform(X).dtype == np.float32

    def test_embeddings_in_bfloat16_are_asked_for(self, motion):
        X = motion[0]
        embedder = tiny_embedder(distance=euclidean, max_epochs=0, precision="auto").fit(X)
        exact = embedder.transform(X)
        embedder.set_params(precision="float32")
        np.testing.assert_array_equal(embedder.transform(X), exact)
        lower = embedder.set_params(precision="bfloat16").transform(X)
        assert lower.dtype == np.float32
        assert not np.array_equal(lower, exact)
        np.testing.assert_allclose(lower, exact, atol=0.02 * np.abs(exact).max())

    def test_a_precision_that_does_not_exist(self, motion):
        """It must not mean float32: after fit, only the methods see what is set."""
        embedder = tiny_embedder(distance=euclidean, max_epochs=0).fit(motion[0])
        with pytest.raises(ValueError, match=r"precision='bf16'\. Expected one of \('auto'"):
            embedder.set_params(precision="bf16").transform(motion[0])

    def test_approximate_ranking_stays_close(self, motion, distance):
        X, _, subjects = motion
        strided = copy.copy(distance).set_params(query_stride=4)
        approximate, exact = (
            tiny_embedder(distance=ranking, max_epochs=1).fit(X, groups=subjects)
            for ranking in (FrozenEstimator(strided), FrozenEstimator(distance))
        )
        losses = [embedder.history_[0]["train_loss"] for embedder in (approximate, exact)]
        assert losses[0] != losses[1]
        assert losses[0] == pytest.approx(losses[1], rel=0.05)

    def test_score_does_not_depend_on_parameters_of_training(self, motion, distance):
        X, _, subjects = motion
        settings = {"distance": FrozenEstimator(distance), "max_epochs": 0}
        scores = [
            tiny_embedder(**settings | change).fit(X, groups=subjects).score(X, groups=subjects)
            for change in (
                {},
                {"precision": "bfloat16"},
                {"distance": FrozenEstimator(copy.copy(distance).set_params(query_stride=3))},
                {"n_between": 1},
                {"n_positives": 1},
                {"augmentation": Jitter()},
            )
        ]
        assert len(set(scores)) == 1

    @pytest.mark.parametrize("fitted_before", [False, True])
    def test_interrupted_is_not_fitted(self, motion, fitted_before):
        class Interrupt(Callback):
            def on_batch_begin(self, net, **kwargs):
                raise KeyboardInterrupt

        embedder = tiny_embedder(distance=euclidean, max_epochs=1)
        if fitted_before:
            embedder.fit(motion[0], groups=motion[2])
        with pytest.raises(KeyboardInterrupt):
            embedder.set_params(callbacks=[Interrupt()]).fit(motion[0], groups=motion[2])
        with pytest.raises(NotFittedError):
            embedder.transform(motion[0])

    def test_bad_input_does_not_change_an_earlier_fit(self, motion):
        X, _, subjects = motion
        embedder = tiny_embedder(distance=euclidean, max_epochs=1).fit(X, groups=subjects)
        expected = embedder.transform(X)
        with pytest.raises(ValueError, match="NaN"):
            embedder.fit(np.full((5, 64, 2), np.nan))
        np.testing.assert_array_equal(embedder.transform(X), expected)

    def test_a_new_fit_replaces_the_earlier_one(self, motion, distance):
        X, _, subjects = motion
        embedder = tiny_embedder(distance=FrozenEstimator(distance))
        first = embedder.fit(X, groups=subjects).transform(X)
        embedder.fit(X[:40], groups=subjects[:40])
        np.testing.assert_array_equal(embedder.fit(X, groups=subjects).transform(X), first)


class TestPositivesAndAugmentedViews:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"n_between": 2},
            {"n_within": 0, "n_between": 2},
            {"n_between": 0, "n_positives": 1},
            {"augmentation": Jitter(0.3)},
            {"augmentation": Jitter(0.3), "n_positives": 2, "n_between": 0},
        ],
    )
    @pytest.mark.parametrize("candidates", ["independent", "shared"])
    def test_loss_and_batches_of_training(self, motion, monkeypatch, changes, candidates):
        X, _, subjects = motion
        seen = []
        monkeypatch.setattr(
            "relcon_sklearn._embedder_training.fit_module",
            lambda net, loss, train, valid, options: seen.append((loss, train, valid)),
        )
        settings = {"candidates": candidates, "temperature": 0.5, "precision": "float32"}
        embedder = tiny_embedder(distance=euclidean, **settings, **changes)
        embedder.fit(X, groups=subjects)
        [(loss, *parts)] = seen
        n_within, n_between = changes.get("n_within", 3), changes.get("n_between")
        kind = SharedBatches if candidates == "shared" else Batches
        for part in parts:
            assert type(part) is kind
            assert (part.n_within, part.n_between) == (n_within, n_between)
        batch, encoder = next(iter(parts[0])), embedder.encoder_.eval()
        z, views = encoder(batch.segments.transpose(1, 2)), None
        if "augmentation" in changes:
            generator = torch.Generator().manual_seed(batch.seed)
            copies = changes["augmentation"](torch.cat([batch.segments] * 2), generator)
            z, views = encoder(copies.transpose(1, 2)).chunk(2)
        flat = batch.segments.flatten(1)
        distances = torch.cdist(flat[batch.anchors], flat).gather(1, batch.candidates.clamp(min=0))
        expected = relative_contrastive_loss(
            z, batch.anchors, batch.candidates, distances, 0.5, changes.get("n_positives"), views
        )
        torch.testing.assert_close(loss(encoder, batch), expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("candidates", ["independent", "shared"])
    def test_within_subject_candidates_only(self, motion, candidates):
        X, _, subjects = motion
        owner = {segment.tobytes(): subject for segment, subject in zip(X, subjects, strict=True)}
        n_candidates = []

        def spy(anchors, candidates):
            assert {owner[c.tobytes()] for c in candidates} == {owner[anchors[0].tobytes()]}
            n_candidates.append(len(candidates))
            return euclidean(anchors, candidates)

        tiny_embedder(distance=spy, n_between=0, candidates=candidates).fit(X, groups=subjects)
        assert max(n_candidates) == 3

    @pytest.mark.usefixtures("global_rng_untouched")
    @pytest.mark.parametrize("candidates", ["independent", "shared"])
    def test_augmented_views_are_deterministic_and_change_the_result(self, motion, candidates):
        X, _, subjects = motion
        settings = {"distance": euclidean, "candidates": candidates}
        first, second, plain = (
            tiny_embedder(augmentation=augmentation, **settings).fit(X, groups=subjects)
            for augmentation in (RandomAugmentations(), RandomAugmentations(), None)
        )
        np.testing.assert_array_equal(first.transform(X), second.transform(X))
        assert first.history_ == second.history_
        assert not np.allclose(first.transform(X), plain.transform(X), rtol=1e-2)

    @pytest.mark.parametrize("candidates", ["independent", "shared"])
    def test_distances_have_no_effect_with_the_other_view_as_only_positive(
        self, motion, candidates
    ):
        X, _, subjects = motion

        def weights(distance, n_positives):
            embedder = tiny_embedder(
                distance=distance,
                augmentation=Jitter(0.2),
                n_positives=n_positives,
                candidates=candidates,
            )
            encoder = embedder.fit(X, groups=subjects).encoder_
            return nn.utils.parameters_to_vector(encoder.parameters()).detach()

        def farthest(anchors, candidates):
            return -euclidean(anchors, candidates)

        # The terms of a sum are in another order, so the rounding differs.
        near, far = weights(euclidean, 1), weights(farthest, 1)
        torch.testing.assert_close(near, far, rtol=1e-3, atol=1e-4)
        assert (weights(euclidean, 2) - weights(farthest, 2)).abs().max() > 1e-3

    def test_no_candidates_at_all(self, motion):
        with pytest.raises(ValueError, match="n_within=0 and n_between=0 leave no candidates"):
            tiny_embedder(n_within=0, n_between=0).fit(motion[0], groups=motion[2])
        with pytest.raises(ValueError, match=r"no group has two segments\. Pass groups"):
            tiny_embedder(n_between=0).fit(motion[0])

    def test_the_other_view_is_a_candidate(self, motion):
        embedder = tiny_embedder(n_within=0, n_between=0, augmentation=Jitter()).fit(motion[0])
        assert all(
            np.isfinite(row["train_loss"]) and row["train_loss"] > 0 for row in embedder.history_
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_between", -1),
            ("n_between", 1.5),
            ("n_positives", 0),
            ("n_positives", "all"),
            ("augmentation", "jitter"),
        ],
    )
    def test_bad_values(self, motion, name, value):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            tiny_embedder(**{name: value}).fit(motion[0])


class TestPersistence:
    def test_pickle_holds_no_torch_storage(self, motion, tmp_path):
        X, _, subjects = motion
        embedder = tiny_embedder().fit(X, groups=subjects)
        path = tmp_path / "embedder.joblib"
        joblib.dump(embedder, path)
        assert b"torch.storage" not in path.read_bytes()
        assert b"_rebuild_tensor" not in path.read_bytes()
        loaded = joblib.load(path)
        np.testing.assert_array_equal(loaded.transform(X), embedder.transform(X))
        assert loaded.score(X, groups=subjects) == embedder.score(X, groups=subjects)
        assert loaded.history_ == embedder.history_
        assert not loaded.encoder_.training

    def test_hash_is_stable(self, motion, tmp_path):
        X, _, subjects = motion
        first, second = (tiny_embedder().fit(X, groups=subjects) for _ in range(2))
        joblib.dump(first, tmp_path / "e")
        assert joblib.hash(first) == joblib.hash(second) == joblib.hash(joblib.load(tmp_path / "e"))

    def test_parameters_changed_after_fit_have_no_effect(self, motion, tmp_path):
        X, _, subjects = motion
        embedder = tiny_embedder(distance=euclidean).fit(X, groups=subjects)
        expected = embedder.transform(X)
        embedder.set_params(encoder="resnet34")
        joblib.dump(embedder, tmp_path / "e")
        np.testing.assert_array_equal(joblib.load(tmp_path / "e").transform(X), expected)

    @pytest.mark.cuda
    def test_across_devices(self, motion, tmp_path):
        X, _, subjects = motion
        embedder = tiny_embedder(device="cuda").fit(X, groups=subjects)
        joblib.dump(embedder, tmp_path / "e")
        loaded = joblib.load(tmp_path / "e").set_params(device="cpu")
        np.testing.assert_allclose(loaded.transform(X), embedder.transform(X), atol=1e-3)


def test_transform_streams(motion, monkeypatch):
    X, _, subjects = motion
    embedder = tiny_embedder(distance=euclidean).fit(X, groups=subjects)
    expected = embedder.transform(X)
    sizes = []
    embedder.encoder_.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    monkeypatch.setattr("relcon_sklearn._training._blocks._CPU_BLOCK_STEPS", 7 * 64)
    np.testing.assert_allclose(embedder.transform(X), expected, rtol=1e-5, atol=1e-6)
    assert sizes == [7] * 12 + [6]


def test_a_segment_is_checked_once(motion, monkeypatch):
    checks = []

    def counted(values, rows, name):
        checks.append(rows.tolist())
        check_values(values, rows, name)

    def refuse(estimator):
        raise AssertionError("the tags are collected")

    embedder = tiny_embedder(max_epochs=0).fit(motion[0])
    monkeypatch.setattr("relcon_sklearn.segments._array.check_values", counted)
    monkeypatch.setattr("sklearn.utils.validation.get_tags", refuse)
    embedder.transform(motion[0][:1])
    assert checks == [[0]]


def test_tiny_encoder_has_8_features(motion):
    assert tiny_encoder(n_channels=3).n_features == 8


def test_numpy_integers_are_accepted_as_parameters(motion):
    X, _, subjects = motion

    def fitted(integer):
        distance = tiny_distance(
            embed_dim=integer(8),
            n_layers=integer(1),
            max_epochs=integer(1),
            batch_size=integer(8),
            n_references=integer(4),
            query_stride=integer(2),
        )
        embedder = tiny_embedder(
            distance=distance,
            encoder="resnet14-half",
            n_within=integer(3),
            n_between=integer(4),
            n_positives=integer(2),
            max_epochs=integer(1),
            batch_size=integer(8),
        )
        return embedder.fit(X, groups=subjects).transform(X)

    np.testing.assert_array_equal(fitted(np.int64), fitted(int))
