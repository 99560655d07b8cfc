"""Dates and times of day as people and programs write them."""

import datetime
import re

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _written_times
from relcon_sklearn._recordings._written_times import read_clocks, read_numbers, read_written
from relcon_sklearn.recordings import _csv_in_parts, read_recording
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")

N = 300

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture(params=[70, 1000])
def rows_at_once(request, monkeypatch):
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", request.param)
    monkeypatch.setattr(_written_times, "_ROWS_AT_ONCE", request.param // 2)


def write(dates, **more):
    columns = dict(zip("xyz", motion(N).T, strict=True))
    frame = pd.DataFrame({"time": dates} | columns | more)
    frame.to_csv("a.csv", index=False)
    return frame


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:00:00 AM", "00:00:00"),
        ("12:59:59 am", "00:59:59"),
        ("1:00 AM", "01:00:00"),
        ("11:59:59.999 AM", "11:59:59.999"),
        ("12:00:00 PM", "12:00:00"),
        ("12:30:00PM", "12:30:00"),
        ("01:02:03.250 pm", "13:02:03.250"),
        ("1:02:03 p.m.", "13:02:03"),
        ("1:02:03 p. m.", "13:02:03"),
        ("1:02:03\u202fPM", "13:02:03"),  # of iPhones
        ("11:59:59,5 PM", "23:59:59.5"),
        (" 0:02:03 ", "00:02:03"),
        ("23:59:59:250", "23:59:59.250"),
        *((wrong, None) for wrong in ("13:00 PM", "0:10 AM", "24:00:00", "1:60", "1:2:3", "1", "")),
        *((wrong, None) for wrong in ("1:02:03:25", "1:02 XM", "1:02 PM PM", "-1:02", "nan")),
    ],
)
def test_times_of_day(text, expected):
    (read,) = read_clocks([text])
    assert pd.isna(read) if expected is None else read == pd.Timedelta(expected)


def test_each_minute_of_a_day():
    start = datetime.datetime(2024, 3, 25)
    times = [start + datetime.timedelta(minutes=minute) for minute in range(24 * 60)]
    for form in ("%I:%M %p", "%I:%M:%S%p", "%H:%M"):
        texts = [time.strftime(form) for time in times]
        read = [datetime.datetime.strptime(text, form).time() for text in texts]  # the reference
        assert (start + read_clocks(texts)).dt.time.tolist() == read


FORMS = {
    "month first": "%m/%d/%Y %I:%M:%S.%f %p",
    "day first": "%d.%m.%Y %I:%M:%S.%f %p",
    "year first": "%Y-%m-%d %I:%M:%S.%f %p",
    "a comma": "%m/%d/%Y, %I:%M:%S.%f %p",
    "24 hours": "%d/%m/%Y %H:%M:%S.%f",
    "decimal commas": "%d.%m.%Y %H:%M:%S,%f",
    "basic format": "%Y%m%dT%H%M%S.%f",
    "basic format, decimal commas": "%Y%m%dT%H%M%S,%f",
    "digits and a fraction": "%Y%m%d%H%M%S.%f",
    "month by name": "%d-%b-%Y %H:%M:%S.%f",
    "month by name, 12 hours": "%d %B %Y %I:%M:%S.%f %p",
}


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("noon", ["2024-03-25 11:59:58", "2024-03-25 23:59:58"])
@pytest.mark.parametrize("form", FORMS)
def test_dates_and_times_of_day_in_one_column(form, noon):
    """Over noon, and over midnight."""
    dates = pd.date_range(noon, periods=N, freq="20ms")
    frame = write(dates.strftime(FORMS[form]))
    for time in (None, "time"):
        recording = read_recording("a.csv", time=time)
        assert recording.columns.tolist() == ["x", "y", "z"]
        np.testing.assert_array_equal(recording.index, dates)
    segments = segment_recordings(frame, 50, units="g", window=1, time="time")
    assert segments.start_times[1] == dates[50]


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64, str])
def test_digits(dtype):
    dates = pd.date_range("2024-12-31 23:57", periods=N, freq="1s")
    digits = dates.strftime("%Y%m%d%H%M%S").astype(dtype)
    frame = write(digits)
    np.testing.assert_array_equal(read_recording("a.csv").index, dates)
    segments = segment_recordings(frame, 1, units="g", window=10, time="time")
    assert segments.start_times[1] == dates[10]
    with_ms = pd.date_range("2024-12-31 23:59:58", periods=N, freq="20ms")
    if dtype is not np.float64:
        write(with_ms.strftime("%Y%m%d%H%M%S%f").str[:-3].astype(dtype))
        np.testing.assert_array_equal(read_recording("a.csv").index, with_ms)


