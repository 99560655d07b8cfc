"""Labels as intervals of time: diaries, ELAN exports, lists of first and last samples."""

import datetime
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn import segment_recordings

pd = pytest.importorskip("pandas")

RATE = 50
ZERO = pd.Timestamp("2024-03-05 22:30")

# The intervals of most tests cover little of the time.
pytestmark = pytest.mark.filterwarnings("ignore:More than half of:UserWarning")


def line(n):
    """Return a recording of one channel whose values are their times, in samples."""
    return np.arange(n, dtype=np.float64)


def intervals(*rows, **more):
    """Return a frame of intervals (start, stop, label)."""
    return pd.DataFrame(rows, columns=["start", "stop", "label"]).assign(**more)


def dated(*rows, tz=None, **more):
    """Return a frame of intervals whose times are seconds after `ZERO`."""
    frame = intervals(*rows, **more)
    for column in ("start", "stop"):
        frame[column] = (ZERO + pd.to_timedelta(frame[column], "s")).dt.tz_localize(tz)
    return frame


def dates(n, offset=0.0, tz=None):
    """Return the dates of regular samples from `offset` seconds after `ZERO`."""
    return pd.date_range(ZERO + pd.Timedelta(offset, "s"), periods=n, freq="20ms", tz=tz)


def segment(recordings, labels, **kwargs):
    kwargs = {"units": "g", "window": 1.0} | kwargs
    return segment_recordings(recordings, RATE, labels=labels, **kwargs)


def pairs(segments):
    return list(zip(segments.start_times.tolist(), segments.y.tolist(), strict=True))


DIARY = intervals((0, 2, "sit"), (2, 4.5, "walk"), (5, 7, "sit"))
EXPECTED = [(0.0, "sit"), (1.0, "sit"), (2.0, "walk"), (3.0, "walk"), (5.0, "sit"), (6.0, "sit")]


# ---------------------------------------------------------------- the label of a window


