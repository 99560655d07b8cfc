"""make_recordings: return value, times, bouts, agreement with make_motion, sensor, errors."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import make_motion, make_recordings

ACTIVITIES = ("lying", "sitting", "standing", "walking", "stairs", "running")
REST = ("lying", "sitting", "standing")


@pytest.fixture(scope="module")
def default():
    return make_recordings(4, random_state=0)


def magnitude(signal):
    return np.linalg.norm(signal.astype(float), axis=-1)


def bouts(labels):
    """Return slices of equal labels."""
    edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels)]
    return [slice(a, b) for a, b in pairwise(edges)]


def test_return_value(default):
    assert default.sampling_rate == 50.0
    assert default.units == "g"
    assert default.placement == "waist"
    assert default.channel_names == ["x", "y", "z"]
    assert default.label_names == list(ACTIVITIES)
    assert default.subjects.tolist() == ["s0", "s1", "s2", "s3"]
    assert "Generated" in default.DESCR
    lists = [default[k] for k in ("recordings", "labels", "timestamps", "speeds", "cadences")]
    for signal, labels, stamps, speed, cadence in zip(*lists, strict=True):
        assert signal.shape == (30000, 3)
        assert signal.dtype == speed.dtype == cadence.dtype == np.float32
        assert labels.dtype.kind == "U"
        assert stamps.dtype == "M8[ns]"
        assert labels.shape == stamps.shape == speed.shape == cadence.shape == (30000,)
        assert np.isfinite(signal).all()


def test_timestamps_are_regular_from_the_start():
    data = make_recordings(
        2, duration=10, sampling_rate=30.0, start="2020-02-28T23:59:55", random_state=0
    )
    elapsed = (data.timestamps[0] - np.datetime64("2020-02-28T23:59:55")).astype(np.int64)
    assert_allclose(elapsed, np.arange(300) / 30 * 1e9, atol=1)
    assert_array_equal(data.timestamps[0], data.timestamps[1])


def test_seeds_and_independent_subjects():
    three, again, one = (make_recordings(n, duration=30, random_state=0) for n in (3, 3, 1))
    other = make_recordings(1, duration=30, random_state=1)
    for a, b in zip(three.recordings, again.recordings, strict=True):
        assert_array_equal(a, b)
    assert_array_equal(three.recordings[0], one.recordings[0])
    assert not np.allclose(three.recordings[0], three.recordings[1])
    assert not np.allclose(one.recordings[0], other.recordings[0])


def test_bouts_last_and_all_activities_occur(default):
    assert set(np.concatenate(default.labels)) == set(ACTIVITIES)
    for labels, speed, cadence in zip(
        default.labels, default.speeds, default.cadences, strict=True
    ):
        assert len(set(labels)) >= 5
        for bout in bouts(labels)[:-1]:
            assert bout.stop - bout.start >= 5 * 50
            moving = labels[bout.start] not in REST
            assert len(set(speed[bout])) == len(set(cadence[bout])) == 1
            assert (speed[bout] > 0).all() == (cadence[bout] > 0).all() == moving


def test_durations_of_bouts_are_as_documented():
    data = make_recordings(1, duration=40000, sampling_rate=2.0, random_state=0)
    labels = data.labels[0]
    for name, median in (("lying", 90), ("walking", 40), ("stairs", 15)):
        dwell = [(b.stop - b.start) / 2 for b in bouts(labels) if labels[b.start] == name]
        assert_allclose(np.median(dwell), median, rtol=0.35)


def test_transitions_are_smooth():
    data = make_recordings(3, activities=REST, noise=0, placement="waist", random_state=0)
    for signal, labels in zip(data.recordings, data.labels, strict=True):
        assert len(bouts(labels)) > 3
        # A change of posture in a single step would be 0.3 g or more.
        assert np.abs(np.diff(signal, axis=0)).max() < 0.25
        for bout in bouts(labels)[1:]:
            # The mean of two directions of gravity would be 0.7 g between lying and standing.
            away = np.abs(magnitude(signal[bout.start - 40 : bout.start + 40]) - 1)
            assert np.quantile(away, 0.75) < 0.1


def test_cadence_is_constant_in_a_bout():
    data = make_recordings(3, activities=["walking", "standing"], noise=0, random_state=0)
    n_checked = 0
    for signal, labels, cadence in zip(data.recordings, data.labels, data.cadences, strict=True):
        for bout in bouts(labels):
            inside = slice(bout.start + 50, bout.stop - 50)
            n = inside.stop - inside.start
            if labels[bout.start] != "walking" or n < 20 * 50:
                continue
            moved = magnitude(signal[inside]) - magnitude(signal[inside]).mean()
            size = np.abs(np.fft.rfft(moved * np.hanning(n)))
            peak = np.fft.rfftfreq(n, 1 / 50)[size.argmax()]
            assert_allclose(60 * peak, cadence[bout.start], atol=3.0)
            n_checked += 1
    assert n_checked >= 5


@pytest.mark.parametrize("placement", ["waist", "wrist", "ankle"])
def test_windows_are_similar_to_segments_of_make_motion(placement):
    data = make_recordings(12, duration=900, placement=placement, random_state=0)
    cut = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units="g",
        labels=data.labels,
        subjects=data.subjects,
        timestamps=data.timestamps,
        purity=1.0,
    )
    motion = make_motion(
        2400, 40, n_timesteps=128, sampling_rate=50.0, placement=placement, random_state=1
    )
    for name in ACTIVITIES:
        spread = [
            np.median(magnitude(X[y == name]).std(axis=1))
            for X, y in ((cut.X, cut.y), (motion.X, motion.y))
        ]
        assert_allclose(spread[0], spread[1], rtol=0.3)


def test_dropout_removes_samples_in_gaps():
    settings = {"n_subjects": 2, "duration": 2000, "activities": ["standing"], "random_state": 0}
    whole, gapped = make_recordings(**settings), make_recordings(**settings, dropout=0.2)
    for k in range(2):
        assert_allclose(len(gapped.recordings[k]) / len(whole.recordings[k]), 0.8, atol=0.05)
        arrived = np.isin(whole.timestamps[k], gapped.timestamps[k])
        assert arrived[0]
        for name in ("recordings", "labels", "speeds", "cadences", "timestamps"):
            assert_array_equal(gapped[name][k], whole[name][k][arrived])
        step = np.diff(gapped.timestamps[k]).astype(float) / 1e9
        gaps = step[step > 0.021]
        assert gaps.min() > 1.4
        assert_allclose(np.median(gaps), 3.0, rtol=0.3)


def test_clock_jitter_changes_timestamps_only():
    settings = {"n_subjects": 1, "duration": 60, "random_state": 0}
    true, late = make_recordings(**settings), make_recordings(**settings, clock_jitter=0.004)
    assert_array_equal(true.recordings[0], late.recordings[0])
    off = (late.timestamps[0] - true.timestamps[0]).astype(float) / 1e9
    assert_allclose(off.std(), 0.004, rtol=0.1)
    late = make_recordings(**settings, clock_jitter=0.1)
    assert (np.diff(late.timestamps[0]).astype(np.int64) >= 0).all()


@pytest.mark.parametrize("changes", ["hour", "subject", "never"])
def test_orientation_changes_at_full_hours(changes):
    data = make_recordings(
        6,
        duration=20,
        start="2024-01-01T07:59:50",
        activities=["standing"],
        orientation_changes=changes,
        random_state=0,
    )
    up = np.array([[s[:500].mean(axis=0), s[500:].mean(axis=0)] for s in data.recordings])
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    angle = np.rad2deg(np.arccos(np.clip((up[:, 0] * up[:, 1]).sum(axis=-1), -1, 1)))
    from_axis = np.rad2deg(np.arccos(up[:, 0, 2]))
    assert (np.median(angle) > 30) == (changes == "hour")
    assert (from_axis.max() < 20) == (changes == "never")
    if changes != "hour":
        assert angle.max() < 15


def test_clipping():
    data = make_recordings(1, duration=60, activities=["running"], clipping=1.5, random_state=0)
    assert np.abs(data.recordings[0]).max() == 1.5


def test_as_frame():
    pd = pytest.importorskip("pandas")
    settings = {"n_subjects": 2, "duration": 20, "dropout": 0.3, "random_state": 0}
    frames, plain = make_recordings(**settings, as_frame=True), make_recordings(**settings)
    for k, frame in enumerate(frames.recordings):
        assert isinstance(frame.index, pd.DatetimeIndex)
        assert frame.columns.tolist() == ["x", "y", "z", "label"]
        assert_array_equal(frame.index.to_numpy(), plain.timestamps[k])
        assert_array_equal(frame[["x", "y", "z"]].to_numpy(), plain.recordings[k])
        assert frame["label"].tolist() == plain.labels[k].tolist()


@pytest.mark.parametrize(
    ("duration", "sampling_rate"), [(0.02, 50.0), (1.0, 50.0), (30.0, 0.1), (7.0, 1.0)]
)
@pytest.mark.parametrize("placement", ["waist", "wrist", "ankle"])
def test_short_and_slow_recordings(duration, sampling_rate, placement):
    data = make_recordings(
        3,
        duration=duration,
        sampling_rate=sampling_rate,
        placement=placement,
        dropout=0.5,
        random_state=0,
    )
    for signal in data.recordings:
        assert 1 <= len(signal) <= round(duration * sampling_rate)
        assert np.isfinite(signal).all()


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        (
            {"duration": 0.001},
            r"duration=0.001 s is shorter than one sample at sampling_rate=50.0 Hz\. Increase",
        ),
        ({"activities": ["flying"]}, r"unknown names \['flying'\]"),
        ({"duration": 0}, r"'duration' parameter .* Got 0"),
        ({"n_subjects": 0}, r"'n_subjects' parameter .* Got 0"),
        ({"orientation_changes": "segment"}, r"'orientation_changes' parameter .* Got 'segment'"),
        ({"clock_jitter": -1.0}, r"'clock_jitter' parameter .* Got -1.0"),
        ({"dropout": 1.0}, r"'dropout' parameter .* Got 1.0"),
        ({"start": "yesterday"}, "start='yesterday' is not a valid date"),
        ({"start": "2300-01-01"}, "start must be within 1678 to 2262.* Got 2300-01-01"),
        ({"start": "NaT"}, "start='NaT' is not a valid date"),
        ({"start": 3}, r"'start' parameter .* Got 3"),
    ],
)
def test_errors_name_the_parameter_and_the_value(kwargs, match):
    with pytest.raises(ValueError, match=match):
        make_recordings(**kwargs)
