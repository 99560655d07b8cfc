"""Recordings of one subject that overlap in time."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from .._utils._warnings import warn
from ._one_recording import Part
from ._times import NS, has_dates
from ._window_layout import Layout


def warn_about_overlaps(
    parts: list[Part], names: list[str], subjects: np.ndarray, layout: Layout
) -> None:
    """Warn once if segments from different recordings of one subject overlap in time.

    Recordings without dates are not compared, because each counts from its own start.

    Parameters
    ----------
    parts : list of Part
        The segments of each recording that has any.
    names : list of str
        Names of all recordings.
    subjects : ndarray
        Subject of each recording.
    layout : Layout
        Layout of the windows. Overlaps of up to a sample are ignored.
    """
    if not has_dates(parts[0].start_times):
        return
    of_subject = defaultdict(list)
    for part in parts:
        of_subject[subjects[part.number]].append(part)
    length = np.timedelta64(round(layout.n_timesteps / layout.rate / NS), "ns")
    sample = np.timedelta64(round(1 / layout.rate / NS), "ns")
    n_subjects, first = 0, None
    for own in of_subject.values():
        pair = _find_overlap(own, length - sample)
        if pair is not None:
            n_subjects, first = n_subjects + 1, first or pair
    if first is None:
        return
    one, other = sorted(first, key=lambda part: part.number)
    start = max(part.start_times[0] for part in first)
    stop = min(part.start_times[-1] for part in first) + length
    more = f" So do recordings of {n_subjects - 1} other subjects." if n_subjects > 1 else ""
    warn(
        f"Recordings of one subject overlap in time: {names[one.number]} and {names[other.number]} "
        f"overlap from {start.astype('M8[ms]')} to {stop.astype('M8[ms]')}.{more} Check subjects, "
        "and convert local times with tz_localize. If this is intended, for example because two "
        "devices were worn, call warnings.filterwarnings('ignore', message='Recordings of one "
        "subject overlap')."
    )


def _find_overlap(parts: list[Part], length: np.timedelta64) -> tuple[Part, Part] | None:
    """Return two parts with segments that start less than `length` apart, or None."""
    if len(parts) == 1:
        return None
    times = np.concatenate([part.start_times for part in parts])
    owner = np.repeat(np.arange(len(parts)), [len(part.start_times) for part in parts])
    order = np.argsort(times, kind="stable")
    near = np.diff(times[order]) < length
    # If two segments are near, so are all between them in the order of time.
    found = np.flatnonzero(near & (np.diff(owner[order]) != 0))
    return None if len(found) == 0 else tuple(parts[i] for i in owner[order[found[0] :][:2]])
