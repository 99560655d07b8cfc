"""CSV files that are read in parts, against those that are read at once."""

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _csv_in_parts, read_recording
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")

N = 300
DATES = pd.date_range("2024-03-05 22:00", periods=N, freq="20ms")
ZONES = ["+01:00" if i < 150 else "+02:00" for i in range(N)]
LATE = np.arange(N) > 200

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture(params=[70, 299, 1000])
def rows_at_once(request, monkeypatch):
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", request.param)


def table(times=DATES, **more):
    frame = pd.DataFrame(motion(N), columns=["x", "y", "z"])
    return frame.assign(time=times, **more)


TABLES = {
    "dates": table(),
    "seconds without a fraction": table(DATES.astype(str)),
    "a time zone": table(DATES.tz_localize("Europe/Vienna")),
    "two offsets": table([f"{t.isoformat()}{z}" for t, z in zip(DATES, ZONES, strict=True)]),
    "numbers": table(DATES.as_unit("ms").asi8),
    "whole numbers, then others": table(y=np.where(LATE, "0.5", "1")),
    "a number that is missing": table(y=np.where(LATE, np.nan, 1)),
    "labels": table(label=np.where(LATE, "sitting", "walking")),
    "labels at the end": table(label=np.where(LATE, "sitting", None)),
    "numbers, then labels": table(label=np.where(LATE, "sitting", "1")),
    "other dates": table(born=np.where(LATE, "unknown", "2024")),
}


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("name", TABLES)
def test_values_are_those_of_a_file_that_is_read_at_once(name):
    TABLES[name].to_csv("a.csv", index=False)
    recording = read_recording("a.csv")
    expected = pd.read_csv("a.csv", low_memory=False)
    dates = pd.to_datetime(expected.pop("time"), utc=True, format="mixed")
    if name == "numbers":
        dates = pd.Series(DATES.tz_localize("UTC"))
    np.testing.assert_array_equal(
        recording.index.tz_localize(None).as_unit("ns").asi8,
        pd.DatetimeIndex(dates).tz_localize(None).as_unit("ns").asi8,
    )
    assert (recording.index.tz is not None) == (name in ("a time zone", "two offsets", "numbers"))
    assert recording.dtypes.tolist() == expected.dtypes.tolist()
    pd.testing.assert_frame_equal(recording.reset_index(drop=True), expected)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize(
    ("late", "match"),
    [
        ("2024-03-05 22:00:09+01:00", "dates with a UTC offset and .* without one"),
        ("22:00", "'22:00' at sample 201, which cannot be read as times"),
        ("", "has 99 samples without a time"),
        ("9999-03-05", "must be within 1678 to 2262"),
    ],
)
def test_times_that_are_wrong_in_a_later_part(late, match):
    times = np.where(LATE, late, DATES.astype(str))
    table(times).to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=match):
        read_recording("a.csv")


def test_labels_that_are_numbers_in_most_rows(tmp_path):
    """By default, pandas reads the rows in blocks, and the 1 as a number in some of them."""
    n, n_more = 20_000, 40  # columns, with which blocks have fewer rows
    lines = [f"{20 * i},0,0,1,{'walking' if i == n - 2 else 1}" + "," * n_more for i in range(n)]
    more = "".join(f",c{i}" for i in range(n_more))
    (tmp_path / "a.csv").write_text("\n".join([f"time_ms,x,y,z,label{more}", *lines]))
    assert read_recording("a.csv")["label"].unique().tolist() == ["1", "walking"]


def test_rows_that_end_with_a_separator():
    """The first column would be an index, and the others one place too far left."""
    table()[["time", "x", "y", "z"]].to_csv("a.csv", index=False)
    expected = read_recording("a.csv")
    first, *lines = open("a.csv").read().splitlines()
    with open("b.csv", "w") as file:
        file.write("\n".join([first, *(f"{line}," for line in lines)]))
    pd.testing.assert_frame_equal(read_recording("b.csv"), expected)
    with open("c.csv", "w") as file:
        file.write("\n".join([first, *(f"{line},walking" for line in lines)]))
    with pytest.raises(DamagedFileError, match="some rows have more values than there are"):
        read_recording("c.csv")


