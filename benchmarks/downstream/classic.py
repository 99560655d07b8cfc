"""Baselines without deep learning, fitted and tuned on training subjects only.

Each method of `CLASSIC` is called as

    fitted = method(X_train, y_train, groups_train, X_test, rate=50, seed=0)

X is (n_segments, n_timesteps, n_channels) in g at `rate` Hz, and groups are subjects. The task is
regression if `y_train` has floats, of shape (n_segments,) or (n_segments, n_targets), and
classification otherwise. Each method uses one thread, except for NumPy's linear algebra.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifierCV, RidgeCV
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tslearn.metrics import cdist_dtw

from benchmarks.common.features import magnitudes
from benchmarks.common.scores import macro_f1
from benchmarks.common.windows import balanced_rows, shorten
from benchmarks.downstream.minirocket import minirocket_features
from relcon_sklearn import MotionFeatures

N_FOLDS = 3  # by subject, for the choice of hyperparameters
FOREST_GRID = {"min_samples_leaf": [1, 4]}
N_TREES_TO_CHOOSE, N_TREES = 50, 200
LOGISTIC_GRID = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0, 10.0]}
LOGISTIC_MAX_ITER = 2000
RIDGE_GRID = {"ridge__alpha": [1.0, 10.0, 100.0, 1000.0, 10000.0]}
MINIROCKET_ALPHAS = np.logspace(-3, 3, 10)  # as published
DTW_SEGMENTS = 300  # for training; a thousand test segments then take less than 30 s
DTW_TIMESTEPS = 64
DTW_RADII = (3, 6, 12, None)  # in these time steps
DTW_SIGNALS = {"channels": np.asarray, "magnitude": magnitudes}


class Fitted(NamedTuple):
    """Predictions of the test segments, the chosen hyperparameters, and the total seconds."""

    predictions: np.ndarray
    chosen: dict
    seconds: float


def is_regression(y: np.ndarray) -> bool:
    return y.dtype.kind == "f"


def score(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the macro-F1 over the labels in `y`, or minus the mean absolute error."""
    if is_regression(y):
        return -mean_absolute_error(y, predicted)
    return macro_f1(y, predicted)


