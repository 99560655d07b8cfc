"""The warning about recordings of which more than half is left out, with what would keep it."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from .._utils._warnings import warn
from ._resample import Ratio
from ._sample_times import SampleTimes, find_stretches
from ._window_layout import Layout, count_covered, count_windows, place_windows

# Why time is left out, and what would keep it.
_REASONS = {
    "samples_nan": ("has NaN", "Fill missing values before the call to keep it."),
    "seconds_nonwear": (
        "is time in which the device did not move",
        "Pass a larger nonwear, or None, to keep it.",
    ),
    "seconds_idle": (
        "is zeros, which devices write in idle sleep mode",
        "Switch that mode off before the next recording.",
    ),
    "seconds_in_short_stretches": (
        "is in stretches shorter than the window, between gaps",
        "Pass a shorter window to keep more of it.",
    ),
    "seconds_at_ends_of_stretches": (
        "is after the last window of a stretch, before a gap",
        "Pass a shorter window or stride to keep more of it.",
    ),
    "windows_unlabelled": ("has no label", "Pass unlabelled='keep' to keep it."),
    "windows_impure": (
        "is in windows that other labels cover too",
        "Lower purity, or pass a shorter window, to keep more of it. If the labels are values that "
        "change all the time, such as a speed, pass their column in channels instead, and average "
        "it in each segment.",
    ),
}

_ONLY_ZEROS = (
    "All its samples are 0, as devices write them in idle sleep mode. Leave the recording out."
)

NO_LABEL = (
    "labels has no label: all are None, NaN or empty. Pass labels=None, or unlabelled='keep', for "
    "segments without labels."
)

# Values of max_gap that are tried, in sample periods. Longer gaps than a second are not advised to
# be filled: movements last about as long.
_TRIED_GAPS = (2, 3, 5, 10, 20, 50)
_LONGEST_ADVISED_GAP = 1.0  # s


class Loss(NamedTuple):
    """What was left out of a recording, in seconds, and why."""

    name: str  # of the recording
    kept: float
    possible: float  # without gaps and other reasons to leave out time
    reason: str
    amount: float  # left out for the reason
    advice: str


def find_loss(
    name: str,
    n_covered: int,
    n_samples: int,
    sample_times: SampleTimes,
    dropped: Counter,
    rate: float,
    layout: Layout,
    ratio: Ratio,
    only_zeros: bool,
) -> Loss | None:
    """Return the loss of a recording if more than half of it was left out, else None.

    Parameters
    ----------
    name : str
        Name of the recording.
    n_covered : int
        Number of samples, after resampling, that are in windows.
    n_samples : int
        Number of samples of the recording.
    sample_times : SampleTimes
        Samples that are left after NaN, non-wear and zeros of idle sleep mode were removed.
    dropped : Counter
        Amounts left out of this recording, by reason.
    rate : float
        Rate of the recording in Hz.
    layout : Layout
        Layout of the windows.
    ratio : Ratio
        Rate after resampling divided by `rate`.
    only_zeros : bool
        Whether all samples of the recording are 0.
    """
    n_possible = _n_covered(ratio.length(np.array([n_samples])), layout)
    if 2 * n_covered >= n_possible:
        return None
    new = min(layout.stride_samples, layout.n_timesteps)  # samples of a window, in no earlier one
    unit = {"samples": 1 / rate, "seconds": 1.0, "windows": new / layout.rate}
    amounts = {key: dropped[key] * unit[key.split("_")[0]] for key in _REASONS}
    worst = max(amounts, key=amounts.get)
    reason, advice = _REASONS[worst]
    if worst == "seconds_in_short_stretches":
        advice = _advise_max_gap(n_possible, sample_times, rate, layout, ratio) or advice
    if worst in ("seconds_nonwear", "seconds_idle") and only_zeros:
        advice = _ONLY_ZEROS
    return Loss(
        name, n_covered / layout.rate, n_possible / layout.rate, reason, amounts[worst], advice
    )


def explain(losses: list[Loss]) -> str:
    """Return the reason for the largest of some losses, and what would keep more."""
    if not losses:
        return ""
    worst = _largest(losses)
    return f"The largest part, {worst.amount:.4g} s, {worst.reason}. {worst.advice}"


def warn_losses(losses: list[Loss], n_recordings: int) -> None:
    """Warn once if there are losses, with the details of the largest."""
    if not losses:
        return
    worst = _largest(losses)
    which = f"{len(losses)} of {n_recordings} recordings was left out, most of {worst.name}"
    if len(losses) == 1:
        which = f"{worst.name} was left out"
    warn(
        f"More than half of {which}: {worst.kept:.4g} of {worst.possible:.4g} s remain. "
        f"{explain(losses)} If this is intended, call "
        "warnings.filterwarnings('ignore', message='More than half of')."
    )


def _largest(losses: list[Loss]) -> Loss:
    return max(losses, key=lambda loss: loss.possible - loss.kept)


def _advise_max_gap(
    n_possible: int, sample_times: SampleTimes, rate: float, layout: Layout, ratio: Ratio
) -> str | None:
    """Return advice with the shortest tried `max_gap` that keeps half of a recording, or None."""
    for periods in _TRIED_GAPS:
        max_gap = math.ceil(1e4 * periods / rate) / 1e4
        if max_gap > _LONGEST_ADVISED_GAP:
            return None
        stretches = find_stretches(sample_times, rate, max_gap)
        n_covered = _n_covered(ratio.length(stretches.n_grid), layout)
        if 2 * n_covered >= n_possible:
            return (
                f"Spacings of timestamps above 1.5 sample periods are gaps: max_gap={max_gap:g} "
                f"fills those up to {max_gap:g} s, and keeps {n_covered / layout.rate:.4g} s."
            )
    return None


def _n_covered(n_points: np.ndarray, layout: Layout) -> int:
    """Return the number of samples in windows of stretches with `n_points` samples."""
    return count_covered(place_windows(count_windows(n_points, layout), layout), layout)
