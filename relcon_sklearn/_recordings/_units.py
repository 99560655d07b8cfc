"""Units of acceleration, and the check of a signal's magnitude against its units."""

from __future__ import annotations

import numpy as np
from scipy.constants import g as STANDARD_GRAVITY  # m/s^2

_M_PER_S2 = 1 / STANDARD_GRAVITY

# Value of each unit in g.
UNITS = {"g": 1.0, "mg": 1e-3, "m/s^2": _M_PER_S2, "m/s2": _M_PER_S2, "m/s**2": _M_PER_S2}

_CANONICAL_UNITS = ("g", "m/s^2", "mg")
# Range, in g, of the median magnitude of a signal with gravity. The largest value seen is 2.1, for
# two minutes of jogging recorded at the wrist. Units differ by a factor of about ten or more.
_PLAUSIBLE = (1 / 3, 3.0)

# Number of samples that are enough for the median of a recording of any length.
_MAX_MEDIAN_SAMPLES = 100_000


def median_magnitude(signal: np.ndarray) -> float:
    """Return the median norm of the samples (n_samples, n_channels), NaN if all are missing."""
    some = signal[:: max(1, len(signal) // _MAX_MEDIAN_SAMPLES)].astype(np.float64)
    some = some[np.isfinite(some).all(axis=1)]
    return float(np.median(np.linalg.norm(some, axis=1))) if len(some) else np.nan


def raise_missing_units(signal: np.ndarray, name: str) -> None:
    """Raise the ValueError for ``units=None``, with a hint at the units."""
    seen = median_magnitude(signal)
    hints = [unit for unit in _CANONICAL_UNITS if _is_plausible(seen * UNITS[unit])]
    hint = f", which hints at {hints[0]!r} if the signal has gravity" if hints else ""
    raise ValueError(
        f"units is None, and units are not guessed. Pass one of {', '.join(map(repr, UNITS))}. "
        f"The median magnitude of {name} is {seen:.4g}{hint}."
    )


def check_gravity(signal: np.ndarray, units: str, name: str) -> None:
    """Raise ValueError if the median magnitude is not plausible for a signal with gravity.

    The message for a median of 0 is about idle sleep, in which devices write zeros.
    """
    seen = median_magnitude(signal)
    if np.isnan(seen) or _is_plausible(seen * UNITS[units]):
        return
    if seen == 0:
        zeros = 1 - signal.any(axis=1).mean()
        raise ValueError(
            f"{name}: {zeros:.0%} of its samples are 0 in all channels. Some devices write zeros "
            "while they are not moved (idle sleep mode). To remove such time, pass nonwear, or "
            "lower nonwear to the shortest such time in minutes. Otherwise, replace such samples "
            "with NaN and pass nan_policy='omit'. For signals with gravity removed, pass "
            "gravity=False."
        )
    others = " and ".join(
        f"{seen * factor:.3g} g if it were in {unit!r}"
        for unit, factor in UNITS.items()
        if unit in _CANONICAL_UNITS and factor != UNITS[units]
    )
    low, high = _PLAUSIBLE
    raise ValueError(
        f"{name}: with units={units!r} the median magnitude is {seen * UNITS[units]:.3g} g. "
        f"Expected {low:.2g} to {high:.2g} g for a signal with gravity. It would be {others}. Pass "
        "the units of the signal. If they are right, pass gravity=False, which skips this check "
        "and is meant for signals with gravity removed."
    )


def _is_plausible(magnitude: float) -> bool:
    return _PLAUSIBLE[0] <= magnitude <= _PLAUSIBLE[1]
