"""read_recording on small files in the published layouts."""

import gzip
import logging
import sys
import zipfile

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import read_recording
from tests.support.device_files import (
    RATE,
    motion,
    write_cwa,
    write_geneactiv,
    write_gt3x,
    write_wav,
)

pd = pytest.importorskip("pandas")
pytest.importorskip("actfast")

AXES = ["x", "y", "z"]
G = motion(2400)
EVENING = np.datetime64("2024-03-05T22:00:00.250")
SLOW = EVENING + np.arange(30) * np.timedelta64(820, "ms")  # blocks of 80 samples at 97.6 Hz
SECONDS = 1709676000 + np.arange(24)  # 2024-03-05 22:00:00

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


WRITERS = {
    "a.cwa": lambda path: write_cwa(path, G, SLOW),
    "a.gt3x": lambda path: write_gt3x(path, G, SECONDS),
    "a.bin": lambda path: write_geneactiv(path, G),
    "a.wav": lambda path: write_wav(path, G),
}
DEVICES = {
    "a.cwa": ("Axivity AX3", "1234", None, "2024-03-05T22:00:00.250"),
    "a.gt3x": ("ActiGraph Link", "TAS1A00000001", "UTC", "2024-03-06T02:00:00"),
    "a.bin": ("GENEActiv", "012345", "UTC", "2024-03-05T21:00:00"),
    "a.wav": ("Axivity", "4321", None, "2024-03-05T22:00:00.500"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_devices(name, tmp_path):
    WRITERS[name](tmp_path / name)
    recording = read_recording(tmp_path / name)
    device, serial, zone, start = DEVICES[name]
    np.testing.assert_array_equal(recording[AXES], G.astype(np.float32))
    assert (recording[AXES].dtypes == np.float32).all()
    assert recording.attrs["units"] == "g"
    assert recording.attrs["sampling_rate"] == RATE
    assert (recording.attrs["device"], recording.attrs["serial"]) == (device, serial)
    assert str(recording.index.tz) == str(zone)
    assert recording.index.tz_localize(None)[0] == np.datetime64(start)
    assert ("time zone is not in the file" in recording.attrs["clock"]) == (zone is None)


@pytest.mark.parametrize("name", WRITERS)
def test_recordings_need_no_units_channels_or_rate(name, tmp_path):
    WRITERS[name](tmp_path / name)
    recording = read_recording(name)
    segments = segment_recordings(recording, window=10, target_rate=50)
    assert segments.X.shape == (2, 500, 3)
    expected = segment_recordings(
        recording[AXES], RATE, units="g", channels=AXES, window=10, target_rate=50
    )
    np.testing.assert_array_equal(segments.X, expected.X)


def test_lists_of_recordings_of_several_devices(tmp_path):
    for name, write in WRITERS.items():
        write(tmp_path / name)
    recordings = [read_recording(name) for name in WRITERS]
    segments = segment_recordings(recordings, window=10, target_rate=50, subjects=list(WRITERS))
    assert segments.X.shape == (8, 500, 3)


@pytest.mark.parametrize("name", WRITERS)
def test_gzip(name, tmp_path):
    WRITERS[name](tmp_path / name)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    pd.testing.assert_frame_equal(read_recording(f"{name}.gz"), read_recording(name))
    content = (tmp_path / f"{name}.gz").read_bytes()
    (tmp_path / f"{name}.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedFileError, match="is compressed with gzip, and it is incomplete"):
        read_recording(f"{name}.gz")


@pytest.mark.parametrize("name", WRITERS)
def test_the_content_tells_the_format(name, tmp_path):
    WRITERS[name](tmp_path / "recording")
    assert read_recording("recording").attrs["device"] == DEVICES[name][0]
    wrong = "a.bin" if name == "a.cwa" else "a.cwa"
    WRITERS[name](tmp_path / wrong)
    with pytest.raises(DamagedFileError, match=f"extension {wrong[1:]}, but its content is"):
        read_recording(wrong)


def test_what_is_read_is_logged(tmp_path, caplog):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS)
    with caplog.at_level(logging.INFO, "relcon_sklearn"):
        read_recording("a.gt3x")
    assert "a.gt3x: 2400 samples at 100 Hz by ActiGraph Link, serial number TAS1" in caplog.text


# ---------------------------------------------------------------- each device


def test_samples_of_axivity_are_spread_over_their_blocks(tmp_path):
    write_cwa(tmp_path / "a.cwa", G, SLOW)
    recording = read_recording("a.cwa")
    np.testing.assert_array_equal(recording.index[::80], SLOW)
    assert set(np.diff(recording.index)) == {np.timedelta64(10250, "us")}
    assert (recording["temperature"] == 25).all()


def test_slow_signals_are_repeated(tmp_path):
    write_geneactiv(tmp_path / "a.bin", G)
    content = (tmp_path / "a.bin").read_bytes()
    (tmp_path / "a.bin").write_bytes(content.replace(b"Temperature:25.5", b"Temperature:7", 1))
    temperature = read_recording("a.bin")["temperature"]
    assert (temperature[:300] == 7).all()
    assert (temperature[300:] == 25.5).all()


def test_gaps_of_actigraph_stay(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, np.where(np.arange(24) < 12, SECONDS, SECONDS + 60))
    spacing = np.diff(read_recording("a.gt3x").index) / np.timedelta64(1, "s")
    assert np.flatnonzero(spacing > 0.011).tolist() == [1199]
    assert spacing.max() == pytest.approx(60.01)


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("02:00:00", "2024-03-05T20:00"),
        ("+02:00", "2024-03-05T20:00"),
        ("-03:30:00", "2024-03-06T01:30"),
        ("", None),
    ],
)
def test_offsets_of_actigraph(zone, start, tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS, TimeZone=zone)
    index = read_recording("a.gt3x").index
    assert (index.tz is None) == (start is None)
    assert index.tz_localize(None)[0] == np.datetime64(start or "2024-03-05T22:00")


