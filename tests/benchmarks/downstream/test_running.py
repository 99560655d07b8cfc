"""Folds and shares of labels are by subject."""

import numpy as np
import pytest

from benchmarks.common.datasets import TASKS, source_of
from benchmarks.common.windows import Windows

pytest.importorskip("tslearn")
from benchmarks.downstream import plan, running


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n_folds", [2, 5])
def test_folds_are_by_subject_and_do_not_depend_on_the_windows(data, task, n_folds):
    subjects = data.task(source_of(task)).subject
    held_out_by_window = []
    for window in plan.WINDOWS:
        windows = data.task(task, window)
        windows = windows.take(np.flatnonzero(windows.known))
        tested, held = np.zeros(len(windows), dtype=int), []
        for train, test, held_out in running.outer_folds(windows, subjects, n_folds):
            assert sorted([*train, *test]) == list(range(len(windows)))
            assert set(windows.subject[test]) <= set(held_out)
            assert not set(windows.subject[train]) & set(held_out)
            tested[test] += 1
            held.append(held_out.tolist())
        assert (tested == 1).all()
        assert sorted(s for part in held for s in part) == sorted(set(subjects))
        assert len(held) == n_folds
        held_out_by_window.append(held)
    assert all(held == held_out_by_window[0] for held in held_out_by_window)


def test_shares_of_labels_are_of_subjects():
    subject = np.repeat(np.arange(40), 3)
    windows = Windows(np.zeros((120, 4, 1)), np.full(120, "a"), subject, subject)
    rows = np.arange(30, 120)  # of 30 subjects
    found = {s: running.some_subjects(windows, rows, s, 0) for s in plan.SHARES}
    numbers = {share: len(np.unique(subject[some])) for share, some in found.items()}
    assert numbers == {0.01: 1, 0.05: 2, 0.1: 3, 1.0: 30}
    for share, some in found.items():
        assert len(some) == 3 * numbers[share]
        assert set(some) <= set(rows)
    # More labels add people and do not replace them.
    assert set(found[0.01]) < set(found[0.05]) < set(found[0.1])
    np.testing.assert_array_equal(found[1.0], rows)
    other = running.some_subjects(windows, rows, 0.1, 1)
    assert set(other) != set(found[0.1])
