"""Features made by hand say what they should, and the methods without deep learning are fair."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.model_selection import GridSearchCV

from relcon_sklearn.datasets import make_motion

pytest.importorskip("tslearn")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
try:
    features = importlib.import_module("_features")
    rocket = importlib.import_module("_minirocket")
    classic = importlib.import_module("_classic")
finally:
    del sys.path[0]

RATE = 50
N_TIME, N_FREQUENCY = 14, 17  # features of each signal
# Their places in a signal's frequency features.
TOTAL, SHARES, DOMINANT, DOMINANT_SHARE, CENTROID, ENTROPY, HEIGHT, LAG = (
    0,
    slice(6, 11),
    *range(11, 17),
)
FAST = ["features_forest", "features_linear", "nearest_dtw"]


@pytest.fixture(scope="module")
def motion():
    """Training and test segments of people apart, X, activity, targets and subject of each."""
    made = make_motion(240, n_subjects=6, n_timesteps=128, sampling_rate=RATE, random_state=0)
    targets = np.stack([made.speed, made.cadence], axis=1)
    parts = made.groups < 4, made.groups >= 4
    return [(made.X[p], made.y[p], targets[p], made.groups[p]) for p in parts]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(4, 100, 3)).astype(np.float32) + 0.5


@pytest.fixture
def small(monkeypatch):
    """Methods of a size for tests."""
    monkeypatch.setattr(classic, "DTW_SEGMENTS", 60)
    monkeypatch.setattr(classic, "FOREST_GRID", {"min_samples_leaf": [1, 4]})
    monkeypatch.setattr(classic, "N_TREES_TO_CHOOSE", 20)
    monkeypatch.setattr(classic, "N_TREES", 50)


def sine(*frequencies, n_timesteps=256):
    """One segment, one channel with all of them, around 1 g."""
    time = np.arange(n_timesteps) / RATE
    X = 1 + sum(0.2 * np.sin(2 * np.pi * f * time + 0.3) for f in frequencies)
    return X[None, :, None].astype(np.float32)


def of_first_channel(X):
    """Return the frequency features of the first channel of the first segment."""
    return features.frequency_features(X, RATE)[0].reshape(N_FREQUENCY, -1)[:, 0]


# ---------------------------------------------------------------- features


def test_features_over_time_of_each_channel_and_the_magnitude(noise):
    found = features.classic_features(noise, RATE)[:, : N_TIME * 4].reshape(4, N_TIME, 4)
    for segment, of_segment in zip(noise.astype(float), found, strict=True):
        signals = [*segment.T, np.sqrt((segment**2).sum(axis=1))]
        for x, of_signal in zip(signals, of_segment.T, strict=True):
            above = x >= x.mean()
            crossings = sum(above[t] != above[t - 1] for t in range(1, len(x)))
            expected = [
                x.mean(),
                x.std(),
                x.min(),
                *np.percentile(x, [25, 50, 75]),
                x.max(),
                stats.median_abs_deviation(x),
                np.sqrt((x**2).mean()),
                stats.skew(x),
                stats.kurtosis(x, fisher=False),
                np.abs(x).mean(),
                sum(abs(x[t] - x[t - 1]) for t in range(1, len(x))) / 99 * RATE,
                crossings / 99 * RATE,
            ]
            np.testing.assert_allclose(of_signal, expected, rtol=1e-5, atol=1e-5)


def test_correlations_and_signal_magnitude_area(noise):
    found = features.classic_features(noise, RATE)[:, (N_TIME + N_FREQUENCY) * 4 :]
    for x, (area, *correlations) in zip(noise.astype(float), found, strict=True):
        r = np.corrcoef(x.T)
        np.testing.assert_allclose(correlations, [r[0, 1], r[0, 2], r[1, 2]], atol=1e-5)
        assert area == pytest.approx(np.abs(x - x.mean(axis=0)).sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("frequency", [0.8, 1.5, 2.35, 4.1, 8.0])
def test_spectrum_of_a_sine(frequency):
    found = of_first_channel(sine(frequency))
    assert found[DOMINANT] == pytest.approx(frequency, abs=0.05)
    assert found[DOMINANT_SHARE] > 0.99
    assert found[CENTROID] == pytest.approx(frequency, abs=0.05)
    assert 10 ** found[TOTAL] == pytest.approx(0.2**2 / 2, rel=0.05)
    band = [low <= frequency < high for low, high in features.BANDS].index(True)
    assert found[SHARES].argmax() == band
    assert found[SHARES].sum() == pytest.approx(1, abs=0.05)


def test_noise_has_more_entropy_than_a_sine(noise):
    assert of_first_channel(noise)[ENTROPY] > 0.8
    assert of_first_channel(sine(2.0))[ENTROPY] < 0.5


@pytest.mark.parametrize(("frequencies", "period"), [((2.0,), 0.5), ((1.0, 2.0), 1.0)])
def test_lag_of_what_is_periodic(frequencies, period):
    found = of_first_channel(sine(*frequencies))
    assert found[LAG] == pytest.approx(period, abs=1 / RATE)
    assert found[HEIGHT] == pytest.approx(1, abs=0.02)


def test_autocorrelation_is_the_correlation_of_what_overlaps(noise):
    x = noise[0, :, 0].astype(float)
    x = x - x.mean()
    lags = range(13, 76)  # 0.25 s to 1.5 s

    def at(lag):
        head, tail = x[:-lag], x[lag:]
        return head @ tail / np.sqrt((head @ head) * (tail @ tail))

    peaks = {lag: at(lag) for lag in lags if at(lag - 1) < at(lag) >= at(lag + 1)}
    first = min(lag for lag, r in peaks.items() if r >= 0.9 * max(peaks.values()))
    found = of_first_channel(noise)
    assert found[LAG] == pytest.approx(first / RATE)
    assert found[HEIGHT] == pytest.approx(peaks[first], rel=1e-4)


@pytest.mark.parametrize("n_timesteps", [8, 9, 100, 300])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 6, 7, 12])
def test_finite_whatever_comes(n_channels, n_timesteps):
    X = np.random.default_rng(0).normal(size=(7, n_timesteps, n_channels)).astype(np.float32)
    X[:3] = np.array([0, 0.1, -1 / 3])[:, None, None]  # constant
    X[3, :, 0] = 1
    n_threes = n_channels // 3 if n_channels % 3 == 0 else 1
    n_pairs = n_channels * (n_channels - 1) // 2
    n_signals = n_channels + n_threes
    n_features = (N_TIME + N_FREQUENCY) * n_signals + n_threes + n_pairs
    for rate in (20, 100):
        found = features.classic_features(X, rate)
        assert found.shape == (7, n_features)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 1e4


def test_constant_segments_have_no_rhythm():
    found = of_first_channel(np.full((1, 128, 3), 0.1, dtype=np.float32))
    assert found[TOTAL] == pytest.approx(-10)
    assert not found[SHARES.start :].any()


def test_chunks_do_not_show(monkeypatch, noise):
    whole = features.classic_features(noise, RATE)
    monkeypatch.setattr(features, "_CHUNK", 3)
    np.testing.assert_allclose(features.classic_features(noise, RATE), whole, rtol=1e-6)


# ---------------------------------------------------------------- methods


@pytest.mark.parametrize("name", FAST)
def test_activities_of_people_not_seen(small, motion, name):
    (X, y, _, groups), (X_test, y_test, *_) = motion
    fitted = classic.CLASSIC[name](X, y, groups, X_test[:48], rate=RATE, seed=0)
    assert fitted.predictions.shape == (48,)
    assert fitted.predictions.dtype == y.dtype
    assert (fitted.predictions == y_test[:48]).mean() > 0.4  # of six
    assert fitted.seconds > 0
    assert json.loads(json.dumps(fitted.chosen)) == fitted.chosen
    again = classic.CLASSIC[name](X, y, groups, X_test[:48], rate=RATE, seed=0)
    assert (again.predictions == fitted.predictions).all()


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("columns", [0, [0], [0, 1]], ids=str)
def test_targets_of_people_not_seen(small, motion, name, columns):
    (X, _, targets, groups), (X_test, _, of_test, _) = motion
    y, y_test = targets[:, columns], of_test[:48, columns]
    fitted = classic.CLASSIC[name](X, y, groups, X_test[:48], rate=RATE, seed=0)
    assert fitted.predictions.shape == y_test.shape
    assert fitted.predictions.dtype == y.dtype
    error = np.abs(fitted.predictions - y_test).mean(axis=0)
    assert (error < 0.8 * np.abs(y_test - np.median(y, axis=0)).mean(axis=0)).all()


@pytest.mark.parametrize("regression", [False, True])
def test_folds_keep_subjects_apart(regression):
    rng = np.random.default_rng(0)
    groups = rng.integers(7, size=90)
    y = rng.normal(size=90) if regression else rng.choice(["a", "b"], size=90)
    folds = classic.subject_folds(y, groups)
    assert len(folds) == classic.N_FOLDS
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(90))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])


def test_what_is_chosen_is_judged_on_these_folds(monkeypatch, motion):
    (X, y, targets, groups), _ = motion
    used = []

    def search(model, grid, *, cv, **settings):
        used.append(cv)
        return GridSearchCV(model, grid, cv=cv, **settings)

    monkeypatch.setattr(classic, "GridSearchCV", search)
    for target in (y, targets):
        classic.features_linear(X, target, groups, X[:2], rate=RATE, seed=0)
    assert len(used) == 2
    for folds in used:
        assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)


def test_labels_of_subjects_are_in_the_training_part_of_each_fold():
    groups = np.repeat(np.arange(6), 10)
    y = np.where(groups < 3, "old", "young")
    folds = classic.subject_folds(y, groups)
    assert len(folds) == 3
    assert all(set(y[test]) == {"old", "young"} for _, test in folds)
    # One subject of a kind: where it is held out, there is nothing to fit.
    folds = classic.subject_folds(np.where(groups < 1, "old", "young"), groups)
    assert len(folds) == 2


def test_one_subject_leaves_nothing_to_choose_by(small, motion):
    (X, y, _, groups), _ = motion
    X, y, groups = X[groups == 0], y[groups == 0], groups[groups == 0]
    for name in FAST:
        fitted = classic.CLASSIC[name](X, y, groups, X[:3], rate=RATE, seed=0)
        assert len(fitted.predictions) == 3


def test_neighbours_that_choose_the_band_are_of_other_subjects(monkeypatch):
    # Each segment has a twin of its own subject, and a subject's label is its own.
    groups = np.repeat(np.arange(4), 5)
    X = np.repeat(np.arange(4.0), 5)[:, None, None] + np.zeros((20, 16, 1))
    judged = []
    monkeypatch.setattr(classic, "score", lambda y, predicted: judged.append((y, predicted)) or 0)
    y = np.array(list("abcd"))[groups]
    fitted = classic.nearest_dtw(X, y, groups, X, rate=RATE, seed=0)
    assert len(judged) == len(classic.DTW_RADII) * len(classic.DTW_SIGNALS)
    assert all((y != predicted).all() for y, predicted in judged)
    assert (fitted.predictions == y).all()


def test_rows_spread_over_labels_and_subjects():
    rng = np.random.default_rng(0)
    groups = rng.choice(5, size=1000, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    y = rng.choice(["often", "seldom"], size=1000, p=[0.9, 0.1])
    rows = classic.spread_rows(y, groups, 50, rng)
    assert len(set(rows)) == 50
    assert (y[rows] == "seldom").sum() == 25
    assert np.bincount(groups[rows][y[rows] == "seldom"]).tolist() == [5] * 5
    rows = classic.spread_rows(rng.normal(size=1000), groups, 50, rng)
    assert np.bincount(groups[rows]).tolist() == [10] * 5
    assert sorted(classic.spread_rows(y, groups, 5000, rng)) == list(range(1000))


def test_shortened_to_what_dtw_can_afford():
    X = sine(1.0, n_timesteps=128)
    short = classic.shortened(X)
    assert short.shape == (1, 64, 1)
    np.testing.assert_allclose(short[:, 4:-4], X[:, ::2][:, 4:-4], atol=0.01)
    assert classic.shortened(X[:, :50]).shape == (1, 50, 1)


# ---------------------------------------------------------------- MiniRocket

STANDS_IN = """
import sys
import numpy as np
isolated, script, source, target = sys.argv[1:]
assert isolated == "-I" and script.endswith("minirocket_transform.py")
with np.load(source) as arrays:
    X_train, X_test, seed = arrays["X_train"], arrays["X_test"], int(arrays["seed"])
