"""The warning for recordings of devices that are not calibrated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._utils._warnings import warn
from ._read import Recording
from ._still import gravity_errors, still_means
from ._units import UNITS

_LARGEST_ERROR = 0.05  # g
_SHARE = 0.25  # of the still time: an error of one axis shows only if that axis is near vertical
_FEWEST_BLOCKS = 6  # a minute of still time
_MOST_BLOCKS = 500  # enough for the mean of a recording of any length


class GravityError(NamedTuple):
    """A recording, and the error in g that a quarter of its still blocks reach."""

    name: str
    error: float


def find_error(recording: Recording, units: str) -> GravityError | None:
    """Return the error of a recording if it is above 50 mg: that of the worst accelerometer.

    Recordings with less than a minute of still time have none.
    """
    largest = 0.0
    for axes in recording.acceleration:
        means = still_means(recording.signal, recording.rate, axes, UNITS[units], _MOST_BLOCKS)
        if len(means) >= _FEWEST_BLOCKS:
            largest = max(largest, float(np.quantile(gravity_errors(means), 1 - _SHARE)))
    return GravityError(recording.name, largest) if largest > _LARGEST_ERROR else None


def warn_not_calibrated(errors: list[GravityError], n_recordings: int) -> None:
    """Warn once if there are errors, with the largest."""
    if not errors:
        return
    worst = max(errors, key=lambda error: error.error)
    which = f"{len(errors)} of {n_recordings} recordings, most in {worst.name}"
    if len(errors) == 1:
        which = worst.name
    warn(
        f"Still stretches differ from 1 g in {which}: a quarter of them by "
        f"{1000 * worst.error:.0f} mg or more. The device is not calibrated. Gains and offsets of "
        "devices differ, and a model may learn them. relcon_sklearn.recordings.calibrate corrects "
        "recordings of at least 12 h. To correct a shorter one, apply the gain and offset of a "
        "longer recording of the same device, (g + offset) * gain, and set "
        "frame.attrs['calibration'] to them. If this is intended, call "
        "warnings.filterwarnings('ignore', message='Still stretches differ')."
    )
