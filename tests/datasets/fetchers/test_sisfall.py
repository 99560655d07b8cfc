import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import resample_poly

from relcon_sklearn.datasets import fetch_sisfall
from relcon_sklearn.datasets._fetchers import _sisfall
from tests.support.local_server import make_zip
from tests.support.paths import SHARED

README = """
Elderly people only simulated ADLs except SE06, who is an expert in Judo.

+---------+-----+--------+--------+--------+
| Subject | Age | Height | Weight | Gender |
+---------+-----+--------+--------+--------+
| SA01    | 26  | 165    | 53     | F      |
| SA02    | 23  | 176    | 58.5   | M      |
| SE06    | 60  | 163    | 79     | M      |
+---------+-----+--------+--------+--------+

F05_SA01_R04.txt
"""
FILES = ["SA01/D01_SA01_R01", "SA01/F15_SA01_R05", "SA02/D05_SA02_R02", "SE06/D19_SE06_R01"]


def text_of(counts):
    """Return counts in the format of the authors' files."""
    return "".join(",".join(f"{v:4d}" for v in row) + ";\r\n" for row in counts)


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    return {name: rng.integers(-4096, 4096, (50 + i, 9)) for i, name in enumerate(FILES)}


@pytest.fixture(scope="module")
def members(counts):
    """Return the members of the authors' archive, in its layout."""
    return {
        "SisFall_dataset/Readme.txt": README,
        **{f"SisFall_dataset/{name}.txt": text_of(rows) for name, rows in counts.items()},
        "__MACOSX/SisFall_dataset/SA01/._D01_SA01_R01.txt": "x",
    }


@pytest.fixture
def fetch(server, members, monkeypatch, tmp_path):
    """Return `fetch_sisfall` with the local server as the authors' server."""
    url = server.serve("SisFall_dataset.zip", make_zip(members))
    monkeypatch.setattr(_sisfall, "SOURCE", _sisfall.SOURCE._replace(url=url))
    return lambda *args, **kwargs: fetch_sisfall(
        *args, data_home=tmp_path, progressbar=False, **kwargs
    )


@pytest.mark.parametrize(
    ("sensor", "columns", "scale"),
    [("adxl345", slice(0, 3), 32 / 8192), ("mma8451q", slice(6, 9), 16 / 16384)],
)
def test_recordings(fetch, counts, server, sensor, columns, scale):
    data = fetch(sensor)
    for recording, rows in zip(data.recordings, counts.values(), strict=True):
        assert recording.dtype == np.float32
        assert_allclose(recording, rows[:, columns] * scale, rtol=1e-6)
    assert [labels[0] for labels in data.labels] == ["D01", "F15", "D05", "D19"]
    assert [len(set(labels)) for labels in data.labels] == [1] * 4
    assert data.subjects.tolist() == ["SA01", "SA01", "SA02", "SE06"]
    assert data.recording_trial.tolist() == [1, 5, 2, 1]
    assert data.recording_age.tolist() == [26, 26, 23, 60]
    assert data.recording_height.tolist() == [165, 165, 176, 163]
    assert data.recording_weight.tolist() == [53, 53, 58.5, 79]
    assert data.recording_sex.tolist() == ["F", "F", "M", "M"]
    assert data.n_malformed_lines == 0
    assert (data.sampling_rate, data.units, data.placement) == (200.0, "g", "waist")
    assert "Sucerquia" in data.citation
    server.stop()
    assert_array_equal(fetch(sensor).recordings[0], data.recordings[0])


def test_activities(fetch):
    data = fetch()
    assert list(data.activities) == data.label_names
    assert len(set(data.activities.values())) == 34
    assert sum(name.startswith("fall") for name in data.activities.values()) == 15
    assert all(
        code.startswith("F") == name.startswith("fall") for code, name in data.activities.items()
    )


def test_lines_without_nine_numbers_are_counted(fetch, server, members, counts):
    name = "SisFall_dataset/SA01/D01_SA01_R01.txt"
    lines = members[name].splitlines(keepends=True)
    lines[10:10] = [" 1, 2, 3;\r\n", "\r\n", "1,2,3,4,5,6,7,8,9,10;\r\n", "1,2,3,4,x,6,7,8,9;\r\n"]
    server.serve("SisFall_dataset.zip", make_zip({**members, name: "".join(lines)}))
    data = fetch()
    assert data.n_malformed_lines == 3
    assert_allclose(data.recordings[0], counts[FILES[0]][:, :3] / 256, rtol=1e-6)


def test_last_line_without_an_end(fetch, server, members, counts):
    name = "SisFall_dataset/SA01/D01_SA01_R01.txt"
    server.serve("SisFall_dataset.zip", make_zip({**members, name: members[name].rstrip()}))
    assert len(fetch().recordings[0]) == len(counts[FILES[0]])


def test_other_address_and_wrapped_copy(fetch, server, members, tmp_path):
    server.serve("SisFall_dataset.zip", b"gone")
    with pytest.raises(
        OSError, match=r"did not return a zip archive.*reported to be down.*as `url`"
    ):
        fetch()
    url = server.serve("copy.zip", make_zip({"SisFall_dataset.zip": make_zip(members)}))
    assert len(fetch(url=url).recordings) == 4


def test_return_X_y_and_as_frame(fetch):
    X, y = fetch(return_X_y=True)
    assert [len(x) for x in X] == [len(labels) for labels in y] == [50, 51, 52, 53]
    with pytest.raises(ValueError, match="'sensor' parameter of fetch_sisfall"):
        fetch("itg3200")
    pytest.importorskip("pandas")
    data = fetch(as_frame=True)
    assert data.recordings[0].index[1].total_seconds() == 0.005
    assert data.activities["D01"] == "walking slowly"


def test_publishers_files(fetch, server):
    """Compare with the result of an independent parser, except for its filter."""
    raw, parsed = SHARED / "data" / "raw_samples" / "sisfall", SHARED / "data" / "sisfall_100hz.npz"
    if not (raw.is_dir() and parsed.is_file()):
        pytest.skip(f"{raw} or {parsed} does not exist; only maintainers have them")
    real = {f"SisFall_dataset/SA01/{path.name}": path.read_bytes() for path in raw.glob("SA01/*")}
    server.serve("SisFall_dataset.zip", make_zip({"SisFall_dataset/Readme.txt": README} | real))
    data = fetch()
    assert data.n_malformed_lines == 0
    assert [labels[0] for labels in data.labels] == ["D01", "D02", "D03", "D04"]
    with np.load(parsed) as reference:
        start, scale = reference["recording_start"], reference["signal_scale"]
        signal = reference["signal_int16"][: start[4]] * scale
        for i, recording in enumerate(data.recordings):
            assert recording.shape == (19_999 if i == 0 else 20_000, 3)  # the number of lines
            assert reference["recording_code"][i] == data.labels[i][0]
            decimated = resample_poly(recording.astype(float), 1, 2, axis=0)
            inside = slice(100, -100)
            error = decimated[inside] - signal[slice(*start[i : i + 2])][inside]
            assert np.sqrt(np.mean(error**2)) < 0.02
    # The second accelerometer of the device agrees about gravity.
    for other, recording in zip(fetch("mma8451q").recordings, data.recordings, strict=True):
        size = [np.median(np.linalg.norm(x, axis=1)) for x in (other, recording)]
        assert size[0] == pytest.approx(size[1], abs=0.15)
