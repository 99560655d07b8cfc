"""DataFrames: channels, labels, times, and invalid frames."""

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

pd = pytest.importorskip("pandas")

RATE = 50
DATES = pd.date_range("2024-03-05 22:30", periods=500, freq="20ms")
RNG = np.random.default_rng(0)
SIGNAL = (np.array([0.0, 0.6, 0.8]) + 0.1 * RNG.normal(size=(500, 3))).astype(np.float32)


def frame_of(index=None, columns="xyz", **more):
    frame = pd.DataFrame(SIGNAL, columns=list(columns), index=index)
    return frame.assign(**more)


def segment(frames, **kwargs):
    return segment_recordings(frames, RATE, units="g", window=1.0, **kwargs)


EXPECTED = segment_recordings(SIGNAL, RATE, units="g", window=1.0)


@pytest.mark.parametrize("index", [None, DATES, pd.to_timedelta(np.arange(500) / RATE, "s")])
def test_times_are_from_the_index(index):
    segments = segment(frame_of(index))
    np.testing.assert_array_equal(segments.X, EXPECTED.X)
    start = np.datetime64("2024-03-05T22:30") if index is DATES else None
    expected = EXPECTED.start_times
    if start is not None:
        expected = start + (expected * 1000).astype("timedelta64[ms]")
    np.testing.assert_array_equal(segments.start_times, expected)


def test_time_zones_become_utc():
    segments = segment(frame_of(DATES.tz_localize("Asia/Kolkata")))
    assert segments.start_times[0] == np.datetime64("2024-03-05T17:00")
    assert segments.start_times.dtype == np.dtype("datetime64[ns]")


def test_index_of_a_coarser_unit():
    segments = segment(frame_of(DATES.as_unit("ms")))
    assert segments.start_times[1] == np.datetime64("2024-03-05T22:30:01")


def test_gaps_in_the_index():
    frame = frame_of(DATES).drop(DATES[110:140])
    segments = segment(frame)
    assert len(segments.X) == 2 + 7
    assert segments.start_times[2] == DATES[140]


def test_timestamps_may_be_passed_with_a_range_index():
    segments = segment(frame_of(), timestamps=DATES)
    assert segments.start_times[0] == DATES[0]
    with pytest.raises(ValueError, match="recording 0 has timestamps twice"):
        segment(frame_of(DATES), timestamps=DATES)


@pytest.mark.parametrize("several", [False, True])
def test_the_index_of_a_series_is_not_ignored(several):
    series = frame_of(DATES)["z"].drop(DATES[110:140])
    segments = segment([series, series] if several else series, gravity=False)
    expected = segment(series.to_frame())
    np.testing.assert_array_equal(segments.X[:9], expected.X)
    np.testing.assert_array_equal(segments.start_times[:9], expected.start_times)
    with pytest.raises(ValueError, match=r"DataFrame's index .* dtype float64.*time='index'"):
        segment(series.set_axis(np.arange(470) / RATE))
    np.testing.assert_array_equal(segment(frame_of()["z"]).X, EXPECTED.X[..., 2:])


def test_labels_and_times_are_not_channels():
    frame = frame_of(l=np.repeat([0, 1], 250), t=DATES)
    for parameter, name in (("labels", "l"), ("time", "t")):
        kwargs = {"time": "t"} | {parameter: name}
        with pytest.raises(ValueError, match=rf"'{name}', which {parameter} names too"):
            segment(frame, channels=["x", "y", name], **kwargs)


def test_label_column():
    labels = np.where(np.arange(500) < 220, "walk", "run")
    frames = [frame_of(label=labels), frame_of(label=labels)[["label", "z", "y", "x"]]]
    segments = segment(frames, labels="label")
    assert segments.y.tolist() == (["walk"] * 4 + ["run"] * 6) * 2
    # Channels are matched by name.
    np.testing.assert_array_equal(segments.X[10:], segments.X[:10])
    np.testing.assert_array_equal(segments.X[:10], EXPECTED.X)


@pytest.mark.parametrize("dtype", ["string", "category", "object"])
def test_missing_values_in_the_label_column(dtype):
    labels = pd.Series(["walk", None], dtype=dtype).repeat(250).reset_index(drop=True)
    segments = segment(frame_of(activity=labels), labels="activity")
    assert segments.y.tolist() == ["walk"] * 5
    assert segments.y.dtype.kind == "U"
    assert segments.dropped["windows_unlabelled"] == 5


def test_labels_need_not_be_a_column():
    segments = segment([frame_of(), frame_of()], labels=["walk", pd.Series(["run"] * 500)])
    assert segments.y.tolist() == ["walk"] * 10 + ["run"] * 10


def test_channels():
    frame = frame_of(subject="s1", temperature=20.0)
    X = segment(frame, channels=["z", "x"]).X
    np.testing.assert_array_equal(X, EXPECTED.X[..., [2, 0]])
    with pytest.raises(ValueError, match="recording 0: column 'subject' has dtype"):
        segment(frame)
    with pytest.raises(ValueError, match=r"\['w'\] are missing"):
        segment(frame, channels=["x", "w"])


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "int16", "float32", "float64"])
def test_types_of_columns(dtype):
    frame = (frame_of() * 1000).round().astype(dtype)
    X = segment_recordings(frame, RATE, units="mg", window=1.0).X
    np.testing.assert_allclose(X, EXPECTED.X, atol=6e-4)


