"""Raw CSV of ActiLife."""

import gzip

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._compact import CompactRecording
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _csv_in_parts, convert_recordings, read_recording
from relcon_sklearn.recordings._read_recording import read_in_little_memory
from tests.support.device_files import motion

pd = pytest.importorskip("pandas")

AXES = ["x", "y", "z"]
N = 300
G = np.round(motion(N), 3)
START = pd.Timestamp("2019-09-17 18:40:00")
NAMES = "Accelerometer X,Accelerometer Y,Accelerometer Z"
RULE = 50 * "-"

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def header(form="M/d/yyyy", date="9/17/2019", clock="18:40:00", rate=30, epoch="00:00:00"):
    at = f" at {rate} Hz " if rate else ""
    return [
        f"------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 Firmware v1.7.2 "
        f"date format {form}{at} Filter Normal -----------",
        "Serial Number: TAS1A00000001",
        f"Start Time {clock}",
        f"Start Date {date}",
        f"Epoch Period (hh:mm:ss) {epoch}",
        "Download Time 19:20:05",
        f"Download Date {date}",
        "Current Memory Address: 0",
        "Current Battery Voltage: 4.18     Mode = 12",
        RULE,
    ]


def write(lines=None, names=NAMES, times=None, g=G, form="{:g}", sep=",", decimal=".", end="\n"):
    rows = [sep.join(form.format(value).replace(".", decimal) for value in row) for row in g]
    if times is not None:
        rows = [f"{time}{sep}{row}" for time, row in zip(times, rows, strict=True)]
    lines = header() if lines is None else lines
    names = [] if names is None else [names.replace(",", sep)]
    with open("a.csv", "w", newline="") as file:
        file.write(end.join([*lines, *names, *rows, ""]))


def check(recording, start=START, rate=30):
    assert recording.attrs["units"] == "g"
    assert recording.attrs["sampling_rate"] == rate
    assert recording.attrs["channels"] == AXES
    assert recording.attrs["device"] == "ActiGraph GT3X+"
    assert recording.attrs["serial"] == "TAS1A00000001"
    assert "time zone is not in the file" in recording.attrs["clock"]
    assert recording.index.tz is None
    np.testing.assert_array_equal(recording[AXES], G.astype(np.float32))
    assert (recording[AXES].dtypes == np.float32).all()
    since = (recording.index - start) / pd.Timedelta(1, "s")
    np.testing.assert_allclose(since, np.arange(N) / rate, atol=6e-4)


@pytest.mark.parametrize("rows_at_once", [7, 70, 1000])
@pytest.mark.parametrize("names", [NAMES, None])
def test_samples_without_times(names, rows_at_once, monkeypatch):
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", rows_at_once)
    write(names=names)
    recording = read_recording("a.csv")
    assert recording.columns.tolist() == AXES
    check(recording)
    compact = read_in_little_memory("a.csv")
    assert isinstance(compact, CompactRecording)
    assert compact.attrs == recording.attrs
    np.testing.assert_array_equal(compact.signal[:], recording[AXES])
    np.testing.assert_array_equal(compact.stamps[:], recording.index.to_numpy("M8[ns]"))


def test_recordings_need_no_units_channels_rate_or_times():
    write()
    segments = segment_recordings(read_recording("a.csv"), window=2, target_rate=50)
    assert segments.X.shape == (5, 100, 3)
    assert segments.start_times[0] == START.to_datetime64()
    done = convert_recordings(["a.csv"], "stores", window=2, target_rate=50)
    assert done["status"].tolist() == ["converted"]
    assert done["n_segments"].tolist() == [5]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_gzip_line_ends_and_a_byte_order_mark(end):
    write(end=end)
    with open("a.csv", "rb") as file:
        content = file.read()
    with gzip.open("b.csv.gz", "wb") as file:
        file.write(b"\xef\xbb\xbf" + content)
    check(read_recording("b.csv.gz"))


FORMS = {
    "M/d/yyyy": ("9/17/2019", "%m/%d/%Y"),
    "dd/MM/yyyy": ("17/09/2019", "%d/%m/%Y"),
    "d.M.yyyy": ("17.9.2019", "%d.%m.%Y"),
    "dd.MM.yyyy": ("17.09.2019", "%d.%m.%Y"),
    "d. M. yyyy": ("17. 9. 2019", "%d.%m.%Y"),
    "yyyy. MM. dd.": ("2019. 09. 17.", "%Y.%m.%d"),
    "d-M-yyyy": ("17-9-2019", "%d-%m-%Y"),
    "yyyy-MM-dd": ("2019-09-17", "%Y-%m-%d"),
    "dd-MMM-yyyy": ("17-Sep-2019", "%d-%b-%Y"),
}


