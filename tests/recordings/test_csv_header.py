"""Lines of CSV files above the values: a separator for Excel, names, and units."""

import gzip
import logging

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _csv_in_parts, read_recording
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")

N = 200
G = motion(N)
SECONDS = np.arange(N) / 50
M_PER_S2 = 9.80665

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def write(head, times=SECONDS, scale=1.0, sep=",", decimal=".", end="\n", bom=False, more=()):
    """Write a table with other lines above its values."""
    rows = [
        sep.join([f"{time}", *(f"{value:.6f}" for value in row * scale), *more]).replace(
            ".", decimal
        )
        for time, row in zip(times, G, strict=True)
    ]
    text = end.join([*head, *rows, ""])
    with open("a.csv", "wb") as file:
        file.write(text.encode("utf-8-sig" if bom else "utf-8"))


def read(units, columns):
    """Return the recording in a file, after a check of its columns, rate, units and values."""
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == columns
    assert recording.attrs["sampling_rate"] == 50
    assert recording.attrs.get("units") == units
    if units is not None:
        X = segment_recordings(recording, window=1).X
        np.testing.assert_allclose(X.reshape(-1, 3), G, atol=1e-5)
    return recording


IN_G = ["x (g)", "y (g)", "z (g)"]


# ---------------------------------------------------------------- decimal marks


