"""The windows of one recording, cut a block at a time, so that little memory is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ._attributes import is_calibrated, own_channels, own_units
from ._calibration import find_error, warn_not_calibrated
from ._nonwear import BLOCK
from ._one_recording import (
    SegmentationOptions,
    all_sample_times,
    choose_samples,
    extract_windows,
    log_interpolated,
    seconds_of,
)
from ._read import Recording, as_list, read_rates, read_recordings
from ._resample import Ratio
from ._sample_times import SampleTimes, Stretches, check_max_gap, find_stretches
from ._stamps import start_stamps
from ._times import has_dates
from ._units import raise_missing_units
from ._upsampling import warn_of_upsampling
from ._window_layout import Layout, Windows, count_windows, place_windows

_BLOCK_BYTES = 2**25  # of windows that are cut at a time


class PlacedWindows(NamedTuple):
    """The windows of a recording with dates, before they are cut."""

    recording: Recording
    options: SegmentationOptions
    ratio: Ratio
    sample_times: SampleTimes
    stretches: Stretches
    windows: Windows
    not_worn: SampleTimes

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Cut all windows, and yield blocks of them: their numbers and their values in g."""
        n_channels = self.recording.signal.shape[1]
        size = max(1, _BLOCK_BYTES // (4 * self.options.layout.n_timesteps * n_channels))
        for start in range(0, len(self.windows.begin), size):
            rows = slice(start, min(start + size, len(self.windows.begin)))
            some = self.windows.select(rows)
            yield (
                rows,
                extract_windows(
                    *(self.recording, self.sample_times, self.stretches, some),
                    *(self.options, self.ratio),
                ),
            )

    def times(self, stretch: np.ndarray, begin: np.ndarray) -> np.ndarray:
        """Return the times, in UTC, of samples after resampling, given by number in a stretch."""
        places = Windows(stretch, begin)
        seconds = seconds_of(places, self.stretches, self.ratio, self.recording.rate)
        return start_stamps(self.recording.stamps, seconds)

    def nonwear(self) -> np.ndarray:
        """Return the starts and ends, (n_periods, 2), of the time while the device was not worn."""
        # Gaps below 10 s do not end non-wear: see find_nonwear.
        found = find_stretches(self.not_worn, self.recording.rate, BLOCK)
        edges = np.stack([found.origin, found.origin + found.n_grid], axis=1)
        return start_stamps(self.recording.stamps, edges / self.recording.rate)


def place_windows_in(
    recording,
    layout: Layout,
    *,
    sampling_rate=None,
    units=None,
    timestamps=None,
    time=None,
    channels=None,
    max_gap=None,
    nonwear=None,
    gravity=True,
    nan_policy="raise",
) -> PlacedWindows:
    """Place the windows of one recording, as segment_recordings does with the same parameters.

    Raises
    ------
    ValueError
        As segment_recordings does, and if the recording has no dates.
    """
    recordings = as_list(recording)
    if len(recordings) > 1:
        raise ValueError(f"recording is a list of {len(recordings)} recordings. Pass one.")
    names = ["the recording"]
    rates = read_rates(sampling_rate, recordings, names)
    warn_of_upsampling(rates, layout.rate, names)
    check_max_gap(max_gap, nonwear, rates[0])
    channels = own_channels(recordings) if channels is None else channels
    units = own_units(recordings, names) if units is None else units
    options = SegmentationOptions(
        layout, units, gravity, max_gap, nonwear, nan_policy, "skip", 0.5, "drop"
    )
    (read,) = read_recordings(
        recordings, rates, names, labels=None, timestamps=timestamps, time=time, channels=channels
    )
    if not has_dates(read.stamps):
        raise ValueError(
            "recording has no dates, so that its days are not known. Give it a DatetimeIndex, or "
            "pass the times of its samples as datetime64 in timestamps."
        )
    if units is None:
        raise_missing_units(read.signal, read.acceleration, read.name)
    ratio = Ratio.of(layout.rate, read.rate)
    sample_times, not_worn = choose_samples(read, all_sample_times(read), options, Counter())
    if gravity and not is_calibrated(recordings[0]):
        error = find_error(read, units)
        warn_not_calibrated([] if error is None else [error], 1)
    stretches = find_stretches(sample_times, read.rate, max_gap)
    n_windows = count_windows(ratio.length(stretches.n_grid), layout)
    stretches = stretches.select(n_windows > 0)
    windows = place_windows(n_windows[n_windows > 0], layout)
    log_interpolated(stretches, read)
    return PlacedWindows(read, options, ratio, sample_times, stretches, windows, not_worn)