@pytest.mark.parametrize("form", FORMS)
def test_dates_are_in_the_format_of_the_first_line(form):
    date, code = FORMS[form]
    write(header(form, date))
    check(read_recording("a.csv"))
    times = START + pd.timedelta_range(0, periods=N, freq="10ms")
    times = times.strftime(f"{code} %H:%M:%S.%f").str[:-3]
    write(header(form, date, rate=100), f"Timestamp,{NAMES}", times)
    check(read_recording("a.csv"), rate=100)


@pytest.mark.parametrize(
    ("form", "date", "start"),
    [
        ("M/d/yyyy", "4/3/2019", "2019-04-03"),
        ("d/M/yyyy", "4/3/2019", "2019-03-04"),
        ("MM-dd-yyyy", "04-03-2019", "2019-04-03"),
        ("dd-MM-yyyy", "04-03-2019", "2019-03-04"),
    ],
)
@pytest.mark.parametrize("rows_at_once", [70, 1000])
def test_dates_of_which_only_the_header_tells_the_day(form, date, start, rows_at_once, monkeypatch):
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", rows_at_once)
    start = pd.Timestamp(start)
    write(header(form, date, "00:00:00"))
    check(read_recording("a.csv"), start)
    clocks = pd.date_range(start, periods=N, freq="20ms").strftime("%H:%M:%S.%f").str[:-3]
    write(header(form, date, "00:00:00", 50), f"Timestamp,{NAMES}", f"{date} " + clocks)
    check(read_recording("a.csv"), start, 50)


@pytest.mark.parametrize("names", [f"Timestamp,{NAMES}", None])
def test_semicolons_and_decimal_commas(names):
    times = (START + pd.timedelta_range(0, periods=N, freq="20ms")).strftime("%d.%m.%Y %H:%M:%S,%f")
    lines = header("dd.MM.yyyy", "17.09.2019", rate=50)
    write(lines, names, times.str[:-3], sep=";", decimal=",")
    check(read_recording("a.csv"), rate=50)
    write(lines, names and NAMES, sep=";", decimal=",")
    check(read_recording("a.csv"), rate=50)


@pytest.mark.parametrize("with_times", [False, True])
def test_decimal_commas_after_whole_numbers(with_times):
    g = np.vstack([np.zeros((200, 3)), G])
    times = (START + pd.timedelta_range(0, periods=len(g), freq="20ms")).strftime(
        "%d.%m.%Y %H:%M:%S,%f"
    )
    names, times = (f"Timestamp,{NAMES}", times.str[:-3]) if with_times else (NAMES, None)
    write(header("dd.MM.yyyy", "17.09.2019", rate=50), names, times, g, sep=";", decimal=",")
    np.testing.assert_array_equal(read_recording("a.csv")[AXES], g.astype(np.float32))


def test_halves_of_the_day():
    write(header(clock="6:40:00 PM"))
    check(read_recording("a.csv"))


@pytest.mark.parametrize("form", ["{:g}", '"{:g}"'])
def test_names_in_quotes(form):
    write(names=",".join(f'"{name}"' for name in NAMES.split(",")), form=form)
    check(read_recording("a.csv"))


def test_header_that_a_program_has_padded():
    write([f'"{line}",,' for line in header()] + [",,"])
    check(read_recording("a.csv"))


@pytest.mark.parametrize(
    "lines",
    [
        ['"Subject: ann', 'left" wrist'],  # a quote that opens a cell, and ends on another line
        ['"Subject: ann'],
        ['"Notes","one', "", 'two"'],
    ],
)
def test_quotes_in_the_header(lines):
    write([*header()[:-1], *lines, RULE])
    for read in (read_recording, read_in_little_memory):
        recording = read("a.csv")
        signal = recording.signal[:] if read is read_in_little_memory else recording[AXES]
        np.testing.assert_array_equal(signal, G.astype(np.float32))
    check(read_recording("a.csv"))
    with open("a.csv", "rb") as file, gzip.open("b.csv.gz", "wb") as target:
        target.write(file.read())
    check(read_recording("b.csv.gz"))


