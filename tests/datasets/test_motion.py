"""make_motion: what it promises about shapes, seeds, gravity, gait, speed, wearing and errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn.datasets import make_motion

SEDENTARY = ("lying", "sitting", "standing")
GAITS = ("walking", "stairs", "running")
CADENCE = {"walking": (1.49, 2.21), "stairs": (1.30, 1.93), "running": (2.56, 3.19)}  # steps / s
SPEED = {"walking": (0.7, 2.2), "stairs": (0.3, 0.6), "running": (2.2, 4.8)}  # m / s
TREAD = 0.28  # m


@pytest.fixture(scope="module")
def default():
    return make_motion(random_state=0)


@pytest.fixture(scope="module")
def long_gait():
    """Long segments without noise, whose spectra resolve a cadence to a few hundredths."""
    return make_motion(
        90, 5, n_timesteps=4096, sampling_rate=50.0, activities=GAITS, noise=0, random_state=1
    )


def magnitude(X):
    return np.linalg.norm(X.astype(float), axis=2)


def hours_of(groups, n_hours):
    """The hour of each row, by the documented rule: hours split a subject's rows evenly."""
    size = np.bincount(groups)
    start = np.cumsum(size) - size
    return (np.arange(len(groups)) - start[groups]) * n_hours // size[groups]


def spectrum(signal, sampling_rate):
    """Amplitudes and frequencies along axis 1, without the mean."""
    window = np.hanning(signal.shape[1])
    centred = signal - signal.mean(axis=1, keepdims=True)
    return (
        np.abs(np.fft.rfft(centred * window, axis=1)),
        np.fft.rfftfreq(signal.shape[1], 1 / sampling_rate),
    )


def dominant_frequency(X, sampling_rate):
    size, frequency = spectrum(magnitude(X), sampling_rate)
    return frequency[size.argmax(axis=1)]


def features(X, sampling_rate=100.0):
    """Summary and spectral features of each segment."""
    norm = magnitude(X)
    size, frequency = spectrum(norm, sampling_rate)
    power = sum(spectrum(X[:, :, axis], sampling_rate)[0] ** 2 for axis in range(3))
    summary = [norm.mean(1), norm.std(1), norm.min(1), norm.max(1), frequency[size.argmax(1)]]
    return np.column_stack(
        [
            X.mean(axis=1),
            np.sort(X.std(axis=1), axis=1),
            np.stack(summary, axis=1),
            np.log(size[:, 1:26]),
            np.log(power[:, 1:26]) / 2,
        ]
    )


def macro_f1(model, features, y, groups):
    predicted = cross_val_predict(model, features, y, groups=groups, cv=GroupKFold(5))
    return f1_score(y, predicted, average="macro")


def test_shapes_and_dtypes(default):
    X, y, groups, speed = default
    assert X.shape == (600, 256, 3)
    assert X.dtype == np.float32
    assert y.shape == (600,)
    assert y.dtype.kind == "U"
    assert groups.shape == (600,)
    assert groups.dtype == np.int64
    assert speed.shape == (600,)
    assert speed.dtype == np.float32
    assert np.isfinite(X).all()
    assert np.isfinite(speed).all()


@pytest.mark.parametrize(
    "kwargs",
    [
        {"n_timesteps": 1},
        {"n_subjects": 1},
        {"n_subjects": 30},
        {"n_hours": 1},
        {"n_hours": 50},
        {"sampling_rate": 0.5},
        {"noise": 0},
        {"activities": ["walking"]},
        {"activities": ("lying",)},
        {"activities": np.array(["running", "lying"])},
    ],
)
def test_small_and_odd_requests(kwargs):
    X, y, groups, speed = make_motion(30, **{"n_subjects": 3, **kwargs}, random_state=0)
    assert X.shape == (30, kwargs.get("n_timesteps", 256), 3)
    assert np.isfinite(X).all()
    assert set(groups) == set(range(kwargs.get("n_subjects", 3)))
    assert set(y) == set(kwargs.get("activities", SEDENTARY + GAITS))
    assert_array_equal(speed > 0, np.isin(y, GAITS))


def test_seeded_runs_repeat_and_other_seeds_differ():
    first, again, other = (make_motion(40, 4, random_state=seed) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a, b)
    assert not np.allclose(first[0], other[0])
    by_instance = make_motion(40, 4, random_state=np.random.RandomState(3))
    assert_array_equal(first[0], by_instance[0])
    assert not np.allclose(make_motion(40, 4)[0], make_motion(40, 4)[0])


