"""bench_smoothing: composed sequences, and scores of smoothed predictions."""

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.windows import Windows
from benchmarks.downstream import bench_smoothing
from benchmarks.downstream.bench_smoothing import (
    WINDOW,
    compose,
    learn,
    n_bouts,
    score,
    smoothers,
    some_people,
)

CLASSES = np.array(["sitting", "walking"])


def windows_of(y, subject):
    """Return windows whose values are their numbers."""
    X = np.arange(len(y), dtype=np.float32)[:, None, None]
    return Windows(X, np.array(y), np.array(subject), np.zeros(len(y), int))


def test_people_are_taken_as_a_whole():
    windows = windows_of(["sitting"] * 9, list("aaabbbccc"))
    assert some_people(windows, 4).subject.tolist() == list("aaabbb")
    assert some_people(windows, 3).subject.tolist() == list("aaa")
    assert len(some_people(windows, 100)) == 9


@pytest.mark.parametrize("bout", [20.0, 100.0])
def test_composed_bouts(bout):
    y = np.repeat(["sitting", "walking", "running"], 50)
    rows = compose(y, bout, 6000, np.random.default_rng(0))
    first = np.diff(np.unique(y[rows], return_inverse=True)[1], prepend=-1) != 0
    assert len(rows) / first.sum() == pytest.approx(bout / WINDOW, rel=0.15)
    follows = (np.diff(rows) == 1) | (np.diff(rows) == -49)  # after the last window, the first
    assert follows[~first[1:]].all()


def test_bouts_of_all_people_are_counted():
    assert n_bouts(np.array([0, 0, 1, 1]), np.array([True, False, False, True])) == 3


def test_single_errors_are_smoothed_away(monkeypatch):
    monkeypatch.setattr(bench_smoothing, "N_COMPOSED", 300)
    windows = windows_of(np.repeat(CLASSES, 40), ["a"] * 80)
    right = (windows.y[:, None] == CLASSES) ^ (np.arange(80) % 20 == 10)[:, None]
    found = score(windows, np.where(right, 0.6, 0.4), CLASSES, 300.0, smoothers(CLASSES, None))
    assert "learned" not in found
    assert found["mode of 5"]["macro_f1"] > found["none"]["macro_f1"]
    assert found["bouts of 60 s"]["bouts"] < found["none"]["bouts"]


def test_transitions_of_protocols():
    windows = windows_of(["sitting", "sitting", "walking", "walking"] * 2, list("aaaabbbb"))
    found = learn({"one": windows, "two": windows}, CLASSES)
    # Of each of four people: two windows of sitting, a change, two of walking; and once more each.
    np.testing.assert_allclose(found.matrix, [[5 / 10, 5 / 10], [1 / 6, 5 / 6]])
    assert found.step == WINDOW
    assert learn({"one": windows}, np.array(["sitting"])) is None
    assert "learned" in smoothers(CLASSES, found)