def label_at(rows, time):
    """Return the label of the interval that contains a time, as a fraction, and "" for none."""
    return next((label for start, stop, label in rows if start <= time < stop), "")


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40), st.sampled_from("abc")), max_size=8),
    st.sampled_from([None, 25, 64]),
    st.sampled_from([0.0, 0.5, 0.7, 1.0]),
    st.sampled_from(["none", "seconds", "dates"]),
    st.booleans(),
)
def test_intervals_equal_labels_of_samples(runs, target, purity, how, shuffled):
    """Bounds are in hundredths of a second: on samples, and halfway between them."""
    rows, last = [], 0
    for pause, length, label in runs:
        rows.append((last + pause, last + pause + length, label))
        last = last + pause + length
    n, offset = 120, {"none": 0, "seconds": 1000, "dates": 0}[how]
    labels = [label_at(rows, Fraction(100 * i, RATE)) for i in range(n)]
    frame = intervals(*((a / 100 + offset, b / 100 + offset, label) for a, b, label in rows))
    stamps = {"none": None, "seconds": offset + np.arange(n) / RATE, "dates": dates(n)}[how]
    if how == "dates":
        frame = dated(*((a / 100, b / 100, label) for a, b, label in rows))
    if shuffled:
        frame = frame.iloc[::-1]
    kwargs = {
        "timestamps": stamps,
        "purity": purity,
        "target_rate": target,
        "window": 0.5,
        "overlap": 0.5,
        "unlabelled": "keep",
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*entirely outside")
        actual = segment(line(n), frame, **kwargs)
    expected = segment(line(n), labels, **kwargs)
    assert actual.y.tolist() == expected.y.tolist()
    np.testing.assert_array_equal(actual.X, expected.X)


def test_bounds_of_intervals_are_exact_for_any_rate():
    """First and last samples, divided by the rate, label just these samples."""
    for rate in (3.0, 33.333, 85.7, 100.0, 1000.0):
        first = np.arange(0, 300, 3)
        frame = pd.DataFrame({"start": first / rate, "stop": (first + 1) / rate, "label": "a"})
        segments = segment_recordings(
            line(300),
            rate,
            units="g",
            window=1 / rate,
            labels=frame,
            purity=0.99,
        )
        assert segments.X[:, 0, 0].tolist() == first.tolist()


def test_intervals_of_one_label_may_overlap():
    frame = intervals((0, 4, "sit"), (1, 2, "sit"), (3, 6, "sit"), (6, 7, "walk"))
    assert segment(line(400), frame).y.tolist() == ["sit"] * 6 + ["walk"]


def test_intervals_label_samples_after_a_gap():
    kept = np.r_[:100, 250:400]
    segments = segment(line(400)[kept], DIARY, timestamps=kept / RATE)
    assert pairs(segments) == [(0.0, "sit"), (1.0, "sit"), (5.0, "sit"), (6.0, "sit")]


def test_intervals_without_a_label():
    frame = intervals((0, 1, "sit"), (1, 2, None), (2, 3, np.nan), (3, 4, ""), (4, 5, "walk"))
    assert pairs(segment(line(250), frame)) == [(0.0, "sit"), (4.0, "walk")]


@pytest.mark.parametrize(
    ("labels", "kind"), [([3, 1], "i"), ([0.5, 1], "f"), ([True, False], "b"), (["a", "bb"], "U")]
)
def test_labels_of_intervals_keep_their_type(labels, kind):
    frame = pd.DataFrame({"start": [0, 1], "stop": [1, 2], "label": labels})
    y = segment(line(100), frame).y
    assert y.dtype.kind == kind
    assert y.tolist() == labels
    frame["label"] = pd.Categorical(frame["label"])
    assert segment(line(100), frame).y.tolist() == labels


# ---------------------------------------------------------------- times


@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Berlin"])
def test_dates_of_intervals(tz):
    rows = DIARY.itertuples(index=False, name=None)
    recording = pd.DataFrame({"x": np.sin(line(400))}, index=dates(400, tz=tz))
    segments = segment(recording, dated(*rows, tz=tz))
    assert segments.y.tolist() == [label for _, label in EXPECTED]
    utc = recording.index[0].tz_convert(None) if tz else ZERO
    assert segments.start_times[0] == utc.to_datetime64()


def test_time_zones_of_intervals_and_recordings_may_differ():
    rows = DIARY.itertuples(index=False, name=None)
    frame = dated(*rows, tz="Europe/Berlin")
    frame["stop"] = frame["stop"].dt.tz_convert("Asia/Kolkata")
    recording = pd.DataFrame({"x": np.sin(line(400))}, index=dates(400, tz="Europe/Berlin"))
    recording.index = recording.index.tz_convert("America/New_York")
    assert segment(recording, frame).y.tolist() == [label for _, label in EXPECTED]


@pytest.mark.parametrize("convert", [np.float32, "Float64", "Int64", "timedelta64[ms]"])
def test_seconds_of_intervals_have_any_numeric_type(convert):
    frame = intervals((0, 2, "sit"), (2, 4, "walk"))
    for column in ("start", "stop"):
        if "timedelta" in str(convert):
            frame[column] = pd.to_timedelta(frame[column], "s").astype(convert)
        else:
            frame[column] = frame[column].astype(convert)
    assert pairs(segment(line(200), frame)) == EXPECTED[:4]


def test_python_dates_and_sentinels_of_intervals():
    middle = datetime.datetime(2024, 3, 5, 22, 30, 2)
    frame = intervals((pd.Timestamp.min, middle, "sit"), (middle, pd.Timestamp.max, "walk"))
    y = segment(line(200), frame, timestamps=dates(200)).y
    assert y.tolist() == ["sit", "sit", "walk", "walk"]


def test_bounds_of_intervals_may_be_infinite():
    y = segment(line(200), intervals((-np.inf, 2, "sit"), (2, np.inf, "walk"))).y
    assert y.tolist() == ["sit", "sit", "walk", "walk"]


# ---------------------------------------------------------------- several recordings


def test_a_list_has_the_intervals_of_each_recording():
    frame = DIARY.assign(label=DIARY["label"].str.upper())
    labels = [DIARY, "run", None, ["run"] * 50, frame]
    segments = segment([line(400), line(100), line(50), line(50), line(400)], labels)
    by_recording = [segments.y[segments.groups == i].tolist() for i in range(5)]
    names = [label for _, label in EXPECTED]
    assert by_recording == [names, ["run"] * 2, [], ["run"], [name.upper() for name in names]]


def test_an_empty_frame_has_no_intervals():
    segments = segment([line(400), line(400)], [DIARY, DIARY.iloc[:0]])
    assert pairs(segments) == EXPECTED
    assert segments.dropped["windows_unlabelled"] == 10
    empty = DIARY.iloc[:0].assign(recording=np.array([], dtype=float))
    assert segment([line(50)] * 2, empty, unlabelled="keep").y.tolist() == ["", ""]


def test_a_single_interval_of_a_single_recording():
    for labels in (DIARY.iloc[:1], [DIARY.iloc[:1]], (DIARY.iloc[:1],)):
        assert pairs(segment(line(400), labels)) == EXPECTED[:2]


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_a_column_says_the_subject_of_an_interval(dtype):
    frame = intervals((0, 1, "sit"), (0, 2, "walk"), (1, 2, "run"), subject=["bob", "ann", "bob"])
    frame["subject"] = frame["subject"].astype(dtype)
    segments = segment([line(100)] * 3, frame, subjects=["ann", "bob", "lee"])
    assert segments.groups.tolist() == ["ann", "ann", "bob", "bob"]
    assert segments.y.tolist() == ["walk", "walk", "sit", "run"]


def test_a_column_says_the_recording_of_an_interval():
    frame = intervals((0, 1, "sit"), (0, 2, "walk"), (1, 2, "run"), recording=[2, 0, 2])
    segments = segment([line(100)] * 3, frame, subjects=["ann", "ann", "bob"])
    assert segments.groups.tolist() == ["ann", "ann", "bob", "bob"]
    assert segments.y.tolist() == ["walk", "walk", "sit", "run"]


def test_a_column_of_subjects_must_agree_with_the_recording():
    frame = intervals((0, 1, "sit"), (0, 2, "walk"), recording=[1, 0], subject=["bob", "ann"])
    y = segment([line(100)] * 2, frame, subjects=["ann", "bob"]).y
    assert y.tolist() == segment([line(100)] * 2, frame).y.tolist() == ["walk", "walk", "sit"]
    match = r"labels of recording 1 \(subject ann\) has a column 'subject' with 'bob'.*or drop"
    with pytest.raises(ValueError, match=match):
        segment([line(100)] * 2, frame, subjects=["bob", "ann"])


def test_recordings_of_one_subject_share_a_diary():
    frame = dated((0, 1, "sit"), (60, 61, "walk"), subject="ann")
    segments = segment(
        [line(50), line(50)],
        frame,
        subjects=["ann", "ann"],
        timestamps=[dates(50, 60), dates(50)],
    )
    assert segments.y.tolist() == ["walk", "sit"]


def test_seconds_of_a_subject_with_two_recordings_are_refused():
    with pytest.raises(ValueError, match="subject ann has times in seconds, which do not tell the"):
        segment([line(400)] * 2, DIARY.assign(subject="ann"), subjects=["ann", "ann"])
    assert len(segment([line(400)] * 2, [DIARY] * 2, subjects=["ann", "ann"]).y) == 12


# ---------------------------------------------------------------- errors and warnings


def test_overlapping_intervals_of_different_labels_are_refused():
    frame = intervals((0, 9, "sit"), (1, 2, "sit"), (3, 4, "walk"))
    with pytest.raises(
        ValueError,
        match=r"labels of recording 0 has .* overlap .*: 'sit' \(row 0, 0 s to 9 s\) and 'walk' "
        r"\(row 2, 3 s to 4 s\)",
    ):
        segment(line(400), frame)
    with pytest.raises(ValueError, match=r"no label \(row 1, 2024-03-05T22:30:01.500 to"):
        segment(line(400), dated((0, 2, "sit"), (1.5, 2, "")), timestamps=dates(400))
    shared = frame.assign(subject=["ann", "ann", "bob"])
    assert len(segment([line(400)] * 2, shared[::2], subjects=["ann", "bob"]).y) == 9


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 6), st.sampled_from(["a", "b", ""])),
        min_size=1,
        max_size=7,
    )
)
def test_any_overlap_of_different_labels_is_found(rows):
    rows = [(start, start + length, label) for start, length, label in rows]
    wrong = any(
        max(a[0], b[0]) < min(a[1], b[1]) and a[2] != b[2]
        for i, a in enumerate(rows)
        for b in rows[:i]
    )
    if wrong:
        with pytest.raises(ValueError, match="overlap and differ"):
            segment(line(20 * RATE), intervals(*rows))
    else:
        segment(line(20 * RATE), intervals(*rows), unlabelled="keep")


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (intervals((2, 2, "a")), r"stop <= start in 1 of 1 intervals.* 'a' \(row 0, 2 s to 2 s\)"),
        (intervals((0, 1, "a"), (3, 2, "b")), r"'b' \(row 1, 3 s to 2 s\)"),
        (
            intervals((0, 1, "a"), (2, np.nan, "b")),
            "1 of 2 times are missing in column 'stop'.* row 1",
        ),
        (
            dated((0, 1, "a"), (np.nan, 2, "b")),
            "1 of 2 times are missing in column 'start'.* row 1",
        ),
        (intervals(("0:00", "0:01", "a")), "'start' must .*pandas.to_datetime converts text"),
        (intervals((False, True, "a")), "'start' must be .* Got dtype bool"),
        (intervals((0j, 1j, "a")), "'start' must be .* Got dtype complex128"),
        (dated((0, 1, "a")).assign(stop=1.0), "but 'stop' has dtype float64. Both must be dates"),
        (dated((0, 1, "a")), "recording 0 has dates, but recording 0 has times in seconds"),
        (DIARY.rename(columns={"stop": "end"}), r"the columns \['start', 'end', 'label'\]. Rename"),
        (pd.DataFrame({"label": ["a"] * 400}), "Pass labels of samples as a Series"),
        (DIARY.iloc[:, [0, 1, 2, 2]], "each once"),
        (DIARY.assign(a=0, b=0).set_axis([*DIARY, "subject", "subject"], axis=1), "each once"),
        (DIARY.assign(recording=[0, 0, 1]), "'recording' with 1, but the recordings are 0"),
        (DIARY.assign(recording=[0, 0, np.nan]), "'recording' with nan, but"),
        (DIARY.assign(subject="ann"), "column 'subject', but subjects is None"),
        (DIARY.assign(label=[("a",)] * 3), "label .'a',. has type tuple"),
        (DIARY.assign(label=["a", 1, 2.5]), "label 1 has type int, but earlier labels"),
    ],
)
def test_intervals_that_are_refused(labels, match):
    with pytest.raises(ValueError, match=match):
        segment(line(400), labels)


