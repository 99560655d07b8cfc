"""read_recording of tables with several columns of times."""

import logging

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.recordings import read_recording
from tests.support.device_files import motion, write_geneactiv

pd = pytest.importorskip("pandas")

N = 600
SINCE = np.arange(N) * 20 * 10**6  # ns
START = pd.Timestamp("2024-03-05 22:00:00.120")
DATES = START + pd.to_timedelta(SINCE)
EPOCH = START.value + SINCE
UTC = DATES.tz_localize("UTC")

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def write(names="xyz", **times):
    """Write a table, and return the signal in it."""
    frame = pd.DataFrame(times | dict(zip(names, motion(N).T, strict=True)))
    frame.to_csv("a.csv", index=False)
    return frame[sorted(names)]


def local(hours):
    return DATES + pd.Timedelta(hours=hours)


AGREE = {
    "Sensor Logger": ({"time": EPOCH, "seconds_elapsed": SINCE / 1e9}, UTC),
    "MetaWear": (
        {"epoc (ms)": EPOCH // 10**6, "timestamp (+0100)": local(1), "elapsed (s)": SINCE / 1e9},
        UTC,
    ),
    "reversed": ({"elapsed (s)": SINCE / 1e9, "timestamp": local(-9.5), "time": EPOCH}, UTC),
    "since another start": ({"uptime_seconds": SINCE / 1e9 + 4000, "date": DATES}, DATES),
    "a clock that drifts": ({"time": DATES, "t_seconds": SINCE / 1e9 * 1.05}, DATES),
    "twice": ({"time": DATES, "received_time": DATES + pd.Timedelta("200ms")}, DATES),
}


@pytest.mark.parametrize("name", AGREE)
def test_columns_that_agree(name, caplog):
    times, expected = AGREE[name]
    signal = write(**times)
    with caplog.at_level(logging.INFO, "relcon_sklearn"):
        recording = read_recording("a.csv")
    assert recording.columns.tolist() == ["x", "y", "z"]
    np.testing.assert_array_equal(recording, signal)
    assert str(recording.index.tz) == str(expected.tz)
    assert abs(recording.index - expected).max() < pd.Timedelta("1ms")
    assert f"a.csv: the columns {list(times)} agree; the times are" in caplog.text
    assert segment_recordings(recording, units="g", window=1).X.shape == (12, 50, 3)


def test_times_since_two_starts_are_those_of_the_first_column():
    write(t_seconds=SINCE / 1e9, uptime_seconds=SINCE / 1e9 + 4000)
    recording = read_recording("a.csv")
    np.testing.assert_allclose(recording.index.total_seconds(), SINCE / 1e9)


JUMP = SINCE / 1e9 + 3600 * (np.arange(N) > 300)
DISAGREE = {
    "another day": ({"time": EPOCH, "date": local(24)}, r"'date' is 86400 s away from 'time'"),
    "two clocks": (
        {"time": DATES, "received_time": local(1)},
        r"'received_time' is 3600 s away from 'time'",
    ),
    "a jump": (
        {"time": EPOCH, "seconds_elapsed": JUMP},
        r"from the first sample on, 'seconds_elapsed' moves up to 3600 s away from 'time'",
    ),
    "stale": (
        {"time": EPOCH, "location_time": EPOCH // 10**10 * 10**10},
        r"'location_time' moves up to 9.86 s away",
    ),
    "holes": (
        {"time": EPOCH, "elapsed": np.where(np.arange(N) > 8, SINCE / 1e9, np.nan)},
        r"'elapsed' is missing in some rows",
    ),
    "holes in dates": (
        {"seconds_elapsed": SINCE / 1e9, "time": DATES.where(np.arange(N) != 8)},
        r"'time' is missing in some rows",
    ),
}


@pytest.mark.parametrize("name", DISAGREE)
def test_columns_that_do_not_agree(name):
    times, difference = DISAGREE[name]
    write(**times)
    with pytest.raises(ValueError, match=difference) as error:
        read_recording("a.csv")
    assert f"The columns {list(times)} of a.csv look like times, and they" in str(error.value)
    names = " or ".join(f"time={column!r}" for column in times)
    assert f"If one column has the times of the samples, name it: {names}." in str(error.value)
    recording = read_recording("a.csv", time=next(iter(times)))
    assert segment_recordings(recording, units="g", window=1).X.shape == (12, 50, 3)


def test_times_of_a_start_and_an_end_beside_those_of_the_samples():
    write(start_time=START, end_time=START + pd.Timedelta("2h"), t=SINCE / 1e9)
    with pytest.raises(ValueError, match=r"or time='end_time' or time='t'\."):
        read_recording("a.csv")
    recording = read_recording("a.csv", time="t")
    assert recording.columns.tolist() == ["start_time", "end_time", "x", "y", "z"]
    write(start_time=START, t=SINCE / 1e9)
    with pytest.raises(ValueError, match=r"If another column has the times .*, name it in time\."):
        read_recording("a.csv")


@pytest.mark.parametrize("names", ["zyx", "yzx", ["z (mg)", "y (mg)", "x (mg)"]])
def test_axes_are_in_the_order_of_their_names(names):
    """Sensor Logger has them as z, y and x, which a model must not mistake."""
    signal = write(names, time=EPOCH, seconds_elapsed=SINCE / 1e9)
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == sorted(names)
    np.testing.assert_array_equal(recording, signal)


# ---------------------------------------------------------------- a column that is named


@pytest.mark.parametrize("name", ["stamp", "t (ms)", 'say "when"', "0"])
def test_a_column_of_times_with_any_name(name):
    signal = write(**{name: DATES})
    recording = read_recording("a.csv", time=name)
    assert recording.columns.tolist() == ["x", "y", "z"]
    np.testing.assert_array_equal(recording, signal)
    assert abs(recording.index - DATES).max() < pd.Timedelta("1us")
    write(**{name: SINCE // 10**6 if "ms" in name else SINCE / 1e9})
    with pytest.raises(ValueError, match="no column looks like times") as error:
        read_recording("a.csv")
    assert f"If one of them has the times, name it: time={name!r}." in str(error.value)
    recording = read_recording("a.csv", time=name)
    np.testing.assert_allclose(recording.index.total_seconds(), SINCE / 1e9)
    assert recording.attrs["sampling_rate"] == 50


def test_other_columns_of_times_are_kept():
    """They are no channels, whatever they are called."""
    signal = write(time=EPOCH, received_time=local(1), step_date=np.repeat("unknown", N))
    recording = read_recording("a.csv", time="received_time")
    assert recording.columns.tolist() == ["time", "step_date", "x", "y", "z"]
    assert recording.index[0] == local(1)[0]
    X = segment_recordings(recording, units="g", window=1).X
    np.testing.assert_allclose(X.reshape(-1, 3), signal, rtol=1e-6)


def test_a_column_that_is_not_there():
    write(time=EPOCH)
    with pytest.raises(ValueError, match=r"time='t' is not a column of a.csv. Its columns are \["):
        read_recording("a.csv", time="t")
    with pytest.raises(ValueError, match=r"a sample every|that do not increase"):
        read_recording("a.csv", time="x")


def test_the_column_of_times_of_parquet():
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(motion(N), columns=list("xyz")).assign(stamp=DATES, received=local(1))
    frame.to_parquet("a.parquet")
    assert read_recording("a.parquet", time="stamp").index[0] == DATES[0]
    for index in ("stamp", "received"):  # also an index that has dates
        frame.set_index(index).to_parquet("a.parquet")
        assert read_recording("a.parquet", time="stamp").index[0] == DATES[0]
    frame.assign(stamp=SINCE / 1e9).set_index("stamp").drop(columns="received").to_parquet(
        "a.parquet"
    )
    assert read_recording("a.parquet", time="stamp").index[1] == pd.Timedelta("20ms")
    with pytest.raises(ValueError, match=r"time='t' is not a column of a.parquet"):
        read_recording("a.parquet", time="t")


def test_what_parquet_knows_of_a_recording_is_kept():
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(1000 * motion(N), columns=list("xyz")).assign(
        stamp=DATES, received=local(1)
    )
    frame.attrs = {"units": "mg", "sampling_rate": 50.0, "serial": "7"}
    frame.to_parquet("a.parquet")
    recording = read_recording("a.parquet", time="received")
    assert recording.index[0] == local(1)[0]
    assert {name: recording.attrs[name] for name in frame.attrs} == frame.attrs
    frame.set_index("stamp").to_parquet("b.parquet")
    pd.testing.assert_frame_equal(
        read_recording("b.parquet", time="stamp"), read_recording("b.parquet")
    )


def test_files_of_devices_have_their_own_times(tmp_path):
    write_geneactiv(tmp_path / "a.bin", motion(2400))
    (tmp_path / "ACC.csv").write_text(
        "1709676000,1709676000,1709676000\n32,32,32\n" + "0,0,64\n" * 9
    )
    for path, device in (("a.bin", "GENEActiv .bin"), ("ACC.csv", "Empatica E4 ACC.csv")):
        with pytest.raises(ValueError, match=rf"time='t' .*, and {path} is of a device \({device}"):
            read_recording(path, time="t")
