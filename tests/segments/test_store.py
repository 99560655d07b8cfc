"""SegmentWriter and open_segments: exactly what was committed comes back."""

import errno
import itertools
import json
import os
import pickle
import shutil
import signal
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.segments import SegmentWriter, _store_writer, open_segments
from relcon_sklearn.segments._mapped import MappedRows
from relcon_sklearn.segments._store_format import checksum_of
from tests.support.estimators import tiny_embedder
from tests.support.forked import in_another_process, needs_fork

SHAPE = {"n_timesteps": 6, "n_channels": 3, "sampling_rate": 50.0}
COLUMNS = {"activity": "U8", "speed": "float32", "step": "int16"}


def some_segments(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 6, 3)).astype(np.float32)


def values_of_columns(n):
    return {
        "activity": np.array(["walking", "sitting", "é"])[np.arange(n) % 3],
        "speed": np.arange(n) / 8,
        "step": np.arange(n) - 3,
    }


def write(path, subjects, **kwargs):
    """Write four segments, an hour apart in pairs, for each subject; return all of them."""
    with SegmentWriter(path, **SHAPE, **kwargs) as writer:
        for i, subject in enumerate(subjects):
            times = np.datetime64("2026-03-01T10:30") + np.array([0, 5, 60, 65], "m8[m]")
            writer.append(some_segments(4, i), subject, times=times)
    return np.concatenate([some_segments(4, i) for i in range(len(subjects))])


def contents(path):
    """The bytes of each file of a store except the lock."""
    return {p.name: p.read_bytes() for p in Path(path).iterdir() if p.name != "writer.lock"}


# ---------------------------------------------------------------- what comes back


def test_segments_come_back(tmp_path):
    X = write(tmp_path / "deep" / "store", ["ann", "bob", "ann"])
    store = open_segments(tmp_path / "deep" / "store")
    assert len(store) == 12
    assert store.X.shape == X.shape
    assert store.X.dtype == np.float32
    assert_array_equal(store.X[:], X)
    assert_array_equal(store.X[[7, 0, 7]], X[[7, 0, 7]])
    assert_array_equal(store.groups[:], np.repeat(["ann", "bob", "ann"], 4))
    # The same hour of the same person has one number, even if it was written in two appends.
    assert_array_equal(store.hour_groups[:], [0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1])
    assert_array_equal(store.subjects, ["ann", "bob"])
    assert store.times.dtype == "M8[ns]"
    assert store.times[9] == np.datetime64("2026-03-01T10:35")
    assert (store.sampling_rate, store.units, store.channels) == (50.0, "g", ["x", "y", "z"])
    assert repr(store).endswith("store': 12 segments of 6 x 3 at 50 Hz, 2 subjects>")


def test_columns_come_back(tmp_path):
    expected = values_of_columns(5)
    with SegmentWriter(tmp_path, **SHAPE, columns=COLUMNS) as writer:
        writer.append(some_segments(5), "ann", **expected)
        writer.append(some_segments(5), "bob", **{k: v.tolist() for k, v in expected.items()})
    store = open_segments(tmp_path)
    assert store.columns == ["activity", "speed", "step"]
    assert store.times is None
    for name, dtype in COLUMNS.items():
        assert store[name].dtype == dtype
        assert_array_equal(store[name], np.tile(expected[name], 2))
    columns = r"\['activity', 'speed', 'step'\]"
    with pytest.raises(KeyError, match=f"no column 'pace'. Its columns are {columns}"):
        store["pace"]


@pytest.mark.parametrize(
    ("dtype", "scale", "tolerance"),
    [
        ("float32", None, 0),
        ("float16", None, 2**-9),
        ("int16", None, 2**-12),
        ("int16", 0.01, 5e-3),
    ],
)
def test_dtypes(dtype, scale, tolerance, tmp_path):
    X = np.clip(some_segments(50), -3.9, 3.9)
    with SegmentWriter(tmp_path, **SHAPE, dtype=dtype, scale=scale) as writer:
        writer.append(X, "ann")
    store = open_segments(tmp_path)
    assert store.X[:].dtype == np.float32
    assert_allclose(store.X[:], X, atol=tolerance * 1.001, rtol=0)
    width = 4 if dtype == "float32" else 2
    assert (tmp_path / "segments.raw").stat().st_size == width * X.size