def test_motion_units_with_gyroscope_and_other_sensors():
    names = f"Timestamp,{NAMES},Temperature,Gyroscope X,Gyroscope Y,Gyroscope Z,Magnetometer X"
    times = (START + pd.timedelta_range(0, periods=N, freq="10ms")).strftime("%Y-%m-%dT%H:%M:%S.%f")
    more = np.arange(N)[:, None] + np.array([0.5, 1, 2, 3, 4])
    write(header(rate=100), names, times + "0", np.hstack([G, more]))
    recording = read_recording("a.csv")
    check(recording, rate=100)
    gyroscope = ["gyro_x", "gyro_y", "gyro_z"]
    assert recording.columns.tolist() == [*AXES, *gyroscope, "temperature", "Magnetometer X"]
    np.testing.assert_array_equal(recording[["temperature", *gyroscope]], more[:, :4])
    assert segment_recordings(recording, window=2, target_rate=50).X.shape == (1, 100, 3)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (header(epoch="00:01:00", rate=None), "Axis1,Axis2,Axis3"),
        (header(epoch="00:00:10", rate=None), None),
        (header(), "Axis1,Axis2,Axis3"),
        (header(), "Axis 1,Steps,Vector Magnitude"),
        (
            ["------------ Data Table File Created By Actigraph Link -----------", *header()[1:]],
            None,
        ),
    ],
)
def test_counts_are_refused(lines, names):
    write(lines, names, g=np.arange(3 * N).reshape(-1, 3))
    match = r"a.csv is of a format that is not read: ActiGraph counts.* Export the raw data in Acti"
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(ValueError, match=match) as error:
            read("a.csv")
        assert not isinstance(error.value, DamagedFileError)


def test_counts_are_named():
    write(header(epoch="00:01:00"), "Date,Time,Axis1,Axis2,Axis3", g=np.ones((9, 5)))
    match = r"ActiGraph counts in epochs of 00:01:00, in the columns \['Axis1', 'Axis2', 'Axis3'\]"
    with pytest.raises(ValueError, match=match):
        read_recording("a.csv")


def test_rates_and_times_that_contradict_the_header():
    times = START + pd.timedelta_range(0, periods=N, freq="10ms")
    text = times.strftime("%m/%d/%Y %H:%M:%S.%f")
    write(header(rate=30), f"Timestamp,{NAMES}", text)
    with pytest.raises(ValueError, match=r"30 Hz in its header, and a sample every 0.01 s"):
        read_recording("a.csv")
    write(header(rate=100, clock="18:30:00"), f"Timestamp,{NAMES}", text)
    match = "start 2019-09-17T18:30:00.000, and its first sample has the time 2019-09-17T18:40:00"
    with pytest.warns(UserWarning, match=match):
        check(read_recording("a.csv"), rate=100)
    write(header("d/M/yyyy", "17/9/2019", rate=100), f"Timestamp,{NAMES}", text)
    with pytest.raises(ValueError, match="in another order than in the format of dates"):
        read_recording("a.csv")


@pytest.mark.parametrize(
    ("form", "date"),
    [
        ("M/d/yyyy", "17/9/2019"),  # there is no month 17
        ("dd/MM/yyyy", "09-12-2017"),  # written again by another program, in its own form
        ("", "9/12/2017"),
    ],
)
def test_dates_that_do_not_tell_the_day(form, date):
    write(header(form, date))
    with pytest.raises(ValueError, match=f"start date '{date}', .* Correct one of them"):
        read_recording("a.csv")


def test_dates_without_a_format_that_tell_the_day():
    lines = header()
    lines[0] = lines[0].replace(" date format M/d/yyyy", "")
    write(lines)
    check(read_recording("a.csv"))


@pytest.mark.parametrize("date", ["31/02/2019", "yesterday", ""])
def test_headers_without_a_start(date):
    write(header("dd/MM/yyyy", date))
    with pytest.raises(DamagedFileError, match=f"no start that can be read: the date is '{date}'"):
        read_recording("a.csv")


def test_headers_without_a_rate():
    write(header(rate=None))
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(ValueError, match=r"no rate in its first line, .*: at 30 Hz, with the"):
            read("a.csv")
    times = (START + pd.timedelta_range(0, periods=N, freq="10ms")).strftime("%m/%d/%Y %H:%M:%S.%f")
    write(header(rate=None), f"Timestamp,{NAMES}", times)
    check(read_recording("a.csv"), rate=100)


