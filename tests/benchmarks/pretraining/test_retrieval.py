"""Retrieval finds the same activity of other subjects, and counts each subject once."""

import numpy as np
import pytest

from benchmarks.common.windows import Windows
from benchmarks.pretraining.retrieval import (
    RetrievalTask,
    chance,
    draw_retrieval_task,
    precision_at_1,
)


@pytest.fixture
def windows():
    """Windows of four subjects, whose value is the number of their activity."""
    y = np.repeat(["sitting", "walking", "running"], 40)
    X = np.unique(y, return_inverse=True)[1].astype(np.float32)[:, None, None]
    return Windows(X, y, np.tile(np.arange(4), 30), np.arange(120))


def difference(windows, task):
    values = windows.X[:, 0, 0]
    return abs(values[task.anchors][:, None] - values[task.candidates])


def draw(windows):
    return draw_retrieval_task(windows, 20, 40, np.random.default_rng(0))


def test_a_distance_of_activities_finds_them_in_other_subjects(windows):
    task = draw(windows)
    assert not set(task.anchors) & set(task.candidates)
    own = windows.subject[task.anchors][:, None] == windows.subject[task.candidates]
    np.testing.assert_array_equal(task.allowed, ~own)
    assert precision_at_1(difference(windows, task), windows, task)["mean"] == 1
    assert precision_at_1(-difference(windows, task), windows, task)["mean"] == 0
    assert chance(windows, task) == pytest.approx(1 / 3, abs=0.05)


def test_the_draw_takes_activities_and_subjects_in_turn(windows):
    task = draw(windows)
    rows = np.concatenate([task.anchors, task.candidates])
    drawn = [windows.y[rows], windows.subject[rows].astype(str)]
    pairs, counts = np.unique(drawn, axis=1, return_counts=True)
    assert pairs.shape == (2, 12)
    assert counts.tolist() == [5] * 12


def test_activities_of_one_subject_and_windows_without_label_are_left_out(windows):
    subject = np.where(windows.y == "running", 0, windows.subject)
    y = np.where(np.arange(120) % 2, windows.y, "")
    windows = Windows(windows.X, y, subject, windows.recording)
    task = draw(windows)
    found = set(windows.y[task.anchors]) | set(windows.y[task.candidates])
    assert found == {"sitting", "walking"}


def test_anchors_without_a_counterpart_are_left_out(windows):
    # The only window of the second subject that walks is the anchor or the candidate of one task.
    rows = np.r_[0:8, 40, 41]
    windows = windows.take(rows)
    task = draw_retrieval_task(windows, 4, 6, np.random.default_rng(0))
    same = windows.y[task.anchors][:, None] == windows.y[task.candidates]
    assert (same & task.allowed).any(axis=1).all()


def test_each_subject_counts_once(windows):
    # Subject 0 has three anchors that find their activity, and subject 1 has one that does not.
    task = RetrievalTask(np.array([0, 4, 8, 1]), np.array([2, 42]), np.ones((4, 2), dtype=bool))
    distances = np.array([[0, 1], [0, 1], [0, 1], [1, 0]])
    assert precision_at_1(distances, windows, task) == {"mean": 0.5, "standard_error": 0.5}
    forbidden = task._replace(allowed=np.tile([False, True], (4, 1)))
    assert precision_at_1(distances, windows, forbidden)["mean"] == 0
