"""make_motion: shapes, seeds, gravity, gait, targets, placements, mounting, sensor, errors."""

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
PLACEMENTS = ("waist", "wrist", "ankle")
CADENCE = {"walking": (89, 133), "stairs": (78, 116), "running": (153, 192)}  # steps / min
SPEED = {"walking": (0.7, 2.2), "stairs": (0.3, 0.6), "running": (2.2, 4.8)}  # m / s
TREAD = 0.28  # m


@pytest.fixture(scope="module")
def default():
    return make_motion(random_state=0)


@pytest.fixture(scope="module")
def long_gait():
    """Return long segments without noise; their spectra resolve the cadence to a few hundredths."""
    return make_motion(
        90, 5, n_timesteps=4096, sampling_rate=50.0, activities=GAITS, noise=0, random_state=1
    )


def magnitude(X):
    return np.linalg.norm(X.astype(float), axis=2)


def spectrum(signal, sampling_rate):
    """Return amplitudes and frequencies along axis 1, without the mean."""
    window = np.hanning(signal.shape[1])
    centred = signal - signal.mean(axis=1, keepdims=True)
    return (
        np.abs(np.fft.rfft(centred * window, axis=1)),
        np.fft.rfftfreq(signal.shape[1], 1 / sampling_rate),
    )


def dominant_frequency(signal, sampling_rate):
    size, frequency = spectrum(signal, sampling_rate)
    return frequency[size.argmax(axis=1)]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def upright(X):
    """Return the acceleration along the mean direction, which is almost vertical in gait."""
    return np.einsum("ntc,nc->nt", X.astype(float), unit(X.mean(axis=1, dtype=float)))


def share_of_power(X, sampling_rate, low, high):
    """Return the share of the power above 0.4 Hz that lies in a band, over all axes."""
    power = sum(spectrum(X[:, :, axis], sampling_rate)[0] ** 2 for axis in range(3))
    frequency = np.fft.rfftfreq(X.shape[1], 1 / sampling_rate)
    moving, band = frequency > 0.4, (frequency > low) & (frequency < high)
    return power[:, moving & band].sum(axis=1) / power[:, moving].sum(axis=1)


def features(X, sampling_rate=100.0):
    """Return summary and spectral features of each segment."""
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


def test_shapes_dtypes_and_names(default):
    assert default._fields == ("X", "y", "groups", "hour_groups", "speed", "cadence")
    X, y, groups, hour_groups, speed, cadence = default
    assert X.shape == (600, 256, 3)
    assert X.dtype == speed.dtype == cadence.dtype == np.float32
    assert y.dtype.kind == "U"
    assert groups.dtype == hour_groups.dtype == np.int64
    for values in (y, groups, hour_groups, speed, cadence):
        assert values.shape == (600,)
    for values in (X, speed, cadence):
        assert np.isfinite(values).all()


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
        {"sampling_rate": 1000.0},
        {"clipping": np.inf},
        {"dropout": 0.99},
        {"activities": ["walking"]},
        {"activities": ("lying",)},
        {"activities": np.array(["running", "lying"])},
    ],
)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_extreme_parameters(kwargs, placement):
    X, y, groups, _, speed, cadence = make_motion(
        30, **{"n_subjects": 3, **kwargs}, placement=placement, random_state=0
    )
    assert X.shape == (30, kwargs.get("n_timesteps", 256), 3)
    assert np.isfinite(X).all()
    assert set(groups) == set(range(kwargs.get("n_subjects", 3)))
    assert set(y) == set(kwargs.get("activities", SEDENTARY + GAITS))
    assert_array_equal(speed > 0, np.isin(y, GAITS))
    assert_array_equal(cadence > 0, np.isin(y, GAITS))


