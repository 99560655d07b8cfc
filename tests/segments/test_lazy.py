"""LazyArray and RunLabels: indexing like ndarrays, as scikit-learn and users need it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold
from sklearn.utils import _safe_indexing

from relcon_sklearn.segments._lazy import LazyArray, positions_by_part
from relcon_sklearn.segments._runs import RunLabels, Runs

VALUES = np.arange(7 * 3 * 2, dtype=np.float32).reshape(7, 3, 2)


class Lazy(LazyArray):
    """Rows of an array, read as a LazyArray reads them."""

    def __init__(self, values):
        self.values = values
        self.shape, self.dtype = values.shape, values.dtype

    def _read(self, rows):
        assert rows.dtype == np.int64
        assert ((rows >= 0) & (rows < len(self.values))).all()
        return self.values[rows]


KEYS = {
    "int": 2,
    "negative int": -1,
    "numpy int": np.int32(3),
    "slice": slice(1, 5),
    "slice with step": slice(-1, None, -2),
    "empty slice": slice(3, 3),
    "beyond the end": slice(5, 99),
    "list": [3, -1, 3],
    "uint8": np.array([0, 6], dtype=np.uint8),
    "mask": VALUES[:, 0, 0] % 4 == 0,
    "list of bools": [True] + 6 * [False],
    "nothing": [],
    "ellipsis": Ellipsis,
    "rows and more": (slice(2, 4), 1, 0),
    "a row and more": (4, slice(None), 1),
    "row numbers and ellipsis": ([5, 1], Ellipsis),
    "last channel": (Ellipsis, 1),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_indexing_is_that_of_an_ndarray(key):
    expected = VALUES[key]
    found = Lazy(VALUES)[key]
    assert_array_equal(found, expected)
    assert found.shape == expected.shape


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (7, "Row 7 is out of range for a Lazy of 7 rows"),
        (-8, "Row -8 is out of range"),
        ([0, 9], "Row 9 is out of range"),
        ([True, False], "mask has 2 entries, but there are 7 rows"),
        ([[0, 1]], r"Got an array of shape \(1, 2\)"),
        ([0.5], "dtype float64"),
        (None, "Got an array"),
    ],
)
def test_bad_indices(key, message):
    with pytest.raises(IndexError, match=message):
        Lazy(VALUES)[key]


def test_it_looks_like_an_array():
    lazy = Lazy(VALUES)
    assert (len(lazy), lazy.ndim, lazy.size, lazy.nbytes) == (7, 3, 42, 168)
    assert_array_equal(np.asarray(lazy), VALUES)
    assert np.asarray(lazy, dtype=np.float16).dtype == np.float16
    assert_array_equal(list(lazy), VALUES)
    with pytest.raises(ValueError, match="only be converted to an ndarray by a copy"):
        lazy.__array__(copy=False)
    assert repr(lazy) == "<Lazy of shape (7, 3, 2), dtype float32>"


def test_size_of_more_than_an_int64_holds():
    lazy = Lazy(np.empty((0, 1)))
    lazy.shape = (2**40, 2**40)
    assert lazy.size == 2**80


def test_scikit_learn_indexes_it():
    rows = np.array([4, 0])
    assert_array_equal(_safe_indexing(Lazy(VALUES), rows), VALUES[rows])


# ---------------------------------------------------------------- runs

sizes_of_runs = st.lists(st.integers(1, 5), min_size=1, max_size=12)


@given(sizes=sizes_of_runs, data=st.data())
def test_runs(sizes, data):
    ends = np.cumsum(sizes)
    order = data.draw(st.permutations(range(len(sizes))))
    runs = Runs(ends - sizes, np.array(sizes)).take(np.array(order))
    expected = np.concatenate([np.arange(ends[i] - sizes[i], ends[i]) for i in order])
    assert runs.n_rows == len(expected)
    assert_array_equal(runs.rows_at(np.arange(runs.n_rows)), expected)
    run_of_each = np.repeat(range(len(sizes)), runs.sizes)
    assert_array_equal(runs.run_at(np.arange(runs.n_rows)), run_of_each)


@given(sizes=sizes_of_runs, data=st.data())
def test_labels_of_runs(sizes, data):
    names = st.lists(st.sampled_from("abc"), min_size=len(sizes), max_size=len(sizes))
    labels = np.array(data.draw(names))
    runs = RunLabels(labels, np.array(sizes))
    assert_array_equal(runs[:], np.repeat(labels, sizes))
    assert runs.shape == (sum(sizes),)
    assert runs.dtype == labels.dtype
    for other in ("a", 3, np.repeat(labels[::-1], sizes)[: sum(sizes)], runs):
        assert_array_equal(runs == other, runs[:] == np.asarray(other))
        assert_array_equal(runs != other, runs[:] != np.asarray(other))


def test_group_k_fold_takes_labels_of_runs():
    runs = RunLabels(np.array([3, 1, 2, 1]), np.array([2, 3, 1, 2]))
    X = np.zeros((8, 1))
    found, expected = (list(GroupKFold(3).split(X, groups=g)) for g in (runs, runs[:]))
    for parts, expected_parts in zip(found, expected, strict=True):
        for part, expected_part in zip(parts, expected_parts, strict=True):
            assert_array_equal(part, expected_part)


@pytest.mark.parametrize("part", [[], [4], [2, 0, 2, 5, 0, 2]])
def test_positions_by_part(part):
    part = np.array(part, dtype=np.int64)
    found = {number: where.tolist() for number, where in positions_by_part(part)}
    assert found == {n: np.flatnonzero(part == n).tolist() for n in set(part.tolist())}
