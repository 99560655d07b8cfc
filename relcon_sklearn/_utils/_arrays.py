"""What users pass as arrays: as ndarrays, or as errors that say which of them is wrong, and how."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

# What comes of converting things that are no arrays: the last two from torch, and from objects that
# are indexed in vain.
_UNREADABLE = (TypeError, ValueError, OverflowError, RuntimeError, LookupError)


def as_array(value, name: str, *, if_ragged: str = "", **options) -> np.ndarray:
    """Return an array-like in memory as an ndarray.

    Parameters
    ----------
    value : array-like
        What the user passed.
    name : str
        Name of the argument, for messages.
    if_ragged : str, default=""
        Advice where the rows of `value` are of different lengths.
    **options
        Of :func:`sklearn.utils.check_array`.

    Raises
    ------
    ValueError or TypeError
        If it cannot be converted, or has masked values, which a conversion would bring back.
    """
    try:
        array = check_array(value, input_name=name, **options)
        if array.dtype == object and "dtype" not in options:
            # It makes numbers of arrays of objects, but not of lists of them.
            array = check_array(array, input_name=name, **options)
    except _UNREADABLE as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        why = repr(error) if isinstance(error, LookupError) else error
        more = _raggedness(value, if_ragged)
        raise kind(f"{name} ({_seen(value)}) cannot be used: {why}{more}") from error
    masked = _masked_rows(value)
    if masked.any():
        raise ValueError(
            f"{name} contains masked values: first in row {masked.argmax()}. Drop such rows or "
            "fill their gaps before passing them on."
        )
    return array


def as_float64(value, name: str) -> np.ndarray:
    """Return one or more finite numbers for each row, as a float64 array of one or two dimensions.

    Raises
    ------
    ValueError or TypeError
        If they are no such numbers.
    """
    array = as_array(value, name, ensure_2d=False, ensure_all_finite=False)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}; expected real numbers.")
    with np.errstate(over="ignore"):  # of a long double, which is infinite below
        array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(f"{name} contains NaN or infinity: first in row {np.argwhere(bad)[0][0]}.")
    return array


def as_labels(value, name: str, *, warn: bool = False) -> np.ndarray:
    """Return one label for each row, as a 1-D array that can be sorted and has no gaps.

    Parameters
    ----------
    value : array-like of shape (n_rows,) or (n_rows, 1)
        What the user passed.
    name : str
        Name of the argument, for messages.
    warn : bool, default=False
        Whether to warn of a second dimension, as scikit-learn's classifiers have to.

    Raises
    ------
    ValueError or TypeError
        If they are no such labels.
    """
    # NumPy would make "1" of 1 and "nan" of NaN where a list has text too.
    untyped = not hasattr(value, "dtype")
    array = as_array(
        value,
        name,
        dtype=object if untyped else None,
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,
    )
    if array.ndim != 1 and array.shape[1:] != (1,):
        raise ValueError(
            f"{name} should be a 1d array, got an array of shape {array.shape} instead: pass one "
            "label for each row."
        )
    labels = column_or_1d(array, warn=warn)
    gaps = missing(labels)
    if gaps.any():
        row = int(gaps.argmax())
        raise ValueError(f"{name} contains NaN or infinity: first in row {row} ({labels[row]}).")
    if labels.dtype == object and not _can_be_told_apart(labels):
        types = sorted({type(label).__name__ for label in labels})
        raise TypeError(
            f"{name} has labels that cannot be sorted, of type {' and '.join(types)}: make them "
            "all text, or all numbers."
        )
    return np.asarray(labels.tolist()) if untyped else labels


def _seen(value) -> str:
    """Return what a value is, in words."""
    seen = type(value).__name__
    try:
        return f"{seen} of shape {value.shape} and dtype {value.dtype}"
    except (AttributeError, RuntimeError):  # a list has neither, a nested tensor no shape
        return seen


def _raggedness(value, advice: str) -> str:
    """Return what to say of rows of different lengths."""
    try:
        lengths = {len(row) for row in value}
    except _UNREADABLE:  # no rows, or none with a length
        return ""
    if len(lengths) < 2:
        return ""
    return f" The lengths of its rows are {min(lengths)} to {max(lengths)}. {advice}".rstrip()


def _masked_rows(value) -> np.ndarray:
    """Return which rows of an array, or items of a list of arrays, have masked values."""
    if isinstance(value, (list, tuple)):
        return np.array([np.ma.is_masked(row) for row in value], dtype=bool)
    if not np.ma.is_masked(value):
        return np.zeros(1, dtype=bool)
    return np.ma.getmaskarray(value).reshape(len(value), -1).any(axis=1)


def missing(labels: np.ndarray) -> np.ndarray:
    """Return which labels are NaN, infinite, NaT, None or pandas' NA."""
    if labels.dtype.kind in "fc":
        return ~np.isfinite(labels)
    if labels.dtype.kind in "mM":
        return np.isnat(labels)
    if labels.dtype != object:
        return np.zeros(len(labels), dtype=bool)
    return np.array([_is_missing(label) for label in labels], dtype=bool)


def _is_missing(label) -> bool:
    try:
        return label is None or not label == label
    except (TypeError, ValueError):  # NA is neither equal to itself nor not; arrays, in parts
        return True


def _can_be_told_apart(labels: np.ndarray) -> bool:
    """Whether sorting brings equal labels together, which it does not for sets, for example."""
    try:
        return len(np.unique(labels)) == len(set(labels))
    except TypeError:
        return False
