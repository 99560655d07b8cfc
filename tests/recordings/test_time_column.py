"""Columns with the times of DataFrames: read if named, never ignored."""

import datetime
import logging
import re

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

pd = pytest.importorskip("pandas")

RATE = 50
START = "2024-03-05T22:59:57.500"
DATES = pd.date_range(START, periods=500, freq="20ms").delete(slice(110, 140))
NANOSECONDS = DATES.as_unit("ns").to_numpy().astype(np.int64)
RNG = np.random.default_rng(0)
SIGNAL = (np.array([0.0, 0.6, 0.8]) + 0.1 * RNG.normal(size=(470, 3))).astype(np.float32)
VIENNA = DATES.tz_localize("UTC").tz_convert("Europe/Vienna")


def frame_of(times=None, name="timestamp", index=None, columns="xyz", **more):
    frame = pd.DataFrame(SIGNAL, columns=list(columns), index=index).assign(**more)
    if times is not None:
        frame.insert(0, name, np.asarray(times) if index is None else list(times))
    return frame


def segment(frames, **kwargs):
    return segment_recordings(frames, RATE, units="g", window=1.0, **kwargs)


EXPECTED = segment(frame_of(index=DATES))
ELAPSED = (NANOSECONDS - NANOSECONDS[0]) / 1e9


def mixed_offsets():
    """Return the dates, with an offset from UTC that changes on the way."""
    return [date.tz_convert(("Asia/Kolkata", "UTC")[i > 200]) for i, date in enumerate(VIENNA)]


