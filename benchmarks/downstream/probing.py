"""Representations of a model of the package and of its rivals, and linear probes of them."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.common.encoders import embed, warm_batch_norm
from benchmarks.common.windows import Windows
from benchmarks.downstream.classic import linear_probe
from benchmarks.downstream.evaluation import classification_scores
from benchmarks.downstream.pretrained import RATE
from benchmarks.downstream.running import outer_folds
from relcon_sklearn import MotionFeatures, RelConEmbedder
from relcon_sklearn._files._recipes import seeded_global_rng
from relcon_sklearn.nn._presets import encoder_preset

STRENGTH = 0.1  # inverse of the penalty of probes for which it is not chosen


def representations(model: str, X: np.ndarray) -> dict:
    """Return functions of windows by name: a model, the same untrained, features, and unions."""
    embedder = RelConEmbedder.from_pretrained(model, device="cpu")
    with seeded_global_rng(0):
        untrained = encoder_preset(embedder.encoder).make(X.shape[2])
    warm_batch_norm(untrained, X, 0)
    features = MotionFeatures(RATE)
    return {
        model: lambda X: embed(embedder.encoder_, X),
        "untrained": lambda X: embed(untrained, X),
        "features": features.fit_transform,
        f"{model} + features": lambda X: np.hstack(
            [embed(embedder.encoder_, X), features.fit_transform(X)]
        ),
    }


def probe_all(
    model: str, windows: Windows, n_folds: int, strength: float | None = None
) -> dict[str, dict]:
    """Return the scores of :func:`probe` by representation."""
    return {
        name: probe(represent(windows.X), windows, n_folds, strength)
        for name, represent in representations(model, windows.X).items()
    }


def probe(
    Z: np.ndarray, windows: Windows, n_folds: int, strength: float | None = None
) -> dict[str, dict]:
    """Return the scores of a linear probe on held-out subjects.

    Parameters
    ----------
    Z : ndarray of shape (n_segments, n_features)
        The representation of the windows.
    windows : Windows
        The windows, all of them with a label.
    n_folds : int
        Number of folds, by subject.
    strength : float or None, default=None
        Inverse of the penalty. If None, it is chosen on training subjects, which takes 16 times as
        long.
    """
    predicted, fold_of = np.empty_like(windows.y), np.empty(len(windows), dtype=int)
    for fold, (train, test) in enumerate(outer_folds(windows, windows.subject, n_folds)):
        y = windows.y[train]
        if strength is None:
            fitted = linear_probe(Z[train], y, windows.subject[train], Z[test], rate=RATE, seed=0)
            predicted[test] = fitted.predictions
        else:
            predicted[test] = fixed_probe(strength).fit(Z[train], y).predict(Z[test])
        fold_of[test] = fold
    return classification_scores(windows.y, predicted, windows.subject, fold_of)


def fixed_probe(strength: float):
    """Return an unfitted linear probe with a given inverse of the penalty."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=5000))
