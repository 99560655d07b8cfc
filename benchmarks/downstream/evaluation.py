"""Scores of predictions of held-out subjects, and tests of the difference between methods."""

from __future__ import annotations

import numpy as np
from scipy.stats import wilcoxon
from sklearn.metrics import (
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    mean_absolute_error,
    r2_score,
)

from benchmarks.common.scores import macro_f1


def classification_scores(y, predicted, subjects, folds) -> dict:
    """Return the scores of predicted labels.

    Parameters
    ----------
    y, predicted : ndarray of shape (n_segments,) of str
        The true labels and the predictions made while the subject of the segment was held out.
    subjects : ndarray of shape (n_segments,)
        The subject each segment belongs to.
    folds : ndarray of shape (n_segments,)
        The fold in which each segment was predicted.

    Returns
    -------
    scores : dict
        `macro_f1` and `kappa` are means over the folds, and `folds` has the values of each fold.
        `f1` of each label and `confusion` are over all folds; rows are the true labels. `subjects`
        has the macro-F1 of each subject, over its own labels.
    """
    labels = np.unique(y)
    per_fold = {"macro_f1": [], "kappa": []}
    for fold in np.unique(folds):
        rows = folds == fold
        per_fold["macro_f1"].append(macro_f1(y[rows], predicted[rows]))
        # Kappa is undefined if all labels and predictions are the same. That is a perfect score.
        kappa = cohen_kappa_score(y[rows], predicted[rows])
        per_fold["kappa"].append(float(np.nan_to_num(kappa, nan=1.0)))
    f1 = f1_score(y, predicted, labels=labels, average=None, zero_division=0)
    return {
        **{name: float(np.mean(values)) for name, values in per_fold.items()},
        "folds": per_fold,
        "f1": dict(zip(labels.tolist(), f1.tolist(), strict=True)),
        "confusion": confusion_matrix(y, predicted, labels=labels).tolist(),
        "subjects": {
            str(s): macro_f1(y[subjects == s], predicted[subjects == s])
            for s in np.unique(subjects)
        },
    }


def mean_scores(scores: list[dict]) -> dict:
    """Return the mean of scores with the same keys; the scores themselves if there is one.

    The numbers of the confusion matrix are means too.
    """
    first = scores[0]
    if len(scores) == 1:
        return first
    return {key: _mean([each[key] for each in scores]) for key in first}


def _mean(values: list):
    if isinstance(values[0], dict):
        return mean_scores(values)
    return np.mean(values, axis=0).tolist()


def regression_scores(y, predicted, subjects, folds, targets) -> dict:
    """Return the scores of predicted targets.

    Parameters
    ----------
    y, predicted : ndarray of shape (n_segments, n_targets)
        The true targets and the predictions made while the subject of the segment was held out.
    subjects, folds : ndarray of shape (n_segments,)
        As for :func:`classification_scores`.
    targets : sequence of str
        Names of the targets.

    Returns
    -------
    scores : dict
        `targets` has, for each target, `mae`, `r2` and `correlation` of all predictions together,
        `folds` with the values of each fold, and `subjects` with the mean absolute error of each
        subject. `r2` and `mae` at the top level are those of the first target.
    """
    per_target = {}
    for name, true, guess in zip(targets, y.T, predicted.T, strict=True):
        parts = [(true[folds == f], guess[folds == f]) for f in np.unique(folds)]
        each = [target_scores(*part) for part in parts]
        per_target[name] = target_scores(true, guess) | {
            "folds": {key: [scores[key] for scores in each] for key in each[0]},
            "subjects": {
                str(s): float(mean_absolute_error(true[subjects == s], guess[subjects == s]))
                for s in np.unique(subjects)
            },
        }
    first = per_target[targets[0]]
    return {"r2": first["r2"], "mae": first["mae"], "targets": per_target}


def target_scores(y: np.ndarray, predicted: np.ndarray) -> dict:
    """Return mean absolute error, R2 and correlation (0 if either is constant)."""
    varies = np.ptp(y) > 0 and np.ptp(predicted) > 0
    return {
        "mae": float(mean_absolute_error(y, predicted)),
        "r2": float(r2_score(y, predicted)),
        "correlation": float(np.corrcoef(y, predicted)[0, 1]) if varies else 0.0,
    }


def compare(reference: dict[str, float], baselines: dict[str, dict[str, float]]) -> dict[str, dict]:
    """Compare a method with each baseline over the same subjects, by Wilcoxon's signed-rank test.

    Parameters
    ----------
    reference : dict
        Score of each subject.
    baselines : dict of dict
        Score of each subject, for each baseline.

    Returns
    -------
    tests : dict of dict
        For each baseline: the mean `difference` (reference minus baseline), the number of subjects
        in which the reference is `ahead`, the number of subjects `n_subjects`, the two-sided `p`,
        and `p_holm`, corrected for the number of baselines by Holm's method.
    """
    tests = {}
    for name, scores in baselines.items():
        subjects = sorted(set(reference) & set(scores))
        differences = np.array([reference[s] - scores[s] for s in subjects])
        p = 1.0 if not differences.any() else float(wilcoxon(differences).pvalue)
        tests[name] = {
            "difference": float(differences.mean()),
            "ahead": int((differences > 0).sum()),
            "n_subjects": len(subjects),
            "p": p,
        }
    corrected = holm([test["p"] for test in tests.values()])
    for test, p in zip(tests.values(), corrected, strict=True):
        test["p_holm"] = p
    return tests


def holm(p_values: list[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method."""
    p_values = np.asarray(p_values, dtype=float)
    order = p_values.argsort()
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()