@settings(max_examples=30)
@given(
    appends=st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.integers(-3, 3), min_size=1, max_size=6)),
        min_size=1,
        max_size=6,
    )
)
def test_index_against_one_label_for_each_segment(appends, tmp_path_factory):
    path = tmp_path_factory.mktemp("store")
    with SegmentWriter(path, **SHAPE) as writer:
        for subject, hours in appends:
            writer.append(np.zeros((len(hours), 6, 3)), subject, hours=hours)
    store = open_segments(path)
    labels = [(subject, hour) for subject, hours in appends for hour in hours]
    assert_array_equal(store.groups[:], [subject for subject, _ in labels])
    codes = store.hour_groups[:]
    assert len(set(zip(labels, codes.tolist(), strict=True))) == len(set(labels)) == len(set(codes))
    # As many runs as there are changes.
    n_changes = 1 + sum(a != b for a, b in itertools.pairwise(labels))
    assert (path / "runs.raw").stat().st_size == 16 * n_changes


def test_hours_of_seconds_do_not_meet_those_of_other_recordings(tmp_path):
    seconds = np.array([10.0, 3599, 3600, 9000])
    for _ in range(2):  # the second writer continues the store
        with SegmentWriter(tmp_path, **SHAPE) as writer:
            writer.append(some_segments(4), "ann", times=seconds)
            writer.append(some_segments(4), "bob", times=seconds + 7200)
    store = open_segments(tmp_path)
    assert_array_equal(store.times, np.tile(np.append(seconds, seconds + 7200), 2))
    first = store.hour_groups[:8]
    assert_array_equal(first[:4], [0, 0, 1, 2])
    assert_array_equal(first[4:] - first[4], [0, 0, 1, 2])
    assert not set(first) & set(store.hour_groups[8:].tolist())


