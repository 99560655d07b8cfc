"""fetch_pamap2: the published layout, placements, lost samples, the cache, and damaged files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import fetch_pamap2
from relcon_sklearn.datasets._fetchers import _pamap2
from tests.support.local_server import make_zip

N_LINES = 60
LOST = slice(20, 23)  # samples of the wrist
SESSIONS = [("Protocol", number) for number in range(101, 110)] + [
    ("Optional", number) for number in (101, 105, 106, 108, 109)
]
FIRST = {"wrist": 5, "chest": 22, "ankle": 39}  # columns, counted from 1


def table(number, codes):
    """Return a recording as published, of shape (N_LINES, 54)."""
    rng = np.random.default_rng(number)
    rows = rng.normal(scale=2.0, size=(N_LINES, 54))
    rows[:, [6, 23, 40]] += 9.8  # z axes
    rows[:, 0] = 5.66 + np.arange(N_LINES) / 100
    rows[:, 1] = codes
    rows[:, 2] = np.nan  # the heart rate is usually missing
    rows[LOST, 3:20] = np.nan
    return rows


def text(rows):
    return "".join(" ".join(f"{value:.6g}" for value in row) + "\n" for row in rows.tolist())


@pytest.fixture(scope="module")
def tables():
    codes = np.repeat([0, 12, 24], N_LINES // 3)
    return {session: table(i, codes) for i, session in enumerate(SESSIONS)}


@pytest.fixture
def serve(server, monkeypatch, tables):
    """Return a function that makes fetch_pamap2 download from the local server.

    Its argument {session: text} replaces files of the archive.
    """

    def serve(replaced=None, without=()):
        members = {session: text(rows) for session, rows in tables.items()} | (replaced or {})
        inner = {
            f"PAMAP2_Dataset/{folder}/subject{number}.dat": content
            for (folder, number), content in members.items()
            if (folder, number) not in without
        }
        inner["PAMAP2_Dataset/subjectInformation.pdf"] = b"%PDF"
        body = make_zip({"readme.pdf": b"%PDF", "PAMAP2_Dataset.zip": make_zip(inner)})
        source = _pamap2.SOURCE._replace(url=server.serve("pamap2.zip", body))
        monkeypatch.setattr(_pamap2, "SOURCE", source)

    return serve


def fetch(folder, **options):
    return fetch_pamap2(data_home=folder, n_retries=0, progressbar=False, **options)


@pytest.mark.parametrize("placement", ["wrist", "chest", "ankle"])
def test_published_layout(serve, tables, tmp_path, placement):
    serve()
    data = fetch(tmp_path, placement=placement)
    assert data.placement == placement
    assert data.subjects.tolist() == [str(number) for _, number in SESSIONS]
    assert data.recording_session.tolist() == [folder.lower() for folder, _ in SESSIONS]
    there = np.ones(N_LINES, dtype=bool)
    there[LOST] = placement != "wrist"
    assert (data.recording_n_missing == (~there).sum()).all()
    column = FIRST[placement] - 1
    for session, recording, labels, seconds in zip(
        SESSIONS, data.recordings, data.labels, data.timestamps, strict=True
    ):
        rows = tables[session][there]
        assert recording.dtype == np.float32
        assert_allclose(recording, rows[:, column : column + 3] / 9.80665, rtol=1e-4, atol=1e-6)
        assert_allclose(seconds, rows[:, 0], rtol=1e-5)
        names = {0.0: "", 12.0: "ascending stairs", 24.0: "rope jumping"}
        assert labels.tolist() == [names[code] for code in rows[:, 1].tolist()]
    assert (data.sampling_rate, data.units, data.channel_names) == (100.0, "g", ["x", "y", "z"])
    assert len(data.label_names) == 18
    assert "Reiss" in data.citation
    assert "CC BY 4.0" in data.licence


def test_each_placement_has_a_cache(serve, server, tmp_path):
    serve()
    first = {placement: fetch(tmp_path, placement=placement) for placement in FIRST}
    assert len(server.requests) == 1
    server.stop()
    (tmp_path / "pamap2" / "pamap2.zip").unlink()
    for placement, data in first.items():
        again = fetch(tmp_path, placement=placement, download_if_missing=False)
        assert set(again) == set(data)
        assert_array_equal(again.recordings[3], data.recordings[3])
        assert_array_equal(again.timestamps[3], data.timestamps[3])
        assert_array_equal(again.labels[3], data.labels[3])


def test_return_X_y_and_as_frame(serve, tmp_path):
    pandas = pytest.importorskip("pandas")
    serve()
    recordings, labels = fetch(tmp_path, return_X_y=True)
    frame = fetch(tmp_path, as_frame=True).recordings[0]
    assert isinstance(frame.index, pandas.TimedeltaIndex)
    assert_array_equal(frame[["x", "y", "z"]].to_numpy(), recordings[0])
    assert frame["label"].tolist() == labels[0].tolist()


def test_segments_bridge_lost_samples_or_end_there(serve, tmp_path):
    serve()
    data = fetch(tmp_path)

    def n_segments(**options):
        segments = segment_recordings(
            data.recordings,
            data.sampling_rate,
            units=data.units,
            window=0.25,
            timestamps=data.timestamps,
            gravity=False,
            **options,
        )
        return len(segments.X)

    assert n_segments(max_gap=0.05) == 2 * len(SESSIONS)  # 60 samples, windows of 25
    assert n_segments() == 1 * len(SESSIONS)  # 20 samples, a gap, 37 samples


def test_inner_archive_alone(server, monkeypatch, tables, tmp_path):
    inner = {
        f"PAMAP2_Dataset/{folder}/subject{number}.dat": text(rows)
        for (folder, number), rows in tables.items()
    }
    source = _pamap2.SOURCE._replace(url=server.serve("pamap2.zip", make_zip(inner)))
    monkeypatch.setattr(_pamap2, "SOURCE", source)
    assert len(fetch(tmp_path).recordings) == len(SESSIONS)


@pytest.mark.parametrize("session", [("Protocol", 104), ("Optional", 109)])
def test_missing_member(serve, tmp_path, session):
    serve(without=[session])
    with pytest.raises(OSError, match=rf"no member '{session[0]}/subject{session[1]}\.dat'"):
        fetch(tmp_path)
    assert not list(tmp_path.glob("pamap2/*.npz"))


def test_malformed_line(serve, tables, tmp_path):
    good = text(tables["Protocol", 102]).splitlines()
    broken = [*good[:7], good[7].replace(" ", " ?", 5), *good[8:]]
    serve({("Protocol", 102): "\n".join(broken)})
    with pytest.raises(ValueError, match=r"Protocol/subject102\.dat has a malformed line: .*row 7"):
        fetch(tmp_path)
    assert not list(tmp_path.glob("pamap2/*.npz"))


def test_line_that_ends_early(serve, tables, tmp_path):
    good = text(tables["Protocol", 102]).splitlines()
    serve({("Protocol", 102): "\n".join([*good[:7], good[7][:20], *good[8:]])})
    with pytest.raises(ValueError, match=r"Protocol/subject102\.dat has a malformed line"):
        fetch(tmp_path, placement="ankle")


def test_times_always_increase(serve, tables, tmp_path):
    rows = tables["Protocol", 103].copy()
    rows[30:33, 0] = rows[29, 0], rows[10, 0], rows[40, 0]  # repeated, decreasing, and too late
    serve({("Protocol", 103): text(rows)})
    data = fetch(tmp_path, placement="chest")
    kept = np.delete(np.arange(N_LINES), [30, 31, *range(33, 41)])
    assert data.recording_n_missing[:4].tolist() == [0, 0, 10, 0]
    assert_allclose(data.timestamps[2], rows[kept, 0], rtol=1e-5)
    assert_allclose(data.recordings[2], rows[kept, 21:24] / 9.80665, rtol=1e-4, atol=1e-6)


def test_unknown_activity(serve, tables, tmp_path):
    rows = tables["Optional", 105].copy()
    rows[5:8, 1] = 8
    serve({("Optional", 105): text(rows)})
    with pytest.raises(
        ValueError, match=r"Optional/subject105\.dat has unknown labels.* Got \[8\.0\]"
    ):
        fetch(tmp_path)


def test_unknown_placement(tmp_path):
    with pytest.raises(ValueError, match="'placement' parameter of fetch_pamap2"):
        fetch(tmp_path, placement="hip")
