"""Representations of a model of the package and of its rivals, and linear probes of them."""

from __future__ import annotations

import numpy as np

from benchmarks.common.encoders import embed, warm_batch_norm
from benchmarks.common.windows import Windows
from benchmarks.downstream.classic import linear_probe
from benchmarks.downstream.evaluation import classification_scores
from benchmarks.downstream.pretrained import RATE
from benchmarks.downstream.running import outer_folds
from relcon_sklearn import MotionFeatures, RelConEmbedder
from relcon_sklearn._files._recipes import seeded_global_rng
from relcon_sklearn.nn._presets import encoder_preset


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


def probe_all(model: str, windows: Windows, n_folds: int) -> dict[str, dict]:
    """Return the scores of linear probes on held-out subjects, by representation."""
    return {
        name: probe(represent(windows.X), windows, n_folds)
        for name, represent in representations(model, windows.X).items()
    }


def probe(Z: np.ndarray, windows: Windows, n_folds: int) -> dict:
    """Return the scores of a linear probe of `Z`, whose penalty is chosen on training subjects."""
    predicted, fold_of = np.empty_like(windows.y), np.empty(len(windows), dtype=int)
    for fold, (train, test) in enumerate(outer_folds(windows, windows.subject, n_folds)):
        y, subject = windows.y[train], windows.subject[train]
        fitted = linear_probe(Z[train], y, subject, Z[test], rate=RATE, seed=0)
        predicted[test] = fitted.predictions
        fold_of[test] = fold
    return classification_scores(windows.y, predicted, windows.subject, fold_of)