def test_scale_of_actigraph(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS, **{"Acceleration Scale": "512,0"})
    np.testing.assert_array_equal(read_recording("a.gt3x"), (G / 2).astype(np.float32))


def test_the_last_header_of_actigraph_may_be_incomplete(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS, tail=b"\x1e\x1a\x00")
    assert len(read_recording("a.gt3x")) == 2400


def test_samples_that_a_wav_file_does_not_have_are_gaps(tmp_path):
    write_wav(tmp_path / "a.wav", G, unavailable=range(500, 700))
    recording = read_recording("a.wav")
    np.testing.assert_array_equal(recording, np.delete(G, slice(500, 700), 0).astype(np.float32))
    assert recording.index[500] - recording.index[499] == pd.Timedelta("2010ms")


def test_wav_files_with_a_gyroscope(tmp_path):
    gyroscope = np.random.default_rng(0).integers(-(2**15), 2**15, (2400, 3))
    write_wav(tmp_path / "a.wav", G, unavailable=range(100), gyroscope=gyroscope)
    recording = read_recording("a.wav")
    np.testing.assert_array_equal(recording[AXES], G[100:].astype(np.float32))
    degrees = (gyroscope[100:] * (2000 / 2**15)).astype(np.float32)
    np.testing.assert_allclose(recording[["gyro_x", "gyro_y", "gyro_z"]], degrees)


# ---------------------------------------------------------------- damage


def test_damaged_blocks_of_axivity(tmp_path):
    write_cwa(tmp_path / "a.cwa", G, SLOW, damaged=[3, 4])
    with pytest.raises(DamagedFileError, match=r"a.cwa is damaged.*byte offset 2560.*'skip'"):
        read_recording("a.cwa")
    with pytest.warns(UserWarning, match=r"a.cwa: damaged parts were left out.*sector 4"):
        recording = read_recording("a.cwa", errors="skip")
    np.testing.assert_array_equal(recording[AXES], np.delete(G, slice(240, 400), 0))
    np.testing.assert_array_equal(recording.index[::80], np.delete(SLOW, [3, 4]))
    assert (recording.index[239] - recording.index[238]) == np.timedelta64(10250, "us")


def test_damaged_records_of_actigraph(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS, damaged=[3])
    with pytest.raises(DamagedFileError, match=r"a.gt3x is damaged at byte \d+ of log.bin"):
        read_recording("a.gt3x")
    with pytest.warns(UserWarning, match=r"were left out, and are gaps: byte \d+ of log.bin\."):
        recording = read_recording("a.gt3x", errors="skip")
    np.testing.assert_array_equal(recording, np.delete(G, slice(300, 400), 0))