def test_files_without_rows(tmp_path):
    (tmp_path / "a.csv").write_text("time,x,y,z\n")
    with pytest.raises(DamagedFileError, match=r"a.csv has 0 samples. Leave it out"):
        read_recording("a.csv")


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("left", [4, 20, 30])
@pytest.mark.parametrize("label", [False, True])
def test_a_last_line_that_was_cut(left, label, tmp_path):
    """It is text in a column of dates, or lacks values."""
    more = {"label": np.where(LATE, "sitting", None)} if label else {}
    table(**more)[["time", "x", "y", "z", *more]].to_csv("a.csv", index=False)
    expected = read_recording("a.csv")
    text = (tmp_path / "a.csv").read_text()
    last = text.rindex("\n", 0, -1) + 1
    (tmp_path / "a.csv").write_text(text[: last + left])
    with pytest.raises(DamagedFileError, match=r"a.csv was cut: its last line has fewer columns"):
        read_recording("a.csv")
    with pytest.warns(UserWarning, match=r"a.csv was cut: its last line"):
        recording = read_recording("a.csv", errors="skip")
    pd.testing.assert_frame_equal(recording, expected[:-1], check_freq=False)


@pytest.mark.usefixtures("rows_at_once")
def test_a_last_value_that_was_cut_after_its_sign(tmp_path):
    """As a value, it would make its column text."""
    frame = table(y=-np.arange(1, N + 1.0))
    frame.to_csv("a.csv", index=False)
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text[: text.rindex("-300.0") + 1])
    with pytest.warns(UserWarning, match="its last line has fewer columns than its first"):
        recording = read_recording("a.csv", errors="skip")
    np.testing.assert_array_equal(recording, frame[["x", "y", "z"]][:-1])


def test_a_last_line_that_was_cut_and_no_other(tmp_path):
    (tmp_path / "a.csv").write_text("time,x,y,z\n2024-03-05 22:00")
    with (
        pytest.warns(UserWarning, match="its last line has fewer columns"),
        pytest.raises(DamagedFileError, match=r"a.csv has 0 samples"),
    ):
        read_recording("a.csv", errors="skip")


@pytest.mark.parametrize("names", [["x", "y", "z"], ["x, left (g)", "y, left (g)", "z, left (g)"]])
def test_a_last_line_without_an_end(names, tmp_path):
    """Names may have separators in quotes."""
    table().set_axis([*names, "time"], axis=1).to_csv("a.csv", index=False)
    expected = read_recording("a.csv")
    for end in ("\n", "\r\n", "\r"):
        text = end.join((tmp_path / "a.csv").read_text().splitlines())
        (tmp_path / "a.csv").write_bytes(text.encode())
        pd.testing.assert_frame_equal(read_recording("a.csv"), expected)


def test_lines_before_the_names(tmp_path):
    table().to_csv("a.csv", index=False)
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(f"Serial,123\n{text}")
    with pytest.raises(DamagedFileError, match=r"first line is 'Serial,123'. If these are not the"):
        read_recording("a.csv")


def test_rows_that_repeat_a_time():
    frame = table()
    expected = frame.assign(x=frame["x"].mask(frame.index == 8, 7))
    pd.concat([frame[:8], expected]).sort_values("time", kind="stable").to_csv("a.csv", index=False)
    assert len(read_recording("a.csv")) == 308
    assert len(read_recording("a.csv", errors="skip")) == 308  # too many
    pd.concat([frame[:9], expected[8:]]).to_csv("a.csv", index=False)
    with pytest.warns(UserWarning, match=r"a.csv: 1 rows were .* The first is that of 2024"):
        recording = read_recording("a.csv", errors="skip")
    np.testing.assert_array_equal(recording, frame[["x", "y", "z"]])


def test_rows_of_two_hours_that_were_sorted_are_kept():
    """Daylight saving ended: each time is that of two samples, which are not copies."""
    dates = pd.date_range("2024-10-27 01:30", periods=20_000, freq="20ms")
    dates = dates.append(dates[-150:]).sort_values()
    frame = pd.DataFrame(motion(len(dates)), columns=["x", "y", "z"]).assign(time=dates)
    frame.to_csv("a.csv", index=False)
    assert len(read_recording("a.csv", errors="skip")) == 20_150


@pytest.mark.parametrize("order", [np.arange(N)[::-1], np.random.default_rng(0).permutation(N)])
def test_rows_that_are_not_in_the_order_of_time(order):
    table().iloc[order].to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"a.csv has times that do not increase. Sort its rows"):
        read_recording("a.csv")


def test_text_among_numbers():
    frame = table(y=np.where(np.arange(N) == 250, "0,7", "0.7"))
    frame.to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"column 'y' has dtype .*, such as '0,7', which can"):
        segment_recordings(read_recording("a.csv"), units="g")
