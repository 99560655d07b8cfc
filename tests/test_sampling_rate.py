"""Models know the sampling rate of their training, and refuse segments of another rate."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from relcon_sklearn import LazyWindows, SegmentWriter, open_segments, segment_recordings
from relcon_sklearn.segments._sampling_rate import rate_of
from tests.support.reference import euclidean
from tests.support.untrained import MAKERS, classifier, distance, embedder, fit, regressor

METHODS = ("transform", "pairwise", "score", "predict", "predict_proba", "predict_log_proba")
Y = np.arange(20) % 2


class WithRate(np.ndarray):
    """An array that knows its sampling rate."""


def segments(rate=None, n=20):
    """Return segments of a device at rest and a little noise, which know a rate unless None."""
    X = np.random.default_rng(0).normal([0, 0, 1], 0.1, (n, 16, 3))
    if rate is None:
        return X
    X = X.view(WithRate)
    X.sampling_rate = rate
    return X


@MAKERS
@pytest.mark.parametrize(
    ("rate_of_x", "parameter", "kept"),
    [(None, None, None), (50, None, 50), (None, 25, 25), (50, 50, 50), (50.02, 50, 50)],
)
def test_the_rate_is_told_by_x_or_given(make, rate_of_x, parameter, kept):
    model = fit(make(sampling_rate=parameter), segments(rate_of_x))
    assert model.sampling_rate_ == kept
    assert model.sampling_rate == parameter


@MAKERS
def test_the_parameter_and_x_must_agree(make):
    with pytest.raises(ValueError, match=r"sampling_rate=100, but X has .* 50 Hz.*np.asarray\(X\)"):
        fit(make(sampling_rate=100), segments(50))


@MAKERS
@pytest.mark.parametrize("bad", [0, -50, "50", True, np.inf])
def test_a_rate_is_positive(make, bad):
    with pytest.raises(ValueError, match="'sampling_rate' parameter"):
        fit(make(sampling_rate=bad), segments())


@MAKERS
@pytest.mark.filterwarnings("ignore:RelConEmbedder.score received no groups:UserWarning")
def test_another_rate_is_refused_by_every_method_that_takes_segments(make):
    model = fit(make(), segments(50))
    methods = [getattr(model, name) for name in METHODS if hasattr(model, name)]
    assert methods
    for method in methods:
        arguments = [Y] if method.__name__ == "score" else []
        with pytest.raises(
            ValueError, match=r"100 Hz, but \w+ was fitted with segments of 50 Hz"
        ) as e:
            method(segments(100), *arguments)
        assert "target_rate=50" in str(e.value)
        for accepted in (segments(50), segments(50.04), segments(), np.asarray(segments(100))):
            method(accepted, *arguments)


def test_both_sides_of_pairs_are_compared():
    model = fit(distance(), segments(50))
    for name in ("X_anchor", "X_candidate"):
        pair = {"X_anchor": segments(50), "X_candidate": segments(50), name: segments(100)}
        with pytest.raises(ValueError, match=rf"^{name} has a sampling rate of 100 Hz"):
            model.pairwise(**pair)
    for name in ("anchor", "candidate"):
        pair = {"anchor": segments(50), "candidate": segments(50), name: segments(100)}
        for method in (model.reconstruct, model.attention_map):
            with pytest.raises(ValueError, match=rf"^{name} has a sampling rate of 100 Hz"):
                method(**pair)


def test_a_model_without_a_rate_takes_any():
    assert fit(embedder(), segments()).transform(segments(100)).shape == (20, 8)


def test_stores_and_lazy_windows_know_their_rate(tmp_path):
    with SegmentWriter(tmp_path / "s", n_timesteps=16, n_channels=3, sampling_rate=50) as writer:
        writer.append(segments(), "ann")
        writer.append(segments(), "bob")
    store = open_segments(tmp_path / "s")
    model = fit(embedder(), store.select(["ann"]).X)
    assert model.sampling_rate_ == model.distance_.sampling_rate_ == 50
    recordings = [segments().reshape(-1, 3)]
    model.transform(LazyWindows(recordings, 16, sampling_rate=50))
    model.transform(LazyWindows(recordings, 16))
    windows = LazyWindows(recordings, 16, sampling_rate=100)
    with pytest.raises(ValueError, match="100 Hz"):
        model.transform(windows)
    model.transform(np.asarray(windows))


class TestRowsOfAStore:
    @pytest.fixture
    def store(self, tmp_path):
        folder = tmp_path / "store"
        with SegmentWriter(folder, n_timesteps=16, n_channels=3, sampling_rate=100) as writer:
            for name in ("ann", "bob"):
                writer.append(segments(), name)
        return open_segments(folder)

    @pytest.fixture
    def frozen(self):
        return FrozenEstimator(fit(embedder(), segments(50)))

    def test_cross_validation_refuses_another_rate(self, store, frozen):
        pipe = make_pipeline(frozen, LogisticRegression())
        y, groups = np.arange(40) % 2, store.groups
        score = {"groups": groups, "cv": GroupKFold(2), "error_score": "raise"}
        with pytest.raises(ValueError, match="X has a sampling rate of 100 Hz, but RelConEmbedder"):
            cross_val_score(pipe, store.X, y, **score)
        assert len(cross_val_score(pipe, np.asarray(store.X), y, **score)) == 2

    @pytest.mark.parametrize(
        "select",
        [
            lambda store: train_test_split(store.X)[1],
            lambda store: store.X[[3, 1]],
            lambda store: store.X[:5],
            lambda store: store.X[store.groups == "bob"],
            lambda store: store.select(["bob"]).X[:],
        ],
    )
    def test_selected_rows_are_refused(self, select, store, frozen):
        with pytest.raises(ValueError, match="X has a sampling rate of 100 Hz, but RelConEmbedder"):
            frozen.transform(select(store))

    def test_a_model_of_selected_rows_knows_the_rate(self, store):
        assert fit(embedder(), store.X[:10]).sampling_rate_ == 100

    def test_windows_without_a_rate_are_ordinary_arrays(self):
        windows = LazyWindows([segments().reshape(-1, 3)], 16)
        assert type(windows[:2]) is np.ndarray


class TestSegmentsOfRecordings:
    @pytest.fixture
    def found(self):
        recording = np.random.default_rng(0).normal([0, 0, 1], 0.1, (400, 3))
        return segment_recordings(recording, 50, units="g", window=0.16, target_rate=100)

    @pytest.fixture
    def frozen(self):
        return FrozenEstimator(fit(embedder(), segments(50)))

    @pytest.mark.parametrize(
        "select",
        [
            lambda X: X,
            lambda X: X[::2],
            lambda X: train_test_split(X, random_state=0)[1],
            lambda X: pickle.loads(pickle.dumps(X)),
            lambda X: 2 * X,
        ],
    )
    def test_another_rate_is_refused(self, select, found, frozen):
        X = select(found.X)
        with pytest.raises(ValueError, match="X has a sampling rate of 100 Hz, but RelConEmbedder"):
            frozen.transform(X)
        for plain in (np.asarray(X), np.concatenate([X, X]), X[:, 0]):
            assert type(plain) is np.ndarray
        assert frozen.transform(np.asarray(X)).shape == (len(X), 8)

    def test_a_model_knows_the_rate(self, found):
        assert fit(embedder(), found.X[:20]).sampling_rate_ == 100
        assert fit(embedder(sampling_rate=50), np.asarray(found.X[:20])).sampling_rate_ == 50


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "50"])
def test_lazy_windows_refuse_a_rate_that_is_not_one(bad):
    with pytest.raises(ValueError, match="sampling_rate="):
        LazyWindows([segments().reshape(-1, 3)], 16, sampling_rate=bad)


@pytest.mark.parametrize("value", [0, -5, np.nan, True, "50", None, pd.Series([50, 50])])
def test_other_attributes_of_the_name_are_not_rates(value):
    assert rate_of(segments(value)) is None


class TestNested:
    def test_a_frozen_distance_of_another_rate_is_refused(self):
        frozen = FrozenEstimator(fit(distance(), segments(50)))
        with pytest.raises(ValueError, match=r"LearnedMotifDistance was fitted with .* 50 Hz"):
            fit(embedder(distance=frozen), segments(100))
        blamed = r"^sampling_rate=100, but LearnedMotifDistance was fitted with segments of 50 Hz"
        with pytest.raises(ValueError, match=blamed) as e:
            fit(embedder(distance=frozen, sampling_rate=100), segments())
        assert "asarray" not in str(e.value)
        fit(embedder(distance=frozen, sampling_rate=50), segments())

    def test_a_distance_that_is_fitted_first_must_have_the_rate(self):
        nested = embedder(distance=distance(sampling_rate=50), sampling_rate=100)
        blamed = r"^sampling_rate=50, but the estimator around it has a sampling rate of 100 Hz"
        with pytest.raises(ValueError, match=blamed):
            fit(nested, segments())
        with pytest.raises(ValueError, match=r"sampling_rate=50, but X has .* 100 Hz"):
            fit(nested, segments(100))

    def test_what_a_distance_knows_the_embedder_knows(self):
        frozen = FrozenEstimator(fit(distance(), segments(50)))
        assert fit(embedder(distance=frozen), segments()).sampling_rate_ == 50
        assert fit(embedder(distance=euclidean), segments()).sampling_rate_ is None

    @pytest.mark.parametrize("make", [classifier, regressor])
    def test_fine_tuning_continues_at_the_rate_of_the_embedder(self, make):
        frozen = FrozenEstimator(fit(embedder(), segments(50)))
        assert fit(make(encoder=frozen), segments()).sampling_rate_ == 50
        unfitted = embedder(sampling_rate=50)
        assert fit(make(encoder=unfitted), segments()).sampling_rate_ == 50
        for model in (make(encoder=frozen), make(encoder=unfitted)):
            with pytest.raises(ValueError, match="100 Hz"):
                fit(model, segments(100))
            with pytest.raises(ValueError, match=r"sampling_rate=(100|.* 100 Hz)") as e:
                fit(clone(model).set_params(sampling_rate=100), segments())
            assert "asarray" not in str(e.value)

    def test_rows_with_a_weight_keep_the_rate(self):
        model = classifier(encoder=embedder(sampling_rate=50))
        with pytest.raises(ValueError, match=r"sampling_rate=50, but X has .* 100 Hz"):
            model.fit(segments(100), Y, sample_weight=np.arange(20) > 2, groups=np.arange(20) % 4)
        with pytest.raises(ValueError, match=r"sampling_rate=50, but the estimator around it has"):
            model.set_params(sampling_rate=100).fit(
                segments(), Y, sample_weight=np.arange(20) > 2, groups=np.arange(20) % 4
            )


@MAKERS
@pytest.mark.parametrize("rate", [None, 50])
def test_files_hold_the_rate(make, rate, tmp_path):
    model = fit(make(), segments(rate))
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    assert loaded.sampling_rate_ == rate
