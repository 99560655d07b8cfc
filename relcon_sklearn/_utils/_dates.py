"""Conversion of dates and durations to nanoseconds without wrapping."""

from __future__ import annotations

import numpy as np

# Finer units than a nanosecond fit, and are rounded down.
_FINER = ("ps", "fs", "as")


def to_nanoseconds(dates: np.ndarray, name: str) -> np.ndarray:
    """Return dates as datetime64[ns], or durations as timedelta64[ns].

    NumPy converts dates outside 1678 to 2262, and durations above 292 years, to other ones without
    an error.

    Parameters
    ----------
    dates : ndarray or scalar of dtype datetime64 or timedelta64
        Dates or durations in any unit. NaT stays NaT.
    name : str
        What to call them in an error.

    Raises
    ------
    ValueError
        If one of them cannot be represented in nanoseconds.
    """
    kind = dates.dtype.kind
    if dates.dtype == np.dtype(f"{kind}8[ns]"):
        return dates
    wrong = _is_outside(dates)
    if wrong.any():
        span = "1678 to 2262" if kind == "M" else "-292 to 292 years"
        raise ValueError(
            f"{name} must be within {span}, which nanoseconds can represent. Got "
            f"{np.asarray(dates)[wrong].flat[0]}."
        )
    return dates.astype(f"{kind}8[ns]")


def _is_outside(dates: np.ndarray) -> np.ndarray:
    """Return which dates or durations nanoseconds cannot represent."""
    if np.datetime_data(dates.dtype)[0] in _FINER:
        return np.zeros(np.shape(dates), dtype=bool)
    last = np.array(np.iinfo(np.int64).max, f"{dates.dtype.kind}8[ns]").astype(dates.dtype)
    limit, count = last.astype(np.int64), dates.astype(np.int64)  # since 1970, in their unit
    return ((count > limit) | (count < -limit)) & ~np.isnat(dates)
