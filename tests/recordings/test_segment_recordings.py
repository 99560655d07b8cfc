"""segment_recordings as a whole: windows, labels, groups, hours and dropped samples."""

import logging
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relcon_sklearn import Segments, segment_recordings
from tests.support.paths import SHARED

RATE = 50


def line(n):
    """Return a recording of one channel whose values are their times, in samples."""
    return np.arange(n, dtype=np.float64)


def rest(n):
    """Return three channels of a device at rest."""
    return np.tile(np.float32([0.0, 0.6, 0.8]), (n, 1))


def segment(recordings, **kwargs):
    return segment_recordings(recordings, RATE, **({"units": "g", "window": 1.0} | kwargs))


# ---------------------------------------------------------------- windows


@given(
    st.integers(1, 300),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 60)),
)
def test_windows_are_where_they_should_be(n, n_timesteps, step):
    starts = range(0, n - n_timesteps + 1, step or n_timesteps)
    stride = None if step is None else step / RATE
    kwargs = {"window": n_timesteps / RATE, "stride": stride}
    if len(starts) == 0:
        with pytest.raises(ValueError, match="shorter than a window"):
            segment(line(n), **kwargs)
        return
    X, y, groups, hour_groups, start_times, dropped = segment(line(n), **kwargs)
    assert X.dtype == np.float32
    assert X[..., 0].tolist() == [list(range(a, a + n_timesteps)) for a in starts]
    np.testing.assert_allclose(start_times, np.array(starts) / RATE)
    assert y is None
    assert groups.tolist() == hour_groups.tolist() == [0] * len(starts)
    left = n - (starts[-1] + n_timesteps)
    assert dropped.pop("seconds_at_ends_of_stretches") == round(left / RATE, 6)
    assert set(dropped.values()) == {0}


@pytest.mark.parametrize(
    ("overlap", "step"), [(0.0, 50), (0.5, 25), (0.9, 5), (0.75, 12), (0.999, 1)]
)
def test_overlap(overlap, step):
    X = segment(line(200), overlap=overlap).X
    assert X[:, 0, 0].tolist() == list(range(0, 151, step))


def test_sizes_are_rounded_to_samples_and_one_at_least():
    assert segment(line(100), window=0.029).X.shape == (100, 1, 1)
    assert segment(line(100), window=0.031).X.shape == (50, 2, 1)
    assert segment(line(100), window=0.001, stride=0.001).X.shape == (100, 1, 1)
    assert segment(line(100), window=0.1, stride=0.049).X[:3, 0, 0].tolist() == [0, 2, 4]


def test_default_window_is_the_published_one():
    assert segment_recordings(rest(1000), 100, units="g").X.shape == (3, 256, 3)
    assert segment_recordings(rest(1000), 50, units="g", target_rate=100).X.shape == (7, 256, 3)


@given(
    st.lists(st.integers(0, 199), max_size=25),
    st.integers(1, 20),
    st.integers(1, 30),
    st.sampled_from([None, 0.05, 0.1]),
    st.sampled_from(["nan", "seconds", "dates"]),
)
def test_no_window_spans_a_gap(missing, n_timesteps, step, max_gap, how):
    signal, kept = line(200), np.setdiff1d(np.arange(200), missing)
    kwargs = {"window": n_timesteps / RATE, "stride": step / RATE, "max_gap": max_gap}
    if how == "nan":
        signal[missing] = np.nan
        kwargs["nan_policy"] = "omit"
    else:
        signal, stamps = signal[kept], kept / RATE
        if how == "dates":
            stamps = np.datetime64("2024-01-01") + (kept * 20).astype("timedelta64[ms]")
        kwargs["timestamps"] = stamps
    # Windows by definition: at every stride from the start of each run of samples.
    limit = 1.5 if max_gap is None else max_gap * RATE + 1e-6
    runs = np.split(kept, np.flatnonzero(np.diff(kept) > limit) + 1)
    expected = [start for run in runs for start in range(run[0], run[-1] - n_timesteps + 2, step)]
    if not expected:
        with pytest.raises(ValueError, match=r"No window|shorter than a window"):
            segment(signal, **kwargs)
        return
    segments = segment(signal, **kwargs)
    assert segments.X[:, 0, 0].tolist() == expected
    assert (np.diff(segments.X[..., 0], axis=1) == 1).all()
    seconds = segments.start_times
    if how == "dates":
        seconds = (seconds - np.datetime64("2024-01-01", "ns")) / np.timedelta64(1, "s")
    np.testing.assert_allclose(seconds, np.array(expected) / RATE, atol=1e-9)