def inner_folds(y: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return up to `N_FOLDS` folds by subject, stratified by label; none for a single subject.

    A fold whose training part has only one label is left out, since nothing can be fitted to it.
    """
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return []
    if is_regression(y):
        return list(GroupKFold(n_folds).split(y, y, groups))
    # The folds are stratified as far as the subjects allow.
    codes = np.unique(y, return_inverse=True)[1]
    if np.bincount(codes).max() < n_folds:
        return []
    folds = StratifiedGroupKFold(n_folds).split(codes, codes, groups)
    return [(train, test) for train, test in folds if len(np.unique(codes[train])) > 1]


def _method(predict: Callable) -> Callable:
    """Return a method for `predict`, whose targets are standardised to mean 0 and sd 1."""

    @functools.wraps(predict)
    def method(X_train, y_train, groups_train, X_test, *, rate: float, seed: int) -> Fitted:
        start = time.perf_counter()
        y_train = np.asarray(y_train)
        y, restore = y_train, np.asarray
        if is_regression(y_train):
            mean, sd = y_train.mean(axis=0), y_train.std(axis=0)
            sd = np.where(sd > 0, sd, 1)
            y = (y_train - mean) / sd
            y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y

            def restore(z):
                return z.reshape(len(X_test), *y_train.shape[1:]) * sd + mean

        predicted, chosen = predict(X_train, y, groups_train, X_test, rate=rate, seed=seed)
        predicted = restore(predicted).astype(y_train.dtype)
        return Fitted(predicted, chosen, time.perf_counter() - start)

    return method


def _choose(model, grid: dict, Z: np.ndarray, y: np.ndarray, groups: np.ndarray):
    """Set `model` to the best of `grid` on held-out subjects; return it and the choice."""
    folds = inner_folds(y, groups)
    if not folds:  # no subject to hold out
        return model, {}
    search = GridSearchCV(model, grid, scoring=make_scorer(score), cv=folds, refit=False)
    best = search.fit(Z, y).best_params_
    chosen = {name.rpartition("__")[2]: value for name, value in best.items()}
    return model.set_params(**best), chosen


@_method
def features_forest(X_train, y, groups, X_test, *, rate, seed):
    """Predict by a random forest on classic features."""
    forest = RandomForestRegressor if is_regression(y) else RandomForestClassifier
    model = forest(N_TREES_TO_CHOOSE, random_state=seed, n_jobs=1)
    Z = MotionFeatures(rate).fit_transform(X_train)
    model, chosen = _choose(model, FOREST_GRID, Z, y, groups)
    model.set_params(n_estimators=N_TREES).fit(Z, y)
    return model.predict(MotionFeatures(rate).fit_transform(X_test)), chosen


@_method
def features_linear(X_train, y, groups, X_test, *, rate, seed):
    """Predict by logistic or ridge regression on classic features."""
    Z_train, Z_test = (MotionFeatures(rate).fit_transform(X) for X in (X_train, X_test))
    return _linear(Z_train, y, groups, Z_test, seed)


@_method
def linear_probe(Z_train, y, groups, Z_test, *, rate=None, seed):
    """Predict by logistic or ridge regression on given features."""
    return _linear(Z_train, y, groups, Z_test, seed)


def _linear(Z_train, y, groups, Z_test, seed: int):
    if len(y) and (y == y[0]).all():  # a person with labels of one class only
        return np.repeat(y[:1], len(Z_test), axis=0), {}
    if is_regression(y):
        model, grid = Ridge(), RIDGE_GRID
    else:
        model = LogisticRegression(max_iter=LOGISTIC_MAX_ITER, random_state=seed)
        grid = LOGISTIC_GRID
    model, chosen = _choose(make_pipeline(StandardScaler(), model), grid, Z_train, y, groups)
    return model.fit(Z_train, y).predict(Z_test), chosen


@_method
def minirocket(X_train, y, groups, X_test, *, rate, seed):
    """Predict by MiniRocket and ridge regression as published, with a leave-one-out penalty."""
    Z_train, Z_test, versions = minirocket_features(X_train, X_test, seed=seed)
    ridge = RidgeCV if is_regression(y) else RidgeClassifierCV
    model = make_pipeline(StandardScaler(with_mean=False), ridge(MINIROCKET_ALPHAS))
    predicted = model.fit(Z_train, y).predict(Z_test)
    return predicted, {"alpha": float(model[-1].alpha_), "versions": versions}


@_method
def nearest_dtw(X_train, y, groups, X_test, *, rate, seed):
    """Predict by the nearest of `DTW_SEGMENTS` training segments, by dynamic time warping.

    The signals are the channels or the vector magnitude, which does not depend on the orientation
    of the sensor.
    """
    rows = balanced_rows(y, DTW_SEGMENTS, np.random.default_rng(seed), groups)
    references, y, groups = shorten(X_train[rows], DTW_TIMESTEPS), y[rows], groups[rows]
    # A segment must not find a segment of its own subject, or itself.
    same = groups == groups[:, None]
    if same.all():
        same = np.eye(len(rows), dtype=bool)
    scores = {}
    for signal, radius in itertools.product(DTW_SIGNALS, DTW_RADII):
        distances = np.where(same, np.inf, dtw(DTW_SIGNALS[signal](references), None, radius))
        scores[signal, radius] = score(y, y[distances.argmin(axis=1)])
    signal, radius = max(scores, key=scores.get)
    signal_of = DTW_SIGNALS[signal]
    X_test = shorten(X_test, DTW_TIMESTEPS)
    nearest = dtw(signal_of(X_test), signal_of(references), radius).argmin(axis=1)
    chosen = {"signal": signal, "radius": radius, "n_train": len(rows)}
    return y[nearest], {**chosen, "n_timesteps": references.shape[1]}


def dtw(X: np.ndarray, others: np.ndarray | None, radius: int | None) -> np.ndarray:
    """Return the DTW distances of all pairs, in a Sakoe-Chiba band of `radius` if not None."""
    band = {"global_constraint": "sakoe_chiba", "sakoe_chiba_radius": radius} if radius else {}
    return cdist_dtw(X, others, n_jobs=1, **band)


CLASSIC = {
    "features_forest": features_forest,
    "features_linear": features_linear,
    "minirocket": minirocket,
    "nearest_dtw": nearest_dtw,
}
