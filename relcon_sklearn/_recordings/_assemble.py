"""Assembly of the segments of all recordings, and of the counts of what was left out."""

from __future__ import annotations

from collections import Counter

import numpy as np


def as_plain_dict(dropped: Counter) -> dict:
    """Return the counts as Python numbers, with seconds rounded to hide errors of summation."""
    return {
        name: round(float(amount), 6) if name.startswith("seconds") else int(amount)
        for name, amount in dropped.items()
    }


def join(pieces: list[np.ndarray]) -> np.ndarray:
    """Concatenate arrays, and release each once it is copied, to need little memory beyond it."""
    if len(pieces) == 1:
        return pieces.pop()
    joined = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), pieces[0].dtype)
    stop = len(joined)
    while pieces:
        piece = pieces.pop()
        joined[stop - len(piece) : stop] = piece
        stop -= len(piece)
    return joined


def number_pairs(owners: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Return one number for each distinct pair of `owners` and `hours`."""
    hours = hours - hours.min()
    return np.unique(owners * (hours.max() + 1) + hours, return_inverse=True)[1].astype(np.int64)
