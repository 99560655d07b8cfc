"""Layouts of X: flat segments, other orders of the axes, recordings, and data frames."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from relcon_sklearn import (
    LearnedMotifDistance,
    RelConClassifier,
    SegmentWriter,
    open_segments,
    segment_recordings,
)
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor
from tests.support.reference import euclidean

N, T, C = 24, 10, 3

MADE = {
    "distance": lambda **kwargs: tiny_distance(max_epochs=1, **kwargs),
    "embedder": lambda **kwargs: tiny_embedder(max_epochs=1, n_within=0, **kwargs),
    "classifier": lambda **kwargs: tiny_classifier(max_epochs=1, **kwargs),
    "regressor": lambda **kwargs: tiny_regressor(max_epochs=1, **kwargs),
}
EACH = pytest.mark.parametrize("make", MADE.values(), ids=MADE)

y = np.arange(N) % 2


def segments(n_timesteps=T, n_channels=C, n=N):
    """Return segments of two classes, which differ in their mean."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_timesteps, n_channels)).astype(np.float32)
    return X + 2 * (np.arange(n) % 2)[:, None, None].astype(np.float32)


def flat(X):
    return X.reshape(len(X), -1)


def output(fitted, X):
    return (fitted.transform if hasattr(fitted, "transform") else fitted.predict)(X)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


# ---------------------------------------------------------------- flat segments


@EACH
def test_flat_segments_give_the_results_of_segments(make):
    X = segments()
    fitted = make(n_channels=C).fit(flat(X), y)
    expected = make().fit(X, y)
    assert fitted.n_channels_in_ == C
    for given in (X, flat(X)):
        np.testing.assert_array_equal(output(fitted, given), output(expected, X))


@EACH
@pytest.mark.parametrize("kind", ["memmap", "h5py", "torch", "frame", "list"])
def test_flat_segments_of_every_kind(make, kind, tmp_path):
    X = flat(segments())
    fitted = make(n_channels=C).fit(as_kind(X, kind, tmp_path), y)
    expected = make(n_channels=C).fit(X, y)
    if kind == "frame":
        assert fitted.feature_names_in_[4] == "t1 c1"
        with pytest.raises(ValueError, match="feature names"):
            output(fitted, as_kind(X, kind, tmp_path).iloc[:, ::-1])
        fitted_input = as_kind(X, kind, tmp_path)
    else:
        fitted_input = X
    np.testing.assert_array_equal(output(fitted, fitted_input), output(expected, X))


def as_kind(X, kind, folder):
    if kind == "memmap":
        np.save(folder / "X.npy", X)
        return np.load(folder / "X.npy", mmap_mode="r")
    if kind == "h5py":
        h5py = pytest.importorskip("h5py")
        return h5py.File(folder / "X.h5", "w").create_dataset("X", data=X)
    if kind == "torch":
        return pytest.importorskip("torch").from_numpy(X)
    if kind == "frame":
        pd = pytest.importorskip("pandas")
        return pd.DataFrame(X, columns=[f"t{t} c{c}" for t in range(T) for c in range(C)])
    return X.tolist()


@EACH
def test_columns_are_counted_as_scikit_learn_counts_them(make):
    X = segments()
    for given in (X, flat(X)):
        assert make(n_channels=C).fit(given, y).n_features_in_ == T * C
    fitted = make().fit(X, y)
    assert fitted.n_features_in_ == T
    # n_channels may be set after fit, for example of a model that was saved without it.
    fitted.set_params(n_channels=C)
    np.testing.assert_array_equal(output(fitted, flat(X)), output(fitted, X))
    with pytest.raises(ValueError, match=r"X has 27 features, but .* is expecting 30 features"):
        output(fitted, flat(X)[:, :27])


@EACH
def test_columns_that_n_channels_does_not_divide(make):
    with pytest.raises(ValueError, match="X has 29 columns, which n_channels=3 does not divide"):
        make(n_channels=3).fit(flat(segments())[:, :29], y)


@EACH
def test_padding_of_flat_segments_is_counted_in_time_steps(make):
    X = segments()
    X[5, 6:] = np.nan
    with pytest.raises(ValueError, match=r"row 5 \(nan\). Its last 4 time steps are padding"):
        make(n_channels=C).fit(flat(X), y)


