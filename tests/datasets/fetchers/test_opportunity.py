"""fetch_opportunity: the published layout, placements, targets, the cache, and damaged files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import fetch_opportunity
from relcon_sklearn.datasets._fetchers import _opportunity
from tests.support.local_server import make_zip

N_LINES = 40
LOST = slice(10, 14)  # samples of the right wrist
RUNS = [
    f"S{subject}-{run}"
    for subject in range(1, 5)
    for run in ("ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill")
]
FIRST = {  # columns, counted from 1
    "wrist": 23,
    "left_wrist": 32,
    "right_lower_arm": 64,
    "left_lower_arm": 90,
    "hip": 5,
    "back": 38,
}
LOCOMOTION = {0: "", 1: "Stand", 2: "Walk", 4: "Sit", 5: "Lie"}
GESTURES = {0: "", 406516: "Open Door 1", 405506: "Toggle Switch"}


def table(seed):
    """Return a run as published: (N_LINES, 250) whole numbers, 33 or 34 ms apart."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-500, 500, size=(N_LINES, 250)).astype(float)
    rows[:, 0] = np.round(np.arange(N_LINES) * 1000 / 30)
    rows[:, 243] = rng.permutation(np.resize(list(LOCOMOTION), N_LINES))
    rows[:, 249] = rng.permutation(np.resize(list(GESTURES), N_LINES))
    rows[LOST, 22:25] = np.nan
    return rows


def text(rows):
    lines = (" ".join("NaN" if v != v else f"{v:.0f}" for v in row) for row in rows.tolist())
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def tables():
    return {run: table(i) for i, run in enumerate(RUNS)}


@pytest.fixture
def serve(server, monkeypatch, tables):
    """Return a function that makes fetch_opportunity download from the local server.

    Its argument {run: text} replaces files of the archive.
    """

    def serve(replaced=None, without=()):
        members = {run: text(rows) for run, rows in tables.items()} | (replaced or {})
        files = {
            f"OpportunityUCIDataset/dataset/{run}.dat": content
            for run, content in members.items()
            if run not in without
        }
        files["OpportunityUCIDataset/dataset/column_names.txt"] = "Data columns:"
        source = _opportunity.SOURCE._replace(url=server.serve("opp.zip", make_zip(files)))
        monkeypatch.setattr(_opportunity, "SOURCE", source)

    return serve


def fetch(folder, **options):
    return fetch_opportunity(data_home=folder, n_retries=0, progressbar=False, **options)


@pytest.mark.parametrize("placement", list(FIRST))
def test_published_layout(serve, tables, tmp_path, placement):
    serve()
    data = fetch(tmp_path, placement=placement)
    assert data.placement == placement
    assert data.subjects.tolist() == [run[:2] for run in RUNS]
    assert data.recording_session.tolist() == [run[3:] for run in RUNS]
    there = np.ones(N_LINES, dtype=bool)
    there[LOST] = placement != "wrist"
    assert (data.recording_n_missing == (~there).sum()).all()
    column = FIRST[placement] - 1
    for run, recording, labels, seconds in zip(
        RUNS, data.recordings, data.labels, data.timestamps, strict=True
    ):
        rows = tables[run][there]
        assert recording.dtype == np.float32
        assert_allclose(recording, rows[:, column : column + 3] / 1000, rtol=1e-6)
        assert_allclose(seconds, rows[:, 0] / 1000)
        assert labels.tolist() == [LOCOMOTION[code] for code in rows[:, 243].tolist()]
    assert (data.sampling_rate, data.units, data.channel_names) == (30.0, "g", ["x", "y", "z"])
    assert data.label_names == ["Stand", "Walk", "Sit", "Lie"]
    assert "Chavarriaga" in data.citation
    assert "CC BY 4.0" in data.licence


def test_gestures(serve, tables, tmp_path):
    serve()
    data = fetch(tmp_path, target="gestures", placement="hip")
    codes = tables["S2-ADL3"][:, 249].tolist()
    assert data.labels[RUNS.index("S2-ADL3")].tolist() == [GESTURES[code] for code in codes]
    assert len(data.label_names) == 17


def test_one_cache_for_each_choice(serve, server, tmp_path):
    serve()
    choices = [("wrist", "locomotion"), ("wrist", "gestures"), ("back", "locomotion")]
    first = [fetch(tmp_path, placement=place, target=target) for place, target in choices]
    assert len(server.requests) == 1
    server.stop()
    (tmp_path / "opportunity" / "opportunity.zip").unlink()
    for (place, target), data in zip(choices, first, strict=True):
        again = fetch(tmp_path, placement=place, target=target, download_if_missing=False)
        assert set(again) == set(data)
        assert_array_equal(again.recordings[5], data.recordings[5])
        assert_array_equal(again.labels[5], data.labels[5])


def test_return_X_y_and_as_frame(serve, tmp_path):
    pandas = pytest.importorskip("pandas")
    serve()
    recordings, labels = fetch(tmp_path, return_X_y=True)
    frame = fetch(tmp_path, as_frame=True).recordings[0]
    assert isinstance(frame.index, pandas.TimedeltaIndex)
    assert_array_equal(frame[["x", "y", "z"]].to_numpy(), recordings[0])
    assert frame["label"].tolist() == labels[0].tolist()


def test_segments(serve, tmp_path):
    serve()
    data = fetch(tmp_path)
    segments = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units=data.units,
        window=0.5,
        target_rate=100,
        subjects=data.subjects,
        timestamps=data.timestamps,
        max_gap=0.25,
        gravity=False,
    )
    assert segments.X.shape == (2 * len(RUNS), 50, 3)


@pytest.mark.parametrize("run", ["S1-ADL1", "S4-Drill"])
def test_missing_member(serve, tmp_path, run):
    serve(without=[run])
    with pytest.raises(OSError, match=rf"no member 'dataset/{run}\.dat'"):
        fetch(tmp_path)
    assert not list(tmp_path.glob("opportunity/*.npz"))


def test_malformed_line(serve, tables, tmp_path):
    good = text(tables["S3-ADL2"]).splitlines()
    serve({"S3-ADL2": "\n".join([*good[:9], good[9][:400], *good[10:]])})
    with pytest.raises(ValueError, match=r"dataset/S3-ADL2\.dat has a malformed line: .*row 10"):
        fetch(tmp_path)
    assert not list(tmp_path.glob("opportunity/*.npz"))


def test_unknown_label(serve, tables, tmp_path):
    rows = tables["S3-ADL2"].copy()
    rows[3, 243] = 3
    serve({"S3-ADL2": text(rows)})
    with pytest.raises(ValueError, match=r"dataset/S3-ADL2\.dat has unknown labels.* Got \[3\.0\]"):
        fetch(tmp_path)


@pytest.mark.parametrize("choice", [{"placement": "neck"}, {"target": "objects"}])
def test_unknown_choice(tmp_path, choice):
    with pytest.raises(ValueError, match=f"'{next(iter(choice))}' parameter of fetch_opportunity"):
        fetch(tmp_path, **choice)
