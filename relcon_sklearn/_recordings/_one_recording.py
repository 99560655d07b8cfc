"""Segmentation of one recording: usable samples, windows, their values and their labels."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ._idle import find_idle, find_zeros
from ._labels import UNLABELLED, LabelTable, majority
from ._losses import Loss, find_loss
from ._missing import find_missing
from ._nonwear import find_nonwear
from ._read import Recording
from ._resample import Ratio, resample
from ._rounding import find_resolution, is_coarse, undo_rounding
from ._rows import Ranges, Taken
from ._sample_times import (
    RESOLUTION,
    SampleTimes,
    Stretches,
    codes_on_grid,
    find_stretches,
    signal_on_grid,
)
from ._sentinels import LARGEST, check_sentinels
from ._stamps import Positions, check_rate, is_regular, start_stamps
from ._times import has_dates
from ._units import UNITS, check_gravity
from ._window_layout import (
    Layout,
    Windows,
    count_covered,
    count_windows,
    cut_windows,
    place_windows,
)

logger = logging.getLogger("relcon_sklearn")

_HOUR = 3600  # s
_SAMPLES_AT_ONCE = 2**17  # at the higher rate, so that temporary arrays stay in the cache


@dataclass(frozen=True)
class SegmentationOptions:
    """Parameters of segment_recordings that are the same for all recordings."""

    layout: Layout
    units: str
    gravity: bool
    max_gap: float | None  # s
    nonwear: float | None  # minutes
    nan_policy: str
    short: str
    purity: float
    unlabelled: str


class Part(NamedTuple):
    """Segments of a recording; `hours` count from 1970 with dates, else from its start."""

    number: int  # of the recording
    X: np.ndarray
    codes: np.ndarray | None
    start_times: np.ndarray
    hours: np.ndarray
    loss: Loss | None


def segment_one_recording(
    recording: Recording, options: SegmentationOptions, table: LabelTable | None, total: Counter
) -> Part | None:
    """Return the segments of one recording, and add what is left out to the counts in `total`.

    Returns None if the recording is shorter than a window and must be skipped.
    """
    signal, rate, layout = recording.signal, recording.rate, options.layout
    ratio = Ratio.of(layout.rate, rate)
    sample_times = all_sample_times(recording)
    if _too_short(sample_times, recording, options, ratio):
        total["recordings_too_short"] += 1
        return None
    dropped = Counter()
    sample_times, _ = choose_samples(recording, sample_times, options, dropped)

    stretches = find_stretches(sample_times, rate, options.max_gap)
    n_points = ratio.length(stretches.n_grid)
    n_windows = count_windows(n_points, layout)
    long = n_windows > 0
    dropped["seconds_in_short_stretches"] += stretches.n_grid[~long].sum() / rate
    rest = (n_points[long] - layout.n_timesteps) % layout.stride_samples
    dropped["seconds_at_ends_of_stretches"] += rest.sum() / layout.rate
    stretches, windows = stretches.select(long), place_windows(n_windows[long], layout)
    log_interpolated(stretches, recording)

    codes = None
    if table is not None:
        codes = table.encode(recording.labels, len(signal), recording.name)
        codes = _codes_of_windows(codes, sample_times, stretches, windows, options, ratio, dropped)
        if options.unlabelled == "drop":
            windows, codes = windows.select(codes != UNLABELLED), codes[codes != UNLABELLED]
    X = extract_windows(recording, sample_times, stretches, windows, options, ratio)
    seconds = seconds_of(windows, stretches, ratio, rate)
    start_times = start_stamps(recording.stamps, seconds)
    since = start_times if has_dates(start_times) else seconds
    total.update(dropped)
    n_covered = count_covered(windows, layout)
    only_zeros = sample_times.n_samples == 0 and not signal.any()
    loss = find_loss(
        *(
            recording.name,
            n_covered,
            len(signal),
            sample_times,
            dropped,
            rate,
            layout,
            ratio,
            only_zeros,
        )
    )
    return Part(recording.number, X, codes, start_times, _hours(since), loss)


def all_sample_times(recording: Recording) -> SampleTimes:
    """Return the times of all samples of a recording, after a check of its rate."""
    n, stamps, rate = len(recording.signal), recording.stamps, recording.rate
    if stamps is None:
        return SampleTimes(n)
    position = Positions(stamps, rate)
    if n == 1 or is_regular(position):
        return SampleTimes(n, None, position)
    typical = check_rate(position, rate, recording.name)
    resolution = find_resolution(stamps) * rate
    if is_coarse(resolution, typical):
        position = undo_rounding(position[:], resolution, typical)
    return SampleTimes(n, None, position)


def _too_short(
    sample_times: SampleTimes, recording: Recording, options: SegmentationOptions, ratio: Ratio
) -> bool:
    """Return whether a recording, including its gaps, is shorter than a window.

    With ``short="raise"``, raise ValueError if it is.
    """
    position = sample_times.position
    n_grid = sample_times.n_samples if position is None else round(position[-1]) + 1
    layout = options.layout
    if ratio.length(n_grid) >= layout.n_timesteps:
        return False
    if options.short == "raise":
        raise ValueError(
            f"{recording.name} is {n_grid / recording.rate:.4g} s long, shorter than a window of "
            f"{layout.n_timesteps / layout.rate:.4g} s. Pass short='skip' to leave such recordings "
            "out, or a shorter window."
        )
    return True


def choose_samples(
    recording: Recording, sample_times: SampleTimes, options: SegmentationOptions, dropped: Counter
) -> tuple[SampleTimes, SampleTimes]:
    """Return the times of the samples to use, and of those while the device was not worn.

    Samples with NaN, and zeros of idle sleep mode that are not part of a longer time in which the
    device was not worn, are in neither. What is left out is added to the counts in `dropped`.
    """
    signal = recording.signal
    axes = recording.acceleration if options.gravity else []
    limit = LARGEST / UNITS[options.units]
    missing, large, equal = find_missing(signal, options.nan_policy, recording.name, axes, limit)
    check_sentinels(signal, large, equal, axes, options.units, recording.name)
    dropped["samples_nan"] += len(missing)
    if len(missing):
        sample_times = sample_times.keep(Ranges(missing, missing + 1).others(len(signal)))
    not_worn = sample_times.keep(Ranges(np.arange(0), np.arange(0)))
    if options.nonwear is not None and sample_times.n_samples > 0:
        nonwear = find_nonwear(
            *(signal, sample_times, recording.rate, options.nonwear, UNITS[options.units])
        )
        not_worn = sample_times.keep(nonwear)
        dropped["seconds_nonwear"] += not_worn.n_samples / recording.rate
        sample_times = sample_times.keep(nonwear.others(sample_times.n_samples))
    if options.gravity and recording.acceleration:
        idle = find_idle(sample_times.used(signal), recording.acceleration, recording.rate)
        if len(idle):
            dropped["seconds_idle"] += len(idle) / recording.rate
            sample_times = sample_times.keep(idle.others(sample_times.n_samples))
        checked = _used_or_not_zero(recording, sample_times)
        check_gravity(checked, recording.acceleration, options.units, recording.name)
    return sample_times, not_worn


def log_interpolated(stretches: Stretches, recording: Recording) -> None:
    """Log how many of the stretches are interpolated, if any."""
    if not stretches.on_grid.all():
        logger.info(
            "%s: %d of %d stretches were interpolated, because their timestamps are not regular "
            "at %g Hz",
            *(recording.name, (~stretches.on_grid).sum(), len(stretches), recording.rate),
        )


def _used_or_not_zero(recording: Recording, sample_times: SampleTimes) -> np.ndarray | Taken:
    """Return the samples that are used, or else those without zeros of an accelerometer.

    If nothing is left, the units may be wrong: a signal in g never seems to move if read as mg.
    Zeros of idle sleep mode do not tell the units.
    """
    signal = recording.signal
    if sample_times.n_samples > 0:
        return sample_times.used(signal)
    return Taken(signal, find_zeros(signal, recording.acceleration).others(len(signal)))


def _codes_of_windows(
    codes: np.ndarray,
    sample_times: SampleTimes,
    stretches: Stretches,
    windows: Windows,
    options: SegmentationOptions,
    ratio: Ratio,
    dropped: Counter,
) -> np.ndarray:
    """Return the code of each window's label, and `UNLABELLED` if no label covers enough of it."""
    if len(windows.begin) == 0:
        return np.empty(0, dtype=np.int64)
    # The grids of all stretches, concatenated, in units that both sample periods are multiples of.
    grids = [codes_on_grid(codes, sample_times, stretches, i) for i in range(len(stretches))]
    stop = np.cumsum(stretches.n_grid) * ratio.up
    start = stop - stretches.n_grid * ratio.up
    begin = start[windows.stretch] + windows.begin * ratio.down
    # The last sample after resampling may end slightly after the stretch does.
    end = np.minimum(begin + options.layout.n_timesteps * ratio.down, stop[windows.stretch])
    best = majority(np.concatenate(grids), begin, end, ratio.up)
    share = best.cover / (end - begin)
    pure = (share > options.purity) | (share == 1)
    if options.unlabelled == "drop":
        unlabelled = ~pure & (best.unlabelled >= best.cover)
        dropped["windows_unlabelled"] += int(unlabelled.sum())
        dropped["windows_impure"] += int((~pure & ~unlabelled).sum())
    return np.where(pure, best.code, UNLABELLED)