def test_seeded_runs_leave_the_global_rng_alone():
    before = np.random.get_state()  # noqa: NPY002 - the legacy global state is what is tested
    make_motion(12, 2, random_state=0)
    make_motion(12, 2, random_state=np.random.RandomState(0))
    after = np.random.get_state()  # noqa: NPY002
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize(("n_segments", "n_subjects"), [(600, 10), (61, 7), (7, 7), (50, 1)])
def test_subjects_and_activities_are_balanced(n_segments, n_subjects):
    _, y, groups, _ = make_motion(n_segments, n_subjects, n_timesteps=2, random_state=0)
    assert np.ptp(np.bincount(groups, minlength=n_subjects)) <= 1
    assert np.ptp([np.sum(y == name) for name in SEDENTARY + GAITS]) <= 1
    for subject in range(n_subjects):
        own = y[groups == subject]
        assert len(set(own)) == min(len(own), 6)


def test_each_hour_holds_each_activity_in_mixed_order(default):
    _, y, groups, _ = default
    hours = hours_of(groups, 2)
    runs = [y[(groups == s) & (hours == h)] for s in range(10) for h in range(2)]
    assert {len(set(run)) for run in runs} == {6}
    assert len({tuple(run) for run in runs}) == len(runs)


def test_groups_are_contiguous_runs_in_order(default):
    groups = default[2]
    assert (np.diff(groups) >= 0).all()
    assert_array_equal(np.unique(groups), np.arange(10))


def test_rest_reads_one_g(default):
    X, y, _, _ = default
    rest = np.isin(y, SEDENTARY)
    assert_allclose(magnitude(X[rest]).mean(axis=1), 1.0, atol=0.03)
    assert magnitude(X[rest]).std(axis=1).mean() < 0.05
    assert magnitude(X[~rest]).std(axis=1).min() > 0.05


def test_noise_is_the_standard_deviation_per_axis():
    sd = {}
    for noise in (0.0, 0.2):
        X = make_motion(20, 2, activities=["lying"], noise=noise, random_state=0)[0]
        sd[noise] = np.sqrt(np.mean(np.diff(X, axis=1) ** 2) / 2)  # differences drop slow motion
    assert sd[0.0] < 0.005
    assert_allclose(sd[0.2], 0.2, rtol=0.05)


@pytest.mark.parametrize("name", GAITS)
def test_magnitude_peaks_at_the_cadence(long_gait, name):
    X, y, _, speed = long_gait
    found = dominant_frequency(X[y == name], 50.0)
    low, high = CADENCE[name]
    assert found.min() > low - 0.02
    assert found.max() < high + 0.02
    if name == "stairs":  # the step is a tread, so that speed alone gives the cadence
        assert_allclose(found, speed[y == name] / TREAD, atol=0.03)


@pytest.mark.parametrize("name", ["walking", "running"])
def test_speed_is_step_length_times_cadence(long_gait, name):
    X, y, groups, speed = long_gait
    cadence = dominant_frequency(X, 50.0)
    for subject in range(5):
        own = (groups == subject) & (y == name)
        assert np.corrcoef(cadence[own], speed[own])[0, 1] > 0.95
        # The step is proportional to leg length and cadence: one constant per subject.
        ratio = speed[own] / cadence[own] ** 2
        assert_allclose(ratio, ratio.mean(), rtol=0.04)


def test_speed_lies_in_plausible_ranges():
    _, y, _, speed = make_motion(3000, 100, n_timesteps=2, random_state=0)
    assert (speed[np.isin(y, SEDENTARY)] == 0.0).all()
    for name, (low, high) in SPEED.items():
        assert low < speed[y == name].min()
        assert speed[y == name].max() < high


def test_motion_grows_with_speed(default):
    X, y, _, speed = default
    for name in ("walking", "running"):
        own = y == name
        assert np.corrcoef(magnitude(X[own]).std(axis=1), speed[own])[0, 1] > 0.5
    spread = [magnitude(X[y == name]).std(axis=1).mean() for name in ("walking", "running")]
    assert spread[1] > 2 * spread[0]