KINDS = {
    "datetime64": (DATES, None),
    "datetime64[ms]": (DATES.as_unit("ms"), None),
    "time zone": (pd.Series(VIENNA).array, None),
    "text": (DATES.strftime("%Y-%m-%d %H:%M:%S.%f"), "dates"),
    "text of isoformat": ([date.isoformat() for date in DATES], "dates"),
    "text in UTC": (DATES.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "dates"),
    "text with an offset": ([date.isoformat() for date in VIENNA], "dates"),
    "text of mixed offsets": ([date.isoformat() for date in mixed_offsets()], "dates"),
    "category": (pd.Categorical([str(date) for date in DATES]), "dates"),
    "datetime": (pd.Series(DATES.to_pydatetime(), dtype=object), "dates"),
    "datetime with mixed offsets": (np.array(mixed_offsets(), object), "dates"),
    "epoch s": (NANOSECONDS / 1e9, "seconds since 1970"),
    "epoch ms": (NANOSECONDS // 10**6, "milliseconds since 1970"),
    "epoch ms, float": (NANOSECONDS / 1e6, "milliseconds since 1970"),
    "epoch us": (NANOSECONDS // 10**3, "microseconds since 1970"),
    "epoch ns": (NANOSECONDS, "nanoseconds since 1970"),
    "epoch ns, unsigned": (NANOSECONDS.astype(np.uint64), "nanoseconds since 1970"),
    "epoch ns, nullable": (pd.array(NANOSECONDS, "Int64"), "nanoseconds since 1970"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_dates_of_a_column(kind, caplog):
    times, logged = KINDS[kind]
    frame = frame_of().assign(timestamp=times)
    for channels in (None, ["x", "y", "z"]):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
            segments = segment([frame, frame], time="timestamp", channels=channels)
        np.testing.assert_array_equal(segments.X, np.tile(EXPECTED.X, (2, 1, 1)))
        np.testing.assert_array_equal(segments.start_times, np.tile(EXPECTED.start_times, 2))
        for number in (0, 1):
            what = f"recording {number}: column 'timestamp' was read as {logged}"
            assert (what in caplog.text) == (logged is not None)


@pytest.mark.parametrize("times", [ELAPSED + 3, pd.to_timedelta(ELAPSED + 3, "s")])
def test_seconds_of_a_column(times, caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segments = segment(frame_of(times, "t"), time="t")
    np.testing.assert_array_equal(segments.X, EXPECTED.X)
    assert segments.start_times.dtype == np.float64
    assert segments.start_times[0] == 3
    assert ("'t' was read as seconds; the first is 3.0" in caplog.text) == isinstance(
        times, np.ndarray
    )


@pytest.mark.parametrize(
    ("name", "times", "logged"),
    [
        ("time_ms", ELAPSED * 1e3, "milliseconds"),
        ("elapsed (us)", np.rint(ELAPSED * 1e6).astype(int), "microseconds"),
        ("timestamp_ns", NANOSECONDS, "nanoseconds since 1970"),
        ("timestamp_ms", NANOSECONDS / 1e6, "milliseconds since 1970"),
        ("time_ms_s", ELAPSED, "seconds;"),  # two units are none
    ],
)
def test_the_unit_in_the_name_of_a_column(name, times, logged, caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segments = segment(frame_of(times, name), time=name)
    np.testing.assert_array_equal(segments.X, EXPECTED.X)
    assert f"column {name!r} was read as {logged}" in caplog.text


@pytest.mark.parametrize(
    ("name", "times", "words"),
    [
        ("time_s", NANOSECONDS // 10**6, "milliseconds"),
        ("timestamp_ms", NANOSECONDS, "nanoseconds"),
        ("timestamp_ms", NANOSECONDS / 1e3, "microseconds"),
    ],
)
def test_dates_that_do_not_fit_the_unit_in_the_name(name, times, words):
    match = rf"recording 0: .*'{name}' has the unit .* It may be {words} since 1970"
    with pytest.raises(ValueError, match=match):
        segment(frame_of(times, name), time=name)


@pytest.mark.parametrize(
    ("times", "words", "name"),
    [
        (NANOSECONDS / 1e9, "seconds", "time_s"),
        (NANOSECONDS // 10**6, "milliseconds", "time_ms"),
        (NANOSECONDS, "nanoseconds", "time_ns"),
    ],
)
def test_dates_in_a_column_that_ends_in_the_name_of_a_long_unit(times, words, name):
    """The h of timestamp_h may be that of a hip: hours since 1970 are smaller numbers."""
    frame = frame_of(times, "timestamp_h")
    advice = f"have the size of {words} since 1970. If they are, rename the column to {name}. Othe"
    with pytest.raises(ValueError, match=advice):
        segment(frame, time="timestamp_h")
    found = segment(frame.rename(columns={"timestamp_h": name}), time=name)  # what it advises
    np.testing.assert_array_equal(found.start_times, EXPECTED.start_times)


def test_durations_that_do_not_fit_the_unit_in_the_name():
    with pytest.raises(ValueError, match="sampling_rate=50 Hz, but its timestamps"):
        segment(frame_of(ELAPSED, "time_ms"), time="time_ms")


@pytest.mark.parametrize("kind", ["text", "Z", "datetime"])
@pytest.mark.parametrize("first_has_an_offset", [True, False])
def test_dates_with_and_without_an_offset_are_not_mixed(kind, first_has_an_offset):
    """Half of the samples would be moved by the offset of the others, which looks like a gap."""
    zoned = DATES.tz_localize("UTC") if kind == "Z" else VIENNA
    mixed = [
        zoned[i] if (i < 235) == first_has_an_offset else zoned[i].tz_localize(None)
        for i in range(470)
    ]
    if kind != "datetime":
        mixed = [date.isoformat().replace("+00:00", "Z") for date in mixed]
    frame = frame_of().assign(t=pd.Series(mixed, dtype=object))
    frame.loc[[0, 300], "t"] = None  # missing times do not decide
    with pytest.raises(ValueError, match=r"time='t' has 23\d dates with a UTC offset and 23\d "):
        segment(frame, time="t")


def test_text_of_days_has_no_offset():
    text = [f"{date:%Y-%m-%d}" for date in pd.date_range("2024-03-05", periods=470)]
    frame, rate = frame_of(text), 1 / 86400
    with pytest.raises(ValueError, match=r"sampling_rate=1\.15741e-05 Hz"):  # too low
        segment_recordings(frame, rate, units="g", window=10 / rate, time="timestamp")
    midnight = [*text[:3], *(f"{day}T00:00+00:00" for day in text[3:])]
    with pytest.raises(ValueError, match="467 dates with a UTC offset and 3 without"):
        segment(frame_of(midnight), time="timestamp")


def test_text_with_and_without_fractions_of_a_second():
    times = pd.date_range("2024-03-05", periods=470, freq="500ms")
    text = [date.isoformat() for date in times]  # "...:00", then "...:00.500000"
    frame = frame_of(text)
    segments = segment_recordings(frame, 2, units="g", window=10, time="timestamp")
    assert segments.start_times[1] == times[20]


def test_an_index_without_times_is_no_obstacle():
    rows = np.arange(1000, 1470)  # of a table of several people
    segments = segment(frame_of(DATES, index=rows), time="timestamp")
    np.testing.assert_array_equal(segments.start_times, EXPECTED.start_times)


UNUSED = {
    "datetime64": ("when", DATES),
    "time zone": ("when", pd.Series(VIENNA).array),
    "timedelta": ("when", pd.to_timedelta(ELAPSED, "s")),
    "text": ("when", DATES.strftime("%d.%m.%Y %H:%M:%S")),
    "datetime": ("when", pd.Series(DATES.to_pydatetime(), dtype=object).array),
    "time": ("when", [date.time() for date in DATES]),
    "rising": ("a", ELAPSED),
    "rising integers": ("a", np.arange(470)),
    "rising, nullable": ("a", pd.array(np.arange(470), "Int64")),
    "rising, one missing": ("a", np.where(np.arange(470) == 7, np.nan, ELAPSED)),
    "rising, called t": ("t", ELAPSED[:1] + np.arange(470) / RATE),
    "whole seconds since 1970": ("unix", 1_700_000_000 + np.arange(470) // RATE),
    "milliseconds since 1970, one missing": (
        "a",
        np.where(np.arange(470) == 0, np.nan, 1.7e12 + np.arange(470) // 3),
    ),
    **{
        name: (name, np.zeros(470))
        for name in (
            *("time", "Time (s)", "timestamp", "TimeStamp", "timestamp_ms", "unix_time", "date"),
            *("DATETIME", "epoc (ms)", "epoch", "seconds_elapsed", "milliseconds", "loggingTime"),
        )
    },
}


@pytest.mark.parametrize("kind", UNUSED)
def test_a_column_that_looks_like_time_is_not_ignored(kind):
    name, times = UNUSED[kind]
    frame = frame_of().assign(**{name: times})
    regular = kind in ("rising integers", "rising, nullable")  # a counter may be left out
    for channels in (None,) if regular else (None, ["x", "y", "z"]):
        with pytest.raises(ValueError, match=r"recording 0: .*look like times") as error:
            segment(frame, channels=channels)
        assert f"['{name}']" in str(error.value)
        assert f"time={name!r}" in str(error.value)
    # These are the ways to say that the samples are regular, or that the times are known.
    regular = segment(frame.drop(columns=name))
    np.testing.assert_array_equal(regular.X, segment(SIGNAL).X)
    for given in (
        segment(frame, timestamps=DATES),
        segment(frame.set_index(DATES), channels=["x", "y", "z"]),
        segment(frame.set_index(DATES)),
    ):
        np.testing.assert_array_equal(given.X, EXPECTED.X)


def test_the_time_column_of_a_later_recording_is_not_ignored():
    with pytest.raises(ValueError, match=r"recording 1: .*\['time'\] look like times"):
        segment([frame_of(index=DATES, time=0), frame_of(time=0)])


def test_a_date_and_a_time_of_day_are_joined_as_advised():
    columns = {"time": DATES.strftime("%H:%M:%S.%f"), "date": DATES.strftime("%Y-%m-%d")}
    frame = frame_of().assign(**columns)
    with pytest.raises(ValueError, match=r"time of day, join them: frame\['when'\]") as error:
        segment(frame)
    code = re.search(r"join them: (.*), then drop both", str(error.value)).group(1)
    exec(code, {"frame": frame, "pd": pd, "pandas": pd})
    segments = segment(frame.drop(columns=["date", "time"]), time="when")
    np.testing.assert_array_equal(segments.start_times, EXPECTED.start_times)
    for name in ("date", "time"):
        with pytest.raises(ValueError, match=r"[Jj]oin (them|a date and a time of day)"):
            segment(frame, time=name)


def test_other_columns_do_not_look_like_time():
    steps = np.arange(470) // 50
    frame = frame_of(temperature=31.0, steps=steps, lifetime=1.0, noise=RNG.normal(size=470))
    np.testing.assert_array_equal(segment(frame).X, segment(SIGNAL).X)
    frame = frame.assign(subject="1001", worn=True, activity=pd.Categorical(["walk"] * 470))
    np.testing.assert_array_equal(segment(frame, channels=["x", "y", "z"]).X, segment(SIGNAL).X)


@pytest.mark.parametrize(
    "values", [np.arange(470), 31 - np.exp(-np.arange(470) / 200), np.full(470, 2e9)]
)
def test_a_counter_or_temperature_is_not_times_if_channels_are_named(values):
    frame = frame_of(a=values, T=values)
    np.testing.assert_array_equal(segment(frame, channels=["x", "y", "z"]).X, segment(SIGNAL).X)


def test_a_rising_signal_called_acceleration_is_not_times():
    frame = frame_of().assign(z=np.linspace(0.9, 1.1, 470))
    np.testing.assert_array_equal(segment(frame).X[..., :2], segment(SIGNAL).X[..., :2])


INDICES = {
    "seconds": pd.Index(ELAPSED + 3),
    "dates": DATES,
    "named": pd.Index(ELAPSED + 3, name="t 1"),
    "ms": pd.Index(NANOSECONDS // 10**6),
    "text": pd.Index([str(date) for date in DATES]),
}


@pytest.mark.parametrize("kind", INDICES)
def test_time_may_name_the_index(kind):
    index = INDICES[kind]
    name = index.name or "index"
    frame = frame_of(index=index)
    if kind != "dates":
        with pytest.raises(ValueError, match=rf"pass time='{name}'.*Otherwise.*drop=True"):
            segment(frame)
    for channels in (None, ["x", "y", "z"]):
        segments = segment(frame, time=name, channels=channels)
        np.testing.assert_array_equal(segments.X, EXPECTED.X)
    with pytest.raises(
        ValueError, match=r"frame = frame.reset_index\(\), then .*sort_values"
    ) as error:
        segment(frame.iloc[::-1], time=name)
    assert f"sort_values('{name}')" in str(error.value)


def test_a_range_index_that_may_have_times_is_not_ignored():
    steps = pd.RangeIndex(0, 470 * 20, 20)
    for index in (steps, pd.RangeIndex(470, name="time"), pd.RangeIndex(470)[::-1]):
        frame = frame_of(index=index)
        with pytest.raises(ValueError, match=r"RangeIndex and dtype int64.*pass time=.*drop=True"):
            segment(frame)
        regular = segment(frame.reset_index(drop=True))
        np.testing.assert_array_equal(regular.X, segment(SIGNAL).X)
        np.testing.assert_array_equal(segment(frame, timestamps=DATES).X, EXPECTED.X)
    for index in (pd.RangeIndex(100, 570), pd.RangeIndex(470, name="sample")):
        np.testing.assert_array_equal(segment(frame_of(index=index)).X, segment(SIGNAL).X)


def test_a_time_column_is_not_a_channel():
    frame = frame_of(index=DATES)[["x", "y"]].assign(epoch=NANOSECONDS // 10**9)
    np.testing.assert_array_equal(segment(frame).X, EXPECTED.X[..., :2])
    rising = frame_of(index=DATES)[["x", "y"]].assign(t=ELAPSED)
    with pytest.raises(ValueError, match=r"recording 0: .*\['t'\] look like times"):
        segment(rising)
    assert segment(rising, channels=["x", "y", "t"], gravity=False).X.shape[2] == 3


@pytest.mark.parametrize("where", ["index", "timestamps", "column"])
def test_a_rising_signal_beside_known_times_is_not_advised_as_time(where):
    frame = frame_of(index=DATES if where == "index" else None)[["x", "y"]].assign(p=ELAPSED)
    kwargs = {"timestamps": DATES} if where == "timestamps" else {}
    if where == "column":
        frame, kwargs = frame.assign(t=DATES), {"time": "t"}
    with pytest.raises(ValueError, match=r"\['p'\] look like times.* channels") as error:
        segment(frame, **kwargs)
    assert "time=" not in str(error.value)
    assert len(segment(frame.drop(columns=["p"]), **kwargs).X) > 0


def test_times_twice():
    with pytest.raises(ValueError, match="recording 0 has timestamps twice: in its index and in"):
        segment(frame_of(DATES, index=DATES), time="timestamp")
    with pytest.raises(ValueError, match="time and timestamps"):
        segment(frame_of(DATES), time="timestamp", timestamps=DATES)


def test_a_time_column_that_is_not_there():
    with pytest.raises(ValueError, match=r"recording 1: time='t' is not one of its columns \['x'"):
        segment([frame_of(ELAPSED, "t"), frame_of()], time="t")
    with pytest.raises(ValueError, match="time='t' names a column, but recording 1 is not a Data"):
        segment([frame_of(ELAPSED, "t"), SIGNAL], time="t")
    twice = pd.concat([frame_of(ELAPSED, "t"), frame_of(ELAPSED, "t")[["t"]]], axis=1)
    with pytest.raises(ValueError, match=r"recording 0 has several columns named \['t'\]"):
        segment(twice, time="t", channels=["x", "y", "z"])


@pytest.mark.parametrize(
    "times",
    [
        DATES.strftime("%d.%m.%Y %H:%M:%S.%f"),
        ["walk"] * 470,
        [datetime.time(12)] * 470,
        np.array([*range(469), "walk"], object),
        np.ones(470, bool),
        1j * ELAPSED,
    ],
    ids=["day first", "words", "time of day", "mixed", "bool", "complex"],
)
def test_a_column_without_readable_times(times):
    with pytest.raises(ValueError, match=r"recording 0: time='t' .*ISO 8601"):
        segment(frame_of(times, "t"), time="t", channels=["x", "y", "z"])


@pytest.mark.parametrize(
    "times", [NANOSECONDS * 1.0, DATES, DATES.astype(str), pd.array(NANOSECONDS, "Int64")], ids=str
)
def test_missing_times_of_a_column(times):
    frame = frame_of().assign(t=times)
    frame.loc[3, "t"] = None
    with pytest.raises(ValueError, match=r"recording 0: 1 timestamps are missing.* at sample 3"):
        segment(frame, time="t")


@pytest.mark.parametrize(
    ("most", "dtype"),
    [(most, "f8") for most in (1e10, 1e13, 1e16, 1e19, 1e300)] + [(1e16, "u8"), (1e19, "u8")],
)
def test_numbers_that_are_not_times_of_our_days(most, dtype):
    times = (np.linspace(0.9, 1, 470) * most).astype(dtype)
    match = r"recording 0: .*(nor times since 1970|time='t'|sampling_rate)"
    with pytest.raises(ValueError, match=match):
        segment(frame_of(times, "t"), time="t", channels=["x", "y", "z"])


def test_a_csv_file_is_refused_until_its_times_are_named(tmp_path):
    frame_of(DATES).to_csv(tmp_path / "ann.csv")  # the first column is a number without a name
    frame = pd.read_csv(tmp_path / "ann.csv")
    with pytest.raises(ValueError, match=r"\['timestamp'\] look like times"):
        segment(frame, channels=["x", "y", "z"])
    np.testing.assert_allclose(segment(frame, time="timestamp").X, EXPECTED.X, atol=1e-6)


@pytest.mark.parametrize(
    ("written", "day", "month"),
    [
        ("%d/%m/%Y", "%d/%m/%Y", "%m/%d/%Y"),
        ("%d.%m.%y", "%d.%m.%y", "%m.%d.%y"),
        ("%m-%d-%Y", "%d-%m-%Y", "%m-%d-%Y"),
    ],
)
def test_the_day_and_the_month_are_not_guessed(written, day, month):
    """The error named neither, and its advice was a call of pandas that guesses."""
    dates = pd.date_range("2024-04-03 10:00", periods=200, freq="20ms")
    frame = pd.DataFrame({"when": dates.strftime(f"{written} %H:%M:%S.%f"), "x": 1.0})
    with pytest.raises(ValueError, match="whether the day or the month is first") as error:
        segment_recordings(frame, 50, units="g", time="when", window=1)
    assert f"pandas.to_datetime(frame['when'], format='{day} %H:%M:%S.%f')" in str(error.value)
    assert f"format='{month} %H:%M:%S.%f' the month" in str(error.value)
    frame["when"] = pd.to_datetime(frame["when"], format=f"{written} %H:%M:%S.%f")
    segments = segment_recordings(frame, 50, units="g", time="when", window=1)
    assert segments.start_times[0] == dates[0].to_datetime64()


def test_advice_to_join_a_date_and_a_time_of_day_does_not_guess():
    dates = pd.date_range("2024-04-03 10:00", periods=200, freq="20ms")
    frame = pd.DataFrame(
        {"date": dates.strftime("%d/%m/%Y"), "clock": dates.strftime("%H:%M:%S.%f"), "x": 1.0}
    )
    with pytest.raises(ValueError, match="join them") as error:
        segment_recordings(frame, 50, units="g", channels=["x"])
    assert "to_datetime" not in str(error.value)
    assert "frame['date'].astype(str) + ' ' + frame['clock'].astype(str)" in str(error.value)
    frame["when"] = frame["date"].astype(str) + " " + frame["clock"].astype(str)
    frame = frame.drop(columns=["date", "clock"])
    with pytest.raises(ValueError, match="whether the day or the month is first"):
        segment_recordings(frame, 50, units="g", time="when")


@pytest.mark.parametrize("first", [49_105_962_326_000, 20_000_000_000_000])
def test_nanoseconds_since_a_phone_was_started(first):
    """By their size they would be milliseconds since 1970, in the year 3526."""
    frame = pd.DataFrame(np.tile([0, 0.6, 0.8], (200, 1)), columns=["x", "y", "z"])
    frame["timestamp"] = first + 50_000_000 * np.arange(200)
    advice = r"in the column 'timestamp' are neither .* since 1970: .* to time_ns"
    with pytest.raises(ValueError, match=advice):
        segment_recordings(frame, 20, units="g", window=5, time="timestamp")
    renamed = frame.rename(columns={"timestamp": "time_ns"})
    segments = segment_recordings(renamed, 20, units="g", window=5, time="time_ns")
    np.testing.assert_allclose(segments.start_times, first / 1e9 + np.array([0, 5]))
