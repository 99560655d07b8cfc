"""Sample weights: checks, balanced class weights and weighted moments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from ._arrays import as_float64

# Number of rows that are converted to float64 at a time.
_BLOCK_ROWS = 2**14


def check_weights(sample_weight, n_rows: int) -> np.ndarray:
    """Return float64 weights of `n_rows` rows, from 0 to 1; equal weights if None.

    Only the ratios of weights matter, and scaling preserves them. Weights that are too small to
    change a sum with the largest one become 0.
    """
    if sample_weight is None or isinstance(sample_weight, Real):
        sample_weight = np.full(n_rows, 1.0 if sample_weight is None else sample_weight)
    weights = as_float64(sample_weight, "sample_weight")
    if weights.ndim != 1 or len(weights) != n_rows:
        raise ValueError(
            f"sample_weight has shape {weights.shape}, but there are {n_rows} segments: pass one "
            "weight for each segment."
        )
    _check_each(weights, "sample_weight", lambda row: f"in row {row}")
    return scaled(weights)


def scaled(weights: np.ndarray) -> np.ndarray:
    """Return weights from 0 to 1 with the same ratios; 0 if too small to change a sum."""
    # Scaled by a power of two, which is exact.
    weights = np.ldexp(weights, -np.frexp(weights.max())[1])
    return np.where(weights < np.finfo(np.float64).eps * weights.max(), 0, weights)


def _check_each(weights: np.ndarray, name: str, place: Callable[[int], str]) -> None:
    """Raise ValueError, naming the place of the first bad one, unless weights can be used."""
    for is_bad, what in [
        (~np.isfinite(weights), "NaN or infinity"),
        (weights < 0, "a negative weight"),
    ]:
        if is_bad.any():
            raise ValueError(f"{name} contains {what}: first {place(int(is_bad.argmax()))}.")


def class_weights(
    class_weight: Mapping | str | None,
    classes: np.ndarray,
    codes: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        The parameter `class_weight`, as in classifiers of scikit-learn. Classes that a dict lacks
        have weight 1.
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    codes : ndarray of shape (n_rows,)
        Index of the class of each row.
    sample_weight : ndarray of shape (n_rows,)
        Weight of each row, which "balanced" uses in place of counts. A class with a total weight of
        zero gets the class weight zero.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        The weight of each class.

    Raises
    ------
    ValueError
        If a weight in a dict is not a number, is negative, NaN or infinite, if the dict lacks some
        classes and has others that do not exist, or if it leaves only one of several classes a
        weight above 0.
    """
    if isinstance(class_weight, Mapping):
        _check_class_weight(class_weight)
    # For "balanced", older releases of scikit-learn ignore sample weights.
    if class_weight != "balanced":
        weights = compute_class_weight(class_weight, classes=classes, y=classes[codes])
        _check_several(weights, classes)
        return weights
    totals = np.bincount(codes, sample_weight, minlength=len(classes))
    present = totals > 0
    weights = np.zeros(len(classes))
    weights[present] = totals.sum() / (present.sum() * totals[present])
    return weights


def _check_class_weight(class_weight: Mapping) -> None:
    labels = list(class_weight)
    for label, weight in class_weight.items():
        if not isinstance(weight, Real):
            raise ValueError(
                f"class_weight contains {weight!r} for the class {label!r}; expected a number."
            )
    weights = np.array([_as_float(weight) for weight in class_weight.values()])
    _check_each(weights, "class_weight", lambda i: f"for the class {labels[i]!r}")


def _check_several(weights: np.ndarray, classes: np.ndarray) -> None:
    """Raise ValueError if weights leave fewer than two of several classes."""
    kept = classes[scaled(weights) > 0].tolist()
    if len(kept) < 2 <= len(classes):
        eps = np.finfo(np.float64).eps
        raise ValueError(
            f"class_weight leaves the classes {kept} with a weight above 0, but at least two are "
            f"needed. Weights below {eps:.1e} times the largest count as 0."
        )


def _as_float(number: Real) -> float:
    try:
        return float(number)
    except OverflowError:  # an int or a fraction
        return math.inf if number > 0 else -math.inf


def weighted_moments(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and variance of each column.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        The values. They can be memory-mapped.
    weights : ndarray of shape (n_rows,)
        Weights of the rows. Rows with weight zero are not read.

    Returns
    -------
    mean, variance : ndarray of shape (n_columns,)
        Weighted mean and variance of each column, float64.
    """
    rows = np.flatnonzero(weights)
    shares = weights[rows] / weights[rows].sum()
    blocks = [slice(i, i + _BLOCK_ROWS) for i in range(0, len(rows), _BLOCK_ROWS)]
    mean = sum(shares[b] @ values[rows[b]].astype(np.float64) for b in blocks)
    variance = sum(shares[b] @ (values[rows[b]].astype(np.float64) - mean) ** 2 for b in blocks)
    return mean, variance