def test_pages_of_geneactiv_that_are_missing(tmp_path):
    write_geneactiv(tmp_path / "a.bin", G, pages=20)
    with pytest.raises(DamagedFileError, match=r"a.bin was cut: it has 8 of the 20 pages"):
        read_recording("a.bin")
    with pytest.warns(UserWarning, match=r"8 of the 20 pages in its header. What is there was"):
        assert len(read_recording("a.bin", errors="skip")) == 2400


def test_pages_of_geneactiv_that_were_cut(tmp_path):
    write_geneactiv(tmp_path / "a.bin", G)
    content = (tmp_path / "a.bin").read_bytes()
    (tmp_path / "a.bin").write_bytes(content[:-100])
    with pytest.raises(DamagedFileError, match=r"a.bin was cut: its pages have 2391 of 2400 sam"):
        read_recording("a.bin")
    with pytest.warns(UserWarning, match="2391 of 2400 samples. What is there was read"):
        assert len(read_recording("a.bin", errors="skip")) == 2391


def test_damaged_pages_of_geneactiv(tmp_path):
    write_geneactiv(tmp_path / "a.bin", G)
    content = (tmp_path / "a.bin").read_bytes()
    at = content.index(b"Frequency:100.0\r\n") + 30
    (tmp_path / "a.bin").write_bytes(content[:at] + b"Z" + content[at + 1 :])
    with pytest.warns(UserWarning, match="were left out, and are gaps: Invalid hex data") as caught:
        recording = read_recording("a.bin", errors="skip")
    assert len(caught) == 1
    np.testing.assert_array_equal(recording[AXES], G[300:].astype(np.float32))


def test_headers_of_geneactiv_that_lack_a_value(tmp_path):
    write_geneactiv(tmp_path / "a.bin", G)
    content = (tmp_path / "a.bin").read_bytes()
    (tmp_path / "a.bin").write_bytes(content.replace(b"Number of Pages", b"Number"))
    assert len(read_recording("a.bin")) == 2400
    (tmp_path / "a.bin").write_bytes(content.replace(b"Frequency:100 Hz", b"Frequency:"))
    with pytest.raises(DamagedFileError, match=r"a.bin has the sampling rate nan Hz in its header"):
        read_recording("a.bin")


def test_cwa_files_that_were_cut(tmp_path):
    write_cwa(tmp_path / "a.cwa", G, SLOW)
    content = (tmp_path / "a.cwa").read_bytes()
    (tmp_path / "a.cwa").write_bytes(content[:-200])
    with pytest.raises(DamagedFileError, match=r"a.cwa was cut: its last block has 312 of 512 b"):
        read_recording("a.cwa")
    with pytest.warns(UserWarning, match="was cut"):
        assert len(read_recording("a.cwa", errors="skip")) == 2320


def test_wav_files_that_were_cut(tmp_path):
    write_wav(tmp_path / "a.wav", G)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[: -400 * 8])
    with pytest.raises(DamagedFileError, match=r"a.wav was cut: it has 16000 of 19200 bytes"):
        read_recording("a.wav")
    with pytest.warns(UserWarning, match="was cut"):
        assert len(read_recording("a.wav", errors="skip")) == 2000
    (tmp_path / "a.wav").write_bytes(content[:100])
    with pytest.raises(DamagedFileError, match=r"a.wav was cut: it has no samples"):
        read_recording("a.wav")


def test_gt3x_files_that_were_cut(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS)
    content = (tmp_path / "a.gt3x").read_bytes()
    (tmp_path / "a.gt3x").write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedFileError, match=r"a.gt3x is a zip archive.*its end is missing"):
        read_recording("a.gt3x", errors="skip")


