"""Scores and tests of the downstream benchmark."""

import json

import numpy as np
import pytest
from scipy.stats import wilcoxon
from sklearn.metrics import cohen_kappa_score, f1_score

from benchmarks.downstream import evaluation


def test_classification_scores():
    y = np.array(["a", "a", "b", "b", "a", "b", "c", "c"])
    predicted = np.array(["a", "b", "b", "b", "a", "a", "c", "a"])
    folds, subjects = np.repeat([0, 1], 4), np.array([7, 7, 7, 8, 9, 9, 9, 9])
    scores = evaluation.classification_scores(y, predicted, subjects, folds)
    assert scores["confusion"] == [[2, 1, 0], [1, 2, 0], [1, 0, 1]]
    assert scores["f1"] == pytest.approx({"a": 4 / 7, "b": 2 / 3, "c": 2 / 3})
    f1 = [f1_score(y[part], predicted[part], average="macro") for part in (folds == 0, folds == 1)]
    kappa = [cohen_kappa_score(y[part], predicted[part]) for part in (folds == 0, folds == 1)]
    assert scores["folds"] == {"macro_f1": pytest.approx(f1), "kappa": pytest.approx(kappa)}
    assert scores["macro_f1"] == pytest.approx(np.mean(f1))
    assert scores["kappa"] == pytest.approx(np.mean(kappa))
    # Subject 8 has one label, which is right. Subject 7 has 2/3 for each of two labels.
    assert scores["subjects"]["8"] == 1
    assert scores["subjects"]["7"] == pytest.approx(2 / 3)
    assert list(scores["subjects"]) == ["7", "8", "9"]
    json.dumps(scores)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
def test_kappa_where_there_is_one_label_only():
    y = np.array(["a", "a", "b"])
    folds = np.array([0, 0, 1])
    scores = evaluation.classification_scores(y, y, folds, folds)
    assert scores["kappa"] == 1


def test_mean_scores():
    y, subjects, folds = np.array(["a", "b", "a", "b"]), np.array([1, 1, 2, 2]), np.arange(4) // 2
    guesses = (np.array(["a", "b", "a", "b"]), np.array(["a", "a", "a", "b"]))
    scores = [evaluation.classification_scores(y, guess, subjects, folds) for guess in guesses]
    assert evaluation.mean_scores(scores[:1]) == scores[0]
    mean = evaluation.mean_scores(scores)
    assert mean.keys() == scores[0].keys()
    assert mean["macro_f1"] == pytest.approx(np.mean([s["macro_f1"] for s in scores]))
    assert mean["folds"]["kappa"] == pytest.approx([0.5, 1])
    assert mean["subjects"] == pytest.approx({"1": 2 / 3, "2": 1})
    assert mean["confusion"] == [[2, 0], [0.5, 1.5]]
    json.dumps(mean)


def test_regression_scores():
    y = np.array([[1.0, 10], [2, 20], [3, 30], [5, 30]])
    predicted = np.array([[1.0, 20], [3, 20], [3, 20], [4, 20]])
    subjects, folds = np.array([1, 1, 2, 2]), np.array([0, 0, 1, 1])
    scores = evaluation.regression_scores(y, predicted, subjects, folds, ("speed", "cadence"))
    speed, cadence = scores["targets"]["speed"], scores["targets"]["cadence"]
    assert scores["mae"] == speed["mae"] == 0.5
    assert scores["r2"] == speed["r2"] == pytest.approx(1 - 2 / 8.75)
    assert speed["correlation"] == pytest.approx(np.corrcoef(y[:, 0], predicted[:, 0])[0, 1])
    assert speed["subjects"] == {"1": 0.5, "2": 0.5}
    assert speed["folds"]["mae"] == [0.5, 0.5]
    assert speed["folds"]["r2"] == pytest.approx([1 - 1 / 0.5, 1 - 1 / 2])
    assert cadence["mae"] == 7.5
    assert cadence["correlation"] == 0  # of a constant
    assert cadence["r2"] == pytest.approx(1 - 300 / 275)
    json.dumps(scores)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7, 0.01], [1.0, 1.0, 0.03]),
    ],
)
def test_holm(p, expected):
    assert evaluation.holm(p) == pytest.approx(expected)


def test_compare():
    rng = np.random.default_rng(0)
    reference = {str(i): value for i, value in enumerate(rng.uniform(0.5, 1, 12))}
    worse = {s: value - 0.1 * rng.uniform(0.5, 1) for s, value in reference.items()}
    near = {s: value + 0.1 * rng.normal() for s, value in list(reference.items())[2:]}
    baselines = {"near": near | {"unknown": 0.0}, "worse": worse, "same": reference}
    tests = evaluation.compare(reference, baselines)
    assert list(tests) == list(baselines)
    for name, scores in baselines.items():
        shared = [s for s in reference if s in scores]
        difference = np.array([reference[s] - scores[s] for s in shared])
        assert tests[name]["difference"] == pytest.approx(difference.mean())
        assert tests[name]["ahead"] == (difference > 0).sum()
        assert tests[name]["n_subjects"] == len(shared)
        if name != "same":
            assert tests[name]["p"] == pytest.approx(wilcoxon(difference).pvalue)
    assert tests["worse"]["p"] == pytest.approx(2 / 2**12)
    assert tests["same"]["p"] == tests["same"]["p_holm"] == 1
    assert tests["worse"]["p_holm"] == pytest.approx(3 * tests["worse"]["p"])
