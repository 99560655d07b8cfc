"""Recordings as the command reads them: in little memory if possible, else as DataFrames."""

from __future__ import annotations

from dataclasses import replace

from .._recordings._compact import CompactRecording
from .._utils._warnings import warn
from ..recordings import calibrate
from ..recordings._calibrate import calibrate_compact

_FIRST_YEAR = 2005  # before it, no device of these formats recorded


def check_dates(recording, file: str) -> None:
    """Raise ValueError if the times of a table are not dates."""
    if isinstance(recording, CompactRecording):
        return
    import pandas

    if not isinstance(recording.index, pandas.DatetimeIndex):
        raise ValueError(
            f"{file} has times since a start, and no dates, so that its days are not known. Add "
            "the date of the start: recording = relcon_sklearn.recordings.read_recording(path), "
            "then recording.index = pandas.Timestamp('2024-03-05 22:00') + recording.index. "
            "recording.to_csv writes a file that can be read."
        )


def warn_of_clock(timeline) -> None:
    """Warn of a timeline that starts before there were devices, or ends in the future."""
    import pandas

    first, last = timeline["start"].iloc[0], timeline["end"].iloc[-1]
    if first.year < _FIRST_YEAR or last > pandas.Timestamp.now("UTC") + pandas.Timedelta(days=1):
        warn(
            f"The recording is from {first:%Y-%m-%d} to {last:%Y-%m-%d}. The clock of the device "
            "was probably not set, so that its days and hours are wrong."
        )


def has_zone(recording) -> bool:
    """Return whether the offset from UTC of the times of a recording is known."""
    if isinstance(recording, CompactRecording):
        return recording.has_zone
    return recording.index.tz is not None


def with_clock(recording, offset: str):
    """Return a recording of a clock with an offset from UTC, such as "+01:00"."""
    if isinstance(recording, CompactRecording):
        import pandas

        ahead = pandas.Timestamp(0, tz=offset).utcoffset()
        stamps = recording.stamps.moved(-pandas.Timedelta(ahead).to_timedelta64())
        return replace(recording, stamps=stamps, has_zone=True)
    recording.index = recording.index.tz_localize(offset).tz_convert("UTC")
    return recording


def calibrated(recording):
    """Return a calibrated recording."""
    if isinstance(recording, CompactRecording):
        return calibrate_compact(recording)
    return calibrate(recording)