def test_dates_of_intervals_beyond_nanoseconds_are_refused():
    frame = dated((0, 1, "a"))
    frame["stop"] = pd.Series(np.array(["9999-12-31"], "datetime64[s]"))
    with pytest.raises(ValueError, match="column 'stop' must be within 1678 to 2262"):
        segment(line(400), frame, timestamps=dates(400))


def test_intervals_in_seconds_are_refused_for_dates():
    with pytest.raises(ValueError, match="labels of recording 0 has times in seconds, but record"):
        segment(line(400), DIARY, timestamps=dates(400))


@pytest.mark.parametrize("zones", [(None, "Europe/Berlin"), ("Europe/Berlin", None)])
def test_a_time_zone_on_one_side_is_refused(zones):
    recording = pd.DataFrame({"x": np.sin(line(400))}, index=dates(400, tz=zones[0]))
    with pytest.raises(ValueError, match=r"has dates with a time zone, but .* without one"):
        segment(recording, dated((0, 1, "a"), tz=zones[1]))
    mixed = dated((0, 1, "a")).assign(stop=dated((0, 1, "a"), tz="UTC")["stop"])
    with pytest.raises(ValueError, match="both with or without a time zone"):
        segment(recording, mixed)


@pytest.mark.parametrize("names", [("Start", "Stop", "Label"), ("onset", "end", "label")])
def test_the_columns_of_intervals_are_renamed_as_advised(names):
    frame = DIARY.set_axis(names, axis=1)
    with pytest.raises(ValueError, match=r"Rename them with frame\.rename") as error:
        segment(line(400), frame)
    code = re.search(r"with (frame\.rename\(.*?\))\.", str(error.value)).group(1)
    np.testing.assert_array_equal(
        segment(line(400), eval(code, {"frame": frame})).y, segment(line(400), DIARY).y
    )


