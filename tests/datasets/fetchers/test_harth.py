"""fetch_harth and fetch_har70plus: the published layout, placements, rates, and damaged files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import fetch_har70plus, fetch_harth
from relcon_sklearn.datasets._fetchers import _har70plus, _harth
from tests.support.local_server import make_zip

AXES = [f"{place}_{axis}" for place in ("back", "thigh") for axis in "xyz"]
N_LINES = 40
START = np.datetime64("2019-01-12T10:15:00.000")
SETS = {  # module, fetcher, folder of the files in the archive, codes in the test files
    "harth": (_harth, fetch_harth, "harth", [1, 8, 130]),
    "har70plus": (_har70plus, fetch_har70plus, "har70plus", [1, 3, 8]),
}


def signal(number):
    """Return the accelerations of both sensors, (N_LINES, 6)."""
    return np.random.default_rng(number).normal(0.5, 1, size=(N_LINES, 6)).round(6)


def table(values, codes, step=20, index=None, times=None):
    """Return a table as published; some have the number of the line in a column `index`."""
    times = START + np.arange(len(values)) * np.timedelta64(step, "ms") if times is None else times
    stamps = [str(time).replace("T", " ") for time in times.astype("M8[ms]")]
    columns = ["timestamp", *AXES, "label"]
    rows = [
        [stamp, *map(str, row), str(code)]
        for stamp, row, code in zip(stamps, values.tolist(), codes, strict=True)
    ]
    if index is not None:
        columns.insert(1 if index else 0, index)
        for i, row in enumerate(rows):
            row.insert(1 if index else 0, str(i))
    return "\n".join(",".join(row) for row in [columns, *rows]) + "\n"


@pytest.fixture(params=SETS)
def name(request):
    return request.param


@pytest.fixture
def fetch(server, monkeypatch, tmp_path, name):
    """Return a fetcher that downloads a tiny archive, some files of which can be replaced."""
    module, fetcher, folder, labels = SETS[name]
    codes = np.resize(labels, N_LINES)

    def fetch(replaced=None, without=(), **options):
        texts = {subject: table(signal(i), codes) for i, subject in enumerate(module._SUBJECTS)} | (
            replaced or {}
        )
        members = {
            f"{folder}/{subject}.csv": text
            for subject, text in texts.items()
            if subject not in without
        }
        url = server.serve("set.zip", make_zip(members))
        monkeypatch.setattr(module, "SOURCE", module.SOURCE._replace(url=url))
        return fetcher(data_home=tmp_path, n_retries=0, progressbar=False, **options)

    return fetch


@pytest.mark.parametrize("placement", ["back", "thigh"])
def test_published_layout(fetch, server, name, placement):
    module, _, _, labels = SETS[name]
    data = fetch(placement=placement)
    assert data.placement == placement
    assert data.subjects.tolist() == module._SUBJECTS
    first = 0 if placement == "back" else 3
    for i, recording in enumerate(data.recordings):
        assert recording.dtype == np.float32
        assert_allclose(recording, signal(i)[:, first : first + 3], rtol=1e-6)
    assert data.labels[3].tolist() == [module._ACTIVITIES[c] for c in np.resize(labels, N_LINES)]
    assert data.timestamps[0].dtype == "M8[ns]"
    assert data.timestamps[0][0] == START
    assert_array_equal(np.diff(data.timestamps[0]), np.timedelta64(20, "ms"))
    assert data.sampling_rate.tolist() == [50.0] * len(module._SUBJECTS)
    assert not data.recording_n_missing.any()
    assert (data.units, data.channel_names) == ("g", ["x", "y", "z"])
    assert data.label_names == list(module._ACTIVITIES.values())
    assert "Logacjov" in data.citation
    assert "CC BY 4.0" in data.licence
    server.stop()
    again = fetch(placement=placement, download_if_missing=False)
    assert_array_equal(again.labels[1], data.labels[1])


def test_numbers_of_people():
    assert len(_harth._SUBJECTS) == 22
    assert len(_har70plus._SUBJECTS) == 18


@pytest.mark.parametrize("index", ["", "index"])
def test_a_column_with_the_number_of_the_line(fetch, name, index):
    subject = SETS[name][0]._SUBJECTS[2]
    data = fetch({subject: table(signal(2), [1] * N_LINES, index=index)})
    assert_allclose(data.recordings[2], signal(2)[:, :3], rtol=1e-6)
    assert set(data.labels[2].tolist()) == {"walking"}


def test_another_rate_than_the_nominal_one(fetch, name):
    subject = SETS[name][0]._SUBJECTS[0]
    data = fetch({subject: table(signal(0), [1] * N_LINES, step=10)})
    assert data.sampling_rate[:2].tolist() == [100.0, 50.0]
    segments = segment_recordings(
        data.recordings[:2],
        data.sampling_rate[:2],
        units="g",
        timestamps=data.timestamps[:2],
        window=0.2,
        target_rate=50,
        gravity=False,
    )
    assert segments.X.shape == (2 + 4, 10, 3)


def test_lines_left_out(fetch, name):
    subject = SETS[name][0]._SUBJECTS[1]
    values = signal(1)
    values[7, 0] = np.nan
    times = START + np.arange(N_LINES) * np.timedelta64(20, "ms")
    times[20], times[21] = times[19], times[3]
    data = fetch({subject: table(values, [6] * N_LINES, times=times)})
    kept = np.delete(np.arange(N_LINES), [7, 20, 21])
    assert data.recording_n_missing[:3].tolist() == [0, 3, 0]
    assert_array_equal(data.timestamps[1], times[kept])
    assert_allclose(data.recordings[1], values[kept, :3], rtol=1e-6)
    assert len(data.labels[1]) == len(kept)


def test_missing_person(fetch, name, tmp_path):
    subject = SETS[name][0]._SUBJECTS[-1]
    with pytest.raises(OSError, match=rf"no member '{subject}\.csv'"):
        fetch(without=[subject])
    assert not list(tmp_path.glob("*/*.npz"))


def replaced_field(text, line, column, value):
    """Return a table with another value in one field, counted from 0."""
    lines = text.splitlines()
    fields = lines[line].split(",")
    fields[column] = value
    return "\n".join([*lines[:line], ",".join(fields), *lines[line + 1 :]])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: replaced_field(text, 6, 7, "17"), r"unknown labels.* Got \[17\.0\]"),
        (lambda text: text.replace(",", ";"), "unexpected header.* Got 'timestamp;back_x"),
        (lambda text: text.replace("thigh_y", "thigh"), "Expected the columns timestamp, thigh_x"),
        (lambda text: replaced_field(text, 6, 0, "10 o'clock"), "malformed line.*10 o'clock"),
        (lambda text: replaced_field(text, 6, 5, "0.1.2"), "malformed line.*row 5"),
        (lambda text: text.partition("\n")[0] + "\n", "a header and no samples"),
    ],
    ids=["label", "delimiter", "column", "time", "number", "empty"],
)
def test_damaged_table(fetch, name, tmp_path, change, match):
    subject = SETS[name][0]._SUBJECTS[4]
    with pytest.raises(ValueError, match=match) as caught:
        fetch({subject: change(table(signal(4), [6] * N_LINES))}, placement="thigh")
    assert f"{subject}.csv" in str(caught.value)
    assert not list(tmp_path.glob("*/*.npz"))


def test_as_frame_and_choices(fetch):
    pandas = pytest.importorskip("pandas")
    frame = fetch(as_frame=True).recordings[0]
    assert isinstance(frame.index, pandas.DatetimeIndex)
    assert frame.columns.tolist() == ["x", "y", "z", "label"]
    with pytest.raises(ValueError, match="'placement' parameter of fetch_har"):
        fetch(placement="wrist")