@pytest.mark.filterwarnings("ignore:More than half of:UserWarning")
@given(st.lists(st.integers(0, 199), max_size=25), st.integers(1, 20))
def test_all_time_is_accounted_for(missing, n_timesteps):
    signal = line(200)
    signal[missing] = np.nan
    other = line(n_timesteps)  # so that there is always a window
    segments = segment([signal, other], window=n_timesteps / RATE, nan_policy="omit")
    dropped = segments.dropped
    assert dropped["samples_nan"] == len(set(missing))
    lost = dropped["seconds_in_short_stretches"] + dropped["seconds_at_ends_of_stretches"]
    n = segments.X.shape[0] * n_timesteps + round(lost * RATE) + dropped["samples_nan"]
    assert n == 200 + n_timesteps


def test_several_channels_keep_their_order():
    signal = np.stack([line(100), -line(100), line(100) / 2, 0 * line(100)], axis=1)
    X = segment(signal, gravity=False).X
    np.testing.assert_array_equal(X, signal.reshape(2, 50, 4))


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_in_memory_does_not_matter(order):
    signal = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    plain = segment(signal, gravity=False, target_rate=64)
    other = segment(np.asarray(signal, order=order)[:, :], gravity=False, target_rate=64)
    np.testing.assert_allclose(other.X, plain.X, atol=1e-6)


def test_input_is_left_alone():
    signal = rest(500).astype(np.float64)
    signal[7] = np.nan
    before = signal.copy()
    signal.setflags(write=False)
    segment(signal, nan_policy="omit", max_gap=1.0, units="m/s^2", gravity=False, target_rate=100)
    np.testing.assert_array_equal(signal, before)


def test_result_does_not_share_memory_with_the_input():
    signal = rest(500)
    X = segment(signal).X
    assert not np.shares_memory(X, signal)
    X[:] = 0
    assert (signal[:, 2] > 0).all()


def test_one_recording_needs_no_list():
    labels, stamps = ["a"] * 500, np.arange(500) / RATE
    alone = segment(rest(500), labels=labels, timestamps=stamps, subjects="ann")
    listed = segment([rest(500)], labels=[labels], timestamps=[stamps], subjects=["ann"])
    for a, b in zip(alone[:5], listed[:5], strict=True):
        np.testing.assert_array_equal(a, b)
    assert isinstance(alone, Segments)


# ---------------------------------------------------------------- labels


def label_shares(labels, start, stop):
    """Return the time of each label in [start, stop), in samples, which last until the next one."""
    shares = {}
    for k, label in enumerate(labels):
        last = k == len(labels) - 1
        a, b = max(Fraction(k), start), min(Fraction(k + 1) if not last else stop, stop)
        if b > a:
            shares[label] = shares.get(label, 0) + (b - a) / (stop - start)
    return shares