def test_digits_that_are_no_dates():
    frame = write(20241231235700 + np.arange(N))  # from 60 s on
    with pytest.raises(ValueError, match="are neither dates in digits nor times since 1970"):
        read_recording("a.csv")
    frame["time"] = 20241231235700 + np.arange(N) / 50
    with pytest.raises(ValueError, match="do not hold all these digits"):
        segment_recordings(frame, 50, units="g", window=1, time="time")
    write(np.arange(N) * 20_000_000 + 20241231235700)  # ns since the start of a phone
    with pytest.raises(ValueError, match="are neither dates in digits nor times since 1970"):
        read_recording("a.csv")
    write(None, time_ns=np.arange(N) * 20_000_000 + 20241231235700)
    frame = pd.read_csv("a.csv").drop(columns="time").to_csv("a.csv", index=False)
    assert read_recording("a.csv").index[0].total_seconds() == pytest.approx(20241.2312357)


@pytest.mark.parametrize("start", [12_345_678_901_234, 20_241_231_235_700])
def test_nanoseconds_since_a_start_that_have_as_many_digits_as_dates(start):
    since = start + np.arange(N) * 20_000_000.0  # written as 20241231235700.0
    pd.DataFrame(motion(N), columns=list("xyz")).assign(time_ns=since).to_csv("a.csv", index=False)
    found = read_recording("a.csv").index.total_seconds()
    np.testing.assert_allclose(found, since / 1e9, rtol=0, atol=1e-6)


def test_digits_of_which_some_have_no_fraction():
    dates = pd.date_range("2024-12-31 23:59:58", periods=N, freq="20ms")
    text = dates.strftime("%Y%m%d%H%M%S.%f").str.rstrip("0").str.rstrip(".")
    write(text)
    np.testing.assert_array_equal(read_recording("a.csv").index, dates)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"])
def test_a_later_part_tells_which_number_is_the_day(form):
    days = np.repeat(pd.to_timedelta([0, 1, 2], "D"), 100)  # two in which the month may be first
    dates = pd.date_range("2024-04-11", periods=N, freq="1s") + days
    write(dates.strftime(form))
    np.testing.assert_array_equal(read_recording("a.csv").index, dates)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize(
    ("early", "late", "message"),
    [
        ("04/04/2024", "04/05/2024", "Say whether the day or the month is first"),
        ("03/04/2024", "03/04/2024", "Say whether the day or the month is first"),
        ("13/04/2024", "04/14/2024", "with its day in another place than in other rows"),
        ("2024-04-13", "14.04.2024", "with its day in another place than in other rows"),
        ("13.04.2024", "31.04.2024", "'31.04.2024 10:00:04 PM' at sample 200"),
        ("13.04.2024", "25.04.9999", "'25.04.9999 10:00:04 PM' at sample 200"),
        ("13.04.2024", "13.04.24", "'13.04.24 10:00:04 PM' at sample 200"),
        ("13.04.2024", "", "'10:00:04 PM' at sample 200"),
        ("13-Apr-2024", "14-Foo-2024", "'14-Foo-2024 10:00:04 PM' at sample 200"),
        ("13-Apr-2024", "14.04.2024", "with its day in another place than in other rows"),
    ],
)
def test_dates_that_are_not_read(early, late, message):
    seconds = [f"10:00:{i // 50:02} PM" for i in range(N)]
    days = np.where(np.arange(N) < 200, early, late)
    write([f"{day} {second}".strip() for day, second in zip(days, seconds, strict=True)])
    with pytest.raises(ValueError, match=re.escape(message)):
        read_recording("a.csv")


@pytest.mark.parametrize("late", [None, "31/04/2024 10:00:00", "05/04/2024 24:00:00", "soon", ""])
@pytest.mark.parametrize("dtype", [str, object])
def test_the_frequent_form_is_read_as_any_other(late, dtype, monkeypatch):
    """One without halves of the day has a way of its own."""
    texts = [f"{day:02}/04/2024 23:59:{second:06.3f}" for day in (3, 13) for second in (0, 59.25)]
    column = pd.Series([*texts, *[late] * (late is not None)], dtype=dtype)
    dates, orders = read_written(column)
    monkeypatch.setattr(_written_times, "_FULL_CLOCK", "never")
    expected, expected_orders = read_written(column)
    pd.testing.assert_series_equal(dates, expected)
    assert orders == expected_orders == [("day", "month", "year")]
    assert dates.notna().tolist() == [True] * 4 + [False] * (late is not None)
    assert read_written(column[:0])[1] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("29-Nov-2024", (2024, 11, 29)),
        ("3-MAR-2024", (2024, 3, 3)),
        ("03 march 2024", (2024, 3, 3)),
        ("1.May.2024", (2024, 5, 1)),
        *((wrong, None) for wrong in ("29-Nov-24", "29-Nov 2024", "29-Foo-2024", "Nov-29-2024")),
    ],
)
def test_names_of_months(text, numbers):
    assert read_numbers(text) == numbers


