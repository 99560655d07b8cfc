"""Clock times: local times in which the clock was set back."""

from __future__ import annotations

import numpy as np

# How far clocks are set back when daylight saving ends: 30 minutes on Lord Howe Island.
_CHANGES = {3600: "an hour", 1800: "30 minutes"}  # s
_TOLERANCE = 60  # s
_MOST_CHANGES = 3  # in a recording: shuffled samples have more steps back by any length

_FIRST_CLOCK_TIME = 1e9  # s since 1970: smaller numbers count from the start of a recording
_CROWDED = 1.25  # times the samples that the rate gives for a minute
_FEWEST_SAMPLES = 10  # of a minute, so that a crowded minute can be told


def check_clock(stamps: np.ndarray, rate: float, name: str, times: str) -> None:
    """Raise ValueError if stamps look like local times in which the clock was set back.

    Seconds that count from the start of a recording are not checked.

    Parameters
    ----------
    stamps : ndarray of shape (n_samples,), dtype datetime64[ns] or float64
        Dates or seconds, in the order of the samples.
    rate : float
        Nominal rate in Hz.
    name : str
        Name of the recording.
    times : str
        Expression for the stamps as a DatetimeIndex without a time zone, for the advice.

    Raises
    ------
    ValueError
        If up to three stamps are about an hour or 30 minutes before the previous one. If a part of
        such a length has too many samples for `rate`, which is so after sorting.
    """
    dates = stamps.dtype.kind == "M"
    if not dates and (len(stamps) == 0 or stamps[0] < _FIRST_CLOCK_TIME):
        return
    zone = f"{times}.tz_localize('Europe/Vienna', ambiguous=numpy.arange({len(stamps)}) < "
    step = np.diff(stamps)
    step = step / np.timedelta64(1, "s") if dates else step
    for change, length in _CHANGES.items():
        back = np.flatnonzero(np.abs(step + change) <= _TOLERANCE)
        if 0 < len(back) <= _MOST_CHANGES:
            at = back[0] + 1
            raise ValueError(
                f"{name} steps back in time by about {length}: sample {at} has {stamps[at]}, the "
                f"sample before it {stamps[at - 1]}. Local times without a time zone do so when "
                "daylight saving ends, and sorting them would mix two hours. Convert the "
                f"timestamps with {zone}{at}) and the time zone of the recording. If several "
                "recordings were joined, pass a list of them."
            )
    mixed = _mixed_part(stamps, rate) if (step >= 0).all() else None
    if mixed is not None:
        start, length = mixed
        raise ValueError(
            f"{name} has more samples than sampling_rate={rate:g} Hz for about {length} from "
            f"{start} on. Local times without a time zone have them if daylight saving ended and "
            "the samples were sorted, which mixes two hours. Read the samples again in their "
            f"original order and convert their timestamps with {zone}first), where first is the "
            "number of the first sample after the clock was set back."
        )


def _mixed_part(stamps: np.ndarray, rate: float):
    """Return the start and length of a crowded part as long as a change of clocks, or None.

    `stamps` do not decrease. A minute is crowded if it has at least 1.25 times the samples that the
    rate gives. The first and last minute of the recording are not complete and do not count.
    """
    if 60 * rate < _FEWEST_SAMPLES:
        return None
    dates = stamps.dtype.kind == "M"
    minute = (stamps.astype("datetime64[m]") if dates else np.floor(stamps / 60)).astype(np.int64)
    start = np.flatnonzero(np.diff(minute)) + 1  # first sample of each minute except the first
    crowded = np.diff(start) >= _CROWDED * 60 * rate
    if crowded.all():
        return None  # the rate is wrong
    first = start[:-1][crowded]
    parts = np.split(first, np.flatnonzero(np.diff(minute[first]) > 1) + 1)
    for part in parts:
        for change, length in _CHANGES.items():
            if abs(60 * len(part) - change) <= _TOLERANCE:
                return stamps[part[0]], length
    return None
