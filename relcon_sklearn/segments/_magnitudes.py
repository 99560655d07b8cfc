"""Magnitudes of segments, from which other units or removed gravity can be recognised."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from .._utils._warnings import warn
from ._array import SegmentArray

# Limits for reading rows: at most this many at once and, of long segments, at most this many bytes.
_N_AT_ONCE = 32
_BYTES_AT_ONCE = 2**20

# Quantiles between which most of the magnitudes of the training are.
_QUANTILES = (0.05, 0.5, 0.95)

# Units of acceleration differ by a factor of 9.8 or more. Removing gravity changes the magnitude of
# daily life by a factor of about 10.
_FACTOR = 3.0

# Number of segments from which a median beyond the quantiles is unlikely to be chance.
_ENOUGH = 5


class Magnitudes(NamedTuple):
    """Magnitudes of the segments of a training: median, and the range of most of them."""

    low: float
    median: float
    high: float


def magnitudes_of(array: SegmentArray) -> np.ndarray:
    """Return the magnitudes of some rows of an array, which keeps them."""
    if array.magnitudes is None:
        rows = array.spread_rows()
        n_at_once = min(_N_AT_ONCE, max(1, _BYTES_AT_ONCE // (4 * array.shape[1] * array.shape[2])))
        blocks = (rows[i : i + n_at_once] for i in range(0, len(rows), n_at_once))
        array.magnitudes = np.concatenate([_magnitudes(array.read(block)) for block in blocks])
    return array.magnitudes


def training_magnitudes(array: SegmentArray) -> Magnitudes | None:
    """Return the magnitudes that a model keeps of its training, or None if all values are 0."""
    found = magnitudes_of(array)
    found = found[found > 0]
    return Magnitudes(*np.quantile(found, _QUANTILES).tolist()) if len(found) else None


def warn_of_magnitudes(
    array: SegmentArray, training: Magnitudes | None, name: str, model: str
) -> None:
    """Warn if the median magnitude of segments is far from the one in the training of a model.

    If the magnitudes of the array are not known, the warning comes when the rows have been read,
    so that no row is read for it.

    Parameters
    ----------
    array : SegmentArray
        The segments.
    training : Magnitudes or None
        Magnitudes of the training. If None, nothing is compared.
    name, model : str
        Names of the array and of the class of the model, for the message.
    """
    if training is None:
        return
    compare = partial(_compare, training=training, name=name, model=model)
    if array.magnitudes is not None:
        compare(array.magnitudes)
    else:
        array.on_read(_Watch(array.spread_rows(), compare))


class _Watch:
    """Collector of the magnitudes of some rows while an array is read, in any order."""

    def __init__(self, rows: np.ndarray, act: Callable[[np.ndarray], None]):
        self._rows, self._act = rows, act
        self._found = np.full(len(rows), np.nan)

    def __call__(self, rows: np.ndarray, segments: np.ndarray) -> None:
        """Take the magnitudes of rows that were read, and act when all are known."""
        is_known = ~np.isnan(self._found)
        place = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        new = (self._rows[place] == rows) & ~is_known[place]
        if new.any():
            self._found[place[new]] = _magnitudes(segments[new])
            if not np.isnan(self._found).any():
                self._act(self._found)


def _magnitudes(segments: np.ndarray) -> np.ndarray:
    """Return the root mean square of the norm over channels, for each segment."""
    return np.sqrt(np.einsum("ntc,ntc->n", segments, segments) / segments.shape[1])


def _compare(found: np.ndarray, training: Magnitudes, name: str, model: str) -> None:
    """Warn if the median of magnitudes is far from the one in a training.

    It is far if it differs by a factor of more than 3 and is outside the range of most of the
    magnitudes of the training. A few segments, which may all be still or lively, must be outside
    this range by the same factor. Segments of zeros, as of a device that sleeps, do not count.
    """
    found = found[found > 0]
    if len(found) == 0:
        return
    # np.median would take as long for one segment as all other checks together.
    ordered, n = np.sort(found), len(found)
    median = float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    slack = 1.0 if len(found) >= _ENOUGH else _FACTOR
    is_usual = training.low / slack <= median <= training.high * slack
    if is_usual or training.median / _FACTOR <= median <= training.median * _FACTOR:
        return
    warn(
        f"The median magnitude of {name} is {median:.3g}, {median / training.median:.2g} times the "
        f"median magnitude in the training of {model}, which is {training.median:.3g}. Pass "
        "segments in the units of the training (1 g is 9.80665 m/s^2), and with gravity only if "
        "the training segments contain it."
    )
