"""Labels of samples as integers, and the label that covers most of a window."""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from numbers import Real
from typing import NamedTuple

import numpy as np

UNLABELLED = -1


def is_scalar(value) -> bool:
    """Whether a value is one thing, not a sequence of them; strings are."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0
    return isinstance(value, str | bytes) or not hasattr(value, "__len__")


def is_missing(value) -> bool:
    """Whether a label says that there is none: None, NaN, NaT, NA or an empty string."""
    pandas = sys.modules.get("pandas")
    if value is None or (pandas is not None and value is pandas.NA):
        return True
    if isinstance(value, str | bytes):
        return len(value) == 0
    return bool(value != value)


def labels_as_array(labels) -> np.ndarray:
    """Return labels, one a sample, as an array in which they are what they were."""
    if hasattr(labels, "to_numpy"):
        return labels.to_numpy()
    if isinstance(labels, np.ndarray):
        return labels
    # Of a list of strings and NaN, numpy itself would make strings all through.
    return np.fromiter(labels, dtype=object, count=len(labels))


class LabelTable:
    """The labels of all recordings, numbered in the order in which they come."""

    def __init__(self):
        self._code_of = {}
        self._kind = None

    def encode(self, labels, n_samples: int, name: str) -> np.ndarray:
        """Return the code of each sample's label (n_samples,); `UNLABELLED` where it has none.

        `labels` is one label for all samples, or an array-like with one a sample.
        """
        if is_scalar(labels):
            return np.broadcast_to(np.int64(self._code(_to_python(labels), name)), n_samples)
        labels = labels_as_array(labels)
        if labels.shape != (n_samples,):
            raise ValueError(
                f"{name}: labels has shape {labels.shape}, but there are {n_samples} samples. "
                "Pass one label for the recording or one for each of its samples."
            )
        values, codes = factorize(labels)
        table = np.array([self._code(value, name) for value in values], dtype=np.int64)
        return table[codes]

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of codes, none of them `UNLABELLED`, as str, bool, int or float."""
        values = np.array([value for _, value in self._code_of])
        # Where some samples have no label, whole numbers come as floats, for the sake of NaN.
        if values.dtype.kind == "f" and (values == np.rint(values)).all():
            values = values.astype(np.int64)
        return values[codes]

    def _code(self, value, name: str) -> int:
        if is_missing(value):
            return UNLABELLED
        kind = next((k for k in (str, bytes, bool, Real) if isinstance(value, k)), None)
        if kind is None:
            raise ValueError(
                f"{name}: label {value!r} is of type {type(value).__name__}; labels are str, int, "
                "bool or float."
            )
        if self._kind not in (None, kind):
            raise ValueError(
                f"{name}: label {value!r} is of type {type(value).__name__}, but labels before it "
                f"were of another, such as {next(iter(self._code_of))[1]!r}. Convert them to one."
            )
        self._kind = kind
        return self._code_of.setdefault((kind, value), len(self._code_of))


def _to_python(value):
    """Return numpy's scalars as Python's."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def factorize(labels: np.ndarray) -> tuple[list, np.ndarray]:
    """Return the distinct labels in the order in which they come, and the index of each sample's.

    Objects that are not equal to themselves, such as NaN, may come several times.
    """
    if labels.dtype.kind == "O":
        index = defaultdict(itertools.count().__next__)
        codes = np.fromiter(map(index.__getitem__, labels), np.int64, len(labels))
        return [_to_python(value) for value in index], codes
    # Labels change rarely, and sorting millions of strings is slow: sort one a run.
    start = np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1])
    values, first, codes = np.unique(labels[start], return_index=True, return_inverse=True)
    order = np.argsort(first)
    codes = np.argsort(order)[codes]
    return values[order].tolist(), np.repeat(codes, np.diff(np.append(start, len(labels))))


class Majority(NamedTuple):
    """For each window: the code that covers most of it, how much, and how much no label covers."""

    code: np.ndarray
    cover: np.ndarray
    unlabelled: np.ndarray


def majority(codes: np.ndarray, begin: np.ndarray, end: np.ndarray, scale: int) -> Majority:
    """Find the label that covers the largest part of each window.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Code of each sample, which covers the time from its own to that of the next.
    begin, end : ndarray of shape (n_windows,), dtype int64
        Bounds of the windows, in `scale`-ths of a sample period: integers, so that a label that
        covers just half of a window can be told from one that covers more.
    scale : int
        Parts of a sample period.

    Returns
    -------
    majority : Majority
        Covers are in the units of `begin`. Of labels that cover as much, the one with the smallest
        code is taken; a window without any label has code `UNLABELLED` and cover 0.
    """
    start = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])
    run_codes, n_codes = codes[start] + 1, codes.max() + 2
    start = start * scale
    stop = np.append(start[1:], len(codes) * scale)
    # A piece is what one run covers of one window.
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