def test_seeded_runs_repeat_and_other_seeds_differ():
    first, again, other = (make_motion(40, 4, random_state=seed) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a, b)
    assert not np.allclose(first[0], other[0])
    by_instance = make_motion(40, 4, random_state=np.random.RandomState(3))
    assert_array_equal(first[0], by_instance[0])
    assert not np.allclose(make_motion(40, 4)[0], make_motion(40, 4)[0])


def test_seeded_runs_do_not_use_the_global_rng():
    before = np.random.get_state()  # noqa: NPY002 - the legacy global state is what is tested
    make_motion(12, 2, random_state=0)
    make_motion(12, 2, random_state=np.random.RandomState(0))
    after = np.random.get_state()  # noqa: NPY002
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize(("n_segments", "n_subjects"), [(600, 10), (61, 7), (7, 7), (50, 1)])
def test_subjects_and_activities_are_balanced(n_segments, n_subjects):
    _, y, groups, *_ = make_motion(n_segments, n_subjects, n_timesteps=2, random_state=0)
    assert np.ptp(np.bincount(groups, minlength=n_subjects)) <= 1
    assert np.ptp([np.sum(y == name) for name in SEDENTARY + GAITS]) <= 1
    for subject in range(n_subjects):
        own = y[groups == subject]
        assert len(set(own)) == min(len(own), 6)


def test_each_hour_holds_each_activity_in_mixed_order(default):
    _, y, groups, hour_groups, *_ = default
    hours = hour_groups - 2 * groups
    runs = [y[(groups == s) & (hours == h)] for s in range(10) for h in range(2)]
    assert {len(set(run)) for run in runs} == {6}
    assert len({tuple(run) for run in runs}) == len(runs)