@EACH
@pytest.mark.parametrize("n_channels", [0, -1, 1.5, "3"])
def test_n_channels_is_checked(make, n_channels):
    with pytest.raises(ValueError, match="The 'n_channels' parameter"):
        make(n_channels=n_channels).fit(segments(), y)


# ---------------------------------------------------------------- other layouts


@EACH
def test_other_numbers_of_channels_are_refused(make):
    with pytest.raises(ValueError, match=r"has 2 channels, but .* n_channels=3. Pass X of shape"):
        make(n_channels=3).fit(segments(n_channels=2), y)
    with pytest.raises(ValueError, match=r"n_channels=3. .* pass X.transpose\(0, 2, 1\)"):
        make(n_channels=3).fit(segments().transpose(0, 2, 1), y)
    fitted = make().fit(segments(), y)
    with pytest.raises(ValueError, match=r"was fitted with 3. .* pass X.transpose\(0, 2, 1\)"):
        output(fitted, segments().transpose(0, 2, 1))
    with pytest.raises(ValueError, match=r"fitted with 3. .* n_channels=3, .*segment_recordings"):
        output(fitted, flat(segments()))


def test_one_segment_of_the_right_channels_is_told_how_to_be_passed():
    fitted = MADE["embedder"]().fit(segments())
    one = segments()[0]
    advice = r"fitted with 3.* recording, .*segment_recordings. .*one segment, pass numpy.asarray"
    with pytest.raises(ValueError, match=advice + r"\(X\)\[None\]") as error:
        fitted.transform(one)
    assert "n_channels=3" not in str(error.value)
    assert fitted.transform(np.asarray(one)[None]).shape == (1, fitted._n_features_out)


def test_what_holds_segments_is_told_from_segments(tmp_path):
    recording = np.random.default_rng(0).normal([0, 0, 1], 0.1, (3 * T, C))
    held = segment_recordings(recording, 10, units="g", window=T / 10)
    with SegmentWriter(tmp_path / "s", n_timesteps=T, n_channels=C, sampling_rate=10) as writer:
        writer.append(held.X, "ann")
    for holder in (held, open_segments(tmp_path / "s")):
        kind = type(holder).__name__
        with pytest.raises(ValueError, match=rf"X is a {kind}, .* Pass this attribute, X\.X"):
            MADE["embedder"]().fit(holder)


@EACH
def test_more_channels_than_time_steps_give_a_warning(make):
    X = segments(8, 12)
    message = r"read as segments of 8 time steps and 12 channels. .* X.transpose\(0, 2, 1\)"
    with pytest.warns(UserWarning, match=message) as record:
        fitted = make().fit(X, y)
    assert len(record) == 1
    with pytest.warns(UserWarning, match=message):
        expected = output(fitted, X)
    np.testing.assert_array_equal(output(make(n_channels=12).fit(X, y), X), expected)


@EACH
def test_a_recording_instead_of_segments_gives_a_warning(make):
    recording = segments(1, 3)[:, 0]
    message = r"read as 24 segments of 3 time steps .*segment_recordings.* n_channels=1"
    with pytest.warns(UserWarning, match=message) as record:
        fitted = make().fit(recording, y)
    assert len(record) == 1
    with pytest.warns(UserWarning, match=message):
        expected = output(fitted, recording)
    fitted = make(n_channels=1).fit(recording, y)
    np.testing.assert_array_equal(output(fitted, recording), expected)


@EACH
@pytest.mark.parametrize("shape", [(8,), (3, 3), (1, 1)])
def test_usual_layouts_give_no_warning(make, shape):
    X = np.random.default_rng(0).normal(size=(N, *shape))
    make().fit(X, y)


NESTED = {
    "frame of series": lambda pd, X: pd.DataFrame(
        {c: [pd.Series(part) for part in X[:, :, c]] for c in range(C)}
    ),
    "frame of arrays": lambda pd, X: pd.DataFrame({c: list(X[:, :, c]) for c in range(C)}),
    "series of arrays": lambda pd, X: pd.Series(list(X)),
}


@pytest.mark.parametrize("nest", NESTED.values(), ids=NESTED)
def test_nested_frames_are_refused_with_what_to_pass(nest):
    pd = pytest.importorskip("pandas")
    X = segments()
    nested = nest(pd, X)
    with pytest.raises(ValueError, match=r"X has cells of type .*sktime.* pass numpy") as error:
        tiny_classifier(max_epochs=1).fit(nested, y)
    advice = str(error.value).rpartition(" pass ")[2].removesuffix(".")
    np.testing.assert_array_equal(eval(advice, {"numpy": np, "X": nested}), X)


