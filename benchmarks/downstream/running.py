"""The results of the downstream benchmark, one cell at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import numpy as np
from sklearn.frozen import FrozenEstimator

from benchmarks.common.datasets import TASKS
from benchmarks.common.encoders import embed
from benchmarks.common.windows import Windows, draw
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.classic import CLASSIC, linear_probe
from benchmarks.downstream.evaluation import (
    classification_scores,
    mean_scores,
    regression_scores,
)
from benchmarks.downstream.objectives import METHODS
from benchmarks.downstream.plan import DownstreamSettings
from benchmarks.downstream.pretrained import (
    Data,
    as_embedder,
    pretrained,
    shipped,
    weights_checksum,
)
from relcon_sklearn import MotionFeatures, RelConClassifier, RelConRegressor

BATCH_SIZE = 64  # of fine-tuning
# With fewer training subjects, none is held out to choose the epoch.
MIN_SUBJECTS_TO_HOLD_OUT = 5

# Maps the rows to fit on and the rows to predict to the predictions and what was chosen.
Predict = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, dict]]


def outer_folds(
    windows: Windows, subjects: np.ndarray, n_folds: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the training rows and the test rows of each fold.

    The held-out subjects depend on `subjects`, which has all subjects of the data set, and not on
    the windows.
    """
    order = np.random.default_rng(0).permutation(np.unique(subjects))
    for fold in range(n_folds):
        held_out = order[fold::n_folds]
        test = np.isin(windows.subject, held_out)
        yield np.flatnonzero(~test), np.flatnonzero(test)