def test_files_without_samples_or_rate(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", np.zeros((0, 3)), SECONDS[:1])
    with pytest.raises(DamagedFileError, match=r"a.gt3x has no samples"):
        read_recording("a.gt3x")
    write_gt3x(tmp_path / "a.gt3x", np.zeros((0, 3)), SECONDS[:1], **{"Sample Rate": "0"})
    with pytest.raises(DamagedFileError, match=r"a.gt3x has the sampling rate 0.0 Hz"):
        read_recording("a.gt3x")
    write_wav(tmp_path / "a.wav", G, header="Device: none\n")
    with pytest.raises(ValueError, match="without the time and the scales that Axivity writes"):
        read_recording("a.wav")
    (tmp_path / "ACC.csv").write_text("1709676000,1709676000,1709676000\n0,0,0\n0,0,64\n")
    with pytest.raises(DamagedFileError, match=r"has the sampling rate 0.0 Hz in its header"):
        read_recording("ACC.csv")
    (tmp_path / "empty.cwa").touch()
    with pytest.raises(DamagedFileError, match=r"empty.cwa is empty"):
        read_recording("empty.cwa")
    with pytest.raises(FileNotFoundError, match=r"nothing.cwa"):
        read_recording("nothing.cwa")
    with pytest.raises(IsADirectoryError, match=r"is a folder. Pass the path of a file in it, suc"):
        read_recording(tmp_path)


# ---------------------------------------------------------------- Empatica


def test_empatica(tmp_path):
    head = "1709676000.5, 1709676000.5, 1709676000.5\n32.0, 32.0, 32.0\n"
    (tmp_path / "ACC.csv").write_text(head + "0,-64,32\n" * 64)
    recording = read_recording("ACC.csv")
    assert recording.to_numpy().tolist() == [[0, -1, 0.5]] * 64
    assert recording.index[33] == pd.Timestamp("2024-03-05 22:00:01.53125", tz="UTC")
    assert recording.attrs["sampling_rate"] == 32
    assert recording.attrs["device"] == "Empatica E4"
    compressed = gzip.compress((tmp_path / "ACC.csv").read_bytes())
    (tmp_path / "ACC.csv.gz").write_bytes(compressed)
    pd.testing.assert_frame_equal(read_recording("ACC.csv.gz"), recording)
    (tmp_path / "ACC.csv").write_text(head + "0,-64,32\n" * 3 + "0,-6")
    with pytest.raises(DamagedFileError, match=r"ACC.csv was cut.*line 6 has \[0.0, -6.0, nan\]"):
        read_recording("ACC.csv")


OTHER_SIGNALS = {
    "BVP.csv": ("1709676000.000000\n64.000000\n-0.00\n1.25\n", "blood volume pulse"),
    "EDA.csv": ("1709676000.000000\n4.000000\n0.000000\n0.12\n", "electrodermal activity"),
    "HR.csv": ("1709676010.00\n1.000000\n71.00\n72.50\n", "heart rate"),
    "TEMP.csv": ("1709676000.000000\n4.000000\n33.21\n33.21\n", "skin temperature"),
    "IBI.csv": ("1709676000.000000, IBI\n10.4,0.8\n", "times between heartbeats"),
    "tags.csv": ("1709676100.25\n1709676200.5\n", "times that were marked"),
    "p07.csv": ("1709676000.000000\n64.000000\n-0.00\n", "another signal than acceleration"),
}


@pytest.mark.parametrize("name", OTHER_SIGNALS)
def test_other_signals_of_empatica(name, tmp_path):
    text, what = OTHER_SIGNALS[name]
    (tmp_path / name).write_text(text)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    for path in (name, f"{name}.gz"):
        with pytest.raises(ValueError, match=rf"not read: Empatica E4, {what}. Pass ACC.csv of th"):
            read_recording(path)


# ---------------------------------------------------------------- clocks


@pytest.mark.parametrize("name", ["a.cwa", "a.gt3x"])
def test_a_clock_that_is_set_back(name, tmp_path):
    if name == "a.cwa":
        hour = np.timedelta64(1, "h")
        write_cwa(tmp_path / name, G, SLOW - hour * (np.arange(30) >= 15))
    else:
        write_gt3x(tmp_path / name, G, SECONDS - 3600 * (np.arange(24) >= 12))
    with pytest.warns(
        UserWarning, match=rf"{name}: the clock .* set back: sample 1200 has"
    ) as seen:
        recording = read_recording(name)
    assert "[recording.iloc[:1200], recording.iloc[1200:]]" in str(seen[0].message)
    with pytest.raises(ValueError, match="steps back in time"):
        segment_recordings(recording)
    parts = [recording.iloc[:1200], recording.iloc[1200:]]
    assert len(segment_recordings(parts, window=2).X) >= 10


# ---------------------------------------------------------------- tables


SPELLINGS = ["m/s²", "m/s/s", "m s^-2", "m s-2", "ms^-2", "m·s⁻²", "m*s**-2"]


def table(names="xyz", index="time", periods=600, freq="20ms"):
    dates = pd.date_range("2024-03-05 22:00", periods=periods, freq=freq, name=index)
    return pd.DataFrame(motion(periods), dates, list(names))


def test_csv_with_dates(tmp_path):
    table().to_csv("a.csv")
    recording = read_recording("a.csv")
    pd.testing.assert_frame_equal(recording, table(), check_freq=False, check_index_type=False)
    assert recording.attrs["sampling_rate"] == 50
    assert "units" not in recording.attrs
    with pytest.raises(ValueError, match="units is None, and units are not guessed"):
        segment_recordings(recording, window=1)
    assert segment_recordings(recording, window=1, units="g").X.shape == (12, 50, 3)


def test_csv_with_gzip(tmp_path):
    table().to_csv("a.csv")
    content = (tmp_path / "a.csv").read_bytes()
    for stored in (gzip.compress(content), content):  # or only called so
        (tmp_path / "b.csv.gz").write_bytes(stored)
        pd.testing.assert_frame_equal(read_recording("b.csv.gz"), read_recording("a.csv"))


@pytest.mark.parametrize(
    "options",
    [{"sep": ";"}, {"sep": "\t"}, {"sep": ";", "decimal": ","}, {"sep": "\t", "decimal": ","}],
)
def test_csv_with_other_separators(options):
    table().to_csv("a.csv")
    table().to_csv("b.csv", **options)
    pd.testing.assert_frame_equal(read_recording("b.csv"), read_recording("a.csv"))


def test_decimal_commas_after_whole_numbers(tmp_path):
    values = table().assign(x=0.0, y=np.r_[np.zeros(50), np.full(550, 0.5)], z=1.0)
    values.map(lambda v: f"{v:g}".replace(".", ",")).to_csv("a.csv", sep=";")
    pd.testing.assert_frame_equal(
        read_recording("a.csv").astype(float), values, check_freq=False, check_index_type=False
    )


def test_csv_without_names():
    table().to_csv("a.csv", header=False)
    match = r"a.csv does not name its columns: its first line is '2024-03-05 22:"
    with pytest.raises(ValueError, match=match):
        read_recording("a.csv")


def test_csv_with_numbers_as_names():
    table([0, 1, 2]).to_csv("a.csv")
    assert list(read_recording("a.csv").columns) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "per_second"),
    [
        ("seconds_elapsed", 1),
        ("time_s", 1),
        ("time (ms)", 1e3),
        ("timeMs", 1e3),
        ("TIME_US", 1e6),
        ("Time [µs]", 1e6),
        ("elapsed_ns", 1e9),
        ("elapsed_nanoseconds", 1e9),
    ],
)
@pytest.mark.parametrize("since", [0, 86_400])  # s: ns since a phone was started look like dates
def test_csv_with_the_unit_of_times_in_their_name(name, per_second, since):
    frame = table().reset_index(drop=True)
    frame[name] = np.rint((since + np.arange(600) / 50) * per_second * 100) / 100
    frame.to_csv("a.csv", index=False)
    recording = read_recording("a.csv")
    assert recording.attrs["sampling_rate"] == 50
    assert recording.index[-1] == pd.Timedelta(since + 599 / 50, "s")