def test_missing_values_of_nullable_columns_are_missing_samples():
    frame = frame_of().astype("Float64")
    frame.loc[3, "y"] = pd.NA
    with pytest.raises(ValueError, match=r"recording 0 has NaN in 1 of 500 samples.* sample 3"):
        segment(frame)
    assert segment(frame, nan_policy="omit").dropped["samples_nan"] == 1


def test_a_boolean_column_is_not_a_channel():
    with pytest.raises(ValueError, match="column 'worn' has dtype bool"):
        segment(frame_of(worn=True))


def test_channels_that_differ():
    with pytest.raises(ValueError, match=r"recording 1 .*\['z'\] are missing.*same channels"):
        segment([frame_of(), frame_of().drop(columns="z")])
    with pytest.raises(ValueError, match=r"recording 1 has the columns \['t'\], which recording 0"):
        segment([frame_of(), frame_of(t=1.0)])
    with pytest.raises(ValueError, match="recording 1 has 2 channels, but recording 0 has 3"):
        segment([frame_of(), SIGNAL[:, :2]])
    assert len(segment([frame_of(), SIGNAL]).X) == 20


@pytest.mark.parametrize(
    "index",
    [np.arange(500.0), np.arange(500)[::-1], [str(date) for date in DATES], DATES.date],
)
def test_an_index_without_times(index):
    with pytest.raises(ValueError, match=r"recording 0: the DataFrame's index.*DatetimeIndex"):
        segment(frame_of(index))


def test_a_multi_index_is_refused():
    index = pd.MultiIndex.from_arrays([["ann"] * 500, DATES], names=["subject", "when"])
    with pytest.raises(ValueError, match=r"MultiIndex\. .*frame\.reset_index\(\)"):
        segment(frame_of(index))
    frame = frame_of(index).reset_index().drop(columns="subject")
    np.testing.assert_array_equal(segment(frame, time="when").X, EXPECTED.X)


def test_an_index_that_is_not_sorted():
    with pytest.raises(ValueError, match=r"recording 1.*decreasing.*frame.sort_index\(\)"):
        segment([frame_of(DATES), frame_of(DATES).iloc[::-1]])
    with pytest.raises(ValueError, match=r"duplicate.*frame\[~frame.index.duplicated\(\)\]"):
        segment(frame_of(DATES[[0, *range(499)]]))


def test_labels_that_are_not_a_column():
    with pytest.raises(ValueError, match=r"recording 0: labels='' is not one of its columns"):
        segment(frame_of(), labels="")
    with pytest.raises(ValueError, match=r"recording 0: labels='what' is not one of its columns"):
        segment(frame_of(), labels="what")
    with pytest.raises(ValueError, match="names a column, but recording 1 is not a DataFrame"):
        segment([frame_of(), SIGNAL], labels="label")


def test_channels_of_arrays_are_refused():
    with pytest.raises(ValueError, match=r"channels=\['x'\] .* but recording 0 is not a DataFrame"):
        segment(SIGNAL, channels=["x"])


def test_columns_of_equal_names_are_refused():
    joined = pd.concat([frame_of(), frame_of()], axis=1)  # of an accelerometer and a gyroscope
    for channels in (None, ["x", "y", "z"]):
        with pytest.raises(ValueError, match=r"recording 0 has several columns named \['x', 'y', "):
            segment(joined, channels=channels)
    with pytest.raises(ValueError, match=r"recording 1 has several columns named \['x', 'y', 'z'"):
        segment([frame_of(), joined])
    with pytest.raises(ValueError, match=r"channels has \['x'\] more than once"):
        segment(frame_of(), channels=["x", "x", "z"])
    labels = pd.DataFrame({"label": ["walk"] * 500})
    with pytest.raises(ValueError, match=r"recording 0 has several columns named \['label'\]"):
        segment(pd.concat([frame_of(), labels, labels], axis=1), labels="label")
    renamed = pd.concat([frame_of(), frame_of().add_prefix("gyroscope_")], axis=1)
    np.testing.assert_array_equal(segment(renamed, channels=["x", "y", "z"]).X, EXPECTED.X)


def test_unused_columns_may_have_equal_names():
    frame = pd.concat([frame_of(), frame_of(columns="aab")[["a"]]], axis=1)
    np.testing.assert_array_equal(segment(frame, channels=["x", "y", "z"]).X, EXPECTED.X)


def test_an_empty_frame():
    with pytest.raises(ValueError, match="recording 0 is empty"):
        segment(frame_of().iloc[:0])
    with pytest.raises(ValueError, match="recording 0 has no channels"):
        segment(pd.DataFrame({"label": ["a"] * 500}), labels="label")


def test_text_among_numbers_is_marked_as_missing():
    """The error advises to convert a column of the signal, and not to leave it out."""
    frame = frame_of(DATES).astype({"y": object})
    frame.loc[DATES[[7, 9]], "y"] = "-"
    frame["y"] = frame["y"].astype(str)
    advice = (
        r"column 'y' has dtype .*, such as '-', .* Its other values are numbers\. .* use "
        r"frame\['y'\] = pandas.to_numeric\(frame\['y'\], errors='coerce'\) and nan_policy='omit'"
    )
    with pytest.raises(ValueError, match=advice):
        segment(frame)
    frame["y"] = pd.to_numeric(frame["y"], errors="coerce")
    assert segment(frame, nan_policy="omit").dropped["samples_nan"] == 2
    with pytest.raises(ValueError, match="Pass the columns of the signal in channels"):
        segment(frame.assign(label="walking"))


def test_numbers_as_text():
    frame = frame_of(DATES).astype({"y": str})
    with pytest.raises(ValueError, match=r"use frame\['y'\] = pandas.to_numeric"):
        segment(frame)
