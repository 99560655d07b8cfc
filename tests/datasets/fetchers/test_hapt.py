import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.datasets import fetch_hapt
from relcon_sklearn.datasets._fetchers import _hapt
from tests.support.local_server import make_zip
from tests.support.paths import SHARED

NAMES = ["WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING"]
NAMES += ["STAND_TO_SIT", "SIT_TO_STAND", "SIT_TO_LIE", "LIE_TO_SIT", "STAND_TO_LIE"]
NAMES += ["LIE_TO_STAND"]
SIGNALS = {"01_user01": 40, "02_user01": 25, "11_user10": 30}
SEGMENTS = [(1, 1, 5, 3, 10), (1, 1, 7, 11, 12), (2, 1, 1, 1, 25), (11, 10, 12, 30, 30)]


@pytest.fixture(scope="module")
def signals():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(n, 3)) for name, n in SIGNALS.items()}


@pytest.fixture(scope="module")
def members(signals):
    """Return the members of the publisher's archive, in its layout."""
    members = {
        "README.txt": "Version 2.1",
        "activity_labels.txt": "".join(f"{i} {n} \n" for i, n in enumerate(NAMES, 1)),
        "RawData/labels.txt": "".join(
            " ".join(map(str, segment)) + " \n" for segment in sorted(SEGMENTS)
        ),
        "Train/X_train.txt": "0.1 0.2",
    }
    for name, signal in signals.items():
        text = "".join(" ".join(f"{v:.16g}" for v in row) + " \n" for row in signal)
        members[f"RawData/acc_exp{name}.txt"] = text
        members[f"RawData/gyro_exp{name}.txt"] = text.replace("0", "1")
    return members


@pytest.fixture
def fetch(server, members, monkeypatch, tmp_path):
    """Return `fetch_hapt` with the local server as the publisher's server."""
    url = server.serve("hapt.zip", make_zip(members))
    monkeypatch.setattr(_hapt, "SOURCE", _hapt.SOURCE._replace(url=url, sha256=None))
    return lambda **kwargs: fetch_hapt(data_home=tmp_path, progressbar=False, **kwargs)


def test_recordings(fetch, signals, server):
    data = fetch()
    for recording, signal in zip(data.recordings, signals.values(), strict=True):
        assert recording.dtype == np.float32
        assert_allclose(recording, signal, rtol=1e-6)
    assert data.subjects.tolist() == ["01", "01", "10"]
    assert data.recording_experiment.tolist() == [1, 2, 11]
    assert data.label_names == NAMES
    assert (data.sampling_rate, data.units, data.placement) == (50.0, "g", "waist")
    assert data.timestamps is None
    assert "CC BY 4.0" in data.licence
    assert "Reyes-Ortiz" in data.citation
    server.stop()
    assert_array_equal(fetch().recordings[0], data.recordings[0])


def test_labels_count_from_one_and_include_the_end(fetch):
    first, second, third = fetch().labels
    assert first.tolist() == [""] * 2 + ["STANDING"] * 8 + ["STAND_TO_SIT"] * 2 + [""] * 28
    assert second.tolist() == ["WALKING"] * 25
    assert third.tolist() == [""] * 29 + ["LIE_TO_STAND"]


def test_folder_of_the_older_archive(fetch, server, members, tmp_path):
    server.serve("hapt.zip", make_zip({f"HAPT Data Set/{n}": text for n, text in members.items()}))
    assert len(fetch().recordings) == 3


def test_missing_member(fetch, server, members):
    server.serve("hapt.zip", make_zip({n: t for n, t in members.items() if "labels" not in n}))
    with pytest.raises(OSError, match=r"hapt\.zip has no member 'activity_labels\.txt'"):
        fetch()


def test_return_X_y_and_as_frame(fetch):
    X, y = fetch(return_X_y=True)
    assert [x.shape for x in X] == [(40, 3), (25, 3), (30, 3)]
    assert [len(labels) for labels in y] == [40, 25, 30]
    pytest.importorskip("pandas")
    frame = fetch(as_frame=True).recordings[1]
    assert list(frame.columns) == ["x", "y", "z", "label"]
    assert frame.index[-1].total_seconds() == 0.48


def test_parameters(tmp_path):
    with pytest.raises(ValueError, match="'n_retries' parameter"):
        fetch_hapt(data_home=tmp_path, n_retries=-1)
    with pytest.raises(OSError, match="`download_if_missing` is False"):
        fetch_hapt(data_home=tmp_path, download_if_missing=False)


def test_publishers_files(fetch, server, members):
    """Compare three published recordings with the result of an independent parser."""
    raw, parsed = SHARED / "data" / "raw_samples" / "hapt" / "RawData", SHARED / "data" / "hapt.npz"
    if not (raw.is_dir() and parsed.is_file()):
        pytest.skip(f"{raw} or {parsed} does not exist; only maintainers have them")
    real = {f"RawData/{path.name}": path.read_text() for path in raw.glob("*.txt")}
    server.serve(
        "hapt.zip", make_zip({"activity_labels.txt": members["activity_labels.txt"]} | real)
    )
    data = fetch()
    assert data.recording_experiment.tolist() == [1, 2, 3]
    with np.load(parsed) as reference:
        names = np.array(["", *reference["label_names"][1:]])
        for i, recording in enumerate(data.recordings):
            rows = slice(*reference["recording_start"][i : i + 2])
            assert_array_equal(recording, reference["signal"][rows])
            assert_array_equal(data.labels[i], names[reference["sample_label"][rows]])
            assert f"user{data.subjects[i]}" == reference["recording_subject"][i]
    assert np.median(np.linalg.norm(data.recordings[0], axis=1)) == pytest.approx(1.0, abs=0.05)
