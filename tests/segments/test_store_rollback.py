"""Appends that fail, and are caught: nothing of them is left under another name."""

import errno
import os
import stat
from types import SimpleNamespace

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


# ---------------------------------------------------------------- a roll back that fails itself


@pytest.fixture(params=["truncate", "read_subjects", "read_runs"])
def roll_back_fails_once(request, writer, monkeypatch):
    """Return a function that makes the next roll back fail with an error at one of its steps."""

    def prepare(error):
        pending = [error]

        def fail(function):
            def failing(*args):
                if pending:
                    raise pending.pop()
                return function(*args)

            return failing

        if request.param == "truncate":
            file = writer._files["segments.raw"]
            writer._files["segments.raw"] = SimpleNamespace(
                write=file.write, fileno=file.fileno, close=file.close, truncate=fail(file.truncate)
            )
        else:
            function = getattr(_store_writer, request.param)
            monkeypatch.setattr(_store_writer, request.param, fail(function))

    return prepare


def no_files():
    return OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize("error", [no_files(), KeyboardInterrupt()], ids=["OSError", "Ctrl-C"])
def test_a_roll_back_that_fails_is_made_up_for_before_the_next_append(
    error, writer, roll_back_fails_once
):
    roll_back_fails_once(error)
    with pytest.raises(type(error)), writer.transaction():  # noqa: PT012
        append(writer, 7, "joe", 5)
        append(writer, Failing(OSError("source")), "kim", 5)
    assert list(writer.subjects) == ["ann"]
    append(writer, 2, "lee", 5)
    assert list(writer.subjects) == ["ann", "lee"]
    assert runs(writer.path) == [("ann", 0, 1, 1), ("lee", 1, 2, 2)]


@pytest.mark.parametrize("then", ["append", "commit"])
def test_a_roll_back_that_fails_within_a_transaction_undoes_the_transaction(
    then, writer, roll_back_fails_once
):
    with pytest.raises(RuntimeError, match="failed and could not be undone"):  # noqa: PT012
        with writer.transaction():
            append(writer, 2, "bob")
            roll_back_fails_once(no_files())
            with pytest.raises(OSError, match="Too many"):
                append(writer, Failing(OSError("source")), "kim", 5)
            if then == "append":
                append(writer, 3, "lee")
    assert runs(writer.path) == [("ann", 0, 1, 1)]
    append(writer, 3, "lee")
    assert list(writer.subjects) == ["ann", "lee"]
    assert runs(writer.path) == [("ann", 0, 1, 1), ("lee", 1, 3, 3)]


def test_an_interrupt_before_the_roll_back_begins(writer, monkeypatch):
    """A second Ctrl-C may come between the error and the roll back."""

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SegmentWriter, "_roll_back", interrupt)
        with pytest.raises(KeyboardInterrupt):
            append(writer, Failing(OSError("source")), "kim", 5)
        assert list(writer.subjects) == ["ann"]
        with pytest.raises(KeyboardInterrupt), writer.transaction():  # noqa: PT012
            append(writer, 7, "kim", 5)
            raise ValueError
    append(writer, 2, "lee", 5)
    assert runs(writer.path) == [("ann", 0, 1, 1), ("lee", 1, 2, 2)]


# ---------------------------------------------------------------- was it committed?


def sync_of_a_folder_fails(descriptor):
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not sync folders")
def test_a_commit_that_was_not_synced_says_that_it_is_committed(writer, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync_of_a_folder_fails)
        with pytest.raises(OSError, match=r"Input/output error.* is committed.*again") as caught:
            append(writer, 2, "bob")
    assert caught.value.errno == errno.EIO
    assert caught.value.filename == str(writer.path)
    assert list(writer.subjects) == ["ann", "bob"]
    assert writer.n_segments == 40
    append(writer, 3, "cy")
    assert runs(writer.path) == [("ann", 0, 1, 1), ("bob", 1, 2, 2), ("cy", 2, 3, 3)]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not sync folders")
def test_a_roll_back_cannot_hide_that_an_append_is_committed(writer, monkeypatch):
    """The error of a roll back that failed did not say it, and a retry doubled the segments."""

    def fails(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync_of_a_folder_fails)
        patch.setattr(SegmentWriter, "_roll_back", fails)
        with pytest.raises(OSError, match="is committed"):
            append(writer, 2, "bob")
    assert list(writer.subjects) == ["ann", "bob"]
    append(writer, 3, "cy")
    assert runs(writer.path) == [("ann", 0, 1, 1), ("bob", 1, 2, 2), ("cy", 2, 3, 3)]


def test_an_interrupted_commit_that_was_complete_counts(writer, monkeypatch):
    replace = os.replace

    def replace_and_interrupt(*args):
        replace(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_and_interrupt)
        with pytest.raises(KeyboardInterrupt):
            append(writer, 2, "bob")
    assert list(writer.subjects) == ["ann", "bob"]
    assert writer.n_segments == len(open_segments(writer.path)) == 40


def test_a_commit_that_failed_does_not_say_that_it_is_committed(writer, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="No space left") as caught:
            append(writer, 2, "bob")
    assert "committed" not in str(caught.value)
    assert list(writer.subjects) == ["ann"]
    assert runs(writer.path) == [("ann", 0, 1, 1)]
