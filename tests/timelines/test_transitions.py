"""learn_transitions: counts of successive labels. assume_transitions: lengths of bouts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.timelines import assume_transitions, learn_transitions
from relcon_sklearn.timelines._transitions import in_order_of


def counted(pairs, classes):
    """Slow reference: the matrix for pairs of successive labels."""
    rows = [[1 + sum(pair == (a, b) for pair in pairs) for b in classes] for a in classes]
    return np.array([np.array(row) / sum(row) for row in rows])


def test_pairs_within_groups_are_counted():
    labels, groups = list("aabbbaac"), [0, 0, 0, 0, 1, 1, 1, 1]
    found = learn_transitions(labels, groups)
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "a"), ("a", "a"), ("a", "c")]
    assert found.classes.tolist() == ["a", "b", "c"]
    assert_allclose(found.matrix, counted(pairs, "abc"))
    assert_allclose(found.shares, [4 / 8, 3 / 8, 1 / 8])
    assert found.step is None


def test_without_groups_all_are_successive():
    found = learn_transitions(["a", "b", "a"])
    assert_allclose(found.matrix, counted([("a", "b"), ("b", "a")], "ab"))


@pytest.mark.parametrize("dated", [True, False])
def test_holes_are_no_transitions(dated):
    times = np.array([0, 5, 10, 40, 45, 50, 0, 5.0])
    labels, groups = list("aaabbbaa"), [0] * 6 + [1] * 2
    if dated:
        times = np.datetime64("2024-03-05", "ms") + (times * 1000).astype("timedelta64[ms]")
    found = learn_transitions(labels, groups, start_times=times)
    pairs = [("a", "a")] * 3 + [("b", "b")] * 2
    assert_allclose(found.matrix, counted(pairs, "ab"))
    assert found.step == 5


def test_order_of_a_model():
    found = learn_transitions(["a", "b", "b", "c"], start_times=np.arange(4.0))
    other = in_order_of(found, np.array(["c", "a", "b"]), 1.0)
    assert other.classes.tolist() == ["c", "a", "b"]
    assert_array_equal(other.shares, found.shares[[2, 0, 1]])
    assert other.matrix[0, 2] == found.matrix[2, 1]


def test_transitions_that_do_not_fit_are_refused():
    found = learn_transitions([0, 1, 1], start_times=np.arange(3.0))
    with pytest.raises(ValueError, match=r"labels \[0, 1\], but the model has the classes \[1, 2"):
        in_order_of(found, np.array([1, 2]), 1.0)
    with pytest.raises(ValueError, match=r"labels \[0, 1\], but the model has the classes \['0"):
        in_order_of(found, np.array(["0", "1"]), 1.0)
    with pytest.raises(ValueError, match=r"after 1 s, but the steps .* 2 s. Pass step=1, or"):
        in_order_of(found, np.array([0, 1]), 2.0)


@pytest.mark.parametrize(
    ("labels", "kwargs", "message"),
    [
        (["a"], {}, "has no label that follows"),
        (["a", "b"], {"groups": [0, 1]}, "has no label that follows"),
        (["a", "b"], {"groups": [0]}, r"groups has shape \(1,\)"),
        (["a", "b"], {"start_times": [0.0]}, r"start_times has shape \(1,\)"),
        ([["a", "b"]], {}, r"labels has shape \(1, 2\)"),
        (["a", None], {}, "labels has 1 missing values"),
        (["a", "b", "a"], {"start_times": [2.0, 1.0, 0.0]}, "in the order of time"),
    ],
)
def test_bad_labels(labels, kwargs, message):
    with pytest.raises(ValueError, match=message):
        learn_transitions(labels, **kwargs)


def test_bouts_have_the_mean_length():
    found = assume_transitions(["b", "a", "c"], bout=40, step=5)
    assert found.classes.tolist() == ["a", "b", "c"]
    assert found.step == 5
    assert_allclose(found.shares, 1 / 3)
    assert_allclose(found.matrix.sum(axis=1), 1)
    # The length of a bout in steps is geometric, with the mean 1 / (1 - stay).
    assert_allclose(5 / (1 - np.diag(found.matrix)), 40)
    assert_allclose(found.matrix[~np.eye(3, dtype=bool)], found.matrix[0, 1])


@pytest.mark.parametrize(
    ("classes", "bout", "step", "message"),
    [
        (["a"], 60, 10, "classes has 1 labels"),
        (["a", "a"], 60, 10, "classes has 1 labels"),
        (["a", "b"], 10, 10, r"bout=10 s is not above step=10 s"),
        (["a", "b"], -1, 10, "'bout' parameter"),
        (["a", "b"], 60, 0, "'step' parameter"),
    ],
)
def test_bouts_that_are_refused(classes, bout, step, message):
    with pytest.raises(ValueError, match=message):
        assume_transitions(classes, bout=bout, step=step)