def long_frame(pd):
    """Segments in the long format of sktime."""
    index = pd.MultiIndex.from_product([range(N), range(T)], names=["segment", "time"])
    return pd.DataFrame(segments().reshape(-1, C), index)


INDEXES = {
    "MultiIndex": lambda pd: long_frame(pd).index,
    "DatetimeIndex": lambda pd: pd.date_range("2024", periods=N * T, freq="20ms"),
    "DatetimeIndex with a zone": lambda pd: pd.date_range(
        "2024", periods=N * T, freq="20ms", tz="UTC"
    ),
    "TimedeltaIndex": lambda pd: pd.timedelta_range(0, periods=N * T, freq="20ms"),
    "PeriodIndex": lambda pd: pd.period_range("2024", periods=N * T, freq="s"),
}


@EACH
@pytest.mark.parametrize("index", INDEXES)
def test_frames_of_samples_are_refused(make, index):
    pd = pytest.importorskip("pandas")
    frame = long_frame(pd).set_index(INDEXES[index](pd))
    labels = np.arange(len(frame)) % 2
    message = f"X has a {index.split()[0]}, as .* must be a segment. .*segment_recordings"
    for n_channels in (None, 1, C):
        with pytest.raises(ValueError, match=message):
            make(n_channels=n_channels).fit(frame, labels)
    # What the message advises.
    make().fit(frame.to_numpy().reshape(N, T, C), y)
    make(n_channels=C).fit(frame.reset_index(drop=True), labels)


# ---------------------------------------------------------------- nested estimators


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_nested_estimators_read_segments_as_the_outer_one_does(weight):
    weights = np.ones(N)
    weights[:4] = weight
    results = []
    for given, n_channels in [(segments(), None), (flat(segments()), C)]:
        classifier = tiny_classifier(
            encoder=tiny_embedder(n_within=0, max_epochs=1), max_epochs=1, n_channels=n_channels
        )
        fitted = classifier.fit(given, y, sample_weight=weights)
        results.append(fitted.predict_proba(given))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_n_channels_silences_the_warnings_of_nested_estimators(weight):
    weights = np.ones(N)
    weights[:4] = weight
    X = segments(8, 12)
    classifier = tiny_classifier(
        encoder=tiny_embedder(n_within=0, max_epochs=1), n_channels=12, max_epochs=1
    )
    classifier.fit(X, y, sample_weight=weights).predict(X)


def test_fitted_nested_distances_accept_flat_segments():
    X = segments()
    embedder = tiny_embedder(n_within=0, n_channels=C, max_epochs=1).fit(flat(X))
    assert embedder.distance.n_channels is None
    np.testing.assert_array_equal(
        embedder.distance_.transform(flat(X)), embedder.distance_.transform(X)
    )


def test_nested_estimators_that_contradict_n_channels():
    distance = tiny_distance(n_channels=2)
    with pytest.raises(ValueError, match=r"X has 3 channels, but Learned.* n_channels=2"):
        tiny_embedder(n_within=0, distance=distance, n_channels=C).fit(flat(segments()))
    with pytest.raises(ValueError, match=r"X has 1 channels, but .* set n_channels=2"):
        tiny_embedder(n_within=0, distance=distance).fit(flat(segments()))


@pytest.mark.parametrize("n_channels", [None, C])
def test_frozen_encoders_with_flat_segments(n_channels):
    X = segments()
    embedder = tiny_embedder(n_within=0, max_epochs=1, n_channels=n_channels).fit(X)
    frozen = FrozenEstimator(embedder)
    classifier = tiny_classifier(encoder=frozen, freeze="encoder", n_channels=C, max_epochs=1)
    expected = clone(classifier).set_params(n_channels=None).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(classifier.fit(flat(X), y).predict_proba(flat(X)), expected)


class Doubling(LearnedMotifDistance):
    """A user's subclass of the distance, which computes with the array that is passed."""

    def fit(self, X, y=None, groups=None):
        return super().fit(np.asarray(X) * 2, groups=groups)


