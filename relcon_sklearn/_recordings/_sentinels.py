"""Values that stand for missing ones, such as -999, because no accelerometer measures them."""

from __future__ import annotations

import numpy as np

from ._rows import Ranges
from ._units import UNITS, is_plausible

# g, the largest range of watches and loggers: a larger value was measured by another device, or not
# at all.
LARGEST = 32.0
_LARGEST_OF_ANY = 400.0  # g, the largest range of devices that are worn, such as those of impacts
_FEWEST = 5  # values: a few peaks are equal by chance, in steps of 0.05 g or more
_FAR = 0.5  # of a sentinel: all other values are smaller
_MAX_SAMPLES = 100_000  # enough for a median
_SHOWN = 3  # samples in an error


def check_sentinels(
    signal: np.ndarray, large: np.ndarray, acceleration: list[list[int]], units: str, name: str
) -> None:
    """Raise ValueError if values that no accelerometer measures stand for missing ones.

    These are any values above 400 g, and one above 32 g that is there five times or more while all
    others are at most half as large. Peaks differ from each other, and peaks that end at the range
    of a device have others near them. If the other samples do not have a plausible magnitude, the
    units are probably wrong, and there is no error.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        The recording.
    large : ndarray of shape (n_large,)
        Numbers of the samples with values above 32 g.
    acceleration : list of list of int
        The channels of each accelerometer.
    units : str
        The units of the signal.
    name : str
        What to call the recording in the error.
    """
    limit = LARGEST / UNITS[units]
    for axes in acceleration if len(large) else ():
        if not _others_are_plausible(signal, axes, units):
            continue
        values = signal[large][:, axes]
        above = values[(values > limit) | (values < -limit)]
        value = _find_sentinel(above, signal, axes, _LARGEST_OF_ANY / UNITS[units])
        if value is not None:
            _raise(value, large[(values == value).any(axis=1)], len(signal), units, name)


def _others_are_plausible(signal: np.ndarray, axes: list[int], units: str) -> bool:
    """Return whether the samples without large values, and not 0, have a plausible magnitude."""
    some = signal[:: max(1, len(signal) // _MAX_SAMPLES)][:, axes].astype(np.float64)
    some *= UNITS[units]
    some = some[(np.abs(some) <= LARGEST).all(axis=1) & some.any(axis=1)]
    return len(some) > 0 and is_plausible(float(np.median(np.linalg.norm(some, axis=1))))


def _find_sentinel(values: np.ndarray, signal: np.ndarray, axes: list[int], largest: float):
    """Return the one of large values that stands for missing ones, None if there is none."""
    if len(values) == 0:
        return None
    different, counts = np.unique(values, return_counts=True)
    frequent = different[counts.argmax()]
    if counts.max() >= _FEWEST and _is_far(frequent, signal, axes):
        return frequent
    value = different[np.abs(different.astype(np.float64)).argmax()]
    return value if abs(float(value)) > largest else None


def _is_far(value, signal: np.ndarray, axes: list[int]) -> bool:
    """Return whether all other values of an accelerometer are at most half as large."""
    limit = _FAR * abs(float(value))

    def has_another(samples: np.ndarray) -> np.ndarray:
        values = samples[:, axes]
        return ((values != value) & ((values > limit) | (values < -limit))).any(axis=1)

    return not len(Ranges.where_rows(has_another, signal))


def _raise(value, samples: np.ndarray, n_samples: int, units: str, name: str) -> None:
    """Raise the ValueError for a value that stands for missing ones."""
    first = ", ".join(map(str, samples[:_SHOWN]))
    more = f" and {len(samples) - _SHOWN} more" if len(samples) > _SHOWN else ""
    in_g = "" if units == "g" else f" ({float(value) * UNITS[units]:.4g} g)"
    raise ValueError(
        f"{name}: {len(samples)} of {n_samples} samples have an acceleration of {value} "
        f"{units}{in_g} on an axis, more than watches and loggers measure: samples {first}{more}. "
        f"It probably stands for missing values. Replace it with NaN, frame.replace({value}, "
        "numpy.nan), or leave such cells of a file empty, and pass nan_policy='omit'. If it was "
        "measured, pass gravity=False, which skips this check and that of the units."
    )
