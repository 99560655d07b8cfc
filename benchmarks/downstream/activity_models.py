"""The models of activities: how they are fitted, and judged on sets that they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.common.scores import macro_f1
from benchmarks.downstream.activity_sets import (
    CLASSES,
    FILES,
    NOT_TRAINED_ON,
    POSTURES,
    LabelledFile,
)
from benchmarks.downstream.activity_windows import Described

# Inverse of the penalty, for weights of windows whose sum is one. Of 5, 20, 60 and 200, each is the
# best on sets that are left out, in the mean of all places and of wrists.
STRENGTHS = {"embeddings": 60.0, "features": 5.0}
MAX_ITER = 2000  # about 200 are needed
N_TREES = 60
N_BINS = 10  # of probabilities, for the error of calibration
RARE = 1e-6  # the least probability, so that its logarithm is finite


class Method(NamedTuple):
    """A way to make a model of activities.

    Attributes
    ----------
    title : str
        Name in tables.
    inputs : str
        What is classified: "embeddings" or "features" of a window.
    estimator : callable
        ``estimator(inputs)`` returns an unfitted classifier.
    wrist_only : bool
        Whether the model is of devices on a wrist only.
    copies : tuple of str
        The changed copies of the windows that it is fitted on too: "rotated", "noisy".
    """

    title: str
    inputs: str
    estimator: Callable
    wrist_only: bool = False
    copies: tuple[str, ...] = ("rotated", "noisy")


def linear(inputs: str):
    """Return an unfitted linear classifier of standardised "embeddings" or "features".

    It is fitted until it converges. Stopped earlier, its scores depend on the machine.
    """
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=STRENGTHS[inputs], max_iter=MAX_ITER)
    )


def forest(inputs: str):
    """Return an unfitted random forest, which is the same for all inputs."""
    return RandomForestClassifier(N_TREES, min_samples_leaf=4, random_state=0)


MODELS = {
    "activity-small": Method("activity-small", "embeddings", linear),
    "activity-small-wrist": Method("activity-small-wrist", "embeddings", linear, wrist_only=True),
}
"""The models that come with the package, by name."""

ANYWHERE, WRIST = MODELS

METHODS = {
    **MODELS,
    "no_copies": Method("activity-small, no copies", "embeddings", linear, copies=()),
    "rotated": Method("activity-small, rotated only", "embeddings", linear, copies=("rotated",)),
    "features": Method("features, linear", "features", linear),
    "features_wrist": Method("features, linear, wrist", "features", linear, wrist_only=True),
    "forest": Method("features, forest", "features", forest),
    "forest_wrist": Method("features, forest, wrist", "features", forest, wrist_only=True),
}
"""All methods, by name."""

BASELINES = {
    "activity-small": ("forest", "features"),
    "activity-small-wrist": ("forest_wrist", "features_wrist"),
}
"""What each model is compared with."""


def weights_of(y: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return weights of windows whose sum is one.

    Each class has the same weight. Within a class, a set has the weight of the square root of its
    number of windows.
    """
    weights = np.zeros(len(y))
    for label in np.unique(y):
        for name in np.unique(sets):
            rows = (y == label) & (sets == name)
            weights[rows] = 1 / np.sqrt(max(1, rows.sum()))
        weights[y == label] /= weights[y == label].sum()
    return weights / weights.sum()


def fit(method: Method, windows: Described):
    """Return a classifier that is fitted on windows, which must be those that the method is for."""
    names = [method.inputs, *(f"{method.inputs}_{copy}" for copy in method.copies)]
    X = np.concatenate([getattr(windows, name) for name in names])
    y = np.tile(windows.y, len(names))
    weights = np.tile(weights_of(windows.y, windows.set) / len(names), len(names))
    model = method.estimator(method.inputs)
    if isinstance(model, RandomForestClassifier):  # the size of leaves does not depend on weights
        return model.fit(X, y, sample_weight=weights * len(y))
    return model.fit(X, y, logisticregression__sample_weight=weights)


# -- sets that are left out ------------------------------------------------------------------------


class Left(NamedTuple):
    """Predictions of windows whose set was left out of the training.

    Attributes
    ----------
    rows : ndarray of shape (n,)
        The windows that have a prediction.
    probabilities : ndarray of shape (n, n_classes)
        In the order of `CLASSES`.
    known : ndarray of shape (n,)
        Whether the training has the class of a window, so that it can be right.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    known: np.ndarray


def _rows_of(method: Method, windows: Described) -> np.ndarray:
    """Return a mask of the windows that a method is for."""
    return windows.on_wrist if method.wrist_only else np.ones(len(windows.y), dtype=bool)


def can_be_judged(method: Method, windows: Described) -> bool:
    """Return whether a method has two sets to train on, so that one can be left out."""
    sets = np.unique(windows.set[_rows_of(method, windows)])
    return len(sets[sets != NOT_TRAINED_ON]) > 1


def leave_sets_out(method: Method, windows: Described):
    """Return predictions of each set by a model of the others, and the model of all sets.

    The set that is never trained on is predicted by the latter.
    """
    of_method = _rows_of(method, windows)
    trained_on = of_method & (windows.set != NOT_TRAINED_ON)
    parts, everything = [], fit(method, windows.take(trained_on))
    for name in np.unique(windows.set[of_method]):
        train = windows.take(trained_on & (windows.set != name))
        model = everything if name == NOT_TRAINED_ON else fit(method, train)
        rows = np.flatnonzero(of_method & (windows.set == name))
        found = model.predict_proba(getattr(windows, method.inputs)[rows])
        probabilities = np.zeros((len(rows), len(CLASSES)))
        probabilities[:, [CLASSES.index(label) for label in model.classes_]] = found
        parts.append(Left(rows, probabilities, np.isin(windows.y[rows], model.classes_)))
    return Left(*(np.concatenate(column) for column in zip(*parts, strict=True))), everything


def resting_share(model, inputs: np.ndarray) -> float:
    """Return the share of windows of devices at rest that a model takes for postures."""
    return float(np.isin(model.predict(inputs), POSTURES).mean())


# -- probabilities ---------------------------------------------------------------------------------


def cooled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities whose logits are divided by a temperature."""
    return softmax(np.log(np.maximum(probabilities, RARE)) / temperature, axis=1)


