"""Units of acceleration, and whether those named can be those of a signal."""

from __future__ import annotations

import numpy as np
from scipy.constants import g as STANDARD_GRAVITY  # m/s^2

_M_PER_S2 = 1 / STANDARD_GRAVITY

# What one unit is in g.
UNITS = {"g": 1.0, "mg": 1e-3, "m/s^2": _M_PER_S2, "m/s2": _M_PER_S2, "m/s**2": _M_PER_S2}

_CANONICAL_UNITS = ("g", "m/s^2", "mg")
# In g, for the median magnitude of a signal with gravity in it: two minutes of jogging, recorded at
# the wrist, have been seen to have 2.1. Units are tenfold apart.
_PLAUSIBLE = (1 / 3, 3.0)

# A median needs no more samples than this, however long the recording.
_MAX_MEDIAN_SAMPLES = 100_000


def median_magnitude(signal: np.ndarray) -> float:
    """Return the median length of the vectors (n_samples, n_channels); NaN if all are missing."""
    some = signal[:: max(1, len(signal) // _MAX_MEDIAN_SAMPLES)].astype(np.float64)
    some = some[np.isfinite(some).all(axis=1)]
    return float(np.median(np.linalg.norm(some, axis=1))) if len(some) else np.nan


def raise_missing_units(signal: np.ndarray, name: str) -> None:
    """Raise the ValueError that answers ``units=None``."""
    seen = median_magnitude(signal)
    hints = [unit for unit in _CANONICAL_UNITS if _is_plausible(seen * UNITS[unit])]
    hint = f", which hints at {hints[0]!r} if gravity is in it" if hints else ""
    raise ValueError(
        f"units is None, and units are not guessed: pass one of {', '.join(map(repr, UNITS))}. "
        f"The median magnitude of {name} is {seen:.4g}{hint}."
    )


def check_gravity(signal: np.ndarray, units: str, name: str) -> None:
    """Raise ValueError if the median magnitude cannot be that of a signal with gravity."""
    seen = median_magnitude(signal)
    if np.isnan(seen) or _is_plausible(seen * UNITS[units]):
        return
    others = " and ".join(
        f"{seen * factor:.3g} g if it were in {unit!r}"
        for unit, factor in UNITS.items()
        if unit in _CANONICAL_UNITS and factor != UNITS[units]
    )
    low, high = _PLAUSIBLE
    raise ValueError(
        f"{name}: with units={units!r} the median magnitude is {seen * UNITS[units]:.3g} g; of a "
        f"signal with gravity in it, it lies within {low:.2g} to {high:.2g} g. It would be "
        f"{others}. Pass the units that the signal has. If they are right, pass gravity=False, "
        "which is for signals with gravity removed and skips this check."
    )


def _is_plausible(magnitude: float) -> bool:
    return _PLAUSIBLE[0] <= magnitude <= _PLAUSIBLE[1]
