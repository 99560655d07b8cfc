"""Scores that several benchmarks report."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import f1_score


def macro_f1(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the macro-F1 over the labels that occur in `y`."""
    labels = np.unique(y)
    return float(f1_score(y, predicted, labels=labels, average="macro", zero_division=0))