def test_several_recordings_need_to_know_theirs():
    with pytest.raises(ValueError, match="labels is one DataFrame for 2 recordings"):
        segment([line(400)] * 2, DIARY)
    with pytest.raises(ValueError, match="labels must have one value for each of the 2"):
        segment([line(400)] * 2, [DIARY])


def test_subjects_of_intervals_that_are_unknown_are_refused():
    frame = DIARY.assign(subject=["ann", "Bob", "ann"])
    with pytest.raises(ValueError, match="'subject' with 'Bob', but the subjects are 'ann', 'bob'"):
        segment([line(400)] * 2, frame, subjects=["ann", "bob"])


def test_a_list_of_frames_in_another_order_than_the_subjects_is_refused():
    frames = [DIARY.assign(subject="bob"), DIARY.assign(subject="ann")]
    with pytest.raises(
        ValueError, match=r"recording 0 \(subject ann\) has .* 'subject' with 'bob'"
    ):
        segment([line(400)] * 2, frames, subjects=["ann", "bob"])
    assert len(segment([line(400)] * 2, frames, subjects=["bob", "ann"]).y) == 12


def test_intervals_outside_of_the_recording_are_warned():
    frame = intervals((-2, -1, "sit"), (-1, 1, "sit"), (7.9, 8, "walk"), (8, 9, "run"))
    with pytest.warns(
        UserWarning,
        match=r"^2 of 4 intervals are entirely outside .*recording 0 the first is 'sit' \(row 0, "
        r"-2 s to -1 s\), but the recorded time is 0 s to 7.98 s. .* not samples or milliseconds",
    ):
        segment(line(400), frame)


def test_dates_outside_of_the_recordings_are_warned_once():
    frame = dated((3600, 3601, "sit"), (0, 1, "walk"), (60, 61, "walk"), subject="ann")
    with pytest.warns(UserWarning, match=r"1 of 3 .*time is .*22:30:00.000 to .*zone") as caught:
        segment(
            [line(50)] * 2, frame, subjects=["ann", "ann"], timestamps=[dates(50), dates(50, 60)]
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_intervals_in_a_gap_are_not_outside():
    kept = np.r_[:200, 250:400]
    segment(line(400)[kept], intervals((0, 1, "a"), (4.2, 4.6, "b")), timestamps=kept / RATE)


def test_intervals_of_skipped_recordings_are_not_outside():
    frames = [DIARY, intervals((0, 0.5, "a"))]
    assert len(segment([line(400), line(25)], frames, short="skip").y) == 6
