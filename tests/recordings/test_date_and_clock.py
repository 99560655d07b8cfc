"""Tables with the date in one column and the time of day in another."""

import datetime
import logging

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.recordings import _date_and_clock, read_recording
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")

N = 300
DATES = pd.date_range("2024-03-25 23:59:58", periods=N, freq="20ms")  # over midnight
ISO, CLOCK = DATES.strftime("%Y-%m-%d"), DATES.strftime("%H:%M:%S.%f").str[:-3]

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def write(sep=",", decimal=".", **columns):
    frame = pd.DataFrame(columns | dict(zip("xyz", motion(N).T, strict=True)))
    frame.to_csv("a.csv", index=False, sep=sep, decimal=decimal)


FORMATS = {
    "2024-03-25": (ISO, CLOCK),
    "2024/3/25": (ISO.str.replace("-0", "/").str.replace("-", "/"), CLOCK),
    "25.03.2024": (DATES.strftime("%d.%m.%Y"), CLOCK),
    "3/25/2024": (DATES.strftime("%m/%d/%Y").str.lstrip("0"), CLOCK.str.replace("00:", "0:", n=1)),
    "25-Mar-2024": (DATES.strftime("%d-%b-%Y"), CLOCK),
    "decimal commas": (DATES.strftime("%d.%m.%Y"), CLOCK.str.replace(".", ",")),
    "spaces": (" " + ISO + " ", " " + CLOCK),
}


@pytest.fixture(params=[70, 1000])
def rows_at_once(request, monkeypatch):
    monkeypatch.setattr(_date_and_clock, "_ROWS_AT_ONCE", request.param)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("names", [("date", "time"), ("Datum", "Uhrzeit")])
def test_dates_and_times_of_day_are_joined(name, names, caplog):
    for columns in (names, names[::-1]):
        values = dict(zip(names, FORMATS[name], strict=True))
        write(sep=";", decimal=",", **{column: values[column] for column in columns})
        with caplog.at_level(logging.INFO, "relcon_sklearn"):
            recording = read_recording("a.csv")
        assert recording.columns.tolist() == ["x", "y", "z"]
        assert abs(recording.index - DATES).max() < pd.Timedelta("1ms")
        assert recording.index.tz is None
        assert f"dates in column {names[0]!r} and the times of day in column" in caplog.text
    assert segment_recordings(recording, units="g", window=1).X.shape == (6, 50, 3)


@pytest.mark.parametrize(
    ("day", "order"), [("04.04.2024", "either"), ("3/4/2024", None), ("03.04.2024", None)]
)
def test_the_day_or_the_month_may_be_first(day, order):
    times = pd.date_range("2024-04-04 22:00", periods=N, freq="20ms")
    write(date=np.repeat(day, N), time=times.strftime("%H:%M:%S.%f"))
    if order:
        assert abs(read_recording("a.csv").index - times).max() < pd.Timedelta("1ms")
        return
    with pytest.raises(ValueError, match="in which the day or the month may be first") as error:
        read_recording("a.csv")
    frame = pd.read_csv("a.csv")  # what the error advises
    format_ = str(error.value).split("format='")[1].split("'")[0]
    frame["when"] = pd.to_datetime(frame["date"] + " " + frame["time"], format=format_)
    frame.drop(columns=["date", "time"]).to_csv("a.csv", index=False)
    assert read_recording("a.csv").index[0] == pd.Timestamp("2024-04-03 22:00")


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize(
    ("late", "match"),
    [
        (
            {"time": "25:00:00"},
            "column 'time' has '25:00:00' at sample 250, which is not a time of",
        ),
        ({"time": "soon"}, "the column 'time' has 'soon' at sample 250"),
        ({"time": ""}, "a.csv has 50 samples without a time"),
        ({"date": ""}, "a.csv has 50 samples without a time"),
        ({"date": "2024-02-30"}, "column 'date' has '2024-02-30', which is not a date"),
        ({"date": "yesterday"}, "column 'date' has 'yesterday', which is not a date"),
        ({"date": "25.03.2024"}, "the column 'date' has"),
    ],
)
def test_values_that_cannot_be_read(late, match):
    values = {"date": ISO, "time": CLOCK}
    (name, value), *_ = late.items()
    values[name] = np.where(np.arange(N) >= 250, value, values[name])
    write(**values)
    with pytest.raises(ValueError, match=match):
        read_recording("a.csv")