def extract_windows(
    recording: Recording,
    sample_times: SampleTimes,
    stretches: Stretches,
    windows: Windows,
    options: SegmentationOptions,
    ratio: Ratio,
) -> np.ndarray:
    """Return the windows (n_windows, n_timesteps, n_channels) as float32, in g.

    Windows are resampled together if they start close to each other, so that little memory is
    needed.
    """
    signal, n_timesteps = recording.signal, options.layout.n_timesteps
    X = np.empty((len(windows.begin), n_timesteps, signal.shape[1]), dtype=np.float32)
    part = windows.begin // max(1, _SAMPLES_AT_ONCE * ratio.up // max(ratio))
    new = (np.diff(part, prepend=-1) != 0) | (np.diff(windows.stretch, prepend=-1) != 0)
    first = np.flatnonzero(new)
    for rows in map(slice, first, np.append(first[1:], len(X))):
        i, begin = windows.stretch[rows.start], windows.begin[rows]
        signal_at = partial(signal_on_grid, signal, sample_times, stretches, i)
        n_grid, stop = int(stretches.n_grid[i]), int(begin[-1]) + n_timesteps
        values = resample(signal_at, n_grid, ratio, int(begin[0]), stop)
        X[rows] = cut_windows(values, begin - begin[0], n_timesteps)
    if UNITS[options.units] != 1:
        X *= np.float32(UNITS[options.units])
    return X


def seconds_of(windows: Windows, stretches: Stretches, ratio: Ratio, rate: float) -> np.ndarray:
    """Return the starts of windows in seconds since the start of the recording.

    They are the times of the samples: with an approximated ratio, the rate after resampling is not
    quite the target rate.
    """
    since_origin = windows.begin * ratio.down / (ratio.up * rate)
    return stretches.origin[windows.stretch] / rate + since_origin


def _hours(times: np.ndarray) -> np.ndarray:
    """Return the hour of each date, or of each time in seconds, as an integer."""
    if has_dates(times):
        return times.astype("datetime64[h]").astype(np.int64)
    return np.floor((times + RESOLUTION) / _HOUR).astype(np.int64)
