import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import RandomAugmentations
from relcon_sklearn.augmentations import Jitter, Negation, Rotation
from relcon_sklearn.nn import squared_error
from tests.support.count_steps import CountSteps
from tests.support.estimators import tiny_distance, tiny_embedder


@pytest.fixture(scope="module")
def fitted(motion):
    X, _, subjects = motion
    return tiny_distance(max_epochs=3).fit(X, groups=subjects)


def slow_pairwise(distance, anchors, candidates):
    with torch.inference_mode():
        a, c = (torch.from_numpy(x).transpose(1, 2) for x in (anchors, candidates))
        return np.array(
            [[squared_error(distance.net_(x[None], y[None]), x[None]).item() for y in c] for x in a]
        )


class TestPairwise:
    def test_equals_pair_by_pair(self, fitted, motion):
        X = motion[0]
        expected = slow_pairwise(fitted, X[:5], X[10:17])
        actual = fitted.pairwise(X[:5], X[10:17])
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-4)

    def test_lengths_may_differ(self, fitted, motion):
        X = motion[0]
        a, c = X[:4, :30], np.ascontiguousarray(X[4:9, :50])
        c = np.concatenate([c, c[:, :20]], axis=1)
        np.testing.assert_allclose(fitted.pairwise(a, c), slow_pairwise(fitted, a, c), rtol=1e-4)

    def test_candidates_default_to_the_anchors_and_order_matters(self, fitted, motion):
        X = motion[0][:6]
        square = fitted.pairwise(X)
        np.testing.assert_array_equal(square, fitted.pairwise(X, X))
        assert not np.allclose(square, square.T, rtol=1e-3)

    def test_size_of_blocks_has_no_effect(self, fitted, motion, monkeypatch):
        X = motion[0]
        expected = fitted.pairwise(X[:9], X[9:20])
        monkeypatch.setattr("relcon_sklearn._motif_pairs._BLOCK_BYTES", 1600)
        np.testing.assert_allclose(fitted.pairwise(X[:9], X[9:20]), expected, rtol=1e-5)

    def test_progress_bar_when_verbose(self, motion, capsys):
        X, _, _ = motion
        quiet = tiny_distance().fit(X)
        quiet.pairwise(X[:3])
        assert capsys.readouterr() == ("", "")
        quiet.set_params(verbose=1).pairwise(X[:3])
        out, err = capsys.readouterr()
        assert out == ""
        assert "9/9" in err

    def test_wrong_channels_name_the_argument(self, fitted, motion):
        X = motion[0]
        with pytest.raises(ValueError, match="X_candidate has 2 channels"):
            fitted.pairwise(X, X[..., :2])


class TestPrecision:
    @pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
    @pytest.mark.parametrize("revin", [True, False])
    @pytest.mark.parametrize("n_channels", [1, 3, 6])
    @pytest.mark.parametrize("length", [1, 7, 64, 200, 256, 1000])
    def test_bfloat16_is_close(self, length, n_channels, revin, attention):
        rng = np.random.default_rng(length)
        X = rng.normal(0.5, rng.uniform(0.05, 0.5, (6, 1, 1)), (6, length, n_channels))
        settings = {"revin": revin, "attention": attention, "n_channels": n_channels}
        distance = tiny_distance(max_epochs=0, **settings).fit(X)
        exact = distance.pairwise(X[:2], X)
        lower = distance.set_params(precision="bfloat16").pairwise(X[:2], X)
        assert lower.dtype == np.float32
        np.testing.assert_allclose(lower, exact, rtol=0.03, atol=1e-6)

    def test_it_is_asked_for(self, fitted, motion):
        X = motion[0]
        asked = copy.copy(fitted)
        exact = fitted.transform(X[:9])
        np.testing.assert_array_equal(asked.set_params(precision="float32").transform(X[:9]), exact)
        lower = asked.set_params(precision="bfloat16").transform(X[:9])
        assert not np.array_equal(lower, exact)
        np.testing.assert_array_equal(lower.argsort(axis=1)[:, 0], exact.argsort(axis=1)[:, 0])

    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int16])
    def test_the_dtype_of_segments_has_no_effect(self, motion, dtype):
        X = (8 * motion[0][:5]).round()
        asked = tiny_distance(max_epochs=0, precision="bfloat16").fit(X)
        np.testing.assert_array_equal(asked.pairwise(X.astype(dtype)), asked.pairwise(X))

    def test_training_does_not_depend_on_it(self, fitted, motion):
        X, _, subjects = motion
        asked = tiny_distance(max_epochs=3, precision="bfloat16").fit(X, groups=subjects)
        assert asked.history_ == fitted.history_
        assert asked._arithmetic() == fitted._arithmetic()

    def test_a_precision_that_does_not_exist(self, fitted, motion):
        with pytest.raises(ValueError, match=r"precision='half'\. Expected one of \('auto'"):
            copy.copy(fitted).set_params(precision="half").pairwise(motion[0][:3])


