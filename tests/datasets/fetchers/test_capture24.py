"""fetch_capture24: the published layout, label schemes, chunks, gaps, and damaged files."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import fetch_capture24
from relcon_sklearn.datasets._fetchers import _capture24
from tests.support.local_server import make_zip

SLEEP = "7030 sleeping;MET 0.95"
OFFICE = "occupation;interruption;11580 office work, typing;MET 1.5"  # quoted, for its comma
TALK = "home activity;9055 sitting talking in a café;MET 1.5"
WALK = "transportation;walking;17161 walking;MET 2.5"
DICTIONARY = f"""\
annotation,label:WillettsSpecific2018,label:WillettsMET2018,label:DohertySpecific2018,\
label:Willetts2018,label:Doherty2018,label:Walmsley2020
{SLEEP},sleep,sleep,sleep,sleep,sleep,sleep
"{OFFICE}",sitting,sitstand+lowactivity,sedentary-screen,sit-stand,sedentary,sedentary
{TALK},sitting,sitstand+lowactivity,sedentary-non-screen,sit-stand,sedentary,sedentary
{WALK},walking,walking,walking,walking,walking,light
"""
PEOPLE = "pid,age,sex\nP001,38-52,F\nP002,53+,M\nP003,18-29,F\n"
START = np.datetime64("2016-11-13T02:18:00")
ANNOTATIONS = {
    "P001": [SLEEP] * 4 + [""] * 3 + [OFFICE] * 2 + [TALK] * 3 + [WALK] * 8,
    "P002": [WALK] * 12,
    "P003": [""] * 5 + [SLEEP] * 5,
}


def signal(person):
    n = len(ANNOTATIONS[person])
    return np.random.default_rng(int(person[1:])).normal(size=(n, 3)).round(6)


def lines(person):
    """Return the lines of a person's table, as published."""
    return [
        f"{str(START + i * np.timedelta64(10_000, 'us')).replace('T', ' ')},{x},{y},{z},"
        + (f'"{annotation}"' if "," in annotation else annotation)
        for i, (annotation, (x, y, z)) in enumerate(
            zip(ANNOTATIONS[person], signal(person).tolist(), strict=True)
        )
    ]


def table(rows, header="time,x,y,z,annotation"):
    return gzip.compress("\n".join([header, *rows, ""]).encode())


@pytest.fixture
def fetch(server, monkeypatch, tmp_path):
    """Return `fetch_capture24` of a small archive, with other members in place of some."""

    def fetch(replaced=None, without=(), **options):
        members = {
            "metadata.csv": PEOPLE,
            "annotation-label-dictionary.csv": DICTIONARY,
            **{f"{person}.csv.gz": table(lines(person)) for person in ANNOTATIONS},
        } | (replaced or {})
        body = make_zip({f"capture24/{n}": b for n, b in members.items() if n not in without})
        source = _capture24.SOURCE._replace(url=server.serve("capture24.zip", body), sha256=None)
        monkeypatch.setattr(_capture24, "SOURCE", source)
        return fetch_capture24(data_home=tmp_path, n_retries=0, progressbar=False, **options)

    return fetch


def test_published_layout(fetch, server):
    data = fetch()
    names = ["sleep", "", "sitting", "walking", "walking", "", "sleep"]
    sizes = [4, 3, 5, 8, 12, 5, 5]
    assert [labels.tolist() for labels in data.labels] == [
        [name] * n for name, n in zip(names, sizes, strict=True)
    ]
    assert data.subjects.tolist() == ["P001"] * 4 + ["P002"] + ["P003"] * 2
    assert data.recording_age.tolist() == ["38-52"] * 4 + ["53+"] + ["18-29"] * 2
    assert data.recording_sex.tolist() == ["F"] * 4 + ["M"] + ["F"] * 2
    assert all(recording.dtype == np.float32 for recording in data.recordings)
    assert_allclose(np.concatenate(data.recordings[:4]), signal("P001"), rtol=1e-6)
    times = np.concatenate(data.timestamps[:4])
    assert times.dtype == "M8[ns]"
    assert times[0] == START
    assert_array_equal(np.diff(times), np.timedelta64(10, "ms"))
    assert data.n_missing_lines == 0
    assert data.label_names == ["sleep", "sitting", "walking"]
    assert (data.sampling_rate, data.units, data.placement) == (100.0, "g", "wrist")
    assert "CAPTURE-24" in data.citation
    assert "CC BY 4.0" in data.licence
    server.stop()
    again = fetch(download_if_missing=False)
    assert set(again) == set(data)
    assert_array_equal(again.recordings[3], data.recordings[3])
    assert_array_equal(again.labels[3], data.labels[3])