def test_other_columns_of_times_must_agree():
    epoch = DATES.as_unit("ms").asi8
    write(date=ISO, time=CLOCK, timestamp=epoch)
    recording = read_recording("a.csv")
    assert str(recording.index[0]) == "2024-03-25 23:59:58+00:00"
    write(date=ISO, time=CLOCK, timestamp=epoch + 86_400_000)
    with pytest.raises(ValueError, match="name it: time='time' or time='timestamp'"):
        read_recording("a.csv")
    for name in ("date", "time"):  # either stands for both
        recording = read_recording("a.csv", time=name)
        assert recording.columns.tolist() == ["timestamp", "x", "y", "z"]
        assert recording.index[0] == DATES[0]
    recording = read_recording("a.csv", time="timestamp")
    assert recording.columns.tolist() == ["date", "time", "x", "y", "z"]
    assert segment_recordings(recording, units="g", channels=list("xyz"), window=1).X.shape[0] == 6


def test_several_dates_or_times_of_day():
    write(date=ISO, born=np.repeat("1960-05-01", N), time=CLOCK)
    with pytest.raises(
        ValueError, match=r"dates in \['date', 'born'\].*time='date' or time='born'"
    ):
        read_recording("a.csv")
    assert read_recording("a.csv", time="date").index[0] == DATES[0]
    with pytest.raises(ValueError, match=r"time='date' or time='born'"):
        read_recording("a.csv", time="time")
    write(date=ISO, time=CLOCK, received=CLOCK)
    with pytest.raises(ValueError, match=r"time='time' or time='received'"):
        read_recording("a.csv")
    assert read_recording("a.csv", time="received").index[0] == DATES[0]


@pytest.mark.parametrize(
    "name",
    [
        "birth_date",
        "dateOfBirth",
        "Date of birth",
        "DOB",
        "born",
        "visit",
        "start_date",
        "Geburtstag",
    ],
)
def test_dates_that_may_not_be_those_of_the_samples(name):
    for values in (np.repeat("1980-05-17", N), ISO):
        write(**{name: values}, time=CLOCK)
        for time in (None, "time"):
            match = f"dates in the column {name!r} and times of day in 'time'.*pass time={name!r}"
            with pytest.raises(ValueError, match=match):
                read_recording("a.csv", time=time)
    assert read_recording("a.csv", time=name).index[0] == DATES[0]
    write(**{name: np.repeat("1980-05-17", N)}, time=CLOCK, when=DATES)
    recording = read_recording("a.csv", time="when")  # what the error advises
    assert recording.index[0] == DATES[0]
    assert recording.columns.tolist() == [name, "time", "x", "y", "z"]


@pytest.mark.parametrize("names", [("start_date", "start_time"), ("StartDate", "startClock")])
def test_a_date_that_is_called_as_the_times_of_day_that_are_named(names):
    """The errors advised one to name the other, and there was no way out."""
    date, clock = names
    write(**{date: ISO, clock: CLOCK}, end_time=CLOCK, born=np.repeat("1980-05-17", N))
    with pytest.raises(ValueError, match=rf"dates in \['{date}', 'born'\]"):
        read_recording("a.csv")
    write(**{date: ISO, clock: CLOCK}, end_time=CLOCK)
    with pytest.raises(ValueError, match=rf"time='{clock}' or time='end_time'"):
        read_recording("a.csv")
    assert read_recording("a.csv", time=clock).index[0] == DATES[0]
    with pytest.raises(ValueError, match=rf"The name '{date}' does not tell"):
        read_recording("a.csv", time="end_time")


@pytest.mark.parametrize(
    "name", ["DATE", "Day", "recordingDate", "date_utc", "Date (dd/mm/yyyy)", "Fecha", "Día"]
)
def test_names_of_the_dates_of_the_samples(name):
    write(**{name: ISO}, time=CLOCK)
    assert read_recording("a.csv").index[0] == DATES[0]


def test_times_of_day_or_since_a_start_without_a_date():
    write(time=CLOCK)
    with pytest.raises(ValueError, match=r"time='time' has '23:59:58.000' at sample 0"):
        read_recording("a.csv")
    write(date=ISO, elapsed=[f"00:00:{i / 50:06.3f}" for i in range(N)])
    with pytest.raises(ValueError, match="one of them cannot be read"):
        read_recording("a.csv")


def test_dates_and_times_in_parquet():
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(motion(N), columns=list("xyz"))
    frame = frame.assign(date=DATES.date, time=DATES.time).set_axis(np.zeros(N, int))
    frame.to_parquet("a.parquet")
    assert isinstance(pd.read_parquet("a.parquet")["time"].iloc[0], datetime.time)
    np.testing.assert_array_equal(read_recording("a.parquet").index, DATES)
    frame.assign(date=DATES.normalize()).to_parquet("a.parquet")
    np.testing.assert_array_equal(read_recording("a.parquet").index, DATES)
