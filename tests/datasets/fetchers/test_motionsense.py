import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.datasets import fetch_motionsense
from relcon_sklearn.datasets._fetchers import _motionsense
from tests.support.local_server import make_zip

PEOPLE = "code,weight,height,age,gender\n1,102,188,46,1\n2,72,180,28,1\n10,72,164,31,0"
COLUMNS = [
    *("attitude.roll", "attitude.pitch", "attitude.yaw", "gravity.x", "gravity.y", "gravity.z"),
    *("rotationRate.x", "rotationRate.y", "rotationRate.z"),
    *("userAcceleration.x", "userAcceleration.y", "userAcceleration.z"),
]
FILES = ["dws_1/sub_1", "wlk_15/sub_1", "wlk_7/sub_1", "sit_5/sub_2", "std_6/sub_10", "jog_9/sub_2"]


def text_of(values, columns=COLUMNS):
    """Return a table in the publisher's format, with the row number first."""
    order = [COLUMNS.index(column) for column in columns]
    rows = [f"{i}," + ",".join(f"{v:.6f}" for v in row[order]) for i, row in enumerate(values)]
    return "\n".join([",".join(["", *columns]), *rows]) + "\n"


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(30 + i, 12)) for i, name in enumerate(FILES)}


@pytest.fixture(scope="module")
def members(tables):
    """Return the members of the publisher's archive, in its layout."""
    return {
        "A_DeviceMotion_data/": "",
        "A_DeviceMotion_data/.DS_Store": "",
        **{f"A_DeviceMotion_data/{name}.csv": text_of(rows) for name, rows in tables.items()},
        "__MACOSX/A_DeviceMotion_data/dws_1/._sub_1.csv": "x",
    }


@pytest.fixture
def fetch(server, members, monkeypatch, tmp_path):
    """Return `fetch_motionsense` with the local server as the publisher's server."""
    urls = [server.serve("data.zip", make_zip(members)), server.serve("info.csv", PEOPLE.encode())]
    sources = [s._replace(url=url) for s, url in zip(_motionsense.SOURCES, urls, strict=True)]
    monkeypatch.setattr(_motionsense, "SOURCES", sources)
    return lambda **kwargs: fetch_motionsense(data_home=tmp_path, progressbar=False, **kwargs)


def test_recordings(fetch, tables, server):
    data = fetch()
    order = [0, 2, 1, 3, 5, 4]  # by subject, then by trial
    for recording, i in zip(data.recordings, order, strict=True):
        table = tables[FILES[i]]
        assert recording.dtype == np.float32
        assert_allclose(recording, table[:, 3:6] + table[:, 9:12], atol=2e-6)
    assert data.subjects.tolist() == ["1", "1", "1", "2", "2", "10"]
    assert data.recording_trial.tolist() == [1, 7, 15, 5, 9, 6]
    assert [labels[0] for labels in data.labels] == [
        *("downstairs", "walking", "walking", "sitting", "jogging", "standing"),
    ]
    assert [len(set(labels)) for labels in data.labels] == [1] * 6
    assert data.recording_age.tolist() == [46, 46, 46, 28, 28, 31]
    assert data.recording_weight.tolist() == [102, 102, 102, 72, 72, 72]
    assert data.recording_height.tolist() == [188, 188, 188, 180, 180, 164]
    assert data.recording_sex.tolist() == ["M", "M", "M", "M", "M", "F"]
    assert (data.sampling_rate, data.units, data.placement) == (50.0, "g", "trouser pocket")
    assert set(data.label_names) == set(_motionsense._ACTIVITIES.values())
    assert "Malekzadeh" in data.citation
    server.stop()
    assert_array_equal(fetch().recordings[0], data.recordings[0])


def test_columns_are_found_by_name(fetch, server, members, tables):
    changed = {name: text for name, text in members.items() if "dws_1" not in name}
    text = text_of(tables[FILES[0]], COLUMNS[::-1])
    server.serve("data.zip", make_zip({**changed, "A_DeviceMotion_data/dws_1/sub_1.csv": text}))
    table = tables[FILES[0]]
    assert_allclose(fetch().recordings[0], table[:, 3:6] + table[:, 9:12], atol=2e-6)


def test_magnitude_at_rest_is_one_g(fetch, server):
    """Use rows of the publisher's description, without the user acceleration."""
    gravity = [(-0.176977, 0.949187, 0.260222), (-0.21661, 0.927383, 0.305012)]
    values = np.zeros((2, 12))
    values[:, 3:6] = gravity
    server.serve("data.zip", make_zip({"A_DeviceMotion_data/std_6/sub_1.csv": text_of(values)}))
    (recording,) = fetch().recordings
    assert_allclose(np.linalg.norm(recording, axis=1), 1.0, atol=1e-3)


def test_return_X_y_and_as_frame(fetch):
    X, y = fetch(return_X_y=True)
    assert [len(x) for x in X] == [len(labels) for labels in y] == [30, 32, 31, 33, 35, 34]
    pytest.importorskip("pandas")
    frame = fetch(as_frame=True).recordings[0]
    assert list(frame.columns) == ["x", "y", "z", "label"]
    assert frame.index[1].total_seconds() == 0.02


def test_download_if_missing_false(fetch):
    with pytest.raises(OSError, match=r"motionsense\.zip does not exist"):
        fetch(download_if_missing=False)
