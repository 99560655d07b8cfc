"""Raw CSV of GENEActiv."""

import gzip

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _csv_in_parts, read_recording
from tests.support.device_files import motion, write_geneactiv

pd = pytest.importorskip("pandas")

AXES = ["x", "y", "z"]
N = 600
G = np.round(motion(N), 4)  # as the software does
ROWS = np.hstack([G, np.full((N, 1), 12), np.zeros((N, 1)), np.full((N, 1), 25.5)])
DATES = pd.date_range("2024-03-05 22:00", periods=N, freq="10ms")

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def header(rate="100 Hz", start="2024-03-05 22:00:00:000", zone="GMT +01:00"):
    entries = {
        1: "Device Type,GENEActiv           ",
        2: "Device Model,1.1",
        3: "Device Unique Serial Code,012345",
        4: "Device Firmware Version,Ver1.30 date 05Aug11",
        5: "Calibration Date,2024-01-01 00:00:00:000",
        6: "Application name & version ,GENEActiv PC Software 3.0",
        11: f"Measurement Frequency,{rate}",
        12: f"Start Time,{start}",
        13: "Last measurement,",
        15: f"Time Zone,{zone}",
        21: "Subject Code,",
        27: "Subject Notes,caf\u00e9, \u00b11",
        51: "Sensor type,MEMS accelerometer x-axis",
        52: "Range,-8 to 8             ",
        53: "Resolution,0.0039",
        54: "Units,g                   ",
    }
    return [entries.get(number, "") for number in range(1, 101)]


def write(lines=None, dates=DATES, rows=ROWS, path="a.csv", sep=",", decimal=".", end="\r\n"):
    times = dates.strftime("%Y-%m-%d %H:%M:%S:%f").str[:-3]
    values = [sep.join(f"{value:g}".replace(".", decimal) for value in row) for row in rows]
    samples = [f"{time}{sep}{value}" for time, value in zip(times, values, strict=True)]
    lines = header() if lines is None else lines
    with open(path, "w", newline="", encoding="latin-1") as file:
        file.write(end.join([*(line.replace(",", sep) for line in lines), *samples, ""]))


@pytest.mark.parametrize("rows_at_once", [70, 1000])
def test_values_are_those_of_the_file_of_the_device(rows_at_once, monkeypatch, tmp_path):
    pytest.importorskip("actfast")
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", rows_at_once)
    write()
    write_geneactiv(tmp_path / "a.bin", motion(N))
    recording, expected = read_recording("a.csv"), read_recording("a.bin")
    assert recording.attrs == expected.attrs
    same = [*AXES, "temperature"]
    np.testing.assert_allclose(recording[same], expected[same], atol=5.1e-5)
    assert recording.index.equals(expected.index)
    assert (recording.dtypes == np.float32).all()
    assert recording.columns.tolist() == [*AXES, "light", "button", "temperature"]
    assert (recording["light"] == 12).all()
    assert (recording["button"] == 0).all()
    assert segment_recordings(recording, window=2, target_rate=50).X.shape == (3, 100, 3)


def test_clocks_whose_time_zone_is_not_known():
    write(header(zone="GMT +00"))
    recording = read_recording("a.csv")
    np.testing.assert_array_equal(recording.index, DATES)
    assert "time zone is not in the file" in recording.attrs["clock"]


@pytest.mark.parametrize(("sep", "decimal"), [("\t", "."), (";", ",")])
def test_other_separators_and_gzip(sep, decimal):
    write(sep=sep, decimal=decimal, end="\n")
    with open("a.csv", "rb") as file, gzip.open("b.csv.gz", "wb") as target:
        target.write(file.read())
    np.testing.assert_array_equal(read_recording("b.csv.gz")[AXES], G.astype(np.float32))


def test_notes_in_quotes_over_several_lines():
    lines = header()
    write([*lines[:26], 'Subject Notes,"left', "wrist", 'of ann"', *lines[27:]])
    recording = read_recording("a.csv")
    np.testing.assert_array_equal(recording[AXES], G.astype(np.float32))
    assert recording.index[0].tz_localize(None) == DATES[0] - pd.Timedelta("1h")


def test_rates_whose_period_is_not_in_whole_milliseconds():
    dates = pd.DatetimeIndex((DATES[0] + pd.to_timedelta(np.arange(N) / 85.7, "s")).floor("ms"))
    write(header("85.7 Hz"), dates)
    recording = read_recording("a.csv")
    assert recording.attrs["sampling_rate"] == 85.7
    np.testing.assert_array_equal(recording.index, dates.tz_localize("Etc/GMT-1").tz_convert("UTC"))
    assert segment_recordings(recording, window=2, target_rate=50).X.shape == (3, 100, 3)


def test_headers_that_contradict_the_times():
    write(header("50 Hz"))
    with pytest.raises(ValueError, match=r"50 Hz in its header, and a sample every 0.01 s"):
        read_recording("a.csv")
    write(header(start="2024-03-04 22:00:00:000"))
    with pytest.warns(UserWarning, match="start 2024-03-04T22:00:00.000, and its first sample"):
        read_recording("a.csv")
    # A device begins a page after its start. With its button, it has none.
    for start in ("2024-03-05 21:59:55:000", "0000-00-00 00:00:00:000", ""):
        write(header(start=start))
        read_recording("a.csv")


def test_headers_without_a_rate():
    write(header(""))
    with pytest.raises(DamagedFileError, match="sampling rate nan Hz in its header"):
        read_recording("a.csv")


def test_means_of_epochs_are_refused():
    dates = pd.date_range(DATES[0], periods=N, freq="1s")
    write(dates=dates, rows=np.hstack([ROWS, ROWS[:, :5]]))
    with pytest.raises(ValueError, match=r"has 12 columns\. Raw data has 7: .* means of epochs"):
        read_recording("a.csv")
    write(dates=dates)
    with pytest.raises(ValueError, match=r"every 1 s by its times\. If its rows are means"):
        read_recording("a.csv")


def test_files_without_samples():
    write(dates=DATES[:0], rows=ROWS[:0])
    with pytest.raises(DamagedFileError, match="no sample with a time such as"):
        read_recording("a.csv")


def test_times_that_cannot_be_read():
    write()
    with open("a.csv", "a", encoding="latin-1") as file:
        file.write("2024-03-05 22:60:00:000,0,0,1,0,0,20\n")
    with pytest.raises(DamagedFileError, match="'2024-03-05 22:60:00:000' at sample 600"):
        read_recording("a.csv")
