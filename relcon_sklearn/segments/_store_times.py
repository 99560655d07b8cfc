"""Times and hours of the segments that are appended to a segment store."""

from __future__ import annotations

import numpy as np

from .._utils._clock_changes import CHANGES, MOST_CHANGES, TOLERANCE
from .._utils._dates import to_nanoseconds
from .._utils._offsets import has_offsets, has_time_zone
from .._utils._warnings import warn
from ._store_format import TIME_DTYPES, Header
from ._store_values import check_one_per_segment

_NS_PER_HOUR = 3_600_000_000_000

# Seconds since 1970 are below this number until the year 5138, milliseconds are above it from 1973.
_MOST_SECONDS = 1e11


def check_times(times, n: int, header: Header) -> np.ndarray | None:
    """Return `times` in the dtype of the store; None if the store has no times.

    Warns if dates without a time zone look like local times in which the clock was set back.
    """
    kind = header.times
    if times is None:
        if kind is not None:
            raise ValueError(
                f"times is None, but earlier segments have times ({kind}). Pass the time of each "
                "segment."
            )
        return None
    is_utc = _has_zone(times)
    times = check_one_per_segment(times, n, "times")
    if times.dtype.kind not in "Miuf":
        raise ValueError(
            f"times has dtype {times.dtype}. Pass datetime64 or seconds. "
            "pandas.to_datetime(times, utc=True) converts text and lists of dates to datetime64."
        )
    given = "datetime" if times.dtype.kind == "M" else "seconds"
    if given != kind and header.n_segments > 0:
        raise ValueError(
            f"times are {given}, but the times of earlier segments are {kind or 'not known'}. All "
            "segments of a store must have times of one kind."
        )
    missing = np.isnat(times) if given == "datetime" else ~np.isfinite(times)
    if missing.any():
        raise ValueError(f"times has no value at index {np.flatnonzero(missing)[0]}.")
    if given == "datetime":
        times = to_nanoseconds(times, "times")
        if not is_utc:
            _warn_of_local_times(times, header)
    else:
        _check_seconds(times)
    return times.astype(TIME_DTYPES[given])


def _has_zone(times) -> bool:
    """Return whether times are dates with a time zone or UTC offsets."""
    return has_time_zone(times) or (np.ndim(times) == 1 and has_offsets(times))


def _check_seconds(times: np.ndarray) -> None:
    """Raise ValueError if numbers are too large for seconds, as milliseconds since 1970 are."""
    large = np.flatnonzero((times > _MOST_SECONDS) | (times < -_MOST_SECONDS))
    if len(large):
        raise ValueError(
            f"times has {times[large[0]]} at index {large[0]}, which is too large for seconds. "
            "Divide milliseconds by 1000, or pass dates, for example "
            "pandas.to_datetime(times, unit='ms')."
        )


def _warn_of_local_times(times: np.ndarray, header: Header) -> None:
    """Warn if a few dates step back by as much as clocks at the end of daylight saving."""
    step = np.diff(times) / np.timedelta64(1, "s")
    back = np.flatnonzero(step < 0)
    if not 0 < len(back) <= MOST_CHANGES:  # more of them: segments that are not in order of time
        return
    # After the change, the next segment begins about its own length later.
    tolerance = TOLERANCE + header.n_timesteps / header.sampling_rate
    for at in back:
        if any(abs(step[at] + change) <= tolerance for change in CHANGES):
            before = f"numpy.arange({len(times)}) < {at + 1}"
            warn(
                f"times steps back by {-step[at] / 60:.0f} minutes at index {at + 1}, as local "
                "times do when daylight saving ends. Dates without a time zone are read as UTC, so "
                "that two hours get the same group in hour_groups. For local times pass "
                f"pandas.DatetimeIndex(times).tz_localize('Europe/Vienna', ambiguous={before}), "
                "with the time zone of the recording. If the times are UTC, "
                "pandas.DatetimeIndex(times, tz='UTC') silences this warning."
            )
            return


def check_hours(hours, times: np.ndarray | None, n: int, first_free: int) -> np.ndarray:
    """Return the hour of each segment as int64.

    Parameters
    ----------
    hours : array-like of int of shape (n,) or None
        Hours as given. If None, they are computed from `times`.
    times : ndarray of shape (n,) or None
        Times after :func:`check_times`.
    n : int
        Number of segments.
    first_free : int
        Smallest hour above all earlier hours of the subject. Hours computed from times in seconds
        start here.
    """
    if hours is not None:
        hours = check_one_per_segment(hours, n, "hours")
        if hours.dtype.kind not in "iu":
            raise ValueError(f"hours has dtype {hours.dtype}. Pass integers.")
    elif times is None:
        hours = np.zeros(n, dtype=np.int64)
    elif times.dtype.kind == "M":
        hours = times.astype(np.int64) // _NS_PER_HOUR
    else:
        hours = np.floor(times / 3600).astype(np.int64)
        # Seconds start at zero in each recording: its hours must differ from earlier hours.
        hours = hours - hours.min() + first_free
    limit = np.iinfo(np.int32)
    if not (limit.min <= hours.min() and hours.max() < limit.max):
        raise ValueError(
            f"hours range from {hours.min()} to {hours.max()}. They must fit into 32 bits."
        )
    return hours.astype(np.int64)
