"""Methods without deep learning predict unseen people, and choose on training subjects only."""

import json

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

pytest.importorskip("tslearn")
from benchmarks.downstream import classic

RATE = 50
FAST = ["features_forest", "features_linear", "nearest_dtw"]


@pytest.fixture
def small(monkeypatch):
    """Make the methods small enough for tests."""
    monkeypatch.setattr(classic, "DTW_SEGMENTS", 60)
    monkeypatch.setattr(classic, "FOREST_GRID", {"min_samples_leaf": [1, 4]})
    monkeypatch.setattr(classic, "N_TREES_TO_CHOOSE", 20)
    monkeypatch.setattr(classic, "N_TREES", 50)


@pytest.mark.parametrize("name", FAST)
def test_activities_of_people_not_seen(small, split_motion, name):
    (X, y, _, groups), (X_test, y_test, *_) = split_motion
    fitted = classic.CLASSIC[name](X, y, groups, X_test[:48], rate=RATE, seed=0)
    assert fitted.predictions.shape == (48,)
    assert fitted.predictions.dtype == y.dtype
    assert (fitted.predictions == y_test[:48]).mean() > 0.4  # of six
    assert fitted.seconds > 0
    assert json.loads(json.dumps(fitted.chosen)) == fitted.chosen
    again = classic.CLASSIC[name](X, y, groups, X_test[:48], rate=RATE, seed=0)
    assert (again.predictions == fitted.predictions).all()


def test_people_with_labels_of_one_class_predict_it():
    Z, y = np.random.default_rng(0).normal(size=(6, 3)), np.repeat("walking", 6)
    fitted = classic.linear_probe(Z, y, np.arange(6), Z[:4], rate=RATE, seed=0)
    assert fitted.predictions.tolist() == ["walking"] * 4


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("columns", [0, [0], [0, 1]], ids=str)
def test_targets_of_people_not_seen(small, split_motion, name, columns):
    (X, _, targets, groups), (X_test, _, of_test, _) = split_motion
    y, y_test = targets[:, columns], of_test[:48, columns]
    fitted = classic.CLASSIC[name](X, y, groups, X_test[:48], rate=RATE, seed=0)
    assert fitted.predictions.shape == y_test.shape
    assert fitted.predictions.dtype == y.dtype
    error = np.abs(fitted.predictions - y_test).mean(axis=0)
    assert (error < 0.8 * np.abs(y_test - np.median(y, axis=0)).mean(axis=0)).all()


@pytest.mark.parametrize("regression", [False, True])
def test_folds_keep_subjects_apart(regression):
    rng = np.random.default_rng(0)
    groups = rng.integers(7, size=90)
    y = rng.normal(size=90) if regression else rng.choice(["a", "b"], size=90)
    folds = classic.inner_folds(y, groups)
    assert len(folds) == classic.N_FOLDS
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(90))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])


def test_what_is_chosen_is_judged_on_these_folds(monkeypatch, split_motion):
    (X, y, targets, groups), _ = split_motion
    used = []

    def search(model, grid, *, cv, **settings):
        used.append(cv)
        return GridSearchCV(model, grid, cv=cv, **settings)

    monkeypatch.setattr(classic, "GridSearchCV", search)
    for target in (y, targets):
        classic.features_linear(X, target, groups, X[:2], rate=RATE, seed=0)
    assert len(used) == 2
    for folds in used:
        assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)


def test_labels_of_subjects_are_in_the_training_part_of_each_fold():
    groups = np.repeat(np.arange(6), 10)
    y = np.where(groups < 3, "old", "young")
    folds = classic.inner_folds(y, groups)
    assert len(folds) == 3
    assert all(set(y[test]) == {"old", "young"} for _, test in folds)
    # Only one subject is old. If it is held out, nothing can be fitted.
    folds = classic.inner_folds(np.where(groups < 1, "old", "young"), groups)
    assert len(folds) == 2


def test_one_subject_leaves_nothing_to_choose_by(small, split_motion):
    (X, y, _, groups), _ = split_motion
    X, y, groups = X[groups == 0], y[groups == 0], groups[groups == 0]
    for name in FAST:
        fitted = classic.CLASSIC[name](X, y, groups, X[:3], rate=RATE, seed=0)
        assert len(fitted.predictions) == 3


def test_neighbours_that_choose_the_band_are_of_other_subjects(monkeypatch):
    # Each segment has a copy in the same subject, and every subject has a different label.
    groups = np.repeat(np.arange(4), 5)
    X = np.repeat(np.arange(4.0), 5)[:, None, None] + np.zeros((20, 16, 1))
    judged = []
    monkeypatch.setattr(classic, "score", lambda y, predicted: judged.append((y, predicted)) or 0)
    y = np.array(list("abcd"))[groups]
    fitted = classic.nearest_dtw(X, y, groups, X, rate=RATE, seed=0)
    assert len(judged) == len(classic.DTW_RADII) * len(classic.DTW_SIGNALS)
    assert all((y != predicted).all() for y, predicted in judged)
    assert (fitted.predictions == y).all()
