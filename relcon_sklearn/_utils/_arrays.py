"""Conversion of array-likes to ndarrays, with errors that name the argument and the problem."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

# Errors that conversion can raise for a value that is not an array. RuntimeError comes from torch,
# LookupError from objects that cannot be indexed.
_UNREADABLE = (TypeError, ValueError, OverflowError, RuntimeError, LookupError)


def as_array(value, name: str, *, if_ragged: str = "", **options) -> np.ndarray:
    """Return an array-like in memory as an ndarray.

    Parameters
    ----------
    value : array-like
        The value that the user passed.
    name : str
        Name of the argument, for messages.
    if_ragged : str, default=""
        Advice in the message if the rows of `value` have different lengths.
    **options
        Options of :func:`sklearn.utils.check_array`.

    Raises
    ------
    ValueError or TypeError
        If the value cannot be converted, or has masked values. A conversion would drop the mask.
    """
    try:
        array = check_array(value, input_name=name, **options)
        if array.dtype == object and "dtype" not in options:
            # check_array converts arrays of objects to numbers, but not lists of objects.
            array = check_array(array, input_name=name, **options)
    except _UNREADABLE as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        why = repr(error) if isinstance(error, LookupError) else str(error).partition("\n[")[0]
        more = _row_lengths(value, if_ragged)
        raise kind(f"{name} ({_type_and_shape(value)}) cannot be used: {why}{more}") from error
    masked = _masked_rows(value)
    if masked.any():
        raise ValueError(
            f"{name} contains masked values: first in row {masked.argmax()}. Drop such rows, or "
            "fill the masked values first."
        )
    return array


def as_float64(value, name: str) -> np.ndarray:
    """Return finite numbers, one or more for each row, as a 1-D or 2-D float64 array.

    Raises
    ------
    ValueError or TypeError
        If the values are not finite real numbers.
    """
    array = as_array(value, name, ensure_2d=False, ensure_all_finite=False)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}; expected real numbers.")
    with np.errstate(over="ignore"):  # a long double can become infinite, which is reported below
        array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(f"{name} contains NaN or infinity: first in row {np.argwhere(bad)[0][0]}.")
    return array


def as_labels(value, name: str, *, warn: bool = False) -> np.ndarray:
    """Return one label for each row, as a 1-D array that can be sorted, without missing labels.

    Parameters
    ----------
    value : array-like of shape (n_rows,) or (n_rows, 1)
        The value that the user passed.
    name : str
        Name of the argument, for messages.
    warn : bool, default=False
        Whether to warn about a second dimension, as classifiers of scikit-learn must.

    Raises
    ------
    ValueError or TypeError
        If the values are not one label for each row, if labels are missing, or if they cannot be
        sorted.
    """
    # In a list that also has text, NumPy would convert 1 to "1" and NaN to "nan".
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
            f"{name} should be a 1d array, got an array of shape {array.shape} instead. Pass one "
            "label for each row."
        )
    labels = column_or_1d(array, warn=warn)
    gaps = missing(labels)
    if gaps.any():
        row = int(gaps.argmax())
        raise ValueError(f"{name} contains NaN or infinity: first in row {row} ({labels[row]}).")
    if labels.dtype == object and not _are_sortable(labels):
        types = sorted({type(label).__name__ for label in labels})
        raise TypeError(
            f"{name} has labels that cannot be sorted, of type {' and '.join(types)}. Use only "
            "text, or only numbers."
        )
    return np.asarray(labels.tolist()) if untyped else labels


def _type_and_shape(value) -> str:
    """Return the type of a value, and its shape and dtype if it has them."""
    name = type(value).__name__
    try:
        return f"{name} of shape {value.shape} and dtype {value.dtype}"
    except (AttributeError, RuntimeError):  # a list has neither, a nested tensor no shape
        return name


def _row_lengths(value, advice: str) -> str:
    """Return a sentence about rows of different lengths, with advice; "" if they are equal."""
    try:
        lengths = {len(row) for row in value if not isinstance(row, (str, bytes))}
    except _UNREADABLE:  # there are no rows, or they have no length
        return ""
    if len(lengths) < 2:
        return ""
    return f" The lengths of its rows are {min(lengths)} to {max(lengths)}. {advice}".rstrip()


def _masked_rows(value) -> np.ndarray:
    """Return a mask of the rows of an array, or items of a list of arrays, with masked values."""
    if isinstance(value, (list, tuple)):
        return np.array([np.ma.is_masked(row) for row in value], dtype=bool)
    if not np.ma.is_masked(value):
        return np.zeros(1, dtype=bool)
    return np.ma.getmaskarray(value).reshape(len(value), -1).any(axis=1)


def missing(labels: np.ndarray) -> np.ndarray:
    """Return a mask of the labels that are NaN, infinite, NaT, None or pandas' NA."""
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
    except (TypeError, ValueError):  # comparing NA or an array has no single truth value
        return True


def _are_sortable(labels: np.ndarray) -> bool:
    """Whether sorting places equal labels side by side, which it does not for sets, for example."""
    try:
        return len(np.unique(labels)) == len(set(labels))
    except TypeError:
        return False
