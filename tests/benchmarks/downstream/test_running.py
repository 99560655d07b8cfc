"""Folds and shares of labels are by subject."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.common.datasets import TASKS
from benchmarks.common.encoders import embed
from benchmarks.common.windows import Windows

pytest.importorskip("tslearn")
from benchmarks.downstream import objectives, plan, running
from benchmarks.downstream.cells import Cell
from relcon_sklearn import MotionFeatures


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n_folds", [2, 5])
def test_folds_are_by_subject_and_do_not_depend_on_the_windows(data, task, n_folds):
    subjects = data.task(task).subject
    fold_of_subject = {}
    for window in (2.56, plan.LONG_WINDOW):
        windows = data.task(task, window).labelled()
        tested = np.zeros(len(windows), dtype=int)
        folds = list(running.outer_folds(windows, subjects, n_folds))
        assert len(folds) == n_folds
        for fold, (train, test) in enumerate(folds):
            assert sorted([*train, *test]) == list(range(len(windows)))
            assert not set(windows.subject[train]) & set(windows.subject[test])
            tested[test] += 1
            for subject in windows.subject[test]:
                assert fold_of_subject.setdefault(subject, fold) == fold
        assert (tested == 1).all()
    assert set(fold_of_subject.values()) <= set(range(n_folds))


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


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("method", ["relcon", "relcon_features"])
def test_a_linear_probe_gets_embeddings_and_perhaps_features(people, monkeypatch, method):
    X, subject = people
    windows = Windows(X, np.where(np.arange(len(X)) % 2, "a", "b"), subject, subject)
    train, test = np.arange(60), np.arange(60, len(X))
    encoder, _ = objectives.pretrain(
        objectives.METHODS["untrained"], *people, plan.SMOKE.terms("transfer"), 0
    )
    seen = {}
    monkeypatch.setattr(
        running,
        "linear_probe",
        lambda *args, **where: (
            seen.update(args=args) or SimpleNamespace(predictions="predicted", chosen="chosen")
        ),
    )
    cell = Cell("transfer", "hapt", method, "linear", window=1.28)  # 64 time steps at 50 Hz
    predict = running.predictor(cell, windows, encoder, plan.SMOKE)
    assert predict(train, test) == ("predicted", "chosen")
    wanted = [embed(encoder, X)]
    if method == "relcon_features":
        wanted.append(MotionFeatures(50).fit_transform(X))
    for Z, rows in zip(seen["args"][::3], (train, test), strict=True):
        np.testing.assert_array_equal(Z, np.hstack(wanted)[rows])
    np.testing.assert_array_equal(seen["args"][1], windows.y[train])
    np.testing.assert_array_equal(seen["args"][2], subject[train])


def test_few_labels_are_means_over_draws_of_the_people(data, monkeypatch):
    seeds, real = [], running.some_subjects
    monkeypatch.setattr(
        running, "some_subjects", lambda *args: seeds.append(args[-1]) or real(*args)
    )
    f1 = iter([0.2, 0.6])
    monkeypatch.setattr(running, "scores_of", lambda *args: {"macro_f1": next(f1)})
    few = Cell("none", "hapt", "features_linear", "own", labelled=0.01)
    record = running.run_cell(few, data, plan.SMOKE)
    assert seeds == [0, 1, 100, 101]  # two folds of two draws
    assert record["scores"]["draws"] == [0.2, 0.6]
    assert record["scores"]["macro_f1"] == pytest.approx(0.4)
    for cell in (replace(few, labelled=1.0), replace(few, protocol="fine_tune")):
        assert plan.SMOKE.draws(cell) == 1


def test_time_of_pretraining_has_the_distance():
    assert running.pretraining_seconds({}) == {}
    assert running.pretraining_seconds({"seconds": 5.0}) == {"pretraining": 5.0}
    with_distance = {"seconds": 5.0, "distance": {"seconds": 2.0}}
    assert running.pretraining_seconds(with_distance) == {"pretraining": 7.0}