def test_segments_start_at_random_phases():
    X = make_motion(200, 1, n_timesteps=1, activities=["running"], noise=0, random_state=0)[0]
    assert np.ptp(magnitude(X)) > 1.0


def test_orientation_changes_between_hours_only():
    X, _, groups, _ = make_motion(
        160, 8, n_hours=2, activities=["standing"], noise=0, random_state=0
    )
    mean, hours = X.mean(axis=1, dtype=float), hours_of(groups, 2)
    size = np.linalg.norm(mean, axis=1)
    assert_allclose(size, 1.0, atol=0.02)
    across = []
    for subject in range(8):
        first, second = (mean[(groups == subject) & (hours == hour)] for hour in (0, 1))
        unit = [run.mean(axis=0) / np.linalg.norm(run.mean(axis=0)) for run in (first, second)]
        for run, centre in zip((first, second), unit, strict=True):
            within = run @ centre / np.linalg.norm(run, axis=1)
            assert within.min() > np.cos(np.deg2rad(20))
        across.append(np.rad2deg(np.arccos(unit[0] @ unit[1])))
    # Two uniform orientations lie 90 degrees apart on average.
    assert np.median(across) > 40
    assert np.min(across) > 1


def test_postures_differ_in_inclination_within_an_hour():
    X, y, groups, _ = make_motion(90, 3, n_hours=1, activities=SEDENTARY, noise=0, random_state=0)
    mean = X.mean(axis=1, dtype=float)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    for subject in range(3):
        upright = mean[(groups == subject) & (y == "standing")].mean(axis=0)
        angle = np.rad2deg(np.arccos(mean @ upright / np.linalg.norm(upright)))
        mine = groups == subject
        found = {name: angle[mine & (y == name)].mean() for name in SEDENTARY}
        assert found["standing"] < found["sitting"] < 45 < 65 < found["lying"]


def test_harmonics_above_half_the_rate_are_left_out():
    X = make_motion(20, 2, sampling_rate=2.0, activities=["running"], noise=0, random_state=0)[0]
    # Running's step frequency is above 1 Hz and would fold back: what stays is sway at most.
    assert magnitude(X).std() < 0.05


def test_task_is_neither_trivial_nor_hopeless(default):
    X, y, groups, _ = default
    forest = RandomForestClassifier(100, random_state=0)
    score = macro_f1(forest, features(X), y, groups)
    assert 0.6 < score < 0.9  # chance is 1 / 6


def test_mean_direction_does_not_tell_postures_apart_across_subjects(default):
    X, y, groups, _ = default
    rest = np.isin(y, SEDENTARY)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    assert macro_f1(linear, X[rest].mean(axis=1), y[rest], groups[rest]) < 0.55  # chance is 1 / 3


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"n_segments": 4, "n_subjects": 5}, r"n_segments=4 is fewer than n_subjects=5.*raise"),
        ({"activities": ["walking", "flying"]}, r"unknown \['flying'\]; choose.*'standing'"),
        ({"activities": ["walking", 3]}, r"unknown \['3'\]"),
        ({"activities": []}, r"activities=\[\] is no list of names; pass some of .*'lying'"),
        ({"activities": np.array("walking")}, "is no list of names"),
        ({"activities": ["lying", "lying"]}, "names an activity twice; name each once"),
        ({"activities": "walking"}, r"'activities' parameter .* Got 'walking'"),
        ({"n_segments": 0}, r"'n_segments' parameter .* Got 0"),
        ({"n_segments": 10.0}, r"'n_segments' parameter .* Got 10.0"),
        ({"n_subjects": 0}, r"'n_subjects' parameter .* Got 0"),
        ({"n_timesteps": 0}, r"'n_timesteps' parameter .* Got 0"),
        ({"n_hours": 0}, r"'n_hours' parameter .* Got 0"),
        ({"sampling_rate": 0.0}, r"'sampling_rate' parameter .* Got 0.0"),
        ({"sampling_rate": float("inf")}, r"'sampling_rate' parameter .* Got inf"),
        ({"noise": -0.1}, r"'noise' parameter .* Got -0.1"),
        ({"noise": float("nan")}, r"'noise' parameter .* Got nan"),
        ({"random_state": "seed"}, r"'random_state' parameter .* Got 'seed'"),
    ],
)
def test_errors_name_the_parameter_and_the_value(kwargs, match):
    with pytest.raises(ValueError, match=match):
        make_motion(**kwargs)