class TestReferences:
    def test_transform_is_the_distance_from_them(self, fitted, motion):
        X = motion[0]
        np.testing.assert_array_equal(fitted.references_, X[fitted.reference_rows_])
        np.testing.assert_array_equal(
            fitted.transform(X[:7]), fitted.pairwise(X[:7], fitted.references_)
        )

    def test_are_spread_over_the_groups(self, fitted, motion):
        counts = np.unique(motion[2][fitted.reference_rows_], return_counts=True)[1]
        assert len(counts) == 6
        assert counts.max() - counts.min() <= 1

    def test_all_kept_in_order(self, motion):
        X, _, subjects = motion
        distance = tiny_distance(n_references=None, max_epochs=0).fit(X, groups=subjects)
        np.testing.assert_array_equal(distance.reference_rows_, np.arange(90))
        assert distance.transform(X).shape == (90, 90)


class TestTraining:
    def test_learns(self, motion):
        X, _, subjects = motion
        distance = tiny_distance(max_epochs=8, lr=3e-3).fit(X, groups=subjects)
        losses = [epoch["train_loss"] for epoch in distance.history_]
        assert losses[-1] < 0.9 * losses[0]
        untrained = tiny_distance(max_epochs=0).fit(X, groups=subjects)
        assert distance.score(X) > untrained.score(X)
        assert [epoch["epoch"] for epoch in distance.history_] == list(range(1, 9))
        assert untrained.history_ == []

    def test_rotations_make_it_rotation_invariant(self, motion):
        X, _, _ = motion
        turned = Rotation()(torch.from_numpy(X), torch.Generator().manual_seed(0)).numpy()

        def cost_of_turning(augmentation):
            settings = {"max_epochs": 10, "lr": 1e-2, "embed_dim": 16, "validation_fraction": 0}
            distance = tiny_distance(augmentation=augmentation, **settings).fit(X)
            own = np.mean(np.square(distance.reconstruct(X, X) - X))
            return np.mean(np.square(distance.reconstruct(X, turned) - X)) / own

        plain = RandomAugmentations([Jitter()], n_applied=1)
        rotated = RandomAugmentations([Jitter(), Rotation()], n_applied=2)
        assert cost_of_turning(rotated) < 0.7 * cost_of_turning(plain)

    def test_score_is_the_negative_error_on_augmented_copies(self, fitted, motion):
        X = motion[0]

        def negate(segments, generator):
            return -segments

        fitted = pickle.loads(pickle.dumps(fitted)).set_params(augmentation=negate)
        expected = -np.square(fitted.reconstruct(X, -X) - X).sum(axis=(1, 2)).mean()
        assert fitted.score(X) == pytest.approx(expected, rel=1e-5)

    def test_a_group_is_held_out_whole(self, motion, monkeypatch):
        X, _, subjects = motion
        seen = []
        module = "relcon_sklearn._motif_distance.fit_module"
        monkeypatch.setattr(
            module, lambda net, loss, train, valid, options: seen.append((train, valid))
        )
        tiny_distance(validation_fraction=0.4).fit(X, groups=subjects)
        train, valid = (set(b.index.labels.tolist()) for b in seen[0])
        assert not train & valid
        assert train | valid == set(subjects)
        assert len(valid) == 2

    def test_too_few_groups_warn(self, motion):
        with pytest.warns(UserWarning, match="Training without validation"):
            distance = tiny_distance().fit(motion[0], groups=np.zeros(90))
        assert "valid_loss" not in distance.history_[0]

    @pytest.mark.parametrize(("steps", "n_batches"), [(1, 1), (3, 3), (20, 4)])
    def test_a_budget_in_steps(self, motion, steps, n_batches):
        X, _, subjects = motion
        counter = CountSteps()
        # 30 segments of two subjects, which are four batches of 8, are held out.
        distance = tiny_distance(
            steps_per_epoch=steps, validation_fraction=1 / 3, callbacks=[counter]
        ).fit(X, groups=subjects)
        assert counter.n_steps == 2 * steps
        first, second = np.split(np.array(counter.seeds), 2)
        assert len(first) == n_batches
        assert first.tolist() == second.tolist()
        assert [row["epoch"] for row in distance.history_] == [1, 2]

    def test_a_pass_in_steps_is_the_same_training(self, motion):
        expected = tiny_distance(validation_fraction=0).fit(motion[0])
        found = tiny_distance(validation_fraction=0, steps_per_epoch=12).fit(motion[0])
        assert found.history_ == expected.history_

    @pytest.mark.parametrize("bad", [0, -1, 1.5, "all"])
    def test_steps_are_counts(self, motion, bad):
        with pytest.raises(ValueError, match="'steps_per_epoch' parameter"):
            tiny_distance(steps_per_epoch=bad).fit(motion[0])

    def test_divergence_is_an_error(self, motion):
        with pytest.raises(FloatingPointError, match="Try a smaller lr"):
            tiny_distance(lr=1e30, validation_fraction=0).fit(motion[0])

    def test_bad_augmentation_is_an_error(self, motion):
        with pytest.raises(ValueError, match="'augmentation' parameter"):
            tiny_distance(augmentation="rotation").fit(motion[0])