def test_labels_need_no_memory(fetch):
    assert all(labels.strides == (0,) for labels in fetch().labels)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("Walmsley2020", ["sleep", "", "sedentary", "light"]),
        ("DohertySpecific2018", ["sleep", "", "sedentary-screen", "sedentary-non-screen"]),
        ("annotation", [SLEEP, "", OFFICE, TALK, WALK]),
    ],
)
def test_schemes(fetch, server, labels, expected):
    data = fetch(labels=labels)
    assert [label[0] for label in data.labels][: len(expected)] == expected
    assert set(data.label_names) >= set(expected) - {""}
    fetch()  # another cache, of the same archive
    assert len(server.requests) == 1
    assert fetch(labels=labels).label_names == data.label_names


def test_a_part_of_the_subjects(fetch, server, tmp_path):
    part = fetch({"P001.csv.gz": b"not read"}, subjects=["P003", "P002", "P003"])
    assert part.subjects.tolist() == ["P002"] + ["P003"] * 2
    server.stop()
    assert len(fetch(download_if_missing=False, subjects=np.array(["P002"])).recordings) == 1
    assert fetch(subjects=("P002", "P003")).recording_age.tolist() == ["53+"] + ["18-29"] * 2
    assert {path.name for path in tmp_path.glob("capture24/*.npz")} == {
        "capture24-WillettsSpecific2018-P002-v1.npz",
        "capture24-WillettsSpecific2018-P002-P003-v1.npz",
    }


def test_many_subjects_have_a_short_name():
    """The names of 150 people do not fit into the name of a file."""
    names = {_capture24._name_of(_capture24._SUBJECTS[:n]) for n in (11, 12, 150)}
    assert len(names) == 3
    assert max(map(len, names)) < 25


@pytest.mark.parametrize(
    ("subjects", "match"),
    [
        (
            ["P001", "P152", "ann"],
            r"subjects has \['P152', 'ann'\]. Pass names from 'P001' to 'P151'",
        ),
        ([], "subjects has no names"),
        ("P001", "'subjects' parameter of fetch_capture24"),
        (["P100"], r"no recording of \['P100'\]"),
    ],
)
def test_subjects_that_are_not_there(fetch, subjects, match):
    with pytest.raises(ValueError, match=match):
        fetch(subjects=subjects)


def test_result_does_not_depend_on_the_chunk_size(fetch, monkeypatch, tmp_path):
    whole = fetch(labels="annotation")
    monkeypatch.setattr(_capture24, "_CHUNK", 3)
    (tmp_path / "capture24" / "capture24-annotation-v1.npz").unlink()
    pieces = fetch(labels="annotation")
    assert len(pieces.recordings) == len(whole.recordings)
    for name in ("recordings", "labels", "timestamps"):
        for ours, theirs in zip(pieces[name], whole[name], strict=True):
            assert_array_equal(ours, theirs)


def test_lines_left_out(fetch, monkeypatch):
    monkeypatch.setattr(_capture24, "_CHUNK", 4)  # the second chunk has no acceleration at all
    rows = lines("P002")
    time = [row.split(",")[0] for row in rows]
    rows[4:8] = [f"{stamp},,,,{WALK}" for stamp in time[4:8]]
    rows[9] = f"{time[9]},nan,0.1,0.2,{WALK}"
    rows[10] = rows[10].replace(time[10], time[2])
    data = fetch({"P002.csv.gz": table(rows)})
    kept = [0, 1, 2, 3, 8, 11]
    assert data.n_missing_lines == 6
    assert_allclose(data.recordings[4], signal("P002")[kept], rtol=1e-6)
    assert_array_equal(data.timestamps[4], START + np.multiply(kept, 10).astype("m8[ms]"))