def test_select(tmp_path):
    X = write(tmp_path, ["ann", "bob", "cy", "bob"], columns=None)
    store = open_segments(tmp_path)
    part = store.select(["cy", "bob"])
    rows = np.arange(4, 16)
    assert_array_equal(part.X[:], X[rows])
    assert_array_equal(part.X[[11, 0]], X[rows[[11, 0]]])
    assert_array_equal(part.groups[:], store.groups[rows])
    assert_array_equal(part.times, store.times[rows])
    assert_array_equal(part.subjects, ["bob", "cy"])
    same = part.hour_groups[:, None] == part.hour_groups[:]
    assert_array_equal(same, store.hour_groups[rows][:, None] == store.hour_groups[rows])
    again = part.select(["bob"])
    assert_array_equal(again.X[:], X[[*range(4, 8), *range(12, 16)]])
    for wrong, message in (
        (["bob", "zed"], r"has \['zed'\]"),
        ([], "empty"),
        (["ann"], "ann"),
        ("bob", r"\['bob'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            part.select(wrong)


def test_select_of_columns(tmp_path):
    with SegmentWriter(tmp_path, **SHAPE, columns={"step": "int16"}) as writer:
        for i, subject in enumerate(["ann", "bob", "ann"]):
            writer.append(some_segments(2), subject, step=[2 * i, 2 * i + 1])
    assert_array_equal(open_segments(tmp_path).select(["ann"])["step"], [0, 1, 4, 5])


def test_pickles_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SegmentWriter("store", **SHAPE) as writer:
        writer.append(some_segments(500), "ann")
    store = open_segments("store")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    data = pickle.dumps(store.X)
    assert len(data) < 2000
    assert_array_equal(pickle.loads(data)[:], store.X[:])
    assert_array_equal(pickle.loads(pickle.dumps(store)).groups[:3], ["ann"] * 3)


def test_fit_takes_it(tmp_path):
    X = np.random.default_rng(0).normal(size=(24, 32, 3)).astype(np.float32)
    shape = {**SHAPE, "n_timesteps": 32}
    with SegmentWriter(tmp_path, **shape) as writer:
        for i in range(4):
            writer.append(X[6 * i : 6 * i + 6], f"s{i}")
    store = open_segments(tmp_path)
    fitted = tiny_embedder().fit(store.X, groups=store.groups)
    expected = tiny_embedder().fit(X, groups=np.repeat(np.arange(4), 6))
    assert_array_equal(fitted.transform(store.X), expected.transform(X))
    assert fitted.score(store.X, groups=store.groups) == expected.score(X, groups=store.groups[:])


def test_what_is_appended_is_read_in_blocks(tmp_path, monkeypatch):
    class Lazily:
        shape = (100, 6, 3)

        def __getitem__(self, rows):
            assert len(range(*rows.indices(100))) <= 10
            return some_segments(100)[rows]

    monkeypatch.setattr(_store_writer, "_BLOCK_BYTES", 10 * 6 * 3 * 4)
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        writer.append(Lazily(), "ann")
    assert_array_equal(open_segments(tmp_path).X[:], some_segments(100))


# ---------------------------------------------------------------- all or nothing


def test_continued(tmp_path):
    write(tmp_path, ["ann", "bob"])
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        assert writer.n_segments == 8
        assert writer.subjects == {"ann": 0, "bob": 1}
    write(tmp_path, ["cy"])
    assert_array_equal(open_segments(tmp_path).groups[:], np.repeat(["ann", "bob", "cy"], 4))


def test_an_hour_may_continue_in_a_later_append(tmp_path):
    for _ in range(3):
        with SegmentWriter(tmp_path, **SHAPE) as writer:
            writer.append(some_segments(2), "ann", hours=[7, 7])
    assert (tmp_path / "runs.raw").stat().st_size == 16
    assert_array_equal(open_segments(tmp_path).hour_groups[:], np.zeros(6))


GOOD = {"X": some_segments(3), "subject": "bob", "times": [1.0, 2, 3], **values_of_columns(3)}
BAD = {
    "shape": ({"X": np.zeros((3, 5, 3))}, ValueError, r"Expected \(n_segments, 6, 3\)"),
    "2-D": ({"X": np.zeros((3, 6))}, ValueError, r"X has shape \(3, 6\)"),
    "nothing": ({"X": np.zeros((0, 6, 3))}, ValueError, "X has no segments"),
    "nan": ({"X": np.full((3, 6, 3), np.nan)}, ValueError, "NaN or infinity: first in row 0"),
    "text": ({"X": np.full((3, 6, 3), "a")}, ValueError, "Expected real numbers"),
    "beyond int16": (
        {"X": np.concatenate([some_segments(2), np.full((1, 6, 3), 17.0)])},
        ValueError,
        r"X contains 17 in row 2, outside the range of dtype 'int16' \(-16 to 16 g\)",
    ),
    "subject": ({"subject": 7}, TypeError, "subject=7 has type int. Pass a str"),
    "no times": ({"times": None}, ValueError, r"earlier segments have times \(seconds\)"),
    "other times": (
        {"times": np.arange(3).astype("M8[s]")},
        ValueError,
        "times are datetime, but the times of earlier segments are seconds",
    ),
    "few times": ({"times": [1.0]}, ValueError, r"times has shape \(1,\)"),
    "nan times": ({"times": [1.0, np.nan, 2]}, ValueError, "times has no value at index 1"),
    "text times": ({"times": list("abc")}, ValueError, "Pass datetime64 or seconds"),
    "hours": ({"hours": [0.5, 1, 2]}, ValueError, "hours has dtype float64"),
    "large hours": ({"hours": [0, 1, 2**31]}, ValueError, "must fit into 32 bits"),
    "long text": ({"activity": ["a", "swimming", "mountaineering"]}, ValueError, "mountaineering"),
    "numbers for text": ({"activity": [1, 2, 3]}, ValueError, "activity has dtype int64"),
    "large number": ({"step": [1, 2, 40_000]}, ValueError, "step has (np.int64\\()?40000"),
    "fractions": ({"step": [1, 2, 3.5]}, ValueError, "step has dtype float64"),
    "few values": ({"speed": [1.0]}, ValueError, r"speed has shape \(1,\)"),
    "unknown column": ({"pace": [1, 2, 3]}, ValueError, r"'pace', .*but the store has"),
}


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_a_refused_append_leaves_the_store_as_it_was(change, error, message, tmp_path):
    settings = {**SHAPE, "dtype": "int16", "columns": COLUMNS}
    with SegmentWriter(tmp_path, **settings) as writer:
        writer.append(**{**GOOD, "subject": "ann"})
        before = contents(tmp_path)
        with pytest.raises(error, match=message):
            writer.append(**{**GOOD, **change})
        assert contents(tmp_path) == before
        assert list(writer.subjects) == ["ann"]
        writer.append(**GOOD)
    assert_array_equal(open_segments(tmp_path).groups[:], ["ann"] * 3 + ["bob"] * 3)


def test_float16_has_a_range_too(tmp_path):
    with SegmentWriter(tmp_path, **SHAPE, dtype="float16") as writer:
        with pytest.raises(ValueError, match=r"X contains 7e\+04 in row 0, outside .*'float16'"):
            writer.append(np.full((1, 6, 3), 7e4), "ann")


def test_a_transaction_is_all_or_nothing(tmp_path):
    with SegmentWriter(tmp_path, **SHAPE) as writer:
        writer.append(some_segments(2), "ann")
        before = contents(tmp_path)
        with pytest.raises(RuntimeError, match="oh"):  # noqa: PT012
            with writer.transaction():
                writer.append(some_segments(2), "bob")
                writer.append(some_segments(2), "cy")
                assert len(open_segments(tmp_path)) == 2
                raise RuntimeError("oh")
        assert contents(tmp_path) == before
        with writer.transaction():
            writer.append(some_segments(2), "bob")
            writer.append(some_segments(2), "bob")
        assert writer.n_segments == 6


@pytest.mark.parametrize("at", range(1, 12))
def test_a_full_disk(at, tmp_path, monkeypatch):
    """The store stays whole when any one of its writes and flushes fails."""
    settings = {**SHAPE, "columns": {"speed": "float32"}}
    with SegmentWriter(tmp_path, **settings) as writer:
        writer.append(some_segments(2), "ann", times=[0.0, 1], speed=[0, 1])
        before = contents(tmp_path)
        calls = []

        def fail(*args):
            calls.append(args)
            if len(calls) == at:
                raise OSError(errno.ENOSPC, "No space left on device")

        write_bytes, fsync = SegmentWriter._write, os.fsync
        with monkeypatch.context() as patch:
            patch.setattr(SegmentWriter, "_write", lambda *a: (write_bytes(*a), fail()))
            patch.setattr(os, "fsync", lambda *a: (fail(), fsync(*a)))
            if at < 12:
                with pytest.raises(OSError, match="No space left"):
                    writer.append(some_segments(2), "bob", times=[0.0, 1], speed=[0, 1])
        after = contents(tmp_path)
        if after["header.json"] == before["header.json"]:
            assert after == before
            writer.append(some_segments(2), "bob", times=[0.0, 1], speed=[0, 1])
        else:
            # The header was in place: only the flush of the directory failed.
            assert at == 11
    assert_array_equal(open_segments(tmp_path).groups[:], ["ann", "ann", "bob", "bob"])


def write_dying(path, n_subjects, at):
    """Write some subjects; kill the process at the given moment, if it is reached."""
    calls = itertools.count(1)

    def moment():
        if next(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    write, fsync, replace = SegmentWriter._write, os.fsync, os.replace

    def torn_write(self, name, values):
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        write(self, name, data[: len(data) // 2])
        moment()
        write(self, name, data[len(data) // 2 :])
        moment()

    SegmentWriter._write = torn_write
    os.fsync = lambda *args: (moment(), fsync(*args))
    os.replace = lambda *args: (moment(), replace(*args), moment())
    with SegmentWriter(path, **SHAPE) as writer:
        for i in range(n_subjects):
            if f"s{i}" not in writer.subjects:
                writer.append(some_segments(5, i), f"s{i}", times=np.arange(5.0))


@needs_fork
@pytest.mark.parametrize("n_subjects", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_killed_at_any_moment_and_continued_it_ends_as_if_left_alone(n_subjects, tmp_path):
    assert in_another_process(write_dying, tmp_path / "whole", n_subjects, 0) == 0
    expected = contents(tmp_path / "whole")
    for at in itertools.count(1):
        path = tmp_path / str(at)
        status = in_another_process(write_dying, path, n_subjects, at)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        committed = 0
        if (path / "header.json").is_file():
            committed = json.loads((path / "header.json").read_text())["n_segments"]
            assert committed % 5 == 0
        if committed:
            assert_array_equal(open_segments(path).X[:5], some_segments(5, 0))
        assert in_another_process(write_dying, path, n_subjects, 0) == 0
        assert contents(path) == expected
    # For each subject four torn writes, and the flushes and the renaming of a commit.
    assert at > 50 * n_subjects / 4


# ---------------------------------------------------------------- refused


def test_a_second_writer_is_refused(tmp_path):
    pytest.importorskip("fcntl")
    with SegmentWriter(tmp_path, **SHAPE):
        with pytest.raises(ValueError, match="Another SegmentWriter has the store at"):
            SegmentWriter(tmp_path, **SHAPE)
    SegmentWriter(tmp_path, **SHAPE).close()


def test_closed(tmp_path):
    writer = SegmentWriter(tmp_path, **SHAPE)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.append(some_segments(1), "ann")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_timesteps": 7}, "n_timesteps is 6, not 7"),
        ({"sampling_rate": 100}, "sampling_rate is 50.0, not 100.0"),
        ({"dtype": "float16"}, "dtype is 'float32', not 'float16'"),
        ({"columns": {"speed": "f4"}}, "columns is {}, not {'speed': '<f4'}"),
        ({"units": "m/s^2"}, "units is 'g', not 'm/s"),
        ({"channels": list("abc")}, "channels is"),
    ],
)
def test_a_store_of_another_kind_is_not_continued(change, message, tmp_path):
    write(tmp_path, ["ann"])
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=message):
        SegmentWriter(tmp_path, **{**SHAPE, **change})
    assert contents(tmp_path) == before


@pytest.mark.parametrize("what", ["file", "directory"])
def test_other_things_are_left_alone(what, tmp_path):
    path = tmp_path / "thesis"
    if what == "file":
        path.write_text("all of it")
    else:
        path.mkdir()
        (path / "chapter1.txt").write_text("all of it")
    with pytest.raises(FileExistsError, match="neither an empty directory nor a segment store"):
        SegmentWriter(path, **SHAPE)
    assert len(list(path.iterdir()) if what == "directory" else [path]) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_timesteps": 0}, "n_timesteps=0 is not valid. Pass an integer"),
        ({"n_channels": 1.5}, "n_channels=1.5"),
        ({"sampling_rate": -1}, "sampling_rate=-1"),
        ({"sampling_rate": np.inf}, "sampling_rate=inf"),
        ({"dtype": "float64"}, "dtype='float64' is not supported. Choose one of"),
        ({"scale": 0.1}, "scale=0.1 requires dtype='int16'"),
        ({"dtype": "int16", "scale": 0}, "scale=0.0 is not valid. Pass a positive number"),
        ({"channels": ["x"]}, "channels has 1 names, but n_channels=3"),
        ({"columns": {"../x": "f4"}}, "made of letters, digits"),
        ({"columns": {"times": "f4"}}, "other than X, subject, times"),
        ({"columns": {"y": "nonsense"}}, "is not a NumPy dtype"),
        ({"columns": {"y": object}}, "has no fixed size"),
        ({"columns": {"y": "U"}}, "give the maximum length, as in 'U16'"),
    ],
)
def test_parameters_are_checked_before_anything_is_made(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        SegmentWriter(tmp_path / "store", **{**SHAPE, **change})
    assert not (tmp_path / "store").exists()


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a segment store"):
        open_segments(tmp_path)
    SegmentWriter(tmp_path, **SHAPE).close()
    with pytest.raises(ValueError, match="holds no segments"):
        open_segments(tmp_path)


def edited(header, **changes):
    """Change fields of a header, which gets the checksums of the index that is there."""
    record = json.loads(header.read_text())
    record["checksums"] |= {
        name: zlib.crc32((header.parent / name).read_bytes())
        for name in ("runs.raw", "subjects.txt")
    }
    record = {k: v for k, v in {**record, **changes}.items() if v != "drop"}
    header.write_text(json.dumps(record | {"checksum": checksum_of(record)}))


def with_checksums(path, name, content):
    """Replace a file of the index, and the checksums."""
    (path / name).write_bytes(content)
    edited(path / "header.json")


DAMAGE = {
    "truncated segments": (lambda p: os.truncate(p / "segments.raw", 500), "truncated: it has 500"),
    "no segments": (lambda p: (p / "segments.raw").unlink(), "segments.raw is truncated: it has 0"),
    "truncated times": (lambda p: os.truncate(p / "times.raw", 8), "times.raw is truncated"),
    "truncated runs": (lambda p: os.truncate(p / "runs.raw", 17), "runs.raw is truncated"),
    "truncated names": (lambda p: os.truncate(p / "subjects.txt", 3), "subjects.txt is truncated"),
    "from the future": (lambda p: edited(p / "header.json", version=4), "version 4, .*Upgrade"),
    "other JSON": (lambda p: (p / "header.json").write_text("[1]"), "does not hold a JSON object"),
    "another JSON": (lambda p: (p / "header.json").write_text("{}"), "not the header of a segment"),
    "not JSON": (lambda p: (p / "header.json").write_text("{"), "not a JSON file, or is damaged"),
    "field missing": (lambda p: edited(p / "header.json", scale="drop"), r"fields \['scale'\]"),
    "field unknown": (lambda p: edited(p / "header.json", colour=1), r"\['colour'\] are unknown"),
    "wrong count": (lambda p: edited(p / "header.json", n_segments=-1), "n_segments is -1"),
    "wrong dtype": (lambda p: edited(p / "header.json", dtype="f8"), "dtype is 'f8'"),
    "list as dtype": (lambda p: edited(p / "header.json", dtype=["f4"]), r"dtype is \['f4'\]"),
    "wrong rate": (
        lambda p: edited(p / "header.json", sampling_rate="50"),
        "sampling_rate is '50'",
    ),
    "wrong columns": (lambda p: edited(p / "header.json", columns={"a": "a4"}), "columns is"),
    "list of columns": (lambda p: edited(p / "header.json", columns=[1]), "columns is"),
    "wrong channels": (
        lambda p: edited(p / "header.json", channels=["x"]),
        "names 1 of 3 channels",
    ),
    "huge count": (lambda p: edited(p / "header.json", n_runs=10**4000), "n_runs is 1000"),
    "nested": (lambda p: (p / "header.json").write_text("[" * 10**5), "is damaged: maximum rec"),
    "not UTF-8": (
        lambda p: (p / "header.json").write_bytes(b'{"\xff": 1}'),
        "header.json is not a",
    ),
    "wrong scale": (lambda p: edited(p / "header.json", scale=2.0), "scale is 2.0"),
    "runs": (lambda p: with_checksums(p, "runs.raw", bytes(64)), "runs.raw is damaged"),
    "names": (lambda p: with_checksums(p, "subjects.txt", b'"ann"\n"bob\\\n'), "damaged"),
    "names not UTF-8": (
        lambda p: with_checksums(p, "subjects.txt", b'"ann"\n"b\xffb"\n'),
        "damaged",
    ),
    "names nested": (
        lambda p: with_checksums(p, "subjects.txt", b"[" * 12),
        "subjects.txt is damaged",
    ),
    "a name twice": (lambda p: with_checksums(p, "subjects.txt", b'"ann"\n"ann"\n'), "distinct"),
    "a name of no text": (
        lambda p: with_checksums(p, "subjects.txt", b'"ann"\n12345\n'),
        "strings",
    ),
    "number of names": (lambda p: with_checksums(p, "subjects.txt", b'"ann-bobby"\n'), "1 names"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found_on_opening(damage, message, tmp_path):
    write(tmp_path, ["ann", "bob"])
    damage(tmp_path)
    before = contents(tmp_path)
    # The version is a matter of this package, and not of the file.
    kind = ValueError if "Upgrade" in message else DamagedFileError
    with pytest.raises(kind, match=message):
        open_segments(tmp_path)
    with pytest.raises(kind, match=message):
        SegmentWriter(tmp_path, **SHAPE)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["header.json", "runs.raw", "subjects.txt"])
def test_every_flipped_bit_of_the_index_is_noticed(name, tmp_path):
    """A flipped bit gave segments to another person, or another name, rate or shape."""
    X = write(tmp_path, ["ann", "bob"])
    content = (tmp_path / name).read_bytes()
    for i in range(0, 8 * len(content), 29):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        (tmp_path / name).write_bytes(flipped)
        try:
            store = open_segments(tmp_path)
        except DamagedFileError:
            continue
        except ValueError as error:  # a flipped bit of the version
            if "is a segment store of version" not in str(error):
                raise
            continue
        # A flipped bit of the white space between fields.
        assert name == "header.json"
        assert_array_equal(store.X[:], X)
        assert store.sampling_rate == SHAPE["sampling_rate"]
        assert np.unique(store.groups).tolist() == ["ann", "bob"]


def test_a_store_without_checksums_is_read_and_gets_them(tmp_path):
    """As version 1 has written it."""
    X = write(tmp_path, ["ann", "bob"])
    edited(tmp_path / "header.json", version=1, checksums="drop")
    record = json.loads((tmp_path / "header.json").read_text())
    del record["checksum"]
    (tmp_path / "header.json").write_text(json.dumps(record))
    assert_array_equal(open_segments(tmp_path).X[:], X)
    write(tmp_path, ["kim"])
    assert json.loads((tmp_path / "header.json").read_text())["version"] == 3
    assert open_segments(tmp_path).subjects.tolist() == ["ann", "bob", "kim"]
    (tmp_path / "subjects.txt").write_bytes(b'"ann"\n"bob"\n"kin"\n')
    with pytest.raises(DamagedFileError, match=r"subjects\.txt is damaged: its checksum"):
        open_segments(tmp_path)


def test_files_grow_but_only_what_is_committed_counts(tmp_path):
    X = write(tmp_path, ["ann", "bob"])
    for name in ("segments.raw", "times.raw", "runs.raw", "subjects.txt"):
        with open(tmp_path / name, "ab") as file:
            file.write(b"half of some rec")
    store = open_segments(tmp_path)
    assert_array_equal(store.X[:], X)
    assert len(store.times) == 8
    SegmentWriter(tmp_path, **SHAPE).close()
    assert (tmp_path / "segments.raw").stat().st_size == X.nbytes


# ---------------------------------------------------------------- size


def sparse_store(path, n_subjects, n_hours, per_hour):
    """A store of any size whose segments are a hole in a sparse file: all zero, no disk space."""
    n_timesteps = 256
    shape = {"n_timesteps": n_timesteps, "n_channels": 3, "sampling_rate": 100.0}
    with SegmentWriter(path, **shape) as writer:
        writer.append(np.zeros((1, n_timesteps, 3)), "s0")
    n_runs = n_subjects * n_hours
    runs = np.empty(n_runs, dtype=_store_writer.RUN)
    runs["start"] = np.arange(n_runs, dtype=np.int64) * per_hour
    runs["subject"] = np.arange(n_runs) // n_hours
    runs["hour"] = np.arange(n_runs) % n_hours
    (path / "runs.raw").write_bytes(runs.tobytes())
    names = "".join(json.dumps(f"s{i}") + "\n" for i in range(n_subjects))
    (path / "subjects.txt").write_text(names)
    n = n_runs * per_hour
    os.truncate(path / "segments.raw", n * n_timesteps * 3 * 4)
    counts = {"n_segments": n, "n_runs": n_runs, "n_subjects": n_subjects}
    edited(path / "header.json", **counts, subjects_bytes=len(names))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="needs sparse files and /proc")
def test_a_billion_segments(tmp_path):
    """As many segments and people as in the paper: 87,376 people, 8.2 hours each on average."""
    if shutil.disk_usage(tmp_path).free < 2**30:
        pytest.skip("needs a GB of disk")
    try:
        path = sparse_store(tmp_path, 87_376, 9, 1272)
    except OSError as error:
        pytest.skip(f"the file system does not support files of 3 TB ({error})")
    store = open_segments(path)
    assert len(store) == 87_376 * 9 * 1272 > 10**9
    assert store.X.nbytes > 3 * 10**12
    assert store.X[[0, 10**9]].shape == (2, 256, 3)
    # The index: 16 bytes for each hour of a person, and the names.
    size = (path / "runs.raw").stat().st_size + (path / "subjects.txt").stat().st_size
    assert size < 14 * 10**6
    from relcon_sklearn._batches import Batches, GroupIndex
    from relcon_sklearn.segments._array import SegmentArray

    index = GroupIndex.from_labels(store.hour_groups)
    assert index.n_rows == len(store)
    batch = next(iter(Batches(SegmentArray(store.X), index, 8, 0, n_within=5)))
    assert batch.segments.shape[0] > 8
    pages = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")]
    assert pages[0] < 4 * 2**20  # kB


def test_reading_a_store_prefetches_and_releases_pages(tmp_path):
    write(tmp_path, ["ann"])
    rows = open_segments(tmp_path).X._rows
    assert isinstance(rows, MappedRows)
    assert (rows._mapping is None) == (not hasattr(__import__("mmap"), "MADV_DONTNEED"))