def temperature_of(probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the temperature with the smallest cross-entropy."""

    def loss(log_temperature: float) -> float:
        found = cooled(probabilities, np.exp(log_temperature))
        return -float(weights @ np.log(np.maximum(found[np.arange(len(codes)), codes], RARE)))

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 3), method="bounded").x))


def temperatures(left: Left, windows: Described) -> tuple[dict[str, float], float]:
    """Return the temperature for each set, from predictions of the others; and that from all.

    The set that is not trained on has the latter, which is made without it.
    """
    y, sets = windows.y[left.rows], windows.set[left.rows]
    codes = np.array([CLASSES.index(label) for label in y])

    def from_rows(rows: np.ndarray) -> float:
        weights = weights_of(y[rows], sets[rows])
        return temperature_of(left.probabilities[rows], codes[rows], weights)

    used = left.known & (sets != NOT_TRAINED_ON)
    names = np.unique(sets[used])
    by_set = {name: from_rows(used & (sets != name)) for name in names} if len(names) > 1 else {}
    return by_set, from_rows(used)


def calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the expected calibration error: of the largest probabilities, in ten bins."""
    return float(sum(n * abs(p - right) for p, right, n in reliability(probabilities, y)) / len(y))


def reliability(probabilities: np.ndarray, y: np.ndarray) -> list[tuple[float, float, int]]:
    """Return mean largest probability, share that is right, and number of windows of each bin."""
    largest = probabilities.max(axis=1)
    right = np.array(CLASSES)[probabilities.argmax(axis=1)] == y
    bins = np.minimum((largest * N_BINS).astype(int), N_BINS - 1)
    return [
        (float(largest[rows].mean()), float(right[rows].mean()), int(rows.sum()))
        for rows in (bins == k for k in range(N_BINS))
        if rows.any()
    ]


# -- scores ----------------------------------------------------------------------------------------


def scores_of(left: Left, windows: Described) -> dict:
    """Return the scores of each file and each person, and the calibration with a temperature."""
    by_set, overall = temperatures(left, windows)
    y, files = windows.y[left.rows], windows.file[left.rows]
    predicted = np.array(CLASSES)[left.probabilities.argmax(axis=1)]
    tempered, scores, people = np.empty_like(left.probabilities), {}, {}
    for name in np.unique(files):
        rows = files == name
        known = rows & left.known
        at = by_set.get(FILES[name].set, overall)
        tempered[rows] = cooled(left.probabilities[rows], at)
        labels = np.unique(y[known])
        each = f1_score(y[known], predicted[known], labels=labels, average=None, zero_division=0)
        scores[name] = {
            "macro_f1": macro_f1(y[known], predicted[known]),
            "f1": dict(zip(labels.tolist(), each.tolist(), strict=True)),
            "confusion": confusion_matrix(y[rows], predicted[rows], labels=CLASSES).tolist(),
            "calibration_error": calibration_error(left.probabilities[known], y[known]),
            "calibration_error_cooled": calibration_error(tempered[known], y[known]),
            "windows": int(rows.sum()),
        }
        subjects = windows.subject[left.rows]
        for subject in np.unique(subjects[known]) if is_compared(FILES[name]) else ():
            own = known & (subjects == subject)
            key = f"{FILES[name].set}/{subject}"
            people.setdefault(key, []).append(macro_f1(y[own], predicted[own]))
    return {
        "files": scores,
        "people": {key: float(np.mean(values)) for key, values in people.items()},
        "temperature": overall,
        "reliability": reliability(tempered[left.known], y[left.known]),
    }


def is_compared(file: LabelledFile) -> bool:
    """Return whether a file counts in means and in tests over people.

    The set that is not trained on does not, and neither do sets of one class, of which no classes
    can be confused.
    """
    return file.set != NOT_TRAINED_ON and len(set(file.classes.values())) > 1


def mean_of_sets(files: dict[str, dict], keep: Callable = lambda file: True) -> float | None:
    """Return the macro-F1: the mean of the files of a set, then of the sets; None without any.

    `keep` selects entries of `FILES`. Only files that are compared count.
    """
    by_set: dict[str, list[float]] = {}
    for name, scores in files.items():
        file = FILES[name]
        if is_compared(file) and keep(file):
            by_set.setdefault(file.set, []).append(scores["macro_f1"])
    return float(np.mean([np.mean(values) for values in by_set.values()])) if by_set else None
