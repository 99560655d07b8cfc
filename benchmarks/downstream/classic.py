"""What users have today without deep learning, fitted and chosen on training subjects only.

Each method of `CLASSIC` is called as

    fitted = method(X_train, y_train, groups_train, X_test, rate=50, seed=0)

X is (n_segments, n_timesteps, n_channels) in g at `rate` Hz, groups are subjects. A `y_train` of
floats asks for regression, of one target or (n_segments, n_targets); of anything else, for
classification. One thread each, except what NumPy's linear algebra takes.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from _features import classic_features, magnitudes
from _minirocket import minirocket_features
from scipy.signal import resample_poly
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifierCV, RidgeCV
from sklearn.metrics import f1_score, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tslearn.metrics import cdist_dtw

N_FOLDS = 3  # by subject, to choose hyperparameters
FOREST_GRID = {"min_samples_leaf": [1, 4]}
N_TREES_TO_CHOOSE, N_TREES = 50, 200
LOGISTIC_GRID = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0, 10.0]}
LOGISTIC_MAX_ITER = 2000
MLP_MAX_ITER = 200  # at most: it stops early
RIDGE_GRID = {"ridge__alpha": [1.0, 10.0, 100.0, 1000.0, 10000.0]}
MINIROCKET_ALPHAS = np.logspace(-3, 3, 10)  # as published
DTW_SEGMENTS = 300  # of training, to keep a thousand test segments below 30 s
DTW_TIMESTEPS = 64
DTW_RADII = (3, 6, 12, None)  # time steps of the above
DTW_SIGNALS = {"channels": np.asarray, "magnitude": magnitudes}


class Fitted(NamedTuple):
    """Predictions of the test segments, what was chosen for them, and the seconds of it all."""

    predictions: np.ndarray
    chosen: dict
    seconds: float


def is_regression(y: np.ndarray) -> bool:
    return y.dtype.kind == "f"


def score(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the macro-F1 over the labels there are in `y`, or minus the mean absolute error."""
    if is_regression(y):
        return -mean_absolute_error(y, predicted)
    return f1_score(y, predicted, labels=np.unique(y), average="macro", zero_division=0)


