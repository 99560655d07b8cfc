"""Values that stand for missing ones, such as -999, because no accelerometer measures them."""

from __future__ import annotations

import numpy as np

from ._missing import FAR
from ._rows import Ranges
from ._units import UNITS, is_plausible

# g, the largest range of watches and loggers: a larger value was measured by another device, or not
# at all.
LARGEST = 32.0
_LARGEST_OF_ANY = 400.0  # g, the largest range of devices that are worn, such as those of impacts
_FEWEST = 5  # values: a few peaks are equal by chance, in steps of 0.05 g or more
_MAX_SAMPLES = 100_000  # enough for a median
_SHOWN = 3  # samples in an error

_ON_AN_AXIS = "on an axis, more than watches and loggers measure"
_ON_ALL_AXES = "on all axes at once, while all others are at most half as large"


def check_sentinels(
    signal: np.ndarray,
    large: np.ndarray,
    equal: np.ndarray,
    acceleration: list[list[int]],
    units: str,
    name: str,
) -> None:
    """Raise ValueError if values that no accelerometer measures stand for missing ones.

    These are any values above 400 g, and one above 32 g that is there five times or more while all
    others are at most half as large. Peaks differ from each other, and peaks that end at the range
    of a device have others near them. A value up to 32 g must be there on all axes at once, five
    times or more, while all others are at most half as large. Peaks that end at the range of a
    device do so on one axis too. If the other samples do not have a plausible magnitude, the units
    are probably wrong, and there is no error.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        The recording.
    large : ndarray of shape (n_large,)
        Numbers of the samples with values above 32 g.
    equal : ndarray of shape (n_equal,)
        Numbers of the samples in which all axes have the same value, far from others.
    acceleration : list of list of int
        The channels of each accelerometer.
    units : str
        The units of the signal.
    name : str
        What to call the recording in the error.
    """
    for axes in acceleration:
        if len(large):
            _check_large(signal, large, axes, units, name)
        if len(equal):
            _check_equal(signal, equal, axes, units, name)


def _check_large(
    signal: np.ndarray, large: np.ndarray, axes: list[int], units: str, name: str
) -> None:
    limit = LARGEST / UNITS[units]
    if not _others_are_plausible(signal, axes, units, limit):
        return
    values = signal[large][:, axes]
    above = values[(values > limit) | (values < -limit)]
    value = _find_frequent(above, signal, axes)
    if value is None and len(above):
        value = above[np.abs(above.astype(np.float64)).argmax()]
        if abs(float(value)) * UNITS[units] <= _LARGEST_OF_ANY:
            return
    if value is not None:
        samples = large[(values == value).any(axis=1)]
        _raise(value, _ON_AN_AXIS, samples, len(signal), units, name)


def _check_equal(
    signal: np.ndarray, equal: np.ndarray, axes: list[int], units: str, name: str
) -> None:
    values = signal[equal][:, axes]
    first = values[(values == values[:, :1]).all(axis=1), 0]
    value = _find_frequent(first, signal, axes, at_once=True)
    if value is None:
        return
    if _others_are_plausible(signal, axes, units, FAR * abs(float(value))):
        samples = equal[(values == value).all(axis=1)]
        _raise(value, _ON_ALL_AXES, samples, len(signal), units, name)


def _others_are_plausible(signal: np.ndarray, axes: list[int], units: str, limit: float) -> bool:
    """Return whether the samples without values above a limit, and not 0, may be an acceleration.

    Their median magnitude must be plausible. The limit is in the units of the signal.
    """
    some = signal[:: max(1, len(signal) // _MAX_SAMPLES)][:, axes].astype(np.float64)
    some = some[(np.abs(some) <= limit).all(axis=1) & some.any(axis=1)] * UNITS[units]
    return len(some) > 0 and is_plausible(float(np.median(np.linalg.norm(some, axis=1))))


def _find_frequent(values: np.ndarray, signal: np.ndarray, axes: list[int], *, at_once=False):
    """Return the most frequent of some values if it is far from all others, or else None."""
    different, counts = np.unique(values, return_counts=True)
    if counts.max(initial=0) < _FEWEST:
        return None
    value = different[counts.argmax()]
    return value if _is_far(value, signal, axes, at_once=at_once) else None


def _is_far(value, signal: np.ndarray, axes: list[int], *, at_once: bool) -> bool:
    """Return whether all other values of an accelerometer are at most half as large.

    With `at_once`, the value is another one where it is not there on all axes.
    """
    limit = FAR * abs(float(value))

    def has_another(samples: np.ndarray) -> np.ndarray:
        values = samples[:, axes]
        is_it = values == value
        if at_once:
            is_it = is_it.all(axis=1, keepdims=True)
        return (~is_it & ((values > limit) | (values < -limit))).any(axis=1)

    return not len(Ranges.where_rows(has_another, signal))


def _raise(value, where: str, samples: np.ndarray, n_samples: int, units: str, name: str) -> None:
    """Raise the ValueError for a value that stands for missing ones."""
    first = ", ".join(map(str, samples[:_SHOWN]))
    more = f" and {len(samples) - _SHOWN} more" if len(samples) > _SHOWN else ""
    in_g = "" if units == "g" else f" ({float(value) * UNITS[units]:.4g} g)"
    raise ValueError(
        f"{name}: {len(samples)} of {n_samples} samples have an acceleration of {value} "
        f"{units}{in_g} {where}: samples {first}{more}. "
        f"It probably stands for missing values. Replace it with NaN, frame.replace({value}, "
        "numpy.nan), or leave such cells of a file empty, and pass nan_policy='omit'. If it was "
        "measured, pass gravity=False, which skips this check and that of the units."
    )
