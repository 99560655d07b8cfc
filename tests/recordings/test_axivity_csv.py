"""CSV of Axivity's programs, which does not name its columns."""

import gzip

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _csv_in_parts, read_recording
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")

AXES = ["x", "y", "z"]
GYROSCOPE = ["gyro_x", "gyro_y", "gyro_z"]
N = 300
G = np.round(motion(N), 6)  # in steps of 1/256, as of AX3
DATES = pd.date_range("2024-11-29 13:02:03", periods=N, freq="10ms")
SECONDS = DATES.as_unit("ns").asi8 / 1e9

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

TIMES = {
    "dates": DATES.strftime("%Y-%m-%d %H:%M:%S.%f").str[:-3],
    "seconds since 1970": [f"{second:.4f}" for second in SECONDS],
    "days of Excel": [f"{second / 86400 + 25569:.12f}" for second in SECONDS],
    "days of Matlab": [f"{second / 86400 + 719529:.12f}" for second in SECONDS],
}


def write(times=TIMES["dates"], values=G, form="{:.6f}", path="a.csv"):
    rows = zip(times, values, strict=True)
    with open(path, "w") as file:
        for time, row in rows:
            file.write(",".join([str(time), *map(form.format, row)]) + "\n")


@pytest.mark.parametrize("rows_at_once", [70, 1000])
@pytest.mark.parametrize("kind", TIMES)
def test_times_are_those_of_the_clock(kind, rows_at_once, monkeypatch):
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", rows_at_once)
    write(TIMES[kind])
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == AXES
    assert recording.index.tz is None
    assert np.abs(recording.index - DATES).max() < pd.Timedelta("20us")
    np.testing.assert_array_equal(recording[AXES], G.astype(np.float32))
    assert (recording.dtypes == np.float32).all()
    assert recording.attrs["units"] == "g"
    assert recording.attrs["sampling_rate"] == 100
    assert recording.attrs["channels"] == AXES
    assert recording.attrs["device"] == "Axivity"
    assert "time zone is not in the file" in recording.attrs["clock"]
    assert segment_recordings(recording, window=1, target_rate=50).X.shape == (3, 50, 3)


def test_gyroscope_magnetometer_and_gzip():
    more = G * 100
    write(values=np.hstack([G, more]))
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == [*AXES, *GYROSCOPE]
    np.testing.assert_allclose(recording[GYROSCOPE], more, atol=1e-5)
    write(values=np.hstack([G, more, G]))
    with open("a.csv", "rb") as file, gzip.open("b.csv.gz", "wb") as target:
        target.write(file.read())
    recording = read_recording("b.csv.gz")
    assert recording.columns.tolist() == [*AXES, *GYROSCOPE, "mag_x", "mag_y", "mag_z"]
    assert segment_recordings(recording, window=1, target_rate=50).X.shape == (3, 50, 3)


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (TIMES["dates"], "{:.0f}"),  # units of the sensor
        (TIMES["dates"], "{:.3f}"),
        (np.arange(N), "{:.6f}"),
        ([f"{i / 100:.4f}" for i in range(N)], "{:.6f}"),
    ],
)
def test_other_files_without_names_are_refused(times, form):
    write(times, form=form)
    with pytest.raises(ValueError, match="does not name its columns"):
        read_recording("a.csv")


@pytest.mark.parametrize("steps", [256, 2048, 4096, 8192, 16384])
def test_resolutions_of_devices(steps):
    g = np.round(np.rint(motion(N) * steps) / steps, 6)
    write(values=g)
    np.testing.assert_array_equal(read_recording("a.csv")[AXES], g.astype(np.float32))


@pytest.mark.parametrize("scale", [1.01, 9.80665])  # calibrated, and in m/s2
def test_values_that_are_not_of_a_device_are_refused(scale):
    write(values=motion(N) * scale)
    with pytest.raises(ValueError, match="does not name its columns"):
        read_recording("a.csv")


def test_damage():
    write()
    with open("a.csv", "a") as file:
        file.write("2024-11-29 13:02:06.000,0.1")
    with pytest.raises(DamagedFileError, match="its last line has no end of a line"):
        read_recording("a.csv")
    with pytest.warns(UserWarning, match="its last line has no end of a line"):
        assert len(read_recording("a.csv", errors="skip")) == N
    for kind in ("dates", "days of Excel"):
        write([*TIMES[kind][:200], "?", *TIMES[kind][201:]])
        with pytest.raises(DamagedFileError, match=r"'\?' at sample 200, which cannot be read"):
            read_recording("a.csv")


def test_times_that_do_not_increase():
    write(np.repeat(TIMES["dates"], 100)[:N])
    with pytest.raises(ValueError, match=r"with fractions of a second, which Excel .* file\.$"):
        read_recording("a.csv")
    write(pd.date_range(DATES[0], periods=N, freq="5s").strftime("%Y-%m-%d %H:%M:%S.000"))
    with pytest.raises(ValueError, match=r"every 5 s by its times\. If its rows are means"):
        read_recording("a.csv")


def test_time_is_of_tables():
    write()
    with pytest.raises(ValueError, match=r"time='t' names a column of a table, and a.csv is of a"):
        read_recording("a.csv", time="t")


def test_table_of_omconvert():
    times = TIMES["dates"]
    write(times, np.hstack([G, G * 100]))
    names = "Time,Accel-X (g), Accel-Y (g), Accel-Z (g), Gyro-X (d/s), Gyro-Y (d/s), Gyro-Z (d/s)\n"
    with open("a.csv") as file:
        content = file.read()
    with open("a.csv", "w") as file:
        file.write(names + content)
    recording = read_recording("a.csv")
    assert recording.attrs["units"] == "g"
    X = segment_recordings(recording, window=1).X
    np.testing.assert_allclose(X.reshape(-1, 3), G, atol=1e-5)
