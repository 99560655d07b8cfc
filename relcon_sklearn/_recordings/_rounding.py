"""Timestamps that are rounded more coarsely than half a sample period."""

from __future__ import annotations

import numpy as np

_MICROSECOND = 1e-6  # s, the resolution of float64 seconds since 1970
_HALF_WINDOW = 32  # samples, over which rounding errors are averaged
_TOLERANCE = 0.01  # relative difference to a multiple of the resolution

# Number of spacings that are enough to find the resolution of a recording of any length.
_MAX_SPACINGS = 100_000


def find_resolution(stamps: np.ndarray) -> float:
    """Return the resolution, in seconds, of dates or seconds: the divisor of all their spacings."""
    step = max(1, (len(stamps) - 1) // _MAX_SPACINGS)
    spacing = stamps[1::step] - stamps[:-1:step]
    if stamps.dtype.kind == "M":
        spacing, unit = spacing.astype(np.int64), 1e-9
    else:
        spacing, unit = np.rint(spacing / _MICROSECOND).astype(np.int64), _MICROSECOND
    # Parts of a recording may be rounded from different starts, so that holes are not multiples.
    return float(np.gcd.reduce(spacing[spacing <= 3 * np.median(spacing)])) * unit


def is_coarse(resolution: float, typical: float) -> bool:
    """Return whether rounding moves samples by more than half a period.

    It moves none if the period is a multiple of the resolution.

    Parameters
    ----------
    resolution : float
        Resolution of the timestamps, in nominal sample periods.
    typical : float
        Typical spacing of the timestamps, in nominal sample periods.
    """
    multiples = np.array([1.0, typical]) / resolution if resolution > 0 else np.zeros(2)
    exact = np.abs(multiples - np.rint(multiples)) <= _TOLERANCE
    return bool(0.5 < resolution <= 1 and not exact.any())


def undo_rounding(position: np.ndarray, resolution: float, typical: float) -> np.ndarray:
    """Return the positions of samples with their rounding errors averaged out.

    Between holes, each sample is placed on the regular grid that fits the 65 samples around it
    best, so that positions follow a clock that drifts.

    Parameters
    ----------
    position : ndarray of shape (n_samples,)
        Rounded times, in sample periods, strictly increasing. At least one.
    resolution : float
        What they are multiples of, in sample periods.
    typical : float
        Typical spacing, in sample periods.

    Returns
    -------
    position : ndarray of shape (n_samples,)
        Times that differ from those passed by less than the resolution if the clock is regular. If
        the first time would be before the first time passed, as for times that were rounded down,
        all are moved later. A jump of the clock that is too short for a hole is spread over the
        samples around it, and moves these by up to its length more.
    """
    n = len(position)
    hole = np.diff(position) > typical + resolution * (1 + _TOLERANCE)
    first = np.concatenate([[0], np.flatnonzero(hole) + 1])
    run_length = np.diff(np.concatenate([first, [n]]))
    start, stop = np.repeat(first, run_length), np.repeat(first + run_length, run_length)
    number = np.arange(n)
    grid = position[start] + typical * (number - start)
    total = np.concatenate([[0.0], np.cumsum(position - grid)])
    low = np.maximum(number - _HALF_WINDOW, start)
    high = np.minimum(number + _HALF_WINDOW + 1, stop)
    fitted = grid + (total[high] - total[low]) / (high - low)
    return fitted + max(0.0, position[0] - fitted[0])
