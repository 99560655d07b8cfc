"""Recordings as the command reads them: in little memory if possible, else as DataFrames."""

from __future__ import annotations

from dataclasses import replace

from .._recordings._compact import CompactRecording
from ..recordings import calibrate
from ..recordings._calibrate import calibrate_compact


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