def subject_folds(y: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return up to `N_FOLDS` folds by subject, with labels spread over them; none for one subject.

    A fold whose training part has one label only is left out: nothing can be fitted there.
    """
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return []
    if is_regression(y):
        return list(GroupKFold(n_folds).split(y, y, groups))
    # Labels as numbers, each in every fold as far as it goes: it is not always possible.
    codes = np.unique(y, return_inverse=True)[1]
    if np.bincount(codes).max() < n_folds:
        return []
    folds = StratifiedGroupKFold(n_folds).split(codes, codes, groups)
    return [(train, test) for train, test in folds if len(np.unique(codes[train])) > 1]


def _method(predict: Callable) -> Callable:
    """Make a method of `predict`, which has targets of mean 0 and sd 1 and returns such."""

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
    """Set `model` to the best of `grid` on held-out subjects; return it and what was chosen."""
    folds = subject_folds(y, groups)
    if not folds:  # nobody to hold out
        return model, {}
    search = GridSearchCV(model, grid, scoring=make_scorer(score), cv=folds, refit=False)
    best = search.fit(Z, y).best_params_
    chosen = {name.rpartition("__")[2]: value for name, value in best.items()}
    return model.set_params(**best), chosen


@_method
def features_forest(X_train, y, groups, X_test, *, rate, seed):
    """Random forest on classic features."""
    forest = RandomForestRegressor if is_regression(y) else RandomForestClassifier
    model = forest(N_TREES_TO_CHOOSE, random_state=seed, n_jobs=1)
    Z = classic_features(X_train, rate)
    model, chosen = _choose(model, FOREST_GRID, Z, y, groups)
    model.set_params(n_estimators=N_TREES).fit(Z, y)
    return model.predict(classic_features(X_test, rate)), chosen


@_method
def features_linear(X_train, y, groups, X_test, *, rate, seed):
    """Logistic or ridge regression on classic features."""
    Z_train, Z_test = classic_features(X_train, rate), classic_features(X_test, rate)
    return _linear(Z_train, y, groups, Z_test, seed)


@_method
def linear_probe(Z_train, y, groups, Z_test, *, rate=None, seed):
    """Logistic or ridge regression on features that are given."""
    return _linear(Z_train, y, groups, Z_test, seed)


def _linear(Z_train, y, groups, Z_test, seed: int):
    if is_regression(y):
        model, grid = Ridge(), RIDGE_GRID
    else:
        model = LogisticRegression(max_iter=LOGISTIC_MAX_ITER, random_state=seed)
        grid = LOGISTIC_GRID
    model, chosen = _choose(make_pipeline(StandardScaler(), model), grid, Z_train, y, groups)
    return model.fit(Z_train, y).predict(Z_test), chosen


@_method
def mlp_probe(Z_train, y, groups, Z_test, *, rate=None, seed):
    """One hidden layer on features that are given, stopped early."""
    mlp = MLPRegressor if is_regression(y) else MLPClassifier
    model = mlp(
        hidden_layer_sizes=(256,),
        alpha=0.01,
        max_iter=MLP_MAX_ITER,
        early_stopping=True,
        random_state=seed,
    )
    model = make_pipeline(StandardScaler(), model).fit(Z_train, y)
    return model.predict(Z_test), {"n_iter": model[-1].n_iter_}


@_method
def minirocket(X_train, y, groups, X_test, *, rate, seed):
    """MiniRocket and ridge as published: its penalty is chosen by leaving out one segment each."""
    Z_train, Z_test, versions = minirocket_features(X_train, X_test, seed=seed)
    ridge = RidgeCV if is_regression(y) else RidgeClassifierCV
    model = make_pipeline(StandardScaler(with_mean=False), ridge(MINIROCKET_ALPHAS))
    predicted = model.fit(Z_train, y).predict(Z_test)
    return predicted, {"alpha": float(model[-1].alpha_), "versions": versions}


@_method
def nearest_dtw(X_train, y, groups, X_test, *, rate, seed):
    """Nearest neighbour by dynamic time warping, among `DTW_SEGMENTS` of the training segments.

    Of the channels, or of the vector magnitude, which is blind to how the sensor is turned.
    """
    rows = spread_rows(y, groups, DTW_SEGMENTS, np.random.default_rng(seed))
    references, y, groups = shortened(X_train[rows]), y[rows], groups[rows]
    # A segment must not find one of its own subject, nor itself.
    same = groups == groups[:, None]
    if same.all():
        same = np.eye(len(rows), dtype=bool)
    scores = {}
    for signal, radius in itertools.product(DTW_SIGNALS, DTW_RADII):
        distances = np.where(same, np.inf, _dtw(DTW_SIGNALS[signal](references), None, radius))
        scores[signal, radius] = score(y, y[distances.argmin(axis=1)])
    signal, radius = max(scores, key=scores.get)
    of = DTW_SIGNALS[signal]
    nearest = _dtw(of(shortened(X_test)), of(references), radius).argmin(axis=1)
    chosen = {"signal": signal, "radius": radius, "n_train": len(rows)}
    return y[nearest], {**chosen, "n_timesteps": references.shape[1]}


def spread_rows(y, groups, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `n` rows, or all: labels in turn and, within each, subjects in turn."""
    subject = np.unique(groups, return_inverse=True)[1]
    label = np.zeros(len(y), dtype=int)
    if not is_regression(y):
        label = np.unique(y, return_inverse=True)[1]
    order = rng.permutation(len(y))
    for keys in (label * (subject.max() + 1) + subject, label):
        turn = np.empty(len(y), dtype=int)
        for key in np.unique(keys):
            rows = order[keys[order] == key]
            turn[rows] = np.arange(len(rows))
        order = order[np.argsort(turn[order], kind="stable")]
    return order[:n]


def shortened(X: np.ndarray) -> np.ndarray:
    """Return segments of `DTW_TIMESTEPS`, filtered against aliasing; shorter ones as they are."""
    if X.shape[1] <= DTW_TIMESTEPS:
        return X
    return resample_poly(X, DTW_TIMESTEPS, X.shape[1], axis=1, padtype="line")


def _dtw(X: np.ndarray, others: np.ndarray | None, radius: int | None) -> np.ndarray:
    band = {"global_constraint": "sakoe_chiba", "sakoe_chiba_radius": radius} if radius else {}
    return cdist_dtw(X, others, n_jobs=1, **band)


CLASSIC = {
    "features_forest": features_forest,
    "features_linear": features_linear,
    "minirocket": minirocket,
    "nearest_dtw": nearest_dtw,
}