def test_each_month_by_its_name():
    for month in range(1, 13):
        date = datetime.date(2024, month, 7)
        for form in ("%d-%b-%Y", "%d %B %Y"):
            assert read_numbers(date.strftime(form)) == (2024, month, 7)


@pytest.mark.parametrize("order", [("day", "month", "year"), ("month", "day", "year")])
def test_an_order_that_is_known(order):
    read, orders = read_written(pd.Series(["03/04/2024 22:00", "05/06/2024 22:00"]), order)
    assert orders == [order]
    number = order.index("month")
    assert read.dt.month.tolist() == [[3, 4][number], [5, 6][number]]
    # Other dates tell theirs.
    assert read_written(pd.Series(["13/04/2024 22:00"]), order)[1] == [("day", "month", "year")]


@pytest.mark.usefixtures("rows_at_once")
def test_days_with_the_number_of_their_month():
    dates = pd.date_range("2024-04-04 22:00", periods=N, freq="20ms")
    write(dates.strftime("%d/%m/%Y %I:%M:%S.%f %p"))
    np.testing.assert_array_equal(read_recording("a.csv").index, dates)


def test_what_is_advised_if_the_day_or_the_month_may_be_first():
    dates = pd.date_range("2024-04-03 22:00", periods=N, freq="20ms")
    frame = write(dates.strftime("%d/%m/%Y %I:%M:%S.%f %p"))
    with pytest.raises(ValueError, match="whether the day or the month is first") as error:
        read_recording("a.csv")
    code = re.search(r"is first: (.*?\)) reads the day first", str(error.value)).group(1)
    frame["time"] = eval(code, {"frame": frame, "pandas": pd})
    segments = segment_recordings(frame, 50, units="g", window=1, time="time")
    assert segments.start_times[0] == dates[0]


@pytest.mark.usefixtures("rows_at_once")
def test_missing_times():
    dates = pd.date_range("2024-03-25 22:00", periods=N, freq="20ms")
    texts = dates.strftime("%d.%m.%Y %I:%M:%S.%f %p").where(np.arange(N) % 200 != 0)
    read, orders = read_written(pd.Series(texts, index=np.arange(N)[::-1]))
    np.testing.assert_array_equal(read, dates.where(np.arange(N) % 200 != 0))
    assert read.index[0] == N - 1
    assert orders == [("day", "month", "year")]
    write(texts)
    with pytest.raises(ValueError, match="2 samples without a time"):
        read_recording("a.csv")


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("clock", ["%I:%M:%S.%f %p", "%H:%M:%S.%f"])
@pytest.mark.parametrize("dtype", [np.int64, np.float64, str])
def test_days_as_digits_beside_times_of_day(clock, dtype):
    dates = pd.date_range("2024-12-31 23:59:58", periods=N, freq="20ms")
    days = dates.strftime("%Y%m%d").astype(dtype)
    write(dates.strftime(clock), date=days)
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == ["x", "y", "z"]
    np.testing.assert_array_equal(recording.index, dates)


@pytest.mark.parametrize("start", ["09:59:58", "13:02:58"])
def test_times_of_day_as_digits_are_no_seconds(start):
    """A minute of them would be followed by a gap of 40 s."""
    dates = pd.date_range(f"2024-03-25 {start}", periods=N, freq="20ms")
    digits = dates.strftime("%H%M%S.%f").astype(float)
    for columns in ({}, {"date": 20240325}):
        write(digits, **columns)
        with pytest.raises(ValueError, match="are the hours, minutes and seconds of times of day"):
            read_recording("a.csv")
    write(digits - digits[0])  # from the first sample on
    assert len(read_recording("a.csv")) == N
    seconds = np.arange(N) / 50 + 35990
    frame = write(seconds)
    assert read_recording("a.csv").index[0].total_seconds() == 35990
    frame.rename(columns={"time": "time_s"}).assign(time_s=digits).to_csv("a.csv", index=False)
    assert read_recording("a.csv").index[0].total_seconds() == digits[0]


@pytest.mark.usefixtures("rows_at_once")
def test_points_in_times_of_day():
    """As MetaWear writes them for file systems that do not take colons."""
    dates = pd.date_range("2024-03-25 23:59:58", periods=N, freq="20ms")
    write(dates.strftime("%Y-%m-%dT%H.%M.%S.%f").str[:-3])
    np.testing.assert_array_equal(read_recording("a.csv").index, dates)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("date", 20241301, "the column 'date' has '20241301', which is not a date"),
        ("birth_date", 19800517, "dates in the column 'birth_date' .*pass time='birth_date'"),
        ("subject", 20241231, "time='time' has '10:00:00.*which cannot be read as times"),
    ],
)
def test_digits_that_are_not_days_of_samples(name, value, match):
    write(pd.date_range("2024", periods=N, freq="20ms").strftime("10:00:%S.%f"), **{name: value})
    with pytest.raises(ValueError, match=match):
        read_recording("a.csv")