@pytest.mark.parametrize("name", ["time (min)", "time_hours", "Time [h]", "elapsedMinutes"])
def test_csv_with_times_in_minutes_or_hours(name):
    """As seconds, 50 Hz in minutes would be 3000 Hz."""
    frame = table().reset_index(drop=True)
    frame.assign(**{name: np.arange(600) / 3000}).to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"has a unit that is not read. Convert its numbers to s"):
        read_recording("a.csv", time=name)
    table(index=name).to_csv("a.csv")  # of dates, the name does not matter
    assert read_recording("a.csv", time=name).attrs["sampling_rate"] == 50


@pytest.mark.parametrize("zone", ["", "Z", "+01:00"])
def test_csv_with_decimal_commas_of_seconds(zone):
    frame = table().reset_index()
    dates = frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%S,%f") + zone
    frame.assign(time=dates).to_csv("a.csv", index=False)
    expected = frame["time"] - pd.Timedelta(hours=1 if zone == "+01:00" else 0)
    recording = read_recording("a.csv")
    np.testing.assert_array_equal(recording.index.tz_localize(None), expected)
    assert (recording.index.tz is not None) == bool(zone)


def test_csv_with_times_that_cannot_be_used():
    frame = table().reset_index()
    ms = 1000 * np.arange(600) / 50
    frame.assign(time=ms).to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"a.csv has a sample every 20 s by its.*rename the col"):
        read_recording("a.csv")
    frame.rename(columns={"time": "time_ms"}).assign(time_ms=ms).to_csv("a.csv", index=False)
    assert read_recording("a.csv").attrs["sampling_rate"] == 50
    frame.drop(columns="time").assign(time_ms=ms / 1000).to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"a.csv has a sample every 2e-05 s by its times"):
        read_recording("a.csv")
    for times in (frame["time"].dt.floor("s"), frame["time"][::-1].to_numpy()):
        frame.assign(time=times).to_csv("a.csv", index=False)
        with pytest.raises(ValueError, match=r"do not increase. Sort its rows.*too low: export it"):
            read_recording("a.csv")
    frame.assign(time=frame["time"].where(frame.index != 7)).to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"a.csv has 1 samples without a time"):
        read_recording("a.csv")