@pytest.mark.parametrize("sep", [";", "\t"])
@pytest.mark.parametrize("time", ["2024-03-05 22:00:{:02d},{:02d}0", "22:00:{:02d},{:02d}0"])
def test_commas_of_times_and_of_text_are_not_those_of_numbers(sep, time):
    times = [time.format(i // 50, i % 50 * 2) for i in range(N)]
    more = ["2024-03-05", "hall 1,2"]
    write([sep.join(["time", *IN_G, "day", "place"])], times, sep=sep, more=more)
    recording = read_recording("a.csv")
    assert recording.index[1] == pd.Timestamp("2024-03-05 22:00:00.020")
    np.testing.assert_allclose(recording[IN_G], G, atol=1e-5)


# ---------------------------------------------------------------- sep=


@pytest.mark.parametrize(
    "hint", ["sep={}", '"sep={}"', "SEP={}", "sep={0}{0}{0}{0}", '"sep={0}"{0}{0}{0}']
)
@pytest.mark.parametrize("sep", [";", ",", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_with_the_separator(hint, sep, end):
    for bom in (False, True):
        write([hint.format(sep), sep.join(["time", *IN_G])], sep=sep, end=end, bom=bom)
        read("g", IN_G)
    if sep != ",":
        write([hint.format(sep), sep.join(["time", *IN_G])], sep=sep, decimal=",", end=end)
        read("g", IN_G)


def test_the_separator_in_compressed_files():
    write(["sep=|", "|".join(["time", *IN_G])], sep="|")
    with open("a.csv", "rb") as plain, gzip.open("b.csv.gz", "wb") as file:
        file.write(plain.read())
    pd.testing.assert_frame_equal(read_recording("b.csv.gz"), read_recording("a.csv"))


def test_a_last_line_that_was_cut_below_such_a_line(tmp_path):
    write(["sep=;", ";".join(["time", "x", "y", "z"]), "s;g;g;g"], sep=";")
    expected = read_recording("a.csv")
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text[:-20])
    with pytest.raises(DamagedFileError, match="last line has fewer columns than its first"):
        read_recording("a.csv")
    with pytest.warns(UserWarning, match="was cut"):
        recording = read_recording("a.csv", errors="skip")
    pd.testing.assert_frame_equal(recording, expected[:-1], check_freq=False)


def test_empty_lines_above_the_names():
    write(["", "sep=;", "", ";".join(["time", *IN_G]), "", "s;g;g;g"], sep=";")
    read("g", IN_G)


@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_spaces_around_names_and_values(sep):
    names = [" time ", '"x (g)" ', ' "y (g)"', "z (g)"]
    write([sep.join(names)], times=[f"  {time} " for time in SECONDS], sep=f" {sep} ")
    read("g", IN_G)


# ---------------------------------------------------------------- units below the names


UNITS = {
    "s and m/s^2": ("time,x,y,z", "s,m/s^2,m/s^2,m/s^2", 1, M_PER_S2, "m/s^2"),
    "brackets": ("time,x,y,z", "(ms),(mg),(mg),(mg)", 1000, 1000, "mg"),
    "square brackets": ("Time,X,Y,Z", "[us],[g],[g],[g]", 1e6, 1, "g"),
    "quotes": ('"time","x","y","z"', '"ns","g","g","g"', 1e9, 1, "g"),
    "spaces": ("time, x, y, z", " s , m/s², m/s², m/s²", 1, M_PER_S2, "m/s^2"),
    "Shimmer": ("time,x,y,z", "ms,m/(s^2),m/(s^2),m/(s^2)", 1000, M_PER_S2, "m/s^2"),
    "Shimmer, no known unit": ("time_s,x,y,z", ",m/(s^2),m/(s^2),m/(s^2)", 1, M_PER_S2, "m/s^2"),
    "no unit of times": ("time_ms,x,y,z", ",mg,mg,mg", 1000, 1000, "mg"),
    "a mark for none": ("time_ms,x,y,z", "-,mg,mg,mg", 1000, 1000, "mg"),
    "the same in the names": ("time (s),x (mg),y (mg),z (mg)", "s,mg,mg,mg", 1, 1000, "mg"),
    "a separator at the end": ("time,x,y,z", "s,g,g,g,", 1, 1, "g"),
    "only some": ("time,x (mg),y (mg),z (mg)", "ms,,,", 1000, 1000, "mg"),
    "G of accelerometers": ("time,Acc X,Acc Y,Acc Z", "s,G,G,G", 1, 1, "g"),
    "another spelling": ("time,x (m/s2),y (m/s2),z (m/s2)", "s,m/s²,m/s²,m/s²", 1, 9.80665, "m/s2"),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_line_of_units(name, caplog):
    names, units, per_second, scale, expected = UNITS[name]
    write([names, units], np.rint(SECONDS * per_second).astype(int), scale)
    if per_second == 1:
        write([names, units], SECONDS, scale)
    recording = read_recording("a.csv")
    assert recording.attrs["units"] == expected
    assert recording.attrs["sampling_rate"] == 50
    np.testing.assert_allclose(recording.index.total_seconds(), SECONDS)
    assert all(column.endswith(")") for column in recording.columns)
    X = segment_recordings(recording, window=1).X
    np.testing.assert_allclose(X.reshape(-1, 3), G, atol=1e-5)


def test_a_line_of_units_beside_other_columns():
    head = ["sep=;", "Zeit;Beschleunigung X;Beschleunigung Y;Beschleunigung Z;Höhe;Tat"]
    head += [";[m/s²];[m/s²];[m/s²];[m];"]
    times = [f"2024-03-05 22:00:{second:06.3f}" for second in SECONDS]
    more = ["171.5", "gehen"]
    write(head, times, M_PER_S2, sep=";", decimal=",", end="\r\n", bom=True, more=more)
    names = [f"Beschleunigung {axis} (m/s²)" for axis in "XYZ"]
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == [*names, "Höhe (m)", "Tat"]
    assert recording.attrs["units"] == "m/s^2"
    assert recording.index[1] == pd.Timestamp("2024-03-05 22:00:00.020")
    X = segment_recordings(recording, window=1, labels="Tat").X
    np.testing.assert_allclose(X.reshape(-1, 3), G, atol=1e-5)


def test_units_that_are_not_known_are_those_of_names():
    write(["time,x,y,z", "s,LSB,LSB,LSB"])
    read(None, ["x (LSB)", "y (LSB)", "z (LSB)"])
    write(["time,x,y,z", "s,g,g,mg"])
    read(None, ["x (g)", "y (g)", "z (mg)"])


def test_units_above_values_that_are_missing_in_the_first_rows():
    write(["time,x,y,z", "s,g,g,g", "-0.04,,,", "-0.02,NA,,"])
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == IN_G
    assert recording.isna().all(axis=1).tolist() == [True, True, *[False] * N]


def test_text_above_dates_is_no_unit():
    times = [f"2024-03-05 22:00:{second:06.3f}" for second in SECONDS]
    write(["time,x,y,z", "yyyy-mm-dd hh:mm:ss.fff,g,g,g"], times)
    read("g", IN_G)
    recording = read_recording("a.csv", time="time")
    assert recording.index[0] == pd.Timestamp("2024-03-05 22:00")
    write(["time,x,y,z", "UTC,,,"], times)
    with pytest.raises(ValueError, match=r"are not units: \['UTC', '', '', ''\]"):
        read_recording("a.csv")


def test_the_column_of_times_is_named_without_its_unit():
    write(["t,x,y,z", "ms,g,g,g"], SECONDS * 1000)
    for name in ("t", "t (ms)"):
        recording = read_recording("a.csv", time=name)
        np.testing.assert_allclose(recording.index.total_seconds(), SECONDS)


NOT_UNITS = {
    "two units": (
        "time,x (g),y (g),z (g)",
        ["s,mg,mg,mg"],
        r"two units of the column 'x \(g\)': t",
    ),
    "counts of g": ("time,x (g),y (g),z (g)", ["s,LSB,LSB,LSB"], r"two units of the column 'x \(g"),
    "two units of times": (
        "time_ms,x,y,z",
        ["s,g,g,g"],
        "two units of the column 'time_ms': the li",
    ),
    "minutes": ("time,x,y,z", ["min,g,g,g"], "the unit 'min' for the times in the column 'time'"),
    "positions": ("time,x,y,z", ["-,left,left,left"], r"are not units: \['-', 'left', 'left', 'le"),
    "two lines": (
        "time,x,y,z",
        ["a,b,b,b", "s,g,g,g"],
        r"has lines between its first line, \['time",
    ),
    "names below groups": (
        "acc,acc,acc,acc",
        ["time (s),x (g),y (g),z (g)"],
        "in a later line, re",
    ),
    "names below": (
        "Serial,7,,",
        ["time,x,y,z"],
        "If the names are in a later line, remove the li",
    ),
}


@pytest.mark.parametrize("name", NOT_UNITS)
def test_lines_that_are_no_units_or_not_clear(name):
    names, lines, match = NOT_UNITS[name]
    write([names, *lines])
    with pytest.raises(ValueError, match=match) as error:
        read_recording("a.csv")
    assert "emove" in str(error.value) or "Convert them" in str(error.value)


@pytest.mark.parametrize("first", ["nan,nan,nan", "NaN,,", "NA,NA,NA", "1,inf,2"])
def test_a_first_row_with_missing_values_is_no_line_of_units(first):
    write(["time,x (g),y (g),z (g)", f"-0.02,{first}"])
    assert len(read_recording("a.csv")) == N + 1
    times = [f"2024-03-05 22:00:{second:06.3f}" for second in SECONDS]
    write(["time,x (g),y (g),z (g)", f"2024-03-05 21:59:59.980,{first}"], times)
    assert len(read_recording("a.csv")) == N + 1


def test_labels_in_the_first_row_are_no_units():
    write(["time,x (g),y (g),z (g),label"], more=["walking"])
    assert len(read_recording("a.csv")) == N


def test_units_of_files_that_are_read_in_parts(monkeypatch):
    write(["sep=;", "time;x;y;z", "s;g;g;g"], sep=";")
    expected = read_recording("a.csv")
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", 70)
    pd.testing.assert_frame_equal(read_recording("a.csv"), expected)


def test_the_times_are_logged(caplog):
    write(["time,x,y,z", "ms,g,g,g"], SECONDS * 1000)
    with caplog.at_level(logging.INFO, "relcon_sklearn"):
        read_recording("a.csv")
    assert "column 'time (ms)' was read as milliseconds" in caplog.text
