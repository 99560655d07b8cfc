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
# daily life by a factor of about 10, and the level of lively movement too.
_FACTOR = 3.0

# With gravity, the level of running is still half of its magnitude.
_CLEAR_SHARE = 0.5

# Gravity has a component along at least one of three axes, at any orientation.
_FEWEST_AXES = 3

# Gravity in the units that are taken for g by mistake, and by how much sensors and movement change
# it in the median. Nobody has 9.8 g on average over a segment.
_OTHER_UNITS = {"m/s^2": 9.80665, "mg": 1000.0}
_TOLERANCE = 0.15

# Number of segments from which a median beyond the quantiles is unlikely to be chance.
_ENOUGH = 5


class Magnitudes(NamedTuple):
    """Magnitudes of the segments of a training: median, and the range of most of them.

    `level` is their median level: about 1 g with gravity. It is 0 without gravity, and if it is not
    known, as in files of earlier versions.
    """

    low: float
    median: float
    high: float
    level: float = 0.0


def magnitudes_of(array: SegmentArray) -> np.ndarray:
    """Return magnitude and level of some rows of an array, which keeps them.

    Returns
    -------
    magnitudes : ndarray of shape (n_rows, 2)
        The root mean square of the norm over channels, and the norm of the mean over time.
    """
    if array.magnitudes is None:
        rows = array.spread_rows()
        n_at_once = min(_N_AT_ONCE, max(1, _BYTES_AT_ONCE // (4 * array.shape[1] * array.shape[2])))
        blocks = (rows[i : i + n_at_once] for i in range(0, len(rows), n_at_once))
        array.magnitudes = np.concatenate([_magnitudes(array.read(block)) for block in blocks])
    return array.magnitudes


def training_magnitudes(array: SegmentArray) -> Magnitudes | None:
    """Return the magnitudes that a model keeps of its training, or None if all values are 0."""
    found = _without_zeros(magnitudes_of(array))
    if len(found) == 0:
        return None
    magnitude, level = found.T
    low, median, high = np.quantile(magnitude, _QUANTILES).tolist()
    level = float(np.median(level))
    is_clear = array.shape[2] >= _FEWEST_AXES and level > _CLEAR_SHARE * median
    return Magnitudes(low, median, high, level if is_clear else 0.0)


def warn_of_units(training: Magnitudes | None, name: str) -> None:
    """Warn if the gravity in the segments of a training is that of other units than g."""
    if training is None:
        return
    for unit, gravity in _OTHER_UNITS.items():
        if abs(training.level / gravity - 1) < _TOLERANCE:
            warn(
                f"{name} seems to be in {unit}: the mean of a segment over time has a norm of "
                f"{training.level:.3g} (median), and gravity is {gravity:g} {unit}. Augmentations "
                f"and the models of the package are for g: pass {name} / {gravity:g}. To silence "
                'this warning, call warnings.filterwarnings("ignore", '
                f'message="{name} seems to be in").'
            )


def warn_of_magnitudes(
    array: SegmentArray, training: Magnitudes | None, name: str, model: str
) -> None:
    """Warn if the magnitudes of segments are far from those in the training of a model.

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
    compare = partial(_warn_if_far, training=training, name=name, model=model)
    if array.magnitudes is not None:
        compare(array.magnitudes)
    else:
        array.on_read(_Watch(array.spread_rows(), compare))


class _Watch:
    """Collector of the magnitudes of some rows while an array is read, in any order."""

    def __init__(self, rows: np.ndarray, act: Callable[[np.ndarray], None]):
        self._rows, self._act = rows, act
        self._found = np.full((len(rows), 2), np.nan)
        self._is_done = False

    def __call__(self, rows: np.ndarray, segments: np.ndarray) -> None:
        """Take the magnitudes of rows that were read, and act when all are known."""
        if self._is_done:
            return
        if len(rows) == len(self._rows) and (rows == self._rows).all():  # as of few segments
            self._is_done = True
            self._act(_magnitudes(segments))
            return
        is_known = ~np.isnan(self._found[:, 0])
        place = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        new = (self._rows[place] == rows) & ~is_known[place]
        if new.any():
            self._found[place[new]] = _magnitudes(segments[new])
            self._is_done = not np.isnan(self._found).any()
            if self._is_done:
                self._act(self._found)


def _magnitudes(segments: np.ndarray) -> np.ndarray:
    """Return magnitude and level of each segment."""
    n_timesteps = segments.shape[1]
    mean_square = np.einsum("ntc,ntc->n", segments, segments) / n_timesteps
    # A product, because segments.mean(axis=1) takes 40 times as long as the line above.
    mean = np.ones(n_timesteps, segments.dtype) @ segments / n_timesteps
    squares = np.empty((len(segments), 2), segments.dtype)  # np.stack takes as long as the rest
    squares[:, 0] = mean_square
    squares[:, 1] = np.einsum("nc,nc->n", mean, mean)
    return np.sqrt(squares)


def _without_zeros(found: np.ndarray) -> np.ndarray:
    """Return the magnitudes of all segments but those of zeros, as of a device that sleeps."""
    return found[found[:, 0] > 0]


def _warn_if_far(found: np.ndarray, training: Magnitudes, name: str, model: str) -> None:
    """Warn if magnitudes differ from those in a training as those of another unit do.

    If they do not, warn if gravity was removed.
    """
    found = _without_zeros(found)
    if len(found) == 0:
        return
    magnitude, level = map(_median, found.T)
    is_few = len(found) < _ENOUGH
    if _is_far(magnitude, training, is_few):
        warn(
            f"The median magnitude of {name} is {magnitude:.3g}, "
            f"{magnitude / training.median:.2g} times the median magnitude in the training of "
            f"{model}, which is {training.median:.3g}. Pass segments in the units of the training "
            "(1 g is 9.80665 m/s^2), and with gravity only if the training segments contain it. To "
            'silence this warning, call warnings.filterwarnings("ignore", message="The median '
            'magnitude").'
        )
    elif _lacks_gravity(magnitude, level, training, is_few):
        warn(
            f"Gravity is missing in {name}: the mean of a segment over time has a norm of "
            f"{level:.2g} (median), and of {training.level:.2g} in the training of {model}. Pass "
            "segments with gravity. To silence this warning, call "
            'warnings.filterwarnings("ignore", message="Gravity is missing").'
        )


def _is_far(magnitude: float, training: Magnitudes, is_few: bool) -> bool:
    """Whether a median magnitude is far from the one in a training.

    It is far if it differs by a factor of more than 3 and is outside the range of most of the
    magnitudes of the training. A few segments, which may all be still or lively, must be outside
    this range by the same factor.
    """
    slack = _FACTOR if is_few else 1.0
    is_usual = training.low / slack <= magnitude <= training.high * slack
    is_near = training.median / _FACTOR <= magnitude <= training.median * _FACTOR
    return not (is_usual or is_near)


def _lacks_gravity(magnitude: float, level: float, training: Magnitudes, is_few: bool) -> bool:
    """Whether segments lack the gravity of a training.

    Their level is then less than a third of that of the training, or a ninth for a few segments, in
    which a person may turn over. It is also small in relation to their magnitude, which is not so
    in other units.
    """
    slack = _FACTOR if is_few else 1.0
    return level < training.level / (_FACTOR * slack) and level < magnitude / _FACTOR


def _median(values: np.ndarray) -> float:
    # np.median would take as long for one segment as all other checks together.
    ordered, n = np.sort(values), len(values)
    return float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2