def test_csv_with_a_time_zone_and_with_seconds(tmp_path):
    frame = table()
    frame.tz_localize("Europe/Vienna").to_csv("a.csv")
    assert str(read_recording("a.csv").index[0]) == "2024-03-05 21:00:00+00:00"
    frame.reset_index(drop=True).assign(seconds=np.arange(600) / 20).to_csv("b.csv", index=False)
    recording = read_recording("b.csv")
    assert recording.index[21] == pd.Timedelta("1.05s")
    assert recording.attrs["sampling_rate"] == 20
    epoch = 1709676000 + np.arange(600) / 80
    frame.reset_index(drop=True).assign(timestamp=epoch).to_csv("c.csv", index=False)
    assert read_recording("c.csv").index[0] == pd.Timestamp("2024-03-05 22:00", tz="UTC")


@pytest.mark.parametrize(
    ("names", "units"),
    [
        (["x (mg)", "y (mg)", "z (mg)"], "mg"),
        (["acc_x [m/s^2]", "acc_y [m/s^2]", "acc_z [m/s^2]"], "m/s^2"),
        (["x (g)", "y (g)", "z (mg)"], None),
        (["x (V)", "y (V)", "z (V)"], None),
        (["x (left) (mg)", "y (left) (mg)", "z (left) (mg)"], "mg"),
        *(([f"{axis} ({unit})" for axis in "xyz"], "m/s^2") for unit in SPELLINGS),
        *(([f"{axis} ({unit})" for axis in "xyz"], None) for unit in ("m/s", "mG", "G", "ms")),
        # In the name of an accelerometer, G is not gauss.
        ([f"Accelerometer {axis} (G)" for axis in "XYZ"], "g"),
        ([f"acc_{axis} [G]" for axis in "xyz"], "g"),
        ([f"acc_{axis} (mG)" for axis in "xyz"], None),
        ([f"Accelerometer {axis} (range 8 G)" for axis in "XYZ"], None),
    ],
)
def test_units_in_the_names_of_columns(names, units):
    table(names).to_csv("a.csv")
    assert read_recording("a.csv").attrs.get("units") == units


def test_rates_that_are_not_whole():
    table(freq="80ms").to_csv("a.csv")
    assert read_recording("a.csv").attrs["sampling_rate"] == 12.5
    table(freq="10.1ms").to_csv("a.csv")
    assert read_recording("a.csv").attrs["sampling_rate"] == 99.0


def test_tables_without_times():
    frame = table()
    frame.reset_index(drop=True).to_csv("a.csv", index=False)
    with pytest.raises(ValueError, match=r"a.csv must have a column of times, and no column lo"):
        read_recording("a.csv")
    read = pd.read_csv("a.csv")  # what the error advises
    assert segment_recordings(read, sampling_rate=50, units="g", window=1).X.shape == (12, 50, 3)
    read.index = pd.date_range("2024-03-05", periods=len(read), freq="20ms", name="time")
    read.to_csv("b.csv")
    assert read_recording("b.csv").attrs["sampling_rate"] == 50
    frame[:1].to_csv("a.csv")
    with pytest.raises(DamagedFileError, match=r"a.csv has 1 samples"):
        read_recording("a.csv")