features = [np.hstack([X.std(axis=1), X.mean(axis=1)]) for X in (X_train, X_test)]
shape = "x".join(map(str, X_test.shape))
np.savez(target, Z_train=features[0], Z_test=features[1], versions=[f"seed={seed}", shape])
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Put a script in the place of the environment's Python; return a function that does so."""
    monkeypatch.setenv("RELCON_MINIROCKET_ENV", str(tmp_path))

    def stand_in(source):
        script, python = tmp_path / "stands_in.py", tmp_path / rocket._PYTHON
        script.write_text(source)
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        python.chmod(0o755)

    return stand_in


needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


@needs_shell
def test_segments_go_to_the_other_python_and_features_come_back(environment, motion):
    environment(STANDS_IN)
    (X, y, targets, groups), (X_test, y_test, *_) = motion
    fitted = classic.minirocket(X, y, groups, X_test, rate=RATE, seed=5)
    assert fitted.chosen["versions"] == ["seed=5", "80x128x3"]
    assert fitted.predictions.dtype == y.dtype
    assert (fitted.predictions == y_test).mean() > 0.3
    fitted = classic.minirocket(X, targets, groups, X_test, rate=RATE, seed=5)
    assert fitted.predictions.shape == (80, 2)
    assert fitted.predictions.dtype == targets.dtype


