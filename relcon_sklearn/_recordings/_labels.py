"""Integer codes of the labels of samples, and the label that covers most of a window."""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from numbers import Real
from typing import NamedTuple

import numpy as np

UNLABELLED = -1

# What stands for no label in an array of labels, by the kind of its dtype.
_NO_LABEL = {"U": "", "S": b"", "i": -1, "f": np.nan}


def is_scalar(value) -> bool:
    """Return whether a value is a scalar, which strings are, and not a sequence."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0
    return isinstance(value, str | bytes) or not hasattr(value, "__len__")


def is_missing(value) -> bool:
    """Return whether a label stands for a missing one: None, NaN, NaT, NA or an empty string."""
    pandas = sys.modules.get("pandas")
    if value is None or (pandas is not None and value is pandas.NA):
        return True
    if isinstance(value, str | bytes):
        return len(value) == 0
    return bool(value != value)


def labels_as_array(labels) -> np.ndarray:
    """Return the labels of samples as an array that keeps their types."""
    if hasattr(labels, "to_numpy"):
        return labels.to_numpy()
    if isinstance(labels, np.ndarray):
        return labels
    # numpy.asarray would turn a list of strings and NaN into strings only.
    return np.fromiter(labels, dtype=object, count=len(labels))


class SampleLabels(NamedTuple):
    """Labels of samples: the distinct labels, and the index of each sample's label in them."""

    values: list
    index: np.ndarray


class LabelTable:
    """Labels of all recordings, numbered in the order of their first appearance."""

    def __init__(self):
        self._code_of = {}
        self._kind = None

    def encode(self, labels, n_samples: int, name: str) -> np.ndarray:
        """Return the code of each sample's label, and `UNLABELLED` for samples without a label.

        `labels` is one label for all samples, or `SampleLabels` or an array-like with one label for
        each sample. The codes have shape (n_samples,).
        """
        if isinstance(labels, SampleLabels):
            return self._codes(labels, name)
        if is_scalar(labels):
            return np.broadcast_to(np.int64(self._code(_to_python(labels), name)), n_samples)
        labels = labels_as_array(labels)
        if labels.shape != (n_samples,):
            raise ValueError(
                f"{name}: labels has shape {labels.shape}, but there are {n_samples} samples. "
                "Pass one label for the recording, or one for each sample."
            )
        return self._codes(factorize(labels), name)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes as str, bool, int or float; no code may be `UNLABELLED`."""
        return self._values()[codes]

    def decode_with_unlabelled(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes, and "", -1 or NaN for the code `UNLABELLED`.

        Raises
        ------
        ValueError
            If no value of the labels' type can stand for no label.
        """
        values = self._values()
        if len(values) == 0:
            return np.full(len(codes), "")
        no_label = _NO_LABEL.get(values.dtype.kind)
        if no_label is None:
            raise ValueError(
                f"The labels are {values.dtype}, which has no value for the windows without a "
                "label that unlabelled='keep' keeps. Convert the labels to str or to small int."
            )
        if no_label in values:
            raise ValueError(
                f"{no_label} is one of the labels, but unlabelled='keep' uses it for windows "
                "without a label. Use another number, or replace it by NaN if it stands for no "
                "label."
            )
        return np.append(values, no_label)[codes]  # UNLABELLED is the index of the last

    def _values(self) -> np.ndarray:
        """Return the distinct labels, in the order of their codes."""
        values = np.array([value for _, value in self._code_of])
        # If some samples have no label, integers were passed as floats to allow NaN.
        if values.dtype.kind == "f" and (values == np.rint(values)).all():
            values = values.astype(np.int64)
        return values

    def _codes(self, labels: SampleLabels, name: str) -> np.ndarray:
        table = np.array([self._code(value, name) for value in labels.values], dtype=np.int64)
        return table[labels.index]

    def _code(self, value, name: str) -> int:
        if is_missing(value):
            return UNLABELLED
        kind = next((k for k in (str, bytes, bool, Real) if isinstance(value, k)), None)
        if kind is None:
            raise ValueError(
                f"{name}: label {value!r} has type {type(value).__name__}. Labels must be str, "
                "int, bool or float."
            )
        if self._kind not in (None, kind):
            raise ValueError(
                f"{name}: label {value!r} has type {type(value).__name__}, but earlier labels have "
                f"another type, such as {next(iter(self._code_of))[1]!r}. Convert them to one type."
            )
        self._kind = kind
        return self._code_of.setdefault((kind, value), len(self._code_of))


def _to_python(value):
    """Return NumPy scalars as Python scalars, and other values unchanged."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def factorize(labels: np.ndarray) -> SampleLabels:
    """Return the distinct labels in order of appearance, and the index of each sample's label.

    Objects that are not equal to themselves, such as NaN, may appear several times.
    """
    if labels.dtype.kind == "O" or len(labels) == 0:
        index = defaultdict(itertools.count().__next__)
        codes = np.fromiter(map(index.__getitem__, labels), np.int64, len(labels))
        return SampleLabels([_to_python(value) for value in index], codes)
    # Sorting millions of strings is slow. Labels change rarely, so sort one label for each run.
    start = np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1])
    values, first, codes = np.unique(labels[start], return_index=True, return_inverse=True)
    order = np.argsort(first)
    codes = np.argsort(order)[codes]
    index = np.repeat(codes, np.diff(np.append(start, len(labels))))
    return SampleLabels(values[order].tolist(), index)


class Majority(NamedTuple):
    """Label of each window: the code that covers most of it, its cover, and the unlabelled part."""

    code: np.ndarray
    cover: np.ndarray
    unlabelled: np.ndarray


def majority(codes: np.ndarray, begin: np.ndarray, end: np.ndarray, scale: int) -> Majority:
    """Find the label that covers the largest part of each window.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Code of each sample. A sample covers the time from its own time to the time of the next.
    begin, end : ndarray of shape (n_windows,), dtype int64
        Bounds of the windows, in units of 1 / `scale` sample periods. They are integers, so that a
        cover of exactly half a window is not mistaken for more.
    scale : int
        Number of units in a sample period.

    Returns
    -------
    majority : Majority
        Covers are in the units of `begin`. If several labels have the same cover, the smallest code
        is used. A window without any label has code `UNLABELLED` and cover 0.
    """
    start = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])
    run_codes, n_codes = codes[start] + 1, codes.max() + 2
    start = start * scale
    stop = np.append(start[1:], len(codes) * scale)
    # A piece is the part of one window that one run covers.
    first = np.searchsorted(start, begin, side="right") - 1
    n_pieces = np.searchsorted(start, end, side="left") - first
    window = np.repeat(np.arange(len(begin)), n_pieces)
    piece = np.arange(len(window)) - np.repeat(np.cumsum(n_pieces) - n_pieces - first, n_pieces)
    cover = np.minimum(stop[piece], end[window]) - np.maximum(start[piece], begin[window])
    key, index = np.unique(window * n_codes + run_codes[piece], return_inverse=True)
    cover = np.bincount(index, cover).astype(np.int64)
    window, code = key // n_codes, key % n_codes - 1

    unlabelled = np.zeros(len(begin), dtype=np.int64)
    unlabelled[window[code == UNLABELLED]] = cover[code == UNLABELLED]
    window, code, cover = (values[code != UNLABELLED] for values in (window, code, cover))
    order = np.lexsort((code, -cover, window))
    labelled, largest = np.unique(window[order], return_index=True)
    best = Majority(np.full(len(begin), UNLABELLED), np.zeros(len(begin), np.int64), unlabelled)
    best.code[labelled] = code[order[largest]]
    best.cover[labelled] = cover[order[largest]]
    return best
