"""What predictions of held-out subjects are worth, and whether a difference is more than chance."""

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


def classification_scores(y, predicted, subjects, folds) -> dict:
    """Return the scores of predicted labels.

    Parameters
    ----------
    y, predicted : ndarray of shape (n_segments,) of str
        The labels, each predicted once, when its subject was held out.
    subjects : ndarray of shape (n_segments,)
        Whose each segment is.
    folds : ndarray of shape (n_segments,)
        In which fold it was predicted.

    Returns
    -------
    scores : dict
        `macro_f1` and `kappa` (means over the folds), the same for each fold, `f1` of each label
        and `confusion` (over all folds; rows are the true labels), and `subjects`: the macro-F1 of
        each, over the labels it has.
    """
    labels = np.unique(y)
    per_fold = {"macro_f1": [], "kappa": []}
    for fold in np.unique(folds):
        rows = folds == fold
        per_fold["macro_f1"].append(macro_f1(y[rows], predicted[rows]))
        # Undefined where there is one label and all have it, which is as good as it gets.
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


def macro_f1(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the macro-F1 over the labels that are there to be found in `y`."""
    labels = np.unique(y)
    return float(f1_score(y, predicted, labels=labels, average="macro", zero_division=0))


def regression_scores(y, predicted, subjects, folds, targets) -> dict:
    """Return the scores of predicted targets.

    Parameters
    ----------
    y, predicted : ndarray of shape (n_segments, n_targets)
        The targets, each predicted once, when its subject was held out.
    subjects, folds : ndarray of shape (n_segments,)
        As for :func:`classification_scores`.
    targets : sequence of str
        Names of the targets.

    Returns
    -------
    scores : dict
        For each target `mae`, `r2` and `correlation` of all predictions together, the same for
        each fold, and `subjects`: the mean absolute error for each. `r2` and `mae` stand also at
        the top, for the first target.
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
    """Return mean absolute error, R2 and correlation (0 where either does not vary)."""
    varies = np.ptp(y) > 0 and np.ptp(predicted) > 0
    return {
        "mae": float(mean_absolute_error(y, predicted)),
        "r2": float(r2_score(y, predicted)),
        "correlation": float(np.corrcoef(y, predicted)[0, 1]) if varies else 0.0,
    }


def compare(reference: dict[str, float], rivals: dict[str, dict[str, float]]) -> dict[str, dict]:
    """Compare a method with each of its rivals over the same subjects, by Wilcoxon's signed ranks.

    Parameters
    ----------
    reference : dict
        Score of each subject.
    rivals : dict of dict
        The same for each rival.

    Returns
    -------
    tests : dict of dict
        For each rival the mean `difference` (reference minus rival), in how many of how many
        subjects the reference is `ahead`, the two-sided `p`, and `p_holm`, corrected for the number
        of rivals by Holm's method.
    """
    tests = {}
    for name, scores in rivals.items():
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