def test_distances_of_users_get_segments():
    kwargs = {"embed_dim": 8, "n_layers": 1, "max_epochs": 1, "random_state": 0}
    embedder = tiny_embedder(n_within=0, distance=Doubling(**kwargs), max_epochs=1)
    expected = clone(embedder).fit(segments()).transform(segments())
    embedder.set_params(n_channels=C)
    found = embedder.fit(flat(segments())).transform(segments())
    np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- files


@EACH
def test_n_channels_is_saved(make, tmp_path):
    X = flat(segments())
    settings = {"distance": tiny_distance(max_epochs=1), "encoder": "resnet14-half"}
    estimator = make(n_channels=C)
    names = estimator.get_params(deep=False)
    estimator.set_params(**{name: settings[name] for name in settings if name in names})
    fitted = estimator.fit(X, y)
    fitted.save(tmp_path / "model")
    loaded = type(fitted).load(tmp_path / "model")
    assert loaded.n_channels == C
    assert loaded.n_features_in_ == T * C
    np.testing.assert_array_equal(output(loaded, X), output(fitted, X))


@EACH
def test_a_fit_resumes_with_another_layout_of_the_same_segments(make, tmp_path):
    estimator = make(checkpoint_dir=tmp_path)
    expected = output(estimator.fit(segments(), y), segments())
    estimator.set_params(n_channels=C)
    found = output(estimator.fit(flat(segments()), y), segments())
    np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- scikit-learn's meta-estimators


def classifier(**kwargs):
    return tiny_classifier(**({"n_channels": C, "validation_fraction": 0} | kwargs))


def probe():
    embedder = tiny_embedder(distance=euclidean, n_channels=C, max_epochs=1, n_within=0)
    return make_pipeline(embedder, LogisticRegression())


CLASSIFIERS = pytest.mark.parametrize("make", [classifier, probe])


@CLASSIFIERS
def test_column_transformer(make):
    """Windows beside other columns: here the height of the person."""
    pd = pytest.importorskip("pandas")
    X = flat(segments())
    frame = pd.DataFrame(X, columns=[f"t{t} c{c}" for t in range(T) for c in range(C)])
    frame.insert(0, "height", np.linspace(150, 190, N))
    embedder = tiny_embedder(distance=euclidean, n_channels=C, max_epochs=1, n_within=0)
    for table, windows, rest in [
        (frame, list(frame.columns[1:]), ["height"]),
        (frame.to_numpy(), slice(1, None), [0]),
    ]:
        columns = ColumnTransformer([("motion", embedder, windows), ("rest", "passthrough", rest)])
        Z = columns.fit_transform(table)
        np.testing.assert_array_equal(Z[:, :-1], clone(embedder).fit_transform(X))
        assert len(columns.get_feature_names_out()) == Z.shape[1] == 9
    alone = ColumnTransformer([("windows", "passthrough", list(frame.columns[1:]))])
    assert make_pipeline(alone, make()).fit(frame, y).score(frame, y) > 0.8


@CLASSIFIERS
def test_bagging(make):
    X = flat(segments())
    bagging = BaggingClassifier(make(), n_estimators=2, random_state=0).fit(X, y)
    assert bagging.n_features_in_ == T * C
    assert bagging.score(X, y) > 0.8


@CLASSIFIERS
def test_self_training(make):
    X = flat(segments())
    labels = np.where(np.arange(N) < 12, y, -1)
    model = SelfTrainingClassifier(make(), threshold=0.6, max_iter=2).fit(X, labels)
    assert model.termination_condition_ in ("max_iter", "all_labeled", "no_change")
    assert (model.transduction_[12:] != -1).any()
    assert model.score(X, y) > 0.8


@CLASSIFIERS
def test_permutation_importance(make):
    X = segments()
    X[:, :, :2] = 0  # only the last channel tells the classes apart
    fitted = make().fit(flat(X), y)
    result = permutation_importance(
        fitted, flat(X), y, n_repeats=2, random_state=0, scoring="neg_log_loss"
    )
    importances = result.importances_mean.reshape(T, C)
    assert (importances[:, :2] == 0).all()
    assert importances[:, 2].sum() > 0


def test_a_classifier_without_n_channels_takes_windows_for_one_channel():
    """The default has not changed."""
    X = flat(segments())
    fitted = RelConClassifier("resnet14-half", max_epochs=0, validation_fraction=0).fit(X, y)
    assert (fitted.n_channels_in_, fitted.n_features_in_) == (1, T * C)
