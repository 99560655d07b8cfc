"""Magnitudes of segments, from which other units or removed gravity can be recognised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._utils._warnings import warn
from ._array import SegmentArray

# Number of rows whose magnitudes are computed, evenly spaced.
_N_ROWS = 256

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
    """Return the magnitudes of some segments: the root mean square of the norm over channels.

    Segments of zeros, as of a device that sleeps or is broken, are left out.
    """
    rows = np.unique(np.linspace(0, len(array) - 1, _N_ROWS).round().astype(np.int64))
    segments = array.read(rows)
    squares = np.einsum("ntc,ntc->n", segments, segments) / segments.shape[1]
    return np.sqrt(squares[squares > 0])


def training_magnitudes(array: SegmentArray) -> Magnitudes | None:
    """Return the magnitudes that a model keeps of its training, or None if all values are 0."""
    found = magnitudes_of(array)
    return Magnitudes(*np.quantile(found, _QUANTILES).tolist()) if len(found) else None


def warn_of_magnitudes(
    array: SegmentArray, training: Magnitudes | None, name: str, model: str
) -> None:
    """Warn if the median magnitude of segments is far from the one in the training of a model.

    It is far if it differs by a factor of more than 3 and is outside the range of most of the
    magnitudes of the training. A few segments, which may all be still or lively, must be outside
    this range by the same factor.
    """
    if training is None:
        return
    found = magnitudes_of(array)
    if len(found) == 0:
        return
    median = float(np.median(found))
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