@pytest.mark.parametrize(("n_segments", "n_hours"), [(600, 2), (61, 3), (7, 5)])
def test_groups_are_contiguous_runs_in_order(n_segments, n_hours):
    motion = make_motion(n_segments, 7, n_timesteps=2, n_hours=n_hours, random_state=0)
    groups, hour_groups = motion.groups, motion.hour_groups
    assert (np.diff(groups) >= 0).all()
    assert (np.diff(hour_groups) >= 0).all()
    assert_array_equal(np.unique(groups), np.arange(7))
    assert_array_equal(hour_groups // n_hours, groups)
    for subject in range(7):
        size = np.bincount(hour_groups[groups == subject] - n_hours * subject, minlength=n_hours)
        assert np.ptp(size) <= 1


def test_subjects_do_not_depend_on_later_ones():
    few, many = (make_motion(n, n // 10, random_state=0) for n in (20, 50))
    for name, a, b in zip(few._fields, few, many, strict=True):
        assert_array_equal(a, b[:20], err_msg=name)
    X = few.X.reshape(2, 10, -1)
    assert not np.allclose(X[0], X[1])


def test_rest_reads_one_g(default):
    X, y, *_ = default
    rest = np.isin(y, SEDENTARY)
    away = np.abs(magnitude(X[rest]).mean(axis=1) - 1)
    assert np.quantile(away, 0.98) < 0.02
    assert away.max() < 0.1
    assert magnitude(X[rest]).std(axis=1).mean() < 0.05
    assert magnitude(X[~rest]).std(axis=1).min() > 0.05


def test_noise_is_the_standard_deviation_per_axis():
    sd = {}
    for noise in (0.0, 0.2):
        X = make_motion(20, 2, activities=["lying"], noise=noise, random_state=0)[0]
        sd[noise] = np.sqrt(np.mean(np.diff(X, axis=1) ** 2) / 2)  # differences drop slow motion
    assert sd[0.0] < 0.005
    assert_allclose(sd[0.2], 0.2, rtol=0.05)


def test_vertical_acceleration_peaks_at_the_cadence(long_gait):
    for values in (magnitude(long_gait.X), upright(long_gait.X)):
        assert_allclose(60 * dominant_frequency(values, 50.0), long_gait.cadence, atol=2.0)


def test_cadence_and_speed_lie_in_plausible_ranges():
    _, y, _, _, speed, cadence = make_motion(3000, 100, n_timesteps=2, random_state=0)
    assert not speed[np.isin(y, SEDENTARY)].any()
    assert not cadence[np.isin(y, SEDENTARY)].any()
    for values, ranges in ((speed, SPEED), (cadence, CADENCE)):
        for name, (low, high) in ranges.items():
            assert low < values[y == name].min()
            assert values[y == name].max() < high


def test_speed_is_step_length_times_cadence(long_gait):
    _, y, groups, _, speed, cadence = long_gait
    step = speed / (cadence / 60)
    assert_allclose(step[y == "stairs"], TREAD, rtol=1e-5)
    for name in ("walking", "running"):
        for subject in range(5):
            own = (groups == subject) & (y == name)
            # The step is proportional to leg length and cadence: one constant per subject.
            assert_allclose(step[own] / cadence[own], (step[own] / cadence[own])[0], rtol=1e-5)
    walk = [np.median((step / cadence)[(groups == s) & (y == "walking")]) for s in range(5)]
    assert np.ptp(walk) > 0.05 * np.mean(walk)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_motion_grows_with_speed(placement):
    X, y, _, _, speed, _ = make_motion(
        600, 50, activities=["walking", "running"], placement=placement, random_state=0
    )
    for name in ("walking", "running"):
        own = y == name
        assert np.corrcoef(magnitude(X[own]).std(axis=1), speed[own])[0, 1] > 0.4
    spread = [magnitude(X[y == name]).std(axis=1).mean() for name in ("walking", "running")]
    assert spread[1] > 2 * spread[0]


def test_segments_start_at_random_phases():
    X = make_motion(200, 1, n_timesteps=1, activities=["running"], noise=0, random_state=0)[0]
    assert np.ptp(magnitude(X)) > 1.0


def up_by_group(orientation_changes):
    """Return the mean direction of gravity in each hour, and the deviation of each segment.

    Subjects are standing. Directions are (n_subjects, n_hours, 3), deviations angles in degrees.
    """
    X, _, _, hour_groups, *_ = make_motion(
        160,
        8,
        activities=["standing"],
        noise=0,
        orientation_changes=orientation_changes,
        random_state=0,
    )
    mean = unit(X.mean(axis=1, dtype=float))
    up = unit(np.array([mean[hour_groups == group].mean(axis=0) for group in range(16)]))
    leaves = np.rad2deg(np.arccos((mean * up[hour_groups]).sum(axis=1)))
    return up.reshape(8, 2, 3), leaves


def angles(a, b):
    return np.rad2deg(np.arccos(np.clip((a * b).sum(axis=-1), -1, 1)))


def test_orientation_changes_between_hours_only():
    up, leaves = up_by_group("hour")
    assert leaves.max() < 20
    across = angles(up[:, 0], up[:, 1])
    # Two uniform orientations lie 90 degrees apart on average.
    assert np.median(across) > 40
    assert across.min() > 1


def test_orientation_may_change_by_subject_by_segment_or_never():
    up, leaves = up_by_group("subject")
    assert leaves.max() < 20
    assert angles(up[:, 0], up[:, 1]).max() < 10
    assert np.median(angles(up[0, 0], up[1:, 0])) > 40
    up, leaves = up_by_group("never")
    assert leaves.max() < 20
    assert angles(up, np.array([0.0, 0.0, 1.0])).max() < 15
    _, leaves = up_by_group("segment")
    assert np.median(leaves) > 40


def test_postures_differ_in_inclination_within_an_hour():
    X, y, groups, *_ = make_motion(90, 3, n_hours=1, activities=SEDENTARY, noise=0, random_state=0)
    mean = unit(X.mean(axis=1, dtype=float))
    for subject in range(3):
        upright = mean[(groups == subject) & (y == "standing")].mean(axis=0)
        angle = np.rad2deg(np.arccos(mean @ upright / np.linalg.norm(upright)))
        mine = groups == subject
        found = {name: angle[mine & (y == name)].mean() for name in SEDENTARY}
        assert found["standing"] < found["sitting"] < 45 < 65 < found["lying"]


def test_harmonics_above_half_the_rate_are_left_out():
    X = make_motion(20, 2, sampling_rate=2.0, activities=["running"], noise=0, random_state=0)[0]
    # The step frequency of running is above 1 Hz and would be aliased. Only sway may remain.
    assert magnitude(X).std() < 0.05


def test_placements_show_the_same_people_at_the_same_pace():
    motions = [make_motion(60, 3, placement=name, random_state=0) for name in PLACEMENTS]
    for other in motions[1:]:
        for name in ("y", "groups", "hour_groups", "speed", "cadence"):
            assert_array_equal(getattr(other, name), getattr(motions[0], name))
        assert not np.allclose(other.X, motions[0].X, atol=0.1)


@pytest.fixture(scope="module")
def walks():
    """Return long segments of walking at each placement."""
    return {
        name: make_motion(
            40,
            10,
            n_timesteps=2048,
            activities=["walking"],
            placement=name,
            noise=0,
            random_state=0,
        )
        for name in PLACEMENTS
    }


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_walking_recurs_with_the_stride(walks, placement):
    X, cadence = walks[placement].X, walks[placement].cadence
    for segment, steps in zip(X.astype(float), cadence, strict=True):
        stride = round(100 * 120 / steps)
        moved = segment - segment.mean(axis=0)
        alike = np.sum(moved[stride:] * moved[:-stride]) / np.sum(moved**2)
        apart = np.sum(moved[stride // 4 :] * moved[: -(stride // 4)]) / np.sum(moved**2)
        assert alike > 0.5
        assert alike > apart + 0.3


def test_arms_and_legs_move_once_per_stride(walks):
    """The two steps of a stride are similar at the waist, but not at a limb of one side."""
    share = {
        name: np.median(share_of_power(motion.X, 100.0, 0.7, 1.15))
        for name, motion in walks.items()
    }
    assert share["wrist"] > 2 * share["waist"]
    assert share["ankle"] > 2 * share["waist"]


def test_heels_strike_hard_at_the_ankle_only(walks):
    peak = {name: np.median(magnitude(motion.X).max(axis=1)) for name, motion in walks.items()}
    assert 1.5 < peak["waist"] < 2.2
    assert 1.5 < peak["wrist"] < 3.0
    assert 2.7 < peak["ankle"] < 4.5
    # The foot stands still at 1 g for part of the stride, the waist never does.
    still = {name: np.mean(np.abs(magnitude(motion.X) - 1) < 0.1) for name, motion in walks.items()}
    assert still["ankle"] > 0.25
    assert still["ankle"] > still["waist"]


def test_body_parts_are_held_as_documented():
    up = {}
    for placement in PLACEMENTS:
        X, y, *_ = make_motion(
            240, 20, placement=placement, orientation_changes="never", random_state=0
        )
        up[placement] = {name: np.median(X[y == name].mean(axis=1)[:, 2]) for name in set(y)}
    for placement in PLACEMENTS:
        assert abs(up[placement]["lying"]) < 0.3
        assert up[placement]["standing"] > 0.85
    assert up["waist"]["sitting"] > 0.85
    assert abs(up["wrist"]["sitting"]) < 0.5
    assert up["ankle"]["sitting"] > 0.85
    assert abs(up["wrist"]["running"]) < 0.9 < up["wrist"]["walking"]


def test_hands_move_occasionally_at_rest():
    X, y, *_ = make_motion(
        400, 20, placement="wrist", activities=["lying", "sitting"], noise=0, random_state=0
    )
    spread = X.std(axis=1, dtype=float).max(axis=1)[y == "sitting"]
    assert np.median(spread) < 0.05
    assert 0.05 < np.mean(spread > 0.1) < 0.5


def test_clipping():
    settings = {"n_segments": 30, "n_subjects": 3, "placement": "ankle", "random_state": 0}
    free, clipped = make_motion(**settings).X, make_motion(**settings, clipping=2.0).X
    assert free.max() > 2.0
    assert_array_equal(clipped, np.clip(free, -2.0, 2.0))


@pytest.mark.parametrize("dropout", [0.05, 0.3, 0.8])
def test_dropout_holds_the_last_value(dropout):
    settings = {"n_segments": 200, "n_subjects": 1, "random_state": 0}
    whole = make_motion(**settings).X
    held = make_motion(**settings, dropout=dropout).X
    lost = (held != whole).any(axis=2)
    assert_allclose(lost.mean(), dropout, atol=0.04)
    assert not lost[:, 0].any()
    row, time = np.nonzero(lost)
    assert_array_equal(held[row, time], held[row, time - 1])
    # Samples are lost in bursts, so there are fewer starts than lost samples.
    starts = np.count_nonzero(lost[:, 1:] & ~lost[:, :-1])
    assert lost.sum() / starts > 10


def test_task_is_neither_trivial_nor_hopeless(default):
    X, y, groups, *_ = default
    forest = RandomForestClassifier(100, random_state=0)
    score = macro_f1(forest, features(X), y, groups)
    assert 0.6 < score < 0.9  # chance is 1 / 6


def test_mean_direction_does_not_tell_postures_apart_across_subjects(default):
    X, y, groups, *_ = default
    rest = np.isin(y, SEDENTARY)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    assert macro_f1(linear, X[rest].mean(axis=1), y[rest], groups[rest]) < 0.55  # chance is 1 / 3


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"n_segments": 4, "n_subjects": 5}, r"n_segments=4 is less than n_subjects=5.*Increase"),
        (
            {"activities": ["walking", "flying"]},
            r"unknown names \['flying'\]\. Choose.*'standing'",
        ),
        ({"activities": ["walking", 3]}, r"unknown names \['3'\]"),
        ({"activities": []}, r"activities must be a non-empty list of .*'lying'.* Got \[\]"),
        ({"activities": np.array("walking")}, "activities must be a non-empty list"),
        ({"activities": ["lying", "lying"]}, r"has duplicate names\. Pass each name once"),
        ({"activities": "walking"}, r"'activities' parameter .* Got 'walking'"),
        ({"n_segments": 0}, r"'n_segments' parameter .* Got 0"),
        ({"n_segments": 10.0}, r"'n_segments' parameter .* Got 10.0"),
        ({"n_subjects": 0}, r"'n_subjects' parameter .* Got 0"),
        ({"n_timesteps": 0}, r"'n_timesteps' parameter .* Got 0"),
        ({"n_hours": 0}, r"'n_hours' parameter .* Got 0"),
        ({"sampling_rate": 0.0}, r"'sampling_rate' parameter .* Got 0.0"),
        ({"sampling_rate": float("inf")}, r"'sampling_rate' parameter .* Got inf"),
        ({"placement": "hip"}, r"'placement' parameter .* Got 'hip'"),
        ({"orientation_changes": "day"}, r"'orientation_changes' parameter .* Got 'day'"),
        ({"clipping": 0.0}, r"'clipping' parameter .* Got 0.0"),
        ({"dropout": 1.0}, r"'dropout' parameter .* Got 1.0"),
        ({"noise": -0.1}, r"'noise' parameter .* Got -0.1"),
        ({"noise": float("nan")}, r"'noise' parameter .* Got nan"),
        ({"random_state": "seed"}, r"'random_state' parameter .* Got 'seed'"),
    ],
)
def test_errors_name_the_parameter_and_the_value(kwargs, match):
    with pytest.raises(ValueError, match=match):
        make_motion(**kwargs)
