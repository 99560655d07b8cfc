"""Timestamps: conversion of what users pass to datetime64[ns] or float64 seconds, and checks."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._utils._dates import to_nanoseconds
from .._utils._offsets import has_offsets, offsets_to_utc
from ._clocks import check_clock

_NS = 1e-9  # s

# Largest relative difference between the rate of the timestamps and sampling_rate.
_TOLERANCE = 0.1

_BLOCK_SPACINGS = 32  # of the blocks in which the rate of timestamps is measured
_LARGEST_DEVIATION = 1.25  # median spacings, between the extreme deviations from a line


def has_dates(stamps: np.ndarray | None) -> bool:
    """Return whether timestamps are dates; seconds and None are not."""
    return stamps is not None and stamps.dtype.kind == "M"


def read_stamps(stamps, n_samples: int, rate: float, name: str) -> np.ndarray:
    """Return timestamps as datetime64[ns] (UTC) or float64 seconds, strictly increasing.

    Raises
    ------
    ValueError
        If there is not one timestamp for each sample, or if timestamps are missing, have another
        type, are dates outside 1678 to 2262, are not strictly increasing, or look like local times
        in which the clock was set back.
    """
    frame = hasattr(stamps, "to_numpy")
    zoned = getattr(getattr(stamps, "dtype", None), "tz", None) is not None
    if zoned:
        import pandas

        stamps = pandas.DatetimeIndex(stamps).tz_convert(None)  # UTC
    stamps = stamps.to_numpy() if frame else np.asarray(stamps)
    if stamps.shape != (n_samples,):
        raise ValueError(
            f"{name}: timestamps has shape {stamps.shape}, but there are {n_samples} samples. "
            "Pass one timestamp for each sample."
        )
    if stamps.dtype == object and has_offsets(stamps):
        stamps = offsets_to_utc(stamps)
    if stamps.dtype.kind not in "iufmM":
        raise ValueError(
            f"{name}: timestamps have dtype {stamps.dtype}. Pass datetime64 or numbers of seconds. "
            "pandas.to_datetime converts text to datetime64, with utc=True if it has UTC offsets."
        )
    known = np.isfinite(stamps) if stamps.dtype.kind in "iuf" else ~np.isnat(stamps)
    missing = np.flatnonzero(~known)
    if len(missing):
        raise ValueError(
            f"{name}: {len(missing)} timestamps are missing, the first at sample {missing[0]}. "
            "Drop these samples."
        )
    if stamps.dtype.kind in "mM":
        stamps = to_nanoseconds(stamps, f"{name}: timestamps")
    if stamps.dtype.kind == "m":
        stamps = stamps.astype(np.int64) * _NS
    elif stamps.dtype.kind != "M":
        stamps = stamps.astype(np.float64)
    check_clock(stamps, rate, name, _index(stamps, frame, zoned))
    _check_increasing(stamps, name, frame)
    return stamps


def _index(stamps: np.ndarray, frame: bool, zoned: bool) -> str:
    """Return the expression for the user's timestamps as an index without a time zone."""
    if frame:
        return "frame.index" + ".tz_localize(None)" * zoned
    if has_dates(stamps):
        return "pandas.DatetimeIndex(timestamps)"
    return "pandas.to_datetime(timestamps, unit='s')"


def _check_increasing(stamps: np.ndarray, name: str, frame: bool) -> None:
    """Raise ValueError at the first timestamp that is not after the one before it."""
    wrong = np.flatnonzero(stamps[1:] <= stamps[:-1])
    if len(wrong) == 0:
        return
    at = wrong[0] + 1
    if stamps[at] == stamps[at - 1]:
        what = "duplicate timestamps"
        advice = (
            "frame[~frame.index.duplicated()]"
            if frame
            else "numpy.unique(timestamps, return_index=True) returns the samples to keep"
        )
        advice = (
            f"Drop the duplicates ({advice}). If many samples share a time, the resolution of the "
            "timestamps is too low."
        )
    else:
        what = "decreasing timestamps"
        advice = "frame.sort_index()" if frame else "order = numpy.argsort(timestamps)"
        advice = f"If the samples are only in the wrong order, sort them by time ({advice})."
    raise ValueError(
        f"{name} has {what}: sample {at} has {stamps[at]}, the sample before it {stamps[at - 1]} "
        f"({len(wrong)} such places). {advice}"
    )


def positions(stamps: np.ndarray, rate: float) -> np.ndarray:
    """Return timestamps as float64 numbers of sample periods since the first."""
    elapsed = stamps - stamps[0]
    if elapsed.dtype.kind == "m":
        return elapsed.astype(np.int64) * (rate * _NS)
    return elapsed * rate


def typical_spacing(position: np.ndarray) -> float:
    """Return the typical spacing of two or more timestamps outside gaps.

    It is the mean over the blocks of 32 spacings that are regular except for rounding and jitter.
    If most blocks are not, it is the mean of the spacings up to 1.5 times the median. That is too
    low if timestamps are rounded: at 80 Hz and a resolution of 10 ms, most spacings are 10 ms.
    """
    spacing = np.diff(position)
    median = np.median(spacing)
    n_points = min(_BLOCK_SPACINGS + 1, len(position))
    # Neighbouring blocks share a timestamp, so that rounding cancels in the mean.
    blocks = sliding_window_view(position, n_points)[:: n_points - 1]
    number = np.arange(n_points) - (n_points - 1) / 2
    slope = blocks @ number / (number @ number)
    deviation = np.ptp(blocks - np.outer(slope, number), axis=1)
    # A few samples that are missing at random move a block further away from a line.
    regular = deviation <= _LARGEST_DEVIATION * median
    if 2 * regular.sum() >= len(blocks):
        return float((blocks[regular, -1] - blocks[regular, 0]).mean() / (n_points - 1))
    return float(spacing[spacing <= 1.5 * median].mean())


def check_rate(position: np.ndarray, rate: float, name: str) -> float:
    """Return the typical spacing of two or more timestamps, given in periods of `rate`.

    Raises
    ------
    ValueError
        If it differs from a period by more than 10 %.
    """
    typical = typical_spacing(position)
    if abs(typical - 1) <= _TOLERANCE:
        return typical
    median = np.median(np.diff(position))
    raise ValueError(
        f"{name}: sampling_rate={rate:g} Hz, but its timestamps are typically {typical / rate:.4g} "
        f"s apart, which is {rate / typical:.4g} Hz (median {median / rate:.4g} s, "
        f"{rate / median:.4g} Hz). Pass the rate of the recording. Timestamps "
        "that are not dates must be in seconds."
    )


def start_stamps(stamps: np.ndarray | None, seconds: np.ndarray) -> np.ndarray:
    """Return the times `seconds` after the start of a recording, in the type of its timestamps."""
    if stamps is None:
        return seconds
    if has_dates(stamps):
        return stamps[0] + np.rint(seconds / _NS).astype("timedelta64[ns]")
    return stamps[0] + seconds
