"""Units of acceleration, and the check of a signal's magnitude against its units."""

from __future__ import annotations

import re

import numpy as np
from scipy.constants import g as STANDARD_GRAVITY  # m/s^2

from ._idle import find_zeros

_M_PER_S2 = 1 / STANDARD_GRAVITY

# Value of each unit in g.
UNITS = {"g": 1.0, "mg": 1e-3, "m/s^2": _M_PER_S2, "m/s2": _M_PER_S2, "m/s**2": _M_PER_S2}

_OF_M_PER_S2 = re.compile(r"m(?:/s²|/s/s|[ *·]?s(?:\^|\*\*)?-2|[ *·]?s⁻²)")  # other spellings
_IN_BRACKETS = re.compile(r"[(\[]([^()\[\]]+)[)\]]")
_ACCELERATION = re.compile("acc", re.IGNORECASE)

CANONICAL_UNITS = ("g", "m/s^2", "mg")
# Range, in g, of the median magnitude of a signal with gravity. The largest value seen is 2.1, for
# two minutes of jogging recorded at the wrist. Units differ by a factor of about ten or more.
_PLAUSIBLE = (1 / 3, 3.0)

# Number of samples that are enough for the median of a recording of any length.
_MAX_MEDIAN_SAMPLES = 100_000


def unit_of(text: str, name: str = "") -> str | None:
    """Return the unit of acceleration that a text stands for, one of `UNITS`, None if it has none.

    Upper and lower case differ: mG is milligauss. But G is g if `name`, that of what is measured,
    is one of an accelerometer.
    """
    text = text.strip()
    if text in UNITS:
        return text
    if text == "G" and _ACCELERATION.search(name):
        return "g"
    return "m/s^2" if _OF_M_PER_S2.fullmatch(text) else None


def unit_in_name(name) -> str | None:
    """Return the unit of acceleration in brackets in a name, None if it has none or several."""
    what = _IN_BRACKETS.sub("", str(name))
    found = {unit_of(text, what) for text in _IN_BRACKETS.findall(str(name))} - {None}
    return found.pop() if len(found) == 1 else None


def median_magnitude(signal: np.ndarray, axes=slice(None)) -> float:
    """Return the median norm of the given channels, NaN if all samples are missing."""
    some = signal[:: max(1, len(signal) // _MAX_MEDIAN_SAMPLES)][:, axes].astype(np.float64)
    some = some[np.isfinite(some).all(axis=1)]
    return float(np.median(np.linalg.norm(some, axis=1))) if len(some) else np.nan


def raise_missing_units(signal: np.ndarray, acceleration: list[list[int]], name: str) -> None:
    """Raise the ValueError for ``units=None``, with a hint at the units."""
    seen = median_magnitude(signal, acceleration[0] if acceleration else slice(None))
    hints = [unit for unit in CANONICAL_UNITS if is_plausible(seen * UNITS[unit])]
    hint = f", which hints at {hints[0]!r} if the signal has gravity" if hints else ""
    raise ValueError(
        f"units is None, and units are not guessed. Pass one of {', '.join(map(repr, UNITS))}. "
        f"The median magnitude of {name} is {seen:.4g}{hint}."
    )


def check_gravity(signal: np.ndarray, acceleration: list[list[int]], units: str, name: str) -> None:
    """Raise ValueError if a median magnitude is not plausible for a signal with gravity.

    The message for a median of 0 is about zeros.

    Parameters
    ----------
    signal : ndarray of shape (n_samples, n_channels)
        The recording. It may have other channels beside those of acceleration.
    acceleration : list of list of int
        The channels of each accelerometer. The magnitude of each must be plausible.
    units : str
        The units of the signal.
    name : str
        What to call the recording in the error.
    """
    for axes in acceleration:
        seen = median_magnitude(signal, axes)
        if np.isnan(seen) or is_plausible(seen * UNITS[units]):
            continue
        if seen == 0:
            _raise_zeros(len(find_zeros(signal, [axes])) / len(signal), name)
        _raise_implausible(seen, axes, signal.shape[1], units, name)


def _raise_zeros(share: float, name: str) -> None:
    """Raise the ValueError for a recording with this share of samples that are 0."""
    raise ValueError(
        f"{name}: {share:.0%} of its samples have an acceleration of 0 on all axes. They are not "
        "from idle sleep mode, which lasts longer. If they stand for missing samples, replace them "
        "with NaN and pass nan_policy='omit'. For signals with gravity removed, pass gravity=False."
    )


def _raise_implausible(
    seen: float, axes: list[int], n_channels: int, units: str, name: str
) -> None:
    """Raise the ValueError for a magnitude that is not plausible."""
    others = " and ".join(
        f"{seen * factor:.3g} g if it were in {unit!r}"
        for unit, factor in UNITS.items()
        if unit in CANONICAL_UNITS and factor != UNITS[units]
    )
    low, high = _PLAUSIBLE
    which = order = ""
    if n_channels > len(axes):
        which = f" of the channels {axes}"
        order = " If these channels are not acceleration, put the acceleration first."
    raise ValueError(
        f"{name}: with units={units!r} the median magnitude{which} is {seen * UNITS[units]:.3g} g. "
        f"Expected {low:.2g} to {high:.2g} g for a signal with gravity. It would be {others}. Pass "
        f"the units of the signal.{order} If they are right, pass gravity=False, which skips this "
        "check and is meant for signals with gravity removed."
    )


def is_plausible(magnitude: float) -> bool:
    """Return whether a median magnitude, in g, is plausible for a signal with gravity."""
    return _PLAUSIBLE[0] <= magnitude <= _PLAUSIBLE[1]
