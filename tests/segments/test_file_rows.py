"""FileRows: rows of a file, read without mapping its pages."""

import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import open_segments
from relcon_sklearn.datasets import make_motion_store
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.segments import _file_rows, _mapped
from relcon_sklearn.segments._file_rows import CAN_READ_AT, FileRows

pytestmark = pytest.mark.skipif(not CAN_READ_AT, reason="needs os.preadv")


@pytest.fixture
def path(tmp_path):
    np.arange(20 * 5 * 3, dtype="<i2").tofile(tmp_path / "rows.raw")
    return tmp_path / "rows.raw"


def rows_of(path):
    return FileRows(path, "<i2", (20, 5, 3))


ROWS = [[], [0], [19, 0], [3, 4, 5, 9, 10, 2, 2, 1], range(20), range(19, -1, -1)]


@pytest.mark.parametrize("rows", ROWS)
def test_rows_in_the_order_given(rows, path):
    file, rows = rows_of(path), np.array(rows, dtype=np.int64)
    found = file.read(rows)
    expected = np.arange(300, dtype="<i2").reshape(20, 5, 3)[rows]
    assert_array_equal(found, expected)
    assert_array_equal(found, np.asarray(file.mapped())[rows])
    assert found.dtype == np.dtype("<i2")
    assert found.flags.writeable


def test_a_mapping_knows_its_path(path):
    """By which joblib passes it to workers, without a copy."""
    assert rows_of(path).mapped().filename == str(path)


def test_successive_rows_are_one_call(path, monkeypatch):
    calls, preadv = [], os.preadv
    monkeypatch.setattr(
        _file_rows.os, "preadv", lambda *args: calls.append(args[2]) or preadv(*args)
    )
    rows_of(path).read(np.array([3, 4, 5, 9, 10, 2]))
    assert calls == [30 * 3, 30 * 9, 30 * 2]


def test_a_call_that_returns_less_is_repeated(path, monkeypatch):
    preadv = os.preadv

    def some(descriptor, buffers, position):
        return preadv(descriptor, [buffers[0][:7]], position)

    monkeypatch.setattr(_file_rows.os, "preadv", some)
    assert_array_equal(rows_of(path).read(np.array([4, 5])).reshape(-1), np.arange(60, 90))


def test_a_file_that_is_truncated_while_it_is_open(path):
    file = rows_of(path)
    os.truncate(path, 30 * 10 + 7)
    assert len(file.read(np.array([9]))) == 1
    with pytest.raises(DamagedFileError, match=r"rows\.raw was truncated .* before byte 330"):
        file.read(np.array([0, 10]))


def test_a_file_that_is_replaced_is_read_as_it_was(path):
    file = rows_of(path)
    np.zeros((20, 5, 3), "<i2").tofile(path.with_name("other"))
    os.replace(path.with_name("other"), path)
    assert_array_equal(file.read(np.array([1])).reshape(-1), np.arange(15, 30))
    assert_array_equal(np.asarray(file.mapped())[1].reshape(-1), np.arange(15, 30))


def test_the_file_is_closed_with_the_reader(path):
    file = rows_of(path)
    inner = file._file
    del file
    assert inner.closed


@pytest.mark.parametrize("n_stores", [1, 2])
def test_stores_larger_than_memory_are_read_from_the_file(n_stores, tmp_path, monkeypatch):
    paths = [tmp_path / str(i) for i in range(n_stores)]
    for i, path in enumerate(paths):
        make_motion_store(path, 30, 2, n_timesteps=16, random_state=i)
    expected = np.asarray(open_segments(paths, join_subjects=False).X)
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 0)
    read, calls = FileRows.read, []
    monkeypatch.setattr(FileRows, "read", lambda *args: calls.append(1) or read(*args))
    store = open_segments(paths, join_subjects=False)
    rows = np.random.default_rng(0).permutation(len(store))
    assert_array_equal(store.X[rows], expected[rows])
    assert len(calls) == n_stores