@needs_shell
def test_segments_shorter_than_a_kernel_are_continued(environment, noise):
    environment(STANDS_IN)
    Z_train, _, (_, shape) = rocket.minirocket_features(noise[:, :8], noise[:2, :8], seed=0)
    assert shape == "2x9x3"
    continued = np.concatenate([noise[:, :8], noise[:, 7:8]], axis=1)
    np.testing.assert_allclose(Z_train[:, :3], continued.std(axis=1), rtol=1e-5)


@needs_shell
def test_what_goes_wrong_there_is_told(environment, noise):
    environment("raise SystemExit('no aeon here')")
    with pytest.raises(RuntimeError, match="no aeon here"):
        rocket.minirocket_features(noise, noise, seed=0)


def test_an_environment_that_is_not_there(environment):
    assert rocket.minirocket_python(make=False) is None


def test_half_an_environment_is_not_left(environment, tmp_path, monkeypatch):
    folder = tmp_path / "env"
    monkeypatch.setenv("RELCON_MINIROCKET_ENV", str(folder))
    commands = []

    def run(command):
        commands.append(command)
        if "venv" in command:
            (command[-1] / "bin").mkdir(parents=True)
        else:
            raise RuntimeError("no network")

    monkeypatch.setattr(rocket, "_run", run)
    with pytest.raises(RuntimeError, match="no network"):
        rocket.minirocket_python()
    assert set(rocket.PINS) <= set(commands[1])
    assert not any(tmp_path.iterdir())


def test_minirocket_itself(motion):
    if rocket.minirocket_python(make=False) is None:
        pytest.skip("MiniRocket's environment is not there; a benchmark that needs it makes it")
    (X, y, _, groups), (X_test, y_test, *_) = motion
    fitted = classic.minirocket(X, y, groups, X_test, rate=RATE, seed=0)
    assert (fitted.predictions == y_test).mean() > 0.5
    assert 0.001 <= fitted.chosen["alpha"] <= 1000
    assert fitted.chosen["versions"][0].startswith("aeon==")
    Z_train, Z_test, _ = rocket.minirocket_features(X[:5, :12, :1], X_test[:3, :12, :1], seed=0)
    assert Z_train.shape == (5, 9996)
    assert Z_test.shape == (3, 9996)