@pytest.mark.filterwarnings("ignore:More than half of")
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", ""]), st.integers(1, 12)), min_size=1, max_size=12
    ),
    st.sampled_from([None, 100, 25, 20, 64]),
    st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]),
    st.integers(1, 12),
    st.integers(1, 12),
)
@example([("a", 3)], 25, 1.0, 2, 1)  # the last of two samples counts for half its time only
def test_label_of_a_window_has_most_of_its_time(runs, target, purity, n_timesteps, step):
    labels = [label for label, n in runs for _ in range(n)]
    rate = Fraction(target or RATE)
    period = Fraction(RATE) / rate  # of the windows' samples, in samples of the labels
    n_points = math.ceil(len(labels) / period)
    expected, n_unlabelled, n_impure = [], 0, 0
    for start in range(0, n_points - n_timesteps + 1, step):
        stop = min((start + n_timesteps) * period, Fraction(len(labels)))
        shares = label_shares(labels, start * period, stop)
        unlabelled = shares.pop("", 0)
        best = max(shares.values(), default=0)
        if best > Fraction(str(purity)) or best == 1:
            names = {label for label, share in shares.items() if share == best}
            expected.append((float(start / rate), names))
        elif unlabelled >= best:
            n_unlabelled += 1
        else:
            n_impure += 1
    kwargs = {
        "labels": labels,
        "purity": purity,
        "target_rate": target,
        "window": float(n_timesteps / rate),
        "stride": float(step / rate),
    }
    if not expected:
        with pytest.raises(ValueError, match=r"No window|shorter than a window"):
            segment(line(len(labels)), **kwargs)
        return
    segments = segment(line(len(labels)), **kwargs)
    np.testing.assert_allclose(segments.start_times, [start for start, _ in expected], atol=1e-9)
    assert all(y in names for y, (_, names) in zip(segments.y, expected, strict=True))
    assert segments.dropped["windows_unlabelled"] == n_unlabelled
    assert segments.dropped["windows_impure"] == n_impure
    assert len(segments.X) == len(expected)


@pytest.mark.parametrize(
    ("purity", "expected"),
    [(0.5, "abb"), (0.6, "ab"), (0.59, "abb"), (0.9, "ab"), (1.0, "ab"), (0.0, "aabb")],
)
def test_purity(purity, expected):
    labels = ["a"] * 75 + ["b"] * 75 + [""] * 20 + ["b"] * 30
    # Windows: all a; half a, half b; all b; 60 % b.
    y = segment(line(200), labels=labels, purity=purity).y
    assert "".join(y) == expected


def test_labels_do_not_cross_gaps():
    labels = np.array(["a"] * 100 + ["b"] * 100)
    kept = np.r_[:75, 120:200]
    segments = segment(line(200)[kept], labels=labels[kept], timestamps=kept / RATE, purity=1.0)
    assert segments.y.tolist() == ["a", "b"]
    assert segments.start_times.tolist() == [0.0, 2.4]


def test_labels_of_interpolated_recordings_are_assigned_by_time():
    stamps = np.arange(1200) / 53  # runs 6 % fast: more than half a period off after 9 samples
    labels = np.where(stamps < 10, "a", "b")
    segments = segment(line(1200), labels=labels, timestamps=stamps, purity=0.95)
    assert segments.y.tolist() == ["a"] * 10 + ["b"] * 12


@pytest.mark.filterwarnings("ignore:More than half of")
def test_labels_keep_their_type():
    assert segment([rest(60), rest(60)], labels=[3, 1]).y.tolist() == [3, 1]
    assert segment([rest(60), rest(60)], labels=[True, False]).y.dtype == bool
    assert segment([rest(60), rest(60)], labels=["walking", None]).y.tolist() == ["walking"]


def test_label_of_a_single_array():
    assert segment(rest(100), labels="walking").y.tolist() == ["walking"] * 2


# ---------------------------------------------------------------- groups and hours


def test_groups_are_subjects():
    recordings = [rest(100), rest(170), rest(50)]
    assert segment(recordings).groups.tolist() == [0, 0, 1, 1, 1, 2]
    groups = segment(recordings, subjects=np.array(["bob", "ann", "bob"])).groups
    assert groups.tolist() == ["bob", "bob", "ann", "ann", "ann", "bob"]


def same(values):
    return [[a == b for b in values] for a in values]


HOUR = 3600 * RATE


