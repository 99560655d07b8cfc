"""predict_timeline: rows for steps and for non-wear, of any model of segments."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

pd = pytest.importorskip("pandas")

from relcon_sklearn import MotionFeatures, segment_recordings  # noqa: E402
from relcon_sklearn._recordings import _blocks  # noqa: E402
from relcon_sklearn.datasets import make_recordings  # noqa: E402
from relcon_sklearn.timelines import (  # noqa: E402
    Transitions,
    daily_totals,
    learn_transitions,
    predict_timeline,
)
from tests.support.estimators import (  # noqa: E402
    tiny_classifier,
    tiny_embedder,
    tiny_regressor,
)

RATE = 10  # Hz
EVENING = pd.Timestamp("2024-03-05 22:00", tz="UTC")


class ByMean(ClassifierMixin, BaseEstimator):
    """A classifier whose probability of "up" is the mean of the first channel."""

    def fit(self, X=None, y=None):
        self.classes_ = np.array(["down", "up"])
        return self

    def predict_proba(self, X):
        up = X[:, :, 0].mean(axis=1, dtype=np.float64)
        return np.stack([1 - up, up], axis=1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class HardByMean(ClassifierMixin, BaseEstimator):
    """The same without probabilities."""

    def fit(self, X=None, y=None):
        self.classes_ = np.array(["down", "up"])
        return self

    def predict(self, X):
        return ByMean().fit().predict(X)


class Mean(RegressorMixin, BaseEstimator):
    """A regressor that predicts the mean of the first channel."""

    def fit(self, X=None, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X[:, :, 0].mean(axis=1)


def frame_of(x, still=()):
    """A recording with the values x of its first channel, which moves except in `still`."""
    n, x = len(x), np.array(x)
    z = np.where(np.arange(n) % 2 == 0, 1.1, 0.9)
    for first, last in still:
        x[first * RATE : last * RATE], z[first * RATE : last * RATE] = 0, 1
    signal = np.stack([x, np.zeros(n), z], axis=1)
    index = pd.date_range(EVENING.tz_localize(None), periods=n, freq="100ms")
    frame = pd.DataFrame(signal, index, ["x", "y", "z"])
    frame.attrs = {"units": "g", "sampling_rate": RATE, "channels": ["x", "y", "z"]}
    return frame


def predict(x, model=None, still=(), drop=None, **kwargs):
    frame = frame_of(x, still)
    if drop is not None:
        frame = frame.drop(frame.index[drop])
    settings = {"window": 4, "target_rate": RATE, "nonwear": None} | kwargs
    return predict_timeline((model or ByMean()).fit(), frame, **settings)


def seconds(times):
    return ((times - EVENING) / pd.Timedelta("1s")).tolist()


X = np.repeat([0.0, 0.9, 0.2, 0.8, 0.6], 40)  # five windows of 4 s


# ---------------------------------------------------------------- rows and columns


def test_rows_are_the_segments():
    timeline = predict(X)
    assert seconds(timeline["start"]) == [0, 4, 8, 12, 16]
    assert seconds(timeline["end"]) == [4, 8, 12, 16, 20]
    assert timeline["label"].tolist() == ["down", "up", "down", "up", "up"]
    assert timeline["label"].cat.categories.tolist() == ["down", "up"]
    assert_allclose(timeline["probability_up"], [0, 0.9, 0.2, 0.8, 0.6], atol=1e-6)
    assert_allclose(timeline["probability_down"], 1 - timeline["probability_up"])
    assert timeline["wear"].dtype == bool
    assert timeline["wear"].all()
    assert str(timeline["start"].dt.tz) == "UTC"


def test_overlapping_segments_vote():
    timeline = predict(X, step=2)
    up = np.convolve(X, np.full(40, 1 / 40), "valid")[::20]  # of the segments
    expected = [up[0], *(up[1:] + up[:-1]) / 2, up[-1]]
    assert seconds(timeline["start"]) == list(range(0, 20, 2))
    assert_allclose(timeline["probability_up"], expected, atol=1e-6)
    hard = predict(X, HardByMean(), step=2)
    assert hard.columns.tolist() == ["start", "end", "wear", "label"]
    # Segments from 10 to 12 s are one of each; the first class has precedence.
    assert hard["label"].tolist()[5] == "down"


def test_regressors_have_values():
    timeline = predict(X, Mean(), step=2)
    assert timeline.columns.tolist() == ["start", "end", "wear", "value"]
    assert_allclose(timeline["value"], predict(X, step=2)["probability_up"], atol=1e-6)


def test_recordings_one_after_the_other_are_added_up():
    """The last sample after resampling ends after the first recording does."""
    frame, settings = frame_of(np.tile([0.0, 0.9], 85)), {"window": 64 / 15, "target_rate": 15}
    parts = [
        predict_timeline(ByMean().fit(), part, **settings) for part in (frame[:85], frame[85:])
    ]
    assert parts[0]["end"].iloc[-1] > parts[1]["start"].iloc[0]
    assert_allclose(daily_totals(pd.concat(parts))["wear_hours"].sum(), 17 / 3600, rtol=0.005)


def test_the_subject_is_a_column():
    timeline = predict(X, subject="ann")
    assert timeline.columns[0] == "subject"
    assert (timeline["subject"] == "ann").all()


def test_a_time_zone_is_converted():
    frame = frame_of(X)
    frame.index = frame.index.tz_localize("America/New_York")
    timeline = predict_timeline(ByMean().fit(), frame, window=4, target_rate=RATE)
    assert timeline["start"][0] == EVENING.tz_localize(None).tz_localize("America/New_York")


def test_holes_have_no_rows():
    timeline = predict(X, drop=slice(55, 70))
    assert seconds(timeline["start"]) == [0, 7, 11, 15]
    assert seconds(timeline["end"]) == [4, 11, 15, 19]


@pytest.mark.parametrize(("days", "warned"), [(29, False), (31, True)])
def test_a_hole_of_a_month_is_warned_of(days, warned):
    frame = frame_of(X)
    frame.index += pd.to_timedelta(days * (np.arange(len(frame)) >= 100), "D")
    options = {"window": 4, "target_rate": RATE}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predict_timeline(ByMean().fit(), frame, **options)
    texts = [str(each.message) for each in caught]
    assert len(texts) == warned
    assert all("for 31 days after 2024-03-05 22:00. The clock" in text for text in texts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The recording has no data for")
        predict_timeline(ByMean().fit(), frame, **options)


def test_non_wear_has_rows_without_labels():
    timeline = predict(np.full(6000, 0.9), still=[(100, 400)], nonwear=2)
    (row,) = timeline[~timeline["wear"]].itertuples()
    assert ((row.start - EVENING).seconds, (row.end - EVENING).seconds) == (100, 400)
    assert pd.isna(row.label)
    assert np.isnan(row.probability_up)
    assert timeline["start"].is_monotonic_increasing
    assert (timeline["end"].to_numpy()[:-1] <= timeline["start"].to_numpy()[1:]).all()
    totals = daily_totals(timeline)
    assert totals["nonwear_hours"].item() == pytest.approx(300 / 3600)
    assert totals["hours_up"].item() == totals["wear_hours"].item() == pytest.approx(300 / 3600)


def test_a_device_that_was_never_worn():
    for model in (ByMean(), Mean()):
        timeline = predict(np.full(6000, 0.9), model, still=[(0, 600)], nonwear=2)
        assert timeline["wear"].tolist() == [False]
        assert daily_totals(timeline)["wear_hours"].item() == 0


def test_the_size_of_blocks_has_no_effect(monkeypatch):
    x = np.random.default_rng(0).random(2000)
    whole = predict(x, step=1)
    monkeypatch.setattr(_blocks, "_BLOCK_BYTES", 1)
    sizes = []

    class Counting(ByMean):
        def predict_proba(self, X):
            sizes.append(len(X))
            return super().predict_proba(X)

    pd.testing.assert_frame_equal(predict(x, Counting(), step=1), whole)
    assert set(sizes) == {1}


# ---------------------------------------------------------------- smoothing


def test_the_running_mode_of_labels():
    timeline = predict(X, smoothing=3)
    assert timeline["label"].tolist() == ["down", "down", "up", "up", "up"]
    assert_array_equal(timeline["probability_up"], predict(X)["probability_up"])


def test_the_running_median_of_values():
    timeline = predict(X, Mean(), smoothing=3)
    assert_allclose(timeline["value"], [0.45, 0.2, 0.8, 0.6, 0.7], atol=1e-6)


STICKY = Transitions(
    np.array(["up", "down"]), np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.1, 0.9]]), None
)


def test_the_most_likely_sequence():
    assert predict(X)["label"].tolist() == ["down", "up", "down", "up", "up"]
    x = np.repeat([0.9, 0.9, 0.4, 0.9, 0.9], 40)
    assert predict(x)["label"].tolist()[2] == "down"
    assert predict(x, smoothing=STICKY)["label"].tolist() == ["up"] * 5


@pytest.mark.parametrize("smoothing", [5, STICKY])
def test_smoothing_does_not_cross_holes(smoothing):
    x = np.repeat([0.1, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1], 40)
    assert predict(x, smoothing=smoothing)["label"].tolist() == ["down"] * 7
    # The segment of 0.6 is alone between two holes.
    kept = np.ones(len(x), dtype=bool)
    kept[[*range(110, 120), *range(160, 170)]] = False
    alone = predict(x, drop=~kept, smoothing=smoothing)
    assert alone["label"].tolist() == ["down", "down", "up", "down", "down"]


def test_smoothing_does_not_cross_non_wear():
    x = np.full(4040, 0.9)
    x[4000:] = 0.45
    worn = predict(x, smoothing=STICKY)["label"].tolist()
    assert worn == ["up"] * 101
    timeline = predict(x, still=[(100, 400)], nonwear=2, smoothing=STICKY)
    assert timeline["label"].dropna().tolist() == ["up"] * 25 + ["down"]


# ---------------------------------------------------------------- models of segments


@pytest.fixture(scope="module")
def data():
    """Return recordings of two people, and the segments of the first."""
    data = make_recordings(
        2, duration=300, activities=["sitting", "walking"], as_frame=True, random_state=0
    )
    for frame in data.recordings:
        frame.attrs = {"units": "g", "sampling_rate": 50.0, "channels": ["x", "y", "z"]}
    train = segment_recordings(data.recordings[0], labels="label", window=2, target_rate=25)
    return data.recordings[1], train


def embedding():
    return tiny_embedder(
        distance="features", n_within=0, validation_fraction=0, max_epochs=1, sampling_rate=25
    )


MODELS = {
    "features": lambda: make_pipeline(
        MotionFeatures(25), StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "union": lambda: make_pipeline(
        make_union(embedding(), MotionFeatures(25)), StandardScaler(), LinearSVC()
    ),
    "search": lambda: GridSearchCV(
        make_pipeline(MotionFeatures(25), StandardScaler(), LogisticRegression(max_iter=1000)),
        {"logisticregression__C": [0.1]},
        cv=2,
    ),
    "classifier": lambda: tiny_classifier(max_epochs=1, sampling_rate=25),
}


@pytest.mark.parametrize("name", MODELS)
def test_any_classifier(name, data):
    recording, train = data
    model = MODELS[name]().fit(train.X, train.y)
    timeline = predict_timeline(model, recording)
    segments = segment_recordings(recording, window=2, target_rate=25)
    assert_array_equal(timeline["label"].astype(str), model.predict(segments.X).astype(str))
    assert len(timeline) == 150


@pytest.mark.parametrize("name", ["features", "regressor"])
def test_any_regressor(name, data):
    recording, train = data
    model = make_pipeline(MotionFeatures(25), StandardScaler(), Ridge())
    if name == "regressor":
        model = tiny_regressor(max_epochs=1, sampling_rate=25)
    model.fit(train.X, (train.y == "walking").astype(float))
    timeline = predict_timeline(model, recording)
    segments = segment_recordings(recording, window=2, target_rate=25)
    assert_allclose(timeline["value"], model.predict(segments.X).ravel(), rtol=1e-4, atol=1e-5)


def test_frozen_models_of_two_lengths_need_a_window(data):
    recording, train = data
    X = np.asarray(train.X)
    parts = [FrozenEstimator(MotionFeatures(25).fit(X[:, :n])) for n in (50, 30)]
    model = make_pipeline(make_union(*parts), StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(X, train.y)
    known = r"30 time steps \(1\.2 s\) and 50 time steps \(2 s\), .*\. Pass it in window, in"
    with pytest.raises(ValueError, match=f"^model contains models that were trained on .*{known}"):
        predict_timeline(model, recording)
    assert len(predict_timeline(model, recording, window=2)) == 150


def test_transitions_of_segments(data):
    recording, train = data
    model = MODELS["features"]().fit(train.X, train.y)
    transitions = learn_transitions(train.y, train.groups, start_times=train.start_times)
    smooth = predict_timeline(model, recording, smoothing=transitions)
    rough = predict_timeline(model, recording)
    changes = [(np.diff(timeline["label"].cat.codes) != 0).sum() for timeline in (smooth, rough)]
    assert changes[0] <= changes[1]
    with pytest.raises(ValueError, match="after 2 s, but the steps of the timeline have 1 s"):
        predict_timeline(model, recording, step=1, smoothing=transitions)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"window": None}, ValueError, "does not know the length .* Pass it in window"),
        ({"target_rate": None}, ValueError, "does not know the sampling rate .* target_rate"),
        ({"step": 5}, ValueError, "step=5 s is longer than a segment of 4 s"),
        ({"smoothing": 4}, ValueError, "smoothing=4 is even"),
        ({"smoothing": 1}, ValueError, "'smoothing' parameter of predict_timeline"),
        ({"smoothing": STICKY._replace(classes=np.array(["a", "b"]))}, ValueError, "classes"),
        ({"labels": "x"}, TypeError, "no parameter 'labels'. Of segment_recordings, it takes"),
        ({"units": "lb"}, ValueError, "'units' parameter of predict_timeline"),
        ({"window": 30}, ValueError, "no stretch as long as a segment of 30 s"),
    ],
)
def test_bad_parameters(kwargs, error, message):
    with pytest.raises(error, match=message):
        predict(X, **kwargs)


def test_transitions_need_probabilities():
    for model in (HardByMean(), Mean()):
        with pytest.raises(ValueError, match="need a classifier with predict_proba"):
            predict(X, model, smoothing=STICKY)


def test_what_is_no_model_of_labels_or_values():
    with pytest.raises(TypeError, match="model is a MotionFeatures, which is neither"):
        predict_timeline(MotionFeatures(RATE), frame_of(X))
    with pytest.raises(NotFittedError):
        predict_timeline(LogisticRegression(), frame_of(X))


def test_models_of_several_targets_are_refused():
    class Two(Mean):
        def predict(self, X):
            return X[:, 0, :2]

    class TwoClasses(ByMean):
        def fit(self, X=None, y=None):
            self.classes_ = [np.arange(2), np.arange(2)]
            return self

    for model in (Two(), TwoClasses()):
        with pytest.raises(ValueError, match="model has 2 targets"):
            predict(X, model)


class NoClass(HardByMean):
    """A classifier that has no class for segments with a mean of the first channel above 0.5."""

    def predict(self, X):
        return np.where(X[:, :, 0].mean(axis=1) > 0.5, "unknown", "down")


class NoProbability(ByMean):
    """The same with probabilities that are NaN."""

    def predict_proba(self, X):
        found = super().predict_proba(X)
        return np.where(found[:, 1:] > 0.5, np.nan, found)


@pytest.mark.parametrize("model", [NoClass, NoProbability])
@pytest.mark.parametrize("step", [None, 1])
def test_segments_without_a_class_are_an_error(model, step):
    """They would have the first class, in silence."""
    x = np.repeat([0.0, 0.0, 1.0, 0.0], 40)
    match = r"not finite, or none of its classes, for \d of \d+ segments, the first at 2024-03-05"
    with pytest.raises(ValueError, match=match):
        predict(x, model(), step=step)
    assert set(predict(x / 4, model(), step=step)["label"]) == {"down"}