def test_segments(fetch):
    data = fetch()
    segments = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units=data.units,
        labels=data.labels,
        subjects=data.subjects,
        timestamps=data.timestamps,
        window=0.04,
        short="skip",
        unlabelled="keep",
        gravity=False,
    )
    assert segments.X.shape == (9, 4, 3)
    assert segments.y.tolist() == [
        *("sleep", "sitting", "walking", "walking", "walking", "walking", "walking", "", "sleep"),
    ]


@pytest.mark.parametrize(
    ("without", "people", "match"),
    [
        ("P003.csv.gz", PEOPLE, r"no recording of \['P003'\]"),
        (None, PEOPLE.replace("P002,53+,M\n", ""), r"recordings of \['P002'\] without an entry"),
    ],
)
def test_missing_person(fetch, tmp_path, without, people, match):
    with pytest.raises(OSError, match=match):
        fetch({"metadata.csv": people}, without=[without])
    assert not list(tmp_path.glob("capture24/*.npz"))


def replaced_line(line, text):
    return table([*lines("P002")[:line], text, *lines("P002")[line + 1 :]])


STAMP = "2016-11-13 02:18:00.050000"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (replaced_line(5, f"{STAMP},0.1,0.2,0.3,dancing"), r"dictionary\.csv: \[b'dancing'\]"),
        (replaced_line(5, f"{STAMP},0.1,0.2,0.3,{WALK}" + "x" * 99), "annotations that are not in"),
        (replaced_line(5, f"{STAMP};0.1;0.2;0.3;{WALK}"), "malformed line after line 1"),
        (replaced_line(5, f"{STAMP},0.1,0.2.1,0.3,{WALK}"), "malformed line after line 1"),
        (replaced_line(5, f"yesterday,0.1,0.2,0.3,{WALK}"), "malformed line after line 1.*yester"),
        (table([], header="time;x;y;z;annotation"), "unexpected header.* Got 'time;x;y;z"),
        (table([]), "a header and no samples"),
        (replaced_line(0, "")[:100], "is damaged"),
        (b"time,x,y,z,annotation\n", "is damaged"),
        (table([f"{STAMP},nan,nan,nan,{WALK}"]), "no valid samples"),
    ],
    ids=[
        *("annotation", "long annotation", "delimiter", "number", "time", "header", "empty"),
        *("cut", "not compressed", "no samples"),
    ],
)
def test_damaged_table(fetch, tmp_path, content, match):
    with pytest.raises(ValueError, match=match) as caught:
        fetch({"P002.csv.gz": content})
    assert "P002.csv.gz" in str(caught.value)
    assert not list(tmp_path.glob("capture24/*.npz"))


def test_damaged_dictionary(fetch):
    with pytest.raises(OSError, match=r"unexpected content.*label:Walmsley2020"):
        fetch(
            {"annotation-label-dictionary.csv": DICTIONARY.replace("Walmsley", "W")},
            labels="Walmsley2020",
        )


def test_another_archive_than_the_published_one(server, monkeypatch, tmp_path):
    url = server.serve("capture24.zip", make_zip({"a.txt": "a"}))
    monkeypatch.setattr(_capture24, "SOURCE", _capture24.SOURCE._replace(url=url))
    with pytest.raises(OSError, match="expected 69740c22"):
        fetch_capture24(data_home=tmp_path, n_retries=0, progressbar=False)


def test_as_frame_and_choices(fetch):
    pandas = pytest.importorskip("pandas")
    frame = fetch(as_frame=True).recordings[0]
    assert isinstance(frame.index, pandas.DatetimeIndex)
    assert frame["label"].tolist() == ["sleep"] * 4
    with pytest.raises(ValueError, match="'labels' parameter of fetch_capture24"):
        fetch(labels="Chan2024")