def test_tables_that_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(DamagedFileError, match=r"a.csv cannot be read as a table"):
        read_recording("a.csv")


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    table().to_parquet("a.parquet")
    recording = read_recording("a.parquet")
    pd.testing.assert_frame_equal(recording, table(), check_freq=False, check_index_type=False)
    assert recording.attrs["sampling_rate"] == 50
    assert "units" not in recording.attrs
    # The times in a column.
    table().reset_index().to_parquet("b.parquet", index=False)
    other = read_recording("b.parquet")
    pd.testing.assert_frame_equal(other, recording, check_freq=False, check_index_type=False)
    (tmp_path / "c.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    with pytest.raises(DamagedFileError, match=r"c.parquet cannot be read as parquet"):
        read_recording("c.parquet")


@pytest.mark.parametrize("more", [{}, {"sampling_rate": 50}])
def test_two_units_in_parquet(more):
    pytest.importorskip("pyarrow")
    frame = table().rename(columns=dict(zip("xyz", ["x (g)", "y (g)", "z (g)"], strict=True)))
    frame.attrs = {"units": "mg"} | more
    frame.to_parquet("a.parquet")
    match = r"^a.parquet has two units of the column 'x \(g\)': its attrs\['units'\] is 'mg'\."
    with pytest.raises(ValueError, match=match):
        read_recording("a.parquet")
    frame.attrs = {"units": "g"} | more
    frame.to_parquet("a.parquet")
    assert read_recording("a.parquet").attrs["units"] == "g"
    # Other quantities have other units, and names of one unit may differ.
    frame = frame.set_axis(["x (m/s²)", "y [m/s^2]", "z"], axis=1).assign(**{"gyro x (dps)": 0.0})
    frame.attrs = {"units": "m/s^2"} | more
    frame.to_parquet("a.parquet")
    assert read_recording("a.parquet").attrs["units"] == "m/s^2"


def test_parquet_keeps_what_is_known_of_a_recording(tmp_path):
    pytest.importorskip("pyarrow")
    write_cwa(tmp_path / "a.cwa", G, SLOW)
    recording = read_recording("a.cwa")
    recording.to_parquet("a.parquet")
    read = read_recording("a.parquet")
    assert read.attrs == recording.attrs
    pd.testing.assert_frame_equal(read, recording, check_freq=False)


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)  # as if it were not there
    with pytest.raises(ImportError, match="pip install pyarrow"):
        read_recording("a.parquet")


# ---------------------------------------------------------------- formats that are not read

NOT_READ = {
    "GENEA": b"GENEA/1.00\r\nSerial-Number:01275",
    "Parmay Matrix": bytes(512) + b"MDTC" + bytes(600),
    "ActiGraph .agd": b"SQLite format 3\0" + bytes(99),
    "EDF": b"0       X X",
    "Avro": b"Obj\x01" + bytes(99),
    "HDF5": b"\x89HDF\r\n\x1a\n",
}


@pytest.mark.parametrize("name", NOT_READ)
def test_formats_that_are_not_read(name, tmp_path):
    (tmp_path / "file").write_bytes(NOT_READ[name])
    with pytest.raises(ValueError, match=f"file is of a format that is not read: {name}"):
        read_recording("file")


@pytest.mark.parametrize(
    ("member", "match"),
    [
        ("activity.bin", "old layout, without log.bin. Read it with pygt3x"),
        ("xl/workbook.xml", "an Excel workbook. Save it as CSV"),
        ("a", "a zip archive."),
    ],
)
def test_archives_that_are_not_read(member, match, tmp_path):
    with zipfile.ZipFile("a.gt3x", "w") as archive:
        archive.writestr(member, b"")
    with pytest.raises(ValueError, match=match):
        read_recording("a.gt3x")


def test_actiwatch_and_unknown_files(tmp_path):
    (tmp_path / "a.AWD").write_text("0123\n01-Oct-2009\n17:00\n")
    with pytest.raises(ValueError, match=r"not read: Actiwatch. It has counts and no acceleration"):
        read_recording("a.AWD")
    for content in (b"\x00\x01\x02\x03" * 9, b"some text"):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ValueError, match=r"a is of no known format: .*Axivity .cwa, Acti"):
            read_recording("a")


@pytest.mark.parametrize(("package", "match"), [("actfast", "actfast reads"), ("pandas", "pandas")])
def test_packages_that_are_missing(package, match, tmp_path, monkeypatch):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{match}.*pip install relcon_sklearn\[devices\]"):
        read_recording("a.gt3x")
