"""Appends that fail, and are caught: nothing of them is left under another name."""

import errno

import numpy as np
import pytest

from relcon_sklearn.segments import SegmentWriter, _store_writer, open_segments

SETTINGS = {"n_timesteps": 6, "n_channels": 3, "sampling_rate": 50.0, "columns": {"step": "i2"}}


def constant(value, n=20):
    return np.full((n, 6, 3), value, dtype=np.float32)


class Failing:
    """Segments of which the last block cannot be read."""

    shape = (20, 6, 3)

    def __init__(self, error):
        self.error = error

    def __getitem__(self, rows):
        if rows.start == 10:
            raise self.error
        return constant(7)[rows]


def last_is(value, dtype="float32"):
    X = constant(7).astype(dtype)
    X[-1] = value
    return X


@pytest.fixture
def writer(tmp_path, monkeypatch):
    monkeypatch.setattr(_store_writer, "_BLOCK_BYTES", 10 * 6 * 3 * 4)
    with SegmentWriter(tmp_path / "store", **SETTINGS, dtype="float16") as writer:
        append(writer, 1, "ann", 3)
        yield writer


def append(writer, value, subject, hour=None, n=20):
    """Append segments whose column holds their value too."""
    hours = None if hour is None else np.full(n, hour)
    X = constant(value, n) if np.isscalar(value) else value
    step = np.full(n, value if np.isscalar(value) else 7)
    writer.append(X, subject, hours=hours, step=step)


def runs(path):
    """Subject, number of the hour, and value in both files, wherever one of them changes."""
    store = open_segments(path)
    assert (np.diff(store.X[:].reshape(len(store), -1), axis=1) == 0).all()
    rows = zip(
        store.groups[:].tolist(),
        store.hour_groups[:].tolist(),
        store.X[:, 0, 0].astype(int).tolist(),
        store["step"].tolist(),
        strict=True,
    )
    return list(dict.fromkeys(rows))


# ---------------------------------------------------------------- caught within a transaction

BAD = {
    "nan": lambda: last_is(np.nan),
    "outside the range of float16": lambda: last_is(1e9),
    "text": lambda: last_is("a", "O"),
    "a source that fails": lambda: Failing(OSError("oh")),
    "an interrupt": lambda: Failing(KeyboardInterrupt()),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("subject", ["kim", "ann"])
def test_a_failed_append_caught_within_a_transaction_leaves_nothing(bad, subject, writer):
    with writer.transaction():
        with pytest.raises((ValueError, OSError, KeyboardInterrupt)):
            append(writer, bad(), subject, 5)
        assert list(writer.subjects) == ["ann"]
        append(writer, 2, "lee", 5)
    append(writer, 3, "ann", 5)
    assert list(writer.subjects) == ["ann", "lee"]
    assert runs(writer.path) == [("ann", 0, 1, 1), ("lee", 2, 2, 2), ("ann", 1, 3, 3)]


@pytest.mark.parametrize("file", range(4))
def test_a_full_disk_caught_within_a_transaction_leaves_nothing(file, writer, monkeypatch):
    """The write of any file fails: of the segments' second block, the column, runs or subjects."""
    names = ["segments.raw", "column-step.raw", "runs.raw", "subjects.txt"]
    write_bytes, calls = SegmentWriter._write, []

    def write(self, name, values):
        write_bytes(self, name, values)
        calls.append(name)
        if name == names[file] and calls.count(name) == (2 if file == 0 else 1):
            raise OSError(errno.ENOSPC, "No space left on device")

    with writer.transaction():
        with monkeypatch.context() as patch:
            patch.setattr(SegmentWriter, "_write", write)
            with pytest.raises(OSError, match="No space left"):
                append(writer, 7, "kim", 5)
        append(writer, 2, "lee", 5)
    assert runs(writer.path) == [("ann", 0, 1, 1), ("lee", 1, 2, 2)]


def test_a_failed_block_caught_within_a_transaction_leaves_nothing(writer):
    with writer.transaction():
        append(writer, 2, "bob")
        with pytest.raises(ValueError, match="NaN"):  # noqa: PT012
            with writer.transaction():
                append(writer, 7, "bob", 0)
                append(writer, 7, "kim", 0)
                append(writer, last_is(np.nan), "lee", 0)
        append(writer, 3, "cy")
    append(writer, 2, "bob", 0)
    assert list(writer.subjects) == ["ann", "bob", "cy"]
    assert runs(writer.path) == [("ann", 0, 1, 1), ("bob", 1, 2, 2), ("cy", 2, 3, 3)]


def test_files_are_as_if_a_failed_append_had_not_been_tried(tmp_path):
    for name in ["tried", "not tried"]:
        with SegmentWriter(tmp_path / name, **SETTINGS) as writer, writer.transaction():
            if name == "tried":
                with pytest.raises(ValueError, match="NaN"):
                    append(writer, last_is(np.nan), "kim", 2**31 - 2)
            append(writer, 2, "lee")
            append(writer, 3, "kim")
    for file in (tmp_path / "tried").iterdir():
        assert file.read_bytes() == (tmp_path / "not tried" / file.name).read_bytes()