@given(
    st.lists(
        st.tuples(st.sampled_from(["ann", "bob"]), st.integers(0, 5 * 60)), min_size=1, max_size=4
    ),
    st.sampled_from(["dates", "seconds", "none"]),
)
@pytest.mark.filterwarnings("ignore:Recordings of one subject overlap")
def test_hour_groups(recordings, how):
    """Recordings of 100 minutes, with one sample a minute, from different starting minutes."""
    zero = np.datetime64("1970-01-01T22:30")
    stamps = [(start + np.arange(100)) * 60 for _, start in recordings]
    if how == "dates":
        stamps = [zero + s.astype("timedelta64[s]") for s in stamps]
    segments = segment_recordings(
        [line(100)] * len(recordings),
        1 / 60,
        units="g",
        window=300,
        subjects=[subject for subject, _ in recordings],
        timestamps=None if how == "none" else stamps,
    )
    keys = []
    for number, (subject, start) in enumerate(recordings):
        for minute in range(0, 100, 5):
            if how == "dates":
                keys.append((subject, (22 * 60 + 30 + start + minute) // 60))
            else:
                keys.append((number, minute // 60))
    assert same(segments.hour_groups.tolist()) == same(keys)
    assert segments.hour_groups.dtype == np.int64


@pytest.mark.parametrize("start", [0.0, 1000.3, 1.7e9 + 0.3])
def test_an_hour_starts_at_its_first_moment(start):
    """Stretches start whole hours after the recording. The rounding of seconds has no effect."""
    stamps = start + np.concatenate([hour * 3600 + np.arange(100) / RATE for hour in range(20)])
    assert len(segment(line(2000), timestamps=stamps).X) == 40
    assert (
        segment(line(2000), timestamps=stamps).hour_groups.tolist()
        == np.repeat(np.arange(20), 2).tolist()
    )


def test_hours_before_1970():
    stamps = np.datetime64("1969-12-31T23:00") + (np.arange(120) * 60).astype("timedelta64[s]")
    segments = segment_recordings(line(120), 1 / 60, units="g", window=1800, timestamps=stamps)
    assert same(segments.hour_groups.tolist()) == same([0, 0, 1, 1])


# ---------------------------------------------------------------- dropped samples and reports


def test_short_recordings():
    recordings = [rest(100), rest(49), rest(200)]
    with pytest.raises(
        ValueError, match=r"recording 1 \(subject b\) is 0.98 s long.* window of 1 s.*short='skip'"
    ):
        segment(recordings, subjects=list("abc"))
    segments = segment(recordings, subjects=list("abc"), short="skip")
    assert "".join(segments.groups) == "aacccc"
    assert segments.dropped["recordings_too_short"] == 1


def test_length_of_a_recording_counts_its_gaps():
    stamps = np.r_[:25, 60:80] / RATE  # 1.6 s from end to end, 0.9 s of it with samples
    with pytest.raises(ValueError, match=r"No window of 1 s is left.*seconds_in_short_stretches"):
        segment(line(45), timestamps=stamps)
    assert len(segment(line(45), timestamps=stamps, max_gap=1.0).X) == 1
    with pytest.raises(ValueError, match=r"is 0\.9 s long, shorter than a window"):
        segment(line(45))


def test_no_window_is_an_error_with_reasons():
    with pytest.raises(ValueError, match=r"of 2 recordings.*: recordings_too_short 2\."):
        segment([rest(10), rest(20)], short="skip")
    with pytest.raises(ValueError, match="windows_unlabelled 2"):
        segment(rest(100), labels="")
    with pytest.raises(ValueError, match="windows_impure 2"):
        segment(rest(100), labels=["a", "b"] * 50)
    with pytest.raises(ValueError, match="samples_nan 100"):
        segment(np.full((100, 3), np.nan), nan_policy="omit", nonwear=60)


def test_counts_are_logged(caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segment([rest(120), rest(20)], short="skip", labels=["a", "b"])
    assert caplog.messages == [
        "2 segments of 50 samples at 50 Hz from 1 of 2 recordings; left out: "
        "recordings_too_short 1, seconds_at_ends_of_stretches 0.4"
    ]


def test_interpolation_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segment(line(500), timestamps=np.arange(500) / 51)
    assert "recording 0: 1 of 1 stretches were interpolated" in caplog.messages[0]


def test_dropped_is_a_dict_of_numbers():
    dropped = segment(rest(120)).dropped
    assert type(dropped) is dict
    assert {type(amount) for amount in dropped.values()} == {int, float}


# ---------------------------------------------------------------- memory


def test_memory_mapped_recordings_are_read_one_at_a_time(tmp_path):
    n, recordings = 200_000, []
    for i in range(6):
        path = tmp_path / f"{i}.npy"
        np.save(path, np.random.default_rng(i).normal(0.577, 0.01, (n, 3)).astype(np.float32))
        recordings.append(np.load(path, mmap_mode="r"))
    in_memory = [np.array(recording) for recording in recordings]
    expected = segment(in_memory, window=200.0, stride=2000.0, target_rate=100)
    size = recordings[0].nbytes
    tracemalloc.start()
    try:
        segments = segment(recordings, window=200.0, stride=2000.0, target_rate=100)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(segments.X, expected.X)
    # Resampled to twice the rate, one recording takes two of its size, and scipy as much again.
    assert peak < 5 * size + 2 * segments.X.nbytes


def test_float32_without_stamps_is_not_copied():
    signal = rest(1_000_000)
    tracemalloc.start()
    try:
        X = segment(signal, stride=10.0).X
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes * 2.2 + signal.nbytes / 2


# ---------------------------------------------------------------- recorded data


def test_hapt_as_published():
    """The publisher's files of one recording agree with the recording in our format."""
    folder = SHARED / "data" / "raw_samples" / "hapt" / "RawData"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist. Only maintainers need it.")
    signal = np.loadtxt(folder / "acc_exp01_user01.txt")
    rows = np.loadtxt(folder / "labels.txt", dtype=int)
    labels = np.zeros(len(signal), dtype=int)
    for _, _, label, first, last in rows[rows[:, 0] == 1]:
        labels[first - 1 : last] = label
    names = np.array(["", "walking", "upstairs", "downstairs", "sitting", "standing", "lying"])
    names = names[np.where(labels > 6, 0, labels)]
    X, y, *_, start_times, dropped = segment_recordings(
        signal, 50, units="g", target_rate=100, labels=names, subjects="user01", nonwear=60
    )
    assert X.shape[1:] == (256, 3)
    assert set(y) == set(names) - {""}
    # Each label covers more than half of its window.
    for label, start in zip(y, start_times, strict=True):
        own = names[round(start * 50) : round((start + 2.56) * 50)]
        assert (own == label).mean() > 0.5
    total = len(X) + dropped["windows_unlabelled"] + dropped["windows_impure"]
    assert total == len(signal) // 128
    assert dropped["seconds_nonwear"] == 0
    # Lying and upright differ in the direction of gravity, which resampling does not change.
    mean = {label: X[y == label].mean(axis=(0, 1)) for label in ("lying", "standing")}
    raw = {label: signal[names == label].mean(axis=0) for label in mean}
    for label, direction in mean.items():
        np.testing.assert_allclose(direction, raw[label], atol=0.05)


def test_the_text_of_segments_is_short():
    rng = np.random.default_rng(0)
    recordings = [rng.normal([0, 0, 1], 0.1, (500, 3)) for _ in range(2)]
    plain = segment_recordings(recordings, 50, units="g")
    assert repr(plain) == "<Segments: 6 segments of 128 x 3, 2 subjects>"
    labelled = segment_recordings(recordings, 50, units="g", labels=["walking"] * 2)
    assert repr(labelled) == "<Segments: 6 segments of 128 x 3, 2 subjects, with labels>"
    X, *_ = plain
    assert X is plain.X


def test_values_that_change_all_the_time_are_no_labels():
    recording = np.random.default_rng(0).normal([0, 0, 1], 0.1, (500, 3))
    with pytest.raises(ValueError, match="such as a speed, pass their column in channels instead"):
        segment_recordings(recording, 50, units="g", labels=[np.linspace(0, 2, 500)])