def some_subjects(windows: Windows, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the rows of a share of the subjects, and of at least one subject."""
    subjects = np.unique(windows.subject[rows])
    n = max(1, round(share * len(subjects)))
    order = np.random.default_rng(seed).permutation(subjects)
    return rows[np.isin(windows.subject[rows], order[:n])]


def run_cell(cell: Cell, data: Data, settings: DownstreamSettings) -> dict:
    """Return the record of a cell."""
    windows = data.task(cell.task, cell.window)
    subjects = data.task(cell.task).subject
    windows = draw(windows.labelled(), settings.n_windows, 0)
    encoder, training = encoder_of(cell, data, settings)
    start = time.process_time()
    predict = predictor(cell, windows, encoder, settings)
    scores, chosen = [], []
    for seed in range(cell.seed, cell.seed + settings.draws(cell)):
        predicted, fold_of = np.empty_like(windows.y), np.empty(len(windows), dtype=int)
        for fold, (train, test) in enumerate(outer_folds(windows, subjects, settings.n_folds)):
            train = some_subjects(windows, train, cell.labelled, 100 * seed + fold)
            predicted[test], choice = predict(train, test)
            fold_of[test] = fold
            chosen.append(choice)
        scores.append(scores_of(cell, windows, predicted, fold_of))
    return {
        "scores": mean_scores(scores) | {"draws": [main_score(each) for each in scores]},
        "chosen": chosen,
        "seconds": {"probing": time.process_time() - start} | pretraining_seconds(training),
        "training": training,
        "n_windows": len(windows),
        "settings": asdict(settings),
        "made_by": made_by(cell, data, settings),
    }


def scores_of(cell: Cell, windows: Windows, predicted: np.ndarray, fold_of: np.ndarray) -> dict:
    """Return the scores of predictions of all windows of the task of a cell."""
    arrays = windows.y, predicted, windows.subject, fold_of
    if targets := TASKS[cell.task].targets:
        return regression_scores(*arrays, targets)
    return classification_scores(*arrays)


def main_score(scores: dict) -> float:
    """Return macro-F1, or R2 of the first target."""
    return scores["macro_f1"] if "macro_f1" in scores else scores["r2"]


def is_current(record: dict, cell: Cell, data: Data, settings: DownstreamSettings) -> bool:
    """Return whether a record of a cell is of the same encoder and number of draws."""
    draws = record["scores"].get("draws", [None])
    return record.get("made_by") == made_by(cell, data, settings) and len(draws) == settings.draws(
        cell
    )


def made_by(cell: Cell, data: Data, settings: DownstreamSettings) -> str | None:
    """Return what the encoder of a cell depends on; None for methods without pretraining."""
    if cell.setting == "none":
        return None
    name = cell.method.removesuffix("_features")
    if cell.setting == "shipped":
        return f"{name} {weights_checksum(shipped(name, data.cache))}"
    method, terms = METHODS[name], settings.terms(cell.setting)
    return repr((method, data.source(cell.setting, cell.task, cell.window), terms))


def encoder_of(cell: Cell, data: Data, settings: DownstreamSettings):
    """Return the encoder of a cell (None for methods without one) and a record of its training."""
    if cell.setting == "none":
        return None, {}
    name = cell.method.removesuffix("_features")
    if cell.setting == "shipped":
        return shipped(name, data.cache), {}
    method = METHODS[name]
    terms = settings.terms(cell.setting)
    return pretrained(data, method, cell.setting, cell.task, cell.window, terms, cell.seed)


def pretraining_seconds(training: dict) -> dict:
    """Return the time of pretraining, including the distance; empty without pretraining."""
    if "seconds" not in training:
        return {}
    return {"pretraining": training["seconds"] + training.get("distance", {}).get("seconds", 0)}


def predictor(cell: Cell, windows: Windows, encoder, settings: DownstreamSettings) -> Predict:
    """Return the function that fits on some rows of `windows` and predicts others.

    It returns the predictions and the chosen hyperparameters.
    """
    if cell.protocol == "own":
        return partial(predict_by_itself, cell, windows)
    if cell.protocol == "fine_tune":
        return partial(fine_tune, cell, windows, encoder, settings)
    return partial(probe, cell, windows, representation(cell, windows, encoder))


def rate_of(cell: Cell, windows: Windows) -> float:
    """Return the sampling rate of the windows of a cell in Hz."""
    return windows.X.shape[1] / cell.window


def representation(cell: Cell, windows: Windows, encoder) -> np.ndarray:
    """Return the embeddings of windows, with their features if the method has both."""
    Z = embed(encoder, windows.X)
    if not cell.method.endswith("_features"):
        return Z
    return np.hstack([Z, MotionFeatures(rate_of(cell, windows)).fit_transform(windows.X)])


def predict_by_itself(cell: Cell, windows: Windows, train: np.ndarray, test: np.ndarray):
    """Fit a method without an encoder."""
    known, rate = windows.take(train), rate_of(cell, windows)
    fitted = CLASSIC[cell.method](
        known.X, known.y, known.subject, windows.X[test], rate=rate, seed=cell.seed
    )
    return fitted.predictions, fitted.chosen


def probe(cell: Cell, windows: Windows, Z: np.ndarray, train: np.ndarray, test: np.ndarray):
    """Fit a linear model to the embeddings `Z` of the windows."""
    known = Z[train], windows.y[train], windows.subject[train]
    fitted = linear_probe(*known, Z[test], rate=rate_of(cell, windows), seed=cell.seed)
    return fitted.predictions, fitted.chosen


def fine_tune(
    cell: Cell,
    windows: Windows,
    encoder,
    settings: DownstreamSettings,
    train: np.ndarray,
    test: np.ndarray,
):
    """Train encoder and head; choose the best epoch on subjects held out of the training.

    With fewer than `MIN_SUBJECTS_TO_HOLD_OUT` subjects, none is held out and the last epoch is
    used, since one or two subjects would choose badly.
    """
    train, test = windows.take(train), windows.take(test)
    start = settings.encoder
    if encoder is not None:
        start = FrozenEstimator(as_embedder(encoder, start, train.X))
    regression = train.y.dtype.kind == "f"
    epoch = max(1, len(train) // BATCH_SIZE)
    model = (RelConRegressor if regression else RelConClassifier)(
        start,
        batch_size=BATCH_SIZE,
        max_epochs=max(1, round(settings.fine_tuning_steps / epoch)),
        n_iter_no_change=None,
        validation_fraction=0.2
        if len(np.unique(train.subject)) >= MIN_SUBJECTS_TO_HOLD_OUT
        else 0.0,
        random_state=cell.seed,
    )
    model.fit(train.X, train.y, groups=train.subject)
    best = min(model.history_, key=lambda row: row.get("valid_loss", row["train_loss"]))
    return model.predict(test.X).reshape(test.y.shape), {"best_epoch": best["epoch"]}
