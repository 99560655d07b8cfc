"""fetch_dsads: the published layout, joined segments, placements, and damaged archives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.datasets import fetch_dsads
from relcon_sklearn.datasets._fetchers import _dsads
from tests.support.local_server import make_zip
from tests.support.paths import SHARED

N_SEGMENTS, N_LINES = 2, 3  # 60 and 125 as published
FIRST = {"torso": 1, "right_arm": 10, "left_arm": 19, "right_leg": 28, "left_leg": 37}
NAMES = [
    (activity, person, segment)
    for activity in range(1, 20)
    for person in range(1, 9)
    for segment in range(1, N_SEGMENTS + 1)
]


def member(name):
    activity, person, segment = name
    return f"data/a{activity:02d}/p{person}/s{segment:02d}.txt"


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    return {name: rng.normal(scale=9.8, size=(N_LINES, 45)).round(4) for name in NAMES}


@pytest.fixture
def fetch(server, monkeypatch, tables, tmp_path):
    """Return `fetch_dsads` of a small archive, with other files in place of some."""
    monkeypatch.setattr(_dsads, "_N_SEGMENTS", N_SEGMENTS)
    monkeypatch.setattr(_dsads, "_N_LINES", N_LINES)

    def fetch(replaced=None, without=(), **options):
        members = {
            member(name): "\r\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\r\n"
            for name, rows in tables.items()
            if name not in without
        }
        url = server.serve("dsads.zip", make_zip(members | (replaced or {})))
        monkeypatch.setattr(_dsads, "SOURCE", _dsads.SOURCE._replace(url=url))
        return fetch_dsads(data_home=tmp_path, n_retries=0, progressbar=False, **options)

    return fetch


@pytest.mark.parametrize("placement", FIRST)
def test_published_layout(fetch, server, tables, placement):
    data = fetch(placement=placement)
    assert data.placement == placement
    assert len(data.recordings) == 152
    assert data.subjects[:9].tolist() == [f"p{i}" for i in (*range(1, 9), 1)]
    assert [labels[0] for labels in data.labels] == [
        label for label in data.label_names for _ in range(8)
    ]
    column = FIRST[placement] - 1
    whole = np.concatenate([tables[1, 2, 1], tables[1, 2, 2]])  # two successive segments
    assert data.recordings[1].dtype == np.float32
    assert_allclose(data.recordings[1], whole[:, column : column + 3] / 9.80665, rtol=1e-6)
    assert data.labels[1].tolist() == ["sitting"] * 2 * N_LINES
    assert data.timestamps is None
    assert (data.sampling_rate, data.units, data.channel_names) == (25.0, "g", ["x", "y", "z"])
    assert len(set(data.label_names)) == 19
    assert "Altun" in data.citation
    assert "CC BY 4.0" in data.licence
    server.stop()
    again = fetch(placement=placement, download_if_missing=False)
    assert_array_equal(again.recordings[151], data.recordings[151])


def test_return_X_y_and_as_frame(fetch):
    X, y = fetch(return_X_y=True)
    assert len(X) == len(y) == 152
    pytest.importorskip("pandas")
    assert fetch(as_frame=True).recordings[0].index[1].total_seconds() == 0.04


def test_missing_person(fetch, tmp_path):
    missing = [name for name in NAMES if name[:2] == (7, 8)]
    with pytest.raises(OSError, match=r"lacks a07/p8/s01\.txt, a07/p8/s02\.txt \(2 in all\)"):
        fetch(without=missing)
    assert not list(tmp_path.glob("dsads/*.npz"))


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("data/a20/p1/s01.txt", r"unknown segments a20/p1/s01\.txt \(1 in all\)"),
        ("data/a19/p8/s03.txt", r"unknown segments a19/p8/s03\.txt"),
        ("copy/a01/p1/s01.txt", r"more than once a01/p1/s01\.txt \(1 in all\)"),
    ],
)
def test_unknown_segment(fetch, name, match):
    with pytest.raises(ValueError, match=match):
        fetch({name: "1," * 44 + "1\n"})


@pytest.mark.parametrize(
    "text", ["1;" * 44 + "1\n", "1," * 10 + "1\n", "1," * 9 + "?," * 35 + "1\n"]
)
def test_malformed_segment(fetch, tmp_path, text):
    with pytest.raises(ValueError, match=r"data/a03/p4/s02\.txt has a malformed line"):
        fetch({"data/a03/p4/s02.txt": text}, placement="right_arm")
    assert not list(tmp_path.glob("dsads/*.npz"))


def test_segments_that_are_not_whole(fetch):
    with pytest.raises(ValueError, match=r"data/a03/p4/s02\.txt has 2 lines instead of 3"):
        fetch({"data/a03/p4/s02.txt": ("1," * 44 + "1\n") * 2})


def test_unknown_placement(fetch):
    with pytest.raises(ValueError, match="'placement' parameter of fetch_dsads"):
        fetch(placement="wrist")


def test_numbers_are_those_of_another_copy():
    """Compare the numbers of recordings, subjects and activities with an independent parser's."""
    path = SHARED / "opendata" / "dsads_torso.npz"
    if not path.is_file():
        pytest.skip(f"{path} does not exist; only maintainers have it")
    with np.load(path) as other:
        n_samples = np.diff(other["recording_start"])
        assert set(n_samples.tolist()) == {_dsads._N_SEGMENTS * _dsads._N_LINES}
        assert len(set(other["recording_subject"].tolist())) == _dsads._N_PEOPLE
        assert len(set(other["recording_label"].tolist())) == len(_dsads._ACTIVITIES)
        assert len(n_samples) == _dsads._N_PEOPLE * len(_dsads._ACTIVITIES)
