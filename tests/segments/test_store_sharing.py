"""SegmentWriter used from several threads, from forks, and from within itself."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from relcon_sklearn.segments import SegmentWriter, _store_writer, open_segments
from tests.support.forked import in_another_process, needs_fork

SHAPE = {"n_timesteps": 6, "n_channels": 3, "sampling_rate": 50.0}


def constant(value, n=20):
    return np.full((n, 6, 3), value, dtype=np.float32)


class Interrupted:
    """Constant segments; `event` is called once in the middle of their reading."""

    def __init__(self, value, event):
        self.values, self.event = constant(value), event
        self.shape = self.values.shape

    def __getitem__(self, rows):
        if rows.start == 10:
            self.event()
        return self.values[rows]


@pytest.fixture
def writer(tmp_path, monkeypatch):
    monkeypatch.setattr(_store_writer, "_BLOCK_BYTES", 10 * 6 * 3 * 4)
    with SegmentWriter(tmp_path / "store", **SHAPE) as writer:
        yield writer


def values_of_subjects(writer):
    """The value of each subject's segments, after a check that each has 20 equal ones."""
    store = open_segments(writer.path)
    X, groups = store.X[:], store.groups[:]
    for name in store.subjects:
        assert (groups == name).sum() == 20
        assert len(np.unique(X[groups == name])) == 1
    return {str(name): float(X[groups == name][0, 0, 0]) for name in store.subjects}


# ---------------------------------------------------------------- threads


def test_two_threads_share_a_writer(writer):
    other = threading.Thread(target=writer.append, args=(constant(2), "bob"))

    def start_other():
        other.start()
        other.join(0.05)  # it waits, so that this ends by the timeout
        assert other.is_alive()

    writer.append(Interrupted(1, start_other), "ann")
    other.join()
    assert values_of_subjects(writer) == {"ann": 1, "bob": 2}


def test_a_pool_of_threads_shares_a_writer(writer):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: writer.append(constant(i), f"s{i}"), range(16)))
    assert values_of_subjects(writer) == {f"s{i}": i for i in range(16)}


def test_a_transaction_belongs_to_one_thread(writer):
    other = threading.Thread(target=writer.append, args=(constant(2), "bob"))
    with pytest.raises(RuntimeError, match="oh"):  # noqa: PT012
        with writer.transaction():
            writer.append(constant(1), "ann")
            other.start()
            other.join(0.05)
            raise RuntimeError("oh")
    other.join()
    assert values_of_subjects(writer) == {"bob": 2}


def test_a_writer_closed_by_another_thread_in_the_meantime(writer):
    closing = threading.Thread(target=writer.close)

    def close():
        closing.start()
        closing.join(0.05)

    writer.append(Interrupted(1, close), "ann")
    closing.join()
    assert values_of_subjects(writer) == {"ann": 1}
    with pytest.raises(ValueError, match="is closed"):
        writer.append(constant(2), "bob")


# ---------------------------------------------------------------- from within itself


def test_an_append_within_an_append_is_refused(writer):
    with pytest.raises(RuntimeError, match="was used while it was appending"):
        writer.append(Interrupted(1, lambda: writer.append(constant(2), "bob")), "ann")
    assert writer.subjects == {}
    writer.append(constant(3), "cy")
    assert values_of_subjects(writer) == {"cy": 3}


def test_a_transaction_closed_within_commits_nothing(writer):
    with pytest.raises(ValueError, match="is closed"):  # noqa: PT012
        with writer.transaction():
            writer.append(constant(1), "ann")
            writer.close()
    with SegmentWriter(writer.path, **SHAPE) as new:
        assert new.n_segments == 0
        assert new.subjects == {}


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_writer_is_not_copied(make_copy, writer):
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        make_copy(writer)


# ---------------------------------------------------------------- forks


def assert_refused(use):
    with pytest.raises(RuntimeError, match=r"was opened by process \d+ and used by process \d+"):
        use()


@needs_fork
def test_a_fork_may_not_append(writer):
    writer.append(constant(1), "ann")

    def use_and_close():
        assert_refused(lambda: writer.append(constant(2), "bob"))
        assert_refused(lambda: writer.transaction().__enter__())
        writer.close()

    assert in_another_process(use_and_close) == 0
    # The fork did not close the files of this process, nor released its lock.
    with pytest.raises(ValueError, match="Another SegmentWriter"):
        SegmentWriter(writer.path, **SHAPE)
    writer.append(constant(3), "cy")
    assert values_of_subjects(writer) == {"ann": 1, "cy": 3}


@needs_fork
@pytest.mark.parametrize("left_by", ["its end", "an error"])
def test_a_fork_neither_commits_nor_rolls_back(left_by, writer):
    """A fork leaves a block that its parent entered; the parent's transaction is unaffected."""
    writer.append(constant(1), "ann")

    def leave(block):
        if left_by == "its end":
            assert_refused(lambda: block.__exit__(None, None, None))
        else:
            assert not block.__exit__(KeyError, KeyError("oh"), None)

    block = writer.transaction()
    with block:
        writer.append(constant(2), "bob")
        assert in_another_process(leave, block) == 0
    assert values_of_subjects(writer) == {"ann": 1, "bob": 2}


@needs_fork
def test_a_fork_does_not_wait_for_a_thread_it_does_not_have(writer):
    def fork():
        def use_and_close():
            assert_refused(lambda: writer.append(constant(2), "bob"))
            writer.close()

        status.append(in_another_process(use_and_close))

    status = []
    thread = threading.Thread(target=fork)
    with writer.transaction():
        thread.start()
        thread.join()
    assert status == [0]


# ---------------------------------------------------------------- working directory


@pytest.mark.parametrize("other_is_a_store", [False, True])
def test_the_working_directory_may_change(other_is_a_store, tmp_path, monkeypatch):
    """A relative path is resolved when the writer is opened."""
    for name in ["a", "b"]:
        (tmp_path / name).mkdir()
    if other_is_a_store:
        with SegmentWriter(tmp_path / "b" / "store", **SHAPE) as other:
            other.append(constant(7), "joe")
    monkeypatch.chdir(tmp_path / "a")
    with SegmentWriter("store", **SHAPE) as writer:
        monkeypatch.chdir(tmp_path / "b")
        with pytest.raises(ValueError, match="NaN"):
            writer.append(constant(np.nan), "kim")
        writer.append(constant(1), "ann")
        assert writer.path == (tmp_path / "a" / "store").resolve()
    assert values_of_subjects(writer) == {"ann": 1}
    if other_is_a_store:
        assert values_of_subjects(other) == {"joe": 7}
    else:
        assert list((tmp_path / "b").iterdir()) == []
