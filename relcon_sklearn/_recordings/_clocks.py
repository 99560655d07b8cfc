"""Local times in which the clock was set back."""

from __future__ import annotations

import numpy as np

from .._utils._clock_changes import CHANGES, MOST_CHANGES, TOLERANCE

_MIXED_SAMPLES = 10  # for each step back, of which sorted neighbours are from other sides of it

_FIRST_CLOCK_TIME = 1e9  # s since 1970: smaller numbers count from the start of a recording
_CROWDED = 1.25  # times the samples that the rate gives for a minute
# If the device was off around the change, the part is shorter, and must be as crowded as this.
_SHORTEST_PART = 5  # minutes
_CLEARLY_CROWDED = 1.75
_FEWEST_SAMPLES = 10  # of a minute, so that a crowded minute can be told


def check_clock(
    stamps: np.ndarray, not_after: np.ndarray, rate: float, name: str, times: str
) -> None:
    """Raise ValueError if stamps look like local times in which the clock was set back.

    Seconds that count from the start of a recording are not checked.

    Parameters
    ----------
    stamps : ndarray of shape (n_samples,), dtype datetime64[ns] or float64
        Dates or seconds, in the order of the samples.
    not_after : ndarray of int
        Numbers of the samples that are not after the previous one.
    rate : float
        Nominal rate in Hz.
    name : str
        Name of the recording.
    times : str
        Expression for the stamps as a DatetimeIndex without a time zone, for the advice.

    Raises
    ------
    ValueError
        If up to three stamps are about an hour or 30 minutes before the previous one. If stamps are
        a minute to an hour before the previous one, and sorting would mix samples from before and
        after: the device may have been off around the change. If a part of 5 minutes to an hour has
        too many samples for `rate`, which is so after sorting.
    """
    dates = stamps.dtype.kind == "M"
    if not dates and (len(stamps) == 0 or stamps[0] < _FIRST_CLOCK_TIME):
        return
    zone = f"{times}.tz_localize('YOUR_ZONE', ambiguous=numpy.arange({len(stamps)}) < "
    step = stamps[not_after] - stamps[not_after - 1]
    step = step / np.timedelta64(1, "s") if dates else step
    found = _find_change(stamps, not_after, step)
    if found is not None:
        at, length = found
        raise ValueError(
            f"{name} steps back in time by about {length}: sample {at} has {stamps[at]}, the "
            f"sample before it {stamps[at - 1]}. Local times without a time zone do so when "
            "daylight saving ends, and sorting them would mix samples from before and after. "
            f"Convert the timestamps with {zone}{at}), where YOUR_ZONE is the time zone of the "
            "recording, for example Europe/Vienna. If the clock was set for another reason, split "
            f"the recording before sample {at}. If several recordings were joined, pass a list of "
            "them."
        )
    mixed = _mixed_part(stamps, rate) if (step >= 0).all() else None
    if mixed is not None:
        start, length = mixed
        raise ValueError(
            f"{name} has more samples than sampling_rate={rate:g} Hz for about {length} from "
            f"{start} on. Local times without a time zone have them if daylight saving ended and "
            "the samples were sorted, which mixes samples from before and after. Read the samples "
            f"again in their original order and convert their timestamps with {zone}first), where "
            "first is the number of the first sample after the clock was set back, and YOUR_ZONE "
            "the time zone of the recording, for example Europe/Vienna."
        )


def _find_change(stamps: np.ndarray, not_after: np.ndarray, step: np.ndarray):
    """Return the first sample after a change of clocks and the length of the change, or None."""
    for change, length in CHANGES.items():
        back = not_after[np.abs(step + change) <= TOLERANCE]
        if 0 < len(back) <= MOST_CHANGES:
            return back[0], length
    longest = max(CHANGES) + TOLERANCE
    back = np.flatnonzero(step < 0)
    if len(back) and TOLERANCE <= -step[back[0]] <= longest and sorting_mixes(stamps):
        return not_after[back[0]], _in_words(-step[back[0]])
    return None


def _in_words(seconds: float) -> str:
    return f"{seconds / 60:.3g} minutes" if seconds >= 120 else f"{seconds:.3g} s"


def sorting_mixes(stamps: np.ndarray) -> bool:
    """Return whether sorting interleaves many samples from before and after steps back in time.

    Parts that are only in the wrong order fit between each other. The times of parts before and
    after a clock was set back overlap.
    """
    stamps = stamps[:]
    part = np.concatenate([[0], np.cumsum(stamps[1:] < stamps[:-1])])
    n_switches = np.count_nonzero(np.diff(part[np.argsort(stamps, kind="stable")]))
    return n_switches > _MIXED_SAMPLES * part[-1]


def _mixed_part(stamps: np.ndarray, rate: float):
    """Return the start and length of a crowded part as long as a change of clocks, or None.

    `stamps` do not decrease. A minute is crowded if it has at least 1.25 times the samples that the
    rate gives. A part of 5 minutes to an hour also counts if it has 1.75 times as many. The first
    and last minute of the recording are not complete and do not count. If most minutes outside of
    the part are crowded too, the rate is wrong and the part is not mixed.
    """
    expected = 60 * rate
    if expected < _FEWEST_SAMPLES or not _has_crowded_samples(stamps, expected):
        return None
    stamps, dates = stamps[:], stamps.dtype.kind == "M"
    minute = (stamps.astype("datetime64[m]") if dates else np.floor(stamps / 60)).astype(np.int64)
    start = np.flatnonzero(np.diff(minute)) + 1  # first sample of each minute except the first
    count = np.diff(start)
    crowded = np.flatnonzero(count >= _CROWDED * expected)
    for part in np.split(crowded, np.flatnonzero(np.diff(minute[start[crowded]]) > 1) + 1):
        length = _length_of_mixed(count[part], expected)
        others = np.delete(count, part)
        if length and len(others) and np.median(others) < _CROWDED * expected:
            return stamps[start[part[0]]], length
    return None


def _length_of_mixed(count: np.ndarray, expected: float) -> str | None:
    """Return the length of a crowded part, in words, if a change of clocks explains it."""
    for change, length in CHANGES.items():
        if abs(60 * len(count) - change) <= TOLERANCE:
            return length
    possible = _SHORTEST_PART <= len(count) <= max(CHANGES) / 60
    dense = possible and count.mean() >= _CLEARLY_CROWDED * expected
    return _in_words(60 * len(count)) if dense else None


def _has_crowded_samples(stamps: np.ndarray, expected: float) -> bool:
    """Return whether the samples of a minute are ever within less than 55 s.

    This is fast, and true if a part of many minutes is crowded: the samples of a minute are then
    within about 50 s on average.
    """
    second = np.timedelta64(1, "s") if stamps.dtype.kind == "M" else 1
    return bool((np.diff(stamps[:: int(expected)]) < 55 * second).any())