class TestExplaining:
    def test_reconstruction_error_is_the_distance(self, fitted, motion):
        a, c = motion[0][3], motion[0][50, :40]
        reconstructed = fitted.reconstruct(a, c)
        assert reconstructed.shape == a.shape
        expected = fitted.pairwise(a[None], c[None])[0, 0]
        assert np.square(reconstructed - a).sum() == pytest.approx(expected, rel=1e-4)

    def test_attention_map(self, fitted, motion):
        weights = fitted.attention_map(motion[0][3], motion[0][50, :40])
        assert weights.shape == (64, 40)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
        assert (weights == 0).mean() > 0.1

    def test_many_pairs_at_once(self, fitted, motion):
        X = motion[0]
        many = fitted.reconstruct(X[:60], X[30:])
        assert many.shape == (60, 64, 3)
        np.testing.assert_allclose(many[7], fitted.reconstruct(X[7], X[37]), rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize(
        ("anchor", "candidate", "message"),
        [
            ((64,), (64, 3), "anchor has shape"),
            ((64, 3), (2, 64, 3), "candidate has shape"),
            ((2, 64, 3), (3, 64, 3), "anchor has 2 segments, but candidate has 3"),
        ],
    )
    def test_shapes_that_do_not_match(self, fitted, anchor, candidate, message):
        with pytest.raises(ValueError, match=message):
            fitted.reconstruct(np.zeros(anchor), np.zeros(candidate))


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_attentions(motion, attention):
    X, _, subjects = motion
    distance = tiny_distance(attention=attention).fit(X, groups=subjects)
    np.testing.assert_allclose(
        distance.pairwise(X[:3], X[:4]), slow_pairwise(distance, X[:3], X[:4]), rtol=1e-4
    )


def test_without_revin(motion):
    X, _, subjects = motion
    distance, with_revin = (
        tiny_distance(revin=revin).fit(X, groups=subjects) for revin in (False, True)
    )
    d = distance.pairwise(X[:3], X[:4])
    np.testing.assert_allclose(d, slow_pairwise(distance, X[:3], X[:4]), rtol=1e-4)
    loaded = pickle.loads(pickle.dumps(distance))
    np.testing.assert_array_equal(loaded.pairwise(X[:3], X[:4]), d)
    assert loaded.score(X) == distance.score(X)
    # Only RevIN removes an offset that both segments have.
    for fitted, same in ((with_revin, True), (distance, False)):
        plain, shifted = fitted.pairwise(X[:3], X[:4]), fitted.pairwise(X[:3] + 1, X[:4] + 1)
        assert np.allclose(plain, shifted, rtol=1e-2) == same


def test_revin_must_be_a_bool(motion):
    with pytest.raises(ValueError, match="'revin' parameter"):
        tiny_distance(revin="no").fit(motion[0])


def test_negation_and_others_can_be_chosen(motion):
    augmentation = RandomAugmentations([Negation(), Jitter(0.2)], n_applied=1)
    distance = tiny_distance(augmentation=augmentation).fit(motion[0])
    assert distance.get_params()["augmentation"] == augmentation
    assert distance.score(motion[0]) < 0


@pytest.mark.parametrize("stride", [64, 1000])
def test_a_query_stride_must_leave_several_time_steps(motion, stride):
    message = rf"^query_stride={stride}, but segments of X have 64 time steps"
    with pytest.raises(ValueError, match=message):
        tiny_distance(query_stride=stride, max_epochs=0).fit(motion[0])
    frozen = FrozenEstimator(
        tiny_distance(max_epochs=0).fit(motion[0]).set_params(query_stride=stride)
    )
    with pytest.raises(ValueError, match=message):
        tiny_embedder(distance=frozen, n_within=0).fit(motion[0])
    tiny_distance(query_stride=63, max_epochs=0).fit(motion[0])
