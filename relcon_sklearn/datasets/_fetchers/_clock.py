"""Timestamps in publishers' files: which of them advance, and their rate."""

import numpy as np

from ..._recordings._stamps import typical_spacing

_RATE_TOLERANCE = 0.05


def advances(times):
    """Return whether each time is later than all times before it, as a boolean array.

    Times that are missing (NaT or NaN) are not, and do not count for those after them.
    """
    if not len(times):
        return np.zeros(0, dtype=bool)
    latest = np.fmax.accumulate(times)[:-1]
    return np.r_[True, (times[1:] > latest) | np.isnan(latest)] & ~np.isnan(times)


def rate_of_dates(times, nominal):
    """Return the rate of a recording in Hz.

    Parameters
    ----------
    times : ndarray of shape (n_samples,), dtype datetime64[ns]
        Strictly increasing.

    nominal : float
        Rate that the publisher states, in Hz.

    Returns
    -------
    rate : float
        The nominal rate, or the rate of the timestamps, rounded to an integer, if the two differ
        by more than 5 %.
    """
    if len(times) < 2:
        return nominal
    shown = 1 / typical_spacing((times - times[0]).astype(np.int64) / 1e9)
    return nominal if abs(shown / nominal - 1) <= _RATE_TOLERANCE else float(np.rint(shown))
