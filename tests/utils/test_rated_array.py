"""RatedArray: segments in memory keep the rate as long as they are whole segments."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from sklearn.utils import _safe_indexing

from relcon_sklearn._utils._rated_array import with_rate

VALUES = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)


@pytest.fixture
def X():
    return with_rate(VALUES, 50.0)


KEEP = {
    "rows": lambda X: X[[4, 0]],
    "slice": lambda X: X[1:4],
    "mask": lambda X: X[X[:, 0, 0] > 0],
    "rows and ellipsis": lambda X: X[np.array([1, 2]), ...],
    "channels in another order": lambda X: X[:, :, [2, 1, 0]],
    "the same behind an ellipsis": lambda X: X[..., [2, 1, 0]],
    "channels of some rows": lambda X: X[[1, 2]][..., :, ::-1],
    "take": lambda X: np.take(X, [1, 2], axis=0),
    "scikit-learn": lambda X: _safe_indexing(X, np.array([1, 2])),
    "twice": lambda X: X[1:][1:],
    "copy": lambda X: X.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "dtype": lambda X: X.astype(np.float64),
    "units": lambda X: X / np.float32(9.80665),
    "centred": lambda X: X - X.mean(axis=1, keepdims=True),
    "sum of equal rates": lambda X: X + X[::-1],
}

PLAIN = {
    "one segment": lambda X: X[0],
    "every second step": lambda X: X[:, ::2],
    "every step twice, of one half": lambda X: X[:, np.arange(4).repeat(2)],
    "the same behind an ellipsis": lambda X: X[..., np.arange(4).repeat(2), :],
    "one channel": lambda X: X[..., 0],
    "flat": lambda X: X.reshape(len(X), -1)[:],
    "mean": lambda X: X.mean(axis=1),
    "norm": lambda X: np.linalg.norm(X, axis=2),
    "asarray": np.asarray,
    "joined": lambda X: np.concatenate([X, X]),
}


@pytest.mark.parametrize("select", KEEP.values(), ids=KEEP)
def test_whole_segments_have_the_rate(X, select):
    result = select(X)
    assert result.sampling_rate == 50
    np.testing.assert_array_equal(result, select(VALUES))
    assert result.dtype == select(VALUES).dtype


@pytest.mark.parametrize("select", PLAIN.values(), ids=PLAIN)
def test_other_results_are_ordinary_arrays(X, select):
    result = select(X)
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, select(VALUES))


@pytest.mark.parametrize(
    "turn",
    [
        lambda X: X.transpose(1, 0, 2),
        lambda X: X.swapaxes(0, 1),
        lambda X: X.T,
        lambda X: np.moveaxis(X, 1, 0),
        lambda X: X.reshape(8, 6, 3),
    ],
)
def test_rows_of_other_axes_are_not_segments(X, turn):
    turned = turn(X)
    for result in (turned, turned[::2], turned.copy(), turned * 2):
        assert getattr(result, "sampling_rate", None) is None
    np.testing.assert_array_equal(turned[::2], turn(VALUES)[::2])


@pytest.mark.parametrize("combine", [np.add, np.multiply, np.maximum, np.less])
def test_a_result_of_several_rates_has_none(X, combine):
    other = with_rate(VALUES[::-1], 100.0)
    for result in (combine(X, other), combine(other, X)):
        assert type(result) is np.ndarray
    np.testing.assert_array_equal(combine(X, other), combine(VALUES, VALUES[::-1]))
    total = X.copy()
    total += other
    assert type(total) is np.ndarray
    np.testing.assert_array_equal(total, VALUES + VALUES[::-1])


def test_the_result_of_taking_time_steps_is_an_ordinary_array(X):
    square = with_rate(np.zeros((6, 8, 8)), 50.0)
    for result in (X.take([1, 2], axis=1), square.take(range(8), axis=1), X.take([0, 3])):
        assert type(result) is np.ndarray


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_numbers_are_numbers(X, name):
    assert type(getattr(X, name)()) is np.float32
    assert type(X[0, 0, 0]) is np.float32


def test_joblib_writes_it_to_one_file_for_all_tasks(X):
    """It tells arrays apart by their identity."""
    for rated in (X, X[[4, 0]], X[1:], X.copy()):
        first, second = (rated.__reduce__()[1][0] for _ in range(2))
        assert first is second
        assert type(first) is np.ndarray
        np.testing.assert_array_equal(first, rated)
    X.shape = 8, 6, 3
    assert pickle.loads(pickle.dumps(X)).shape == (8, 6, 3)


def test_it_is_freed_without_a_collection_of_cycles():
    gc.disable()
    try:
        values = VALUES.copy()
        freed = weakref.ref(values)
        rated = with_rate(values, 50.0)[1:]
        del values, rated
        assert freed() is None
        rows = with_rate(VALUES, 50.0)[[4, 0]]
        freed = weakref.ref(rows)
        del rows
        assert freed() is None
    finally:
        gc.enable()


def test_it_is_pickled_with_the_rate(X):
    loaded = pickle.loads(pickle.dumps(X))
    assert loaded.sampling_rate == loaded[:2].sampling_rate == 50
    np.testing.assert_array_equal(loaded, VALUES)
