"""Timestamps of samples: checks, their rate, and the times of segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._utils._clock_changes import MOST_CHANGES
from ._clocks import check_clock, sorting_mixes
from ._times import NS, Times, has_dates

# Largest relative difference between the rate of the timestamps and sampling_rate.
_TOLERANCE = 0.1

# Spacings that are this near to a period are regular, if this share of them is.
_LARGEST_JITTER = 0.005
_SHARE_REGULAR = 0.999

# Duplicates in a part of a recording, at least every second sample: too many to be copies.
_MANY_DUPLICATES = 100

_LARGE_STEP = 60  # s; a few steps back by more may be a clock that was set

_BLOCK_SPACINGS = 32  # of the blocks in which the rate of timestamps is measured
_LARGEST_DEVIATION = 1.25  # median spacings, between the extreme deviations from a line

_MOST_BLOCKS = 2**12  # enough for the rate of a recording of any length

_AT_ONCE = 2**18  # samples, so that temporary arrays are small


class Advice(NamedTuple):
    """Code that makes timestamps strictly increasing, which depends on where they are."""

    unique: str
    ordered: str


IN_INDEX = Advice("frame[~frame.index.duplicated()]", "frame.sort_index()")
IN_PARAMETER = Advice(
    "numpy.unique(timestamps, return_index=True) returns the samples to keep",
    "order = numpy.argsort(timestamps)",
)


def check_stamps(times: Times, n_samples: int, rate: float, name: str, advice: Advice) -> None:
    """Raise ValueError if times cannot be those of the samples of a recording.

    Raises
    ------
    ValueError
        If there is not one timestamp for each sample, or if timestamps are missing, are not
        strictly increasing, or look like local times in which the clock was set back.
    """
    stamps = times.values
    if stamps.shape != (n_samples,):
        raise ValueError(
            f"{name}: timestamps has shape {stamps.shape}, but there are {n_samples} samples. "
            "Pass one timestamp for each sample."
        )
    not_after = samples_not_after(stamps)
    if len(not_after) or not np.isfinite(stamps[[0, -1]]).all():  # else, none is missing
        missing = _where(lambda some: ~np.isfinite(stamps[some]), len(stamps))  # also NaT
        if len(missing):
            raise ValueError(
                f"{name}: {len(missing)} timestamps are missing, the first at sample {missing[0]}. "
                "Drop these samples."
            )
    check_clock(stamps, not_after, rate, name, times.index)
    if len(not_after):
        _raise_not_increasing(stamps, not_after, name, advice)


def samples_not_after(stamps: np.ndarray, or_equal: bool = True) -> np.ndarray:
    """Return the samples whose time is before that of the previous one, or equal to it.

    With `or_equal`, these are also the samples whose time, or that of the previous one, is missing.
    """

    def found(some: slice) -> np.ndarray:
        times = stamps[some.start : some.stop + 1]
        return ~(times[1:] > times[:-1]) if or_equal else times[1:] < times[:-1]

    return _where(found, len(stamps) - 1) + 1


def _where(condition: Callable[[slice], np.ndarray], n: int) -> np.ndarray:
    """Return the numbers at which a condition is true, of a part of all numbers at a time."""
    parts = [slice(start, min(start + _AT_ONCE, n)) for start in range(0, n, _AT_ONCE)]
    found = [part.start + np.flatnonzero(condition(part)) for part in parts]
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def _raise_not_increasing(
    stamps: np.ndarray, not_after: np.ndarray, name: str, advice: Advice
) -> None:
    """Raise ValueError for timestamps, of some samples, that are not after the previous one."""
    at = not_after[0]
    if (stamps[not_after] == stamps[not_after - 1]).all():
        what, correction = "duplicate timestamps", _advise_duplicates(not_after, advice)
    else:
        at = not_after[stamps[not_after] < stamps[not_after - 1]][0]
        what, correction = "decreasing timestamps", _advise_order(stamps, at, advice)
    raise ValueError(
        f"{name} has {what}: sample {at} has {stamps[at]}, the sample before it {stamps[at - 1]} "
        f"({len(not_after)} such places). {correction}"
    )


def _advise_duplicates(not_after: np.ndarray, advice: Advice) -> str:
    """Return what to do about samples, given by their numbers, that repeat the previous time."""
    largest = _largest_part(not_after)
    if len(largest) < _MANY_DUPLICATES:
        return (
            f"Drop the duplicates ({advice.unique}). If many samples share a time, the resolution "
            "of the timestamps is too low."
        )
    return (
        f"{len(largest)} of them are close together, up to sample {largest[-1]}. Do not drop them: "
        "they are probably different samples. If daylight saving ended, or the clock was set back, "
        "and the samples were sorted, read them again in their original order. If "
        "recordings were joined, pass a list of them. If the time of day is in another column than "
        "the date, join them. If many samples share a time everywhere, such as all of a second, "
        "spread them evenly: times in whole seconds in docs/guide/segments.md shows how."
    )


def are_copies(not_after: np.ndarray) -> bool:
    """Return whether samples, given by their numbers, that repeat the previous time may be copies.

    They are not if many are close together, as where daylight saving ended and samples were sorted.
    """
    return len(_largest_part(not_after)) < _MANY_DUPLICATES


def _largest_part(not_after: np.ndarray) -> np.ndarray:
    """Return the most samples of some that are close together."""
    parts = np.split(not_after, np.flatnonzero(np.diff(not_after) > 2) + 1)
    return max(parts, key=len)


def _advise_order(stamps: np.ndarray, at: int, advice: Advice) -> str:
    """Return what to do about stamps that decrease first at sample `at`."""
    split = (
        "If the clock was set back, for example because daylight saving ended, split the recording "
        f"before sample {at}. If several recordings were joined, pass a list of them."
    )
    if sorting_mixes(stamps):
        return f"Sorting would mix samples from before and after, whose times overlap. {split}"
    step = np.diff(stamps)
    large = np.timedelta64(_LARGE_STEP, "s") if has_dates(stamps) else _LARGE_STEP
    few = 0 < np.count_nonzero(step < -large) <= MOST_CHANGES
    sort = f"If the samples are only in the wrong order, sort them by time ({advice.ordered})."
    return f"{split} {sort}" if few else sort


class Positions:
    """Times of samples in sample periods since the first, float64, computed where they are needed.

    Those of a week would need as much memory as its timestamps. Indexing is as that of an array:
    ``positions[:]`` has all times.

    Parameters
    ----------
    stamps : ndarray of shape (n_samples,), dtype datetime64[ns], timedelta64[ns] or float64
        Timestamps, as dates, durations or seconds.
    rate : float
        Nominal rate in Hz.
    """

    def __init__(self, stamps: np.ndarray, rate: float):
        self._stamps = _as_numbers(stamps) if isinstance(stamps, np.ndarray) else stamps
        self._start = _as_numbers(stamps[0])
        self._per_unit = rate if stamps.dtype.kind == "f" else rate * NS

    def __len__(self) -> int:
        return len(self._stamps)

    def __getitem__(self, samples):
        return np.subtract(_as_numbers(self._stamps[samples]), self._start) * self._per_unit


def _as_numbers(stamps):
    """Return dates and durations as integers, of which numpy takes the difference faster."""
    return stamps if stamps.dtype.kind in "if" else stamps.view(np.int64)


def typical_spacing(position: Positions | np.ndarray) -> float:
    """Return the typical spacing of two or more timestamps outside gaps.

    It is the mean over the blocks of 32 spacings that are regular except for rounding and jitter.
    If most blocks are not, it is the mean of the spacings up to 1.5 times the median. That is too
    low if timestamps are rounded: at 80 Hz and a resolution of 10 ms, most spacings are 10 ms.
    Of a long recording, evenly spaced blocks are used.
    """
    blocks = _some_blocks(position)
    spacing = np.diff(blocks, axis=1)
    median = np.median(spacing)
    # A few samples that are missing at random move a block further away from a line.
    regular = _deviations(blocks) <= _LARGEST_DEVIATION * median
    if 2 * regular.sum() >= len(blocks):
        return float((blocks[regular, -1] - blocks[regular, 0]).mean() / spacing.shape[1])
    return float(spacing[spacing <= 1.5 * median].mean())


def _some_blocks(position: Positions | np.ndarray) -> np.ndarray:
    """Return blocks of 33 timestamps, or fewer if there are not as many: all, or evenly spaced.

    Neighbouring blocks share a timestamp, so that rounding cancels in the mean.
    """
    n_points = min(_BLOCK_SPACINGS + 1, len(position))
    start = np.arange(0, len(position) - n_points + 1, n_points - 1)
    start = start[:: -(-len(start) // _MOST_BLOCKS)]
    return position[start[:, None] + np.arange(n_points)]


def _deviations(blocks: np.ndarray) -> np.ndarray:
    """Return how far the extremes of each block of timestamps are apart, around its line."""
    n_points = blocks.shape[1]
    number = np.arange(n_points) - (n_points - 1) / 2
    slope = blocks @ number / (number @ number)
    return np.ptp(blocks - np.outer(slope, number), axis=1)


def is_regular(position: Positions | np.ndarray) -> bool:
    """Return whether nearly all spacings of timestamps, given in sample periods, are a period.

    The rate is then right, and timestamps are not rounded by more than half a period.
    """
    jitter = np.diff(_some_blocks(position), axis=1) - 1
    return bool(np.mean(np.abs(jitter) <= _LARGEST_JITTER) >= _SHARE_REGULAR)


def check_rate(position: Positions | np.ndarray, rate: float, name: str) -> float:
    """Return the typical spacing of two or more timestamps, given in periods of `rate`.

    Raises
    ------
    ValueError
        If it differs from a period by more than 10 %.
    """
    typical = typical_spacing(position)
    if abs(typical - 1) <= _TOLERANCE:
        return typical
    median = np.median(np.diff(position[:]))
    units = {"ms": 1e3, "us": 1e6, "ns": 1e9}
    unit = next((unit for unit in units if abs(typical / units[unit] - 1) <= _TOLERANCE), None)
    convert = "" if unit is None else f": divide by {units[unit]:.0f} if they are in {unit}"
    raise ValueError(
        f"{name}: sampling_rate={rate:g} Hz, but its timestamps are typically {typical / rate:.4g} "
        f"s apart, which is {rate / typical:.4g} Hz (median {median / rate:.4g} s, "
        f"{rate / median:.4g} Hz). Pass the rate of the recording. Timestamps "
        f"that are not dates must be in seconds{convert}."
    )


def start_stamps(stamps: np.ndarray | None, seconds: np.ndarray) -> np.ndarray:
    """Return the times `seconds` after the start of a recording, in the type of its timestamps."""
    if stamps is None:
        return seconds
    if has_dates(stamps):
        return stamps[0] + np.rint(seconds / NS).astype("timedelta64[ns]")
    return stamps[0] + seconds