@pytest.mark.parametrize("form", ["%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M"])
@pytest.mark.parametrize("rate", [100, None])
def test_times_without_fractions(form, rate):
    times = (START + pd.timedelta_range(0, periods=N, freq="10ms")).strftime(form)
    write(header(rate=rate), f"Timestamp,{NAMES}", times)
    with pytest.raises(ValueError, match=r"fractions of a second, which Excel .* file\.$"):
        read_recording("a.csv")


def test_columns_that_are_not_known():
    for names in ("A,B,C", "Gyroscope X,Gyroscope Y,Gyroscope Z", f"{NAMES},Lux"):
        write(names=names)
        with pytest.raises(ValueError, match="its columns are not those of raw data"):
            read_recording("a.csv")


def test_headers_without_samples():
    for lines in (header(), header()[:-1], [*header(), NAMES]):
        write(lines, None, g=G[:0])
        with pytest.raises(DamagedFileError, match="no samples below a header"):
            read_recording("a.csv")


def test_values_and_times_that_cannot_be_read(monkeypatch):
    monkeypatch.setattr(_csv_in_parts, "_ROWS_AT_ONCE", 70)
    write(g=np.vstack([G, ["?", "?", "?"]]), form="{}")
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError, match=r"cannot be read as a table of \['x', 'y', 'z'"):
            read("a.csv")
    times = np.where(np.arange(N) == 200, "9/17/2019 18:61", "9/17/2019 18:40:00")
    write(header(), f"Timestamp,{NAMES}", times)
    with pytest.raises(DamagedFileError, match="'9/17/2019 18:61' at sample 200, which cannot"):
        read_recording("a.csv")


def test_more_values_than_columns():
    write(g=np.hstack([G, G[:, :1]]))
    with pytest.raises(ValueError, match="its columns are not those of raw data"):
        read_recording("a.csv")
    write()
    with open("a.csv", "a") as file:
        file.write("1,2,3,4\n")
    with pytest.raises(DamagedFileError, match=r"some rows have more values|Expected 3 fields"):
        read_recording("a.csv")


@pytest.mark.parametrize("last", ["0.1,-", "0.1,0.2,-", "0.1,0.2,", "0.1,0.2,0.9"])
def test_last_lines_that_were_cut(last):
    write()
    with open("a.csv", "a") as file:
        file.write(last)
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError, match="its last line has no end of a line"):
            read("a.csv")
        with pytest.warns(UserWarning, match="its last line has no end of a line"):
            check(read("a.csv", errors="skip"))


@pytest.mark.parametrize("sample", ["0.1", "0.1,0.2,0.3"])
def test_first_samples_that_were_cut(sample):
    write(g=G[:0])
    with open("a.csv", "a") as file:
        file.write(sample)
    for errors in ("raise", "skip"):
        for read in (read_recording, read_in_little_memory):
            with pytest.raises(DamagedFileError, match=f"cut within its first sample, '{sample}'"):
                read("a.csv", errors=errors)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_lines_between_samples(blank, end):
    write([*header()[:-1], "", RULE], end=end)  # that in the header is none
    with open("a.csv", newline="") as file:
        lines = file.read().split(end)
    with open("a.csv", "w", newline="") as file:
        file.write(end.join([*lines[:100], blank, *lines[100:]]))
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError, match="no times, and its line 101 between samples is"):
            read("a.csv")
    with open("a.csv", "w", newline="") as file:
        file.write(end.join([*lines, blank, "", ""]))
    check(read_recording("a.csv"))
    times = (START + pd.timedelta_range(0, periods=N, freq="10ms")).strftime("%m/%d/%Y %H:%M:%S.%f")
    write(header(rate=100), f"Timestamp,{NAMES}", times)
    with open("a.csv") as file:
        lines = file.readlines()
    with open("a.csv", "w") as file:
        file.write("".join([*lines[:100], "\n", *lines[100:]]))
    check(read_recording("a.csv"), rate=100)  # whose times tell that no sample is missing


def test_missing_values_stay():
    write(g=np.where(np.arange(N)[:, None] == 200, np.nan, G))
    for read in (read_recording, read_in_little_memory):
        assert np.flatnonzero(read("a.csv")["x"].isna()).tolist() == [200]
