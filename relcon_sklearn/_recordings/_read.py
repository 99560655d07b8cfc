"""Reading of the recordings that users pass, with their rates, subjects, times and labels."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import NamedTuple

import numpy as np

from ._columns import acceleration_axes, choose_channels
from ._frames import frame_labels, frame_signal, frame_stamps, has_time_index, is_frame
from ._intervals import Intervals, has_time_zone
from ._labels import is_missing, is_scalar
from ._stamps import has_dates, read_stamps
from ._time_column import check_unused_times, read_time_column


class Recording(NamedTuple):
    """One recording; `stamps` is None without timestamps, `labels` is input of LabelTable."""

    number: int
    name: str
    signal: np.ndarray  # (n_samples, n_channels)
    rate: float  # Hz
    stamps: np.ndarray | None
    labels: object
    acceleration: list[list[int]]  # x, y and z of each accelerometer: numbers of channels


def as_list(recordings) -> list:
    """Return the recordings as a list, also if there is only one."""
    if not isinstance(recordings, list | tuple):
        return [recordings]
    if len(recordings) == 0:
        raise ValueError("recordings is an empty list. Pass at least one recording.")
    return list(recordings)


def per_recording(values, n_recordings: int, name: str) -> list:
    """Return a list with one value for each recording; a single recording needs no list."""
    if n_recordings == 1 and (is_scalar(values) or len(values) != 1):
        return [values]
    if is_scalar(values) or len(values) != n_recordings:
        got = repr(values) if is_scalar(values) else f"{len(values)} values"
        raise ValueError(
            f"{name} must have one value for each of the {n_recordings} recordings. Got {got}."
        )
    return list(values)


def read_rates(sampling_rate, n_recordings: int) -> list[float]:
    """Return the sampling rate of each recording."""
    if is_scalar(sampling_rate):
        sampling_rate = [sampling_rate] * n_recordings
    rates = per_recording(sampling_rate, n_recordings, "sampling_rate")
    for rate in rates:
        if not (isinstance(rate, Real) and np.isfinite(rate) and rate > 0):
            raise ValueError(
                f"sampling_rate has {rate!r}, which is not a valid rate. Pass a rate in Hz above 0."
            )
    return [float(rate) for rate in rates]


def read_subjects(subjects, n_recordings: int) -> np.ndarray:
    """Return the subject of each recording, which is its number if `subjects` is None."""
    if subjects is None:
        return np.arange(n_recordings)
    subjects = per_recording(subjects, n_recordings, "subjects")
    for i, subject in enumerate(subjects):
        if not is_scalar(subject) or is_missing(subject):
            raise ValueError(
                f"subjects has {subject!r} for recording {i}. Pass one subject for each recording."
            )
    return np.array(subjects)


def read_recordings(
    recordings: list, rates: list[float], names: list[str], *, labels, timestamps, time, channels
) -> Iterator[Recording]:
    """Read the recordings one after the other, without keeping earlier ones in memory.

    Raises
    ------
    ValueError
        If a recording is empty or not numeric, if its channels differ from the first recording, or
        if its timestamps or labels are not valid.
    """
    n, frames = len(recordings), [is_frame(recording) for recording in recordings]
    column = labels if isinstance(labels, str) and (n > 1 or frames[0]) else None
    if column is not None and not all(frames):
        raise ValueError(
            f"labels={labels!r} names a column, but {names[frames.index(False)]} is not a "
            "DataFrame. Pass a list with the labels of each recording."
        )
    if time is not None and not all(frames):
        raise ValueError(
            f"time={time!r} names a column, but {names[frames.index(False)]} is not a DataFrame. "
            "Pass a list with the times of each recording in timestamps."
        )
    if time is not None and timestamps is not None:
        raise ValueError(
            "time and timestamps are both given. Pass the times of the samples in one of them."
        )
    if channels is not None and not all(frames):
        raise ValueError(
            f"channels={list(channels)} names columns, but {names[frames.index(False)]} is not a "
            "DataFrame. Select the columns of arrays before the call."
        )
    nothing = [None] * n
    given = labels is not None and column is None
    labels_of = per_recording(labels, n, "labels") if given else nothing
    stamps_of = nothing if timestamps is None else per_recording(timestamps, n, "timestamps")
    wanted, known, first = channels, None, None
    for i, recording in enumerate(recordings):
        own_labels, stamps = labels_of[i], stamps_of[i]
        if frames[i]:
            if wanted is None:
                wanted = choose_channels(recording, [column, time], names[i])
                known = list(recording.columns)
            signal = frame_signal(recording, list(wanted), names[i])
            if channels is None:
                _check_no_extra_columns(recording, known, names[i])
            if column is not None:
                own_labels = frame_labels(recording, column, names[i])
            stamps = _choose_stamps(recording, time, stamps, [*wanted, column], names[i])
        else:
            signal = _array_signal(recording, names[i])
        axes = acceleration_axes(list(wanted if frames[i] else range(signal.shape[1])))
        if len(signal) == 0:
            raise ValueError(f"{names[i]} is empty: it has no samples. Leave it out.")
        if signal.shape[1] == 0:
            raise ValueError(f"{names[i]} has no channels. Pass at least one.")
        time_zone = has_time_zone(stamps)
        if stamps is not None:
            stamps = read_stamps(stamps, len(signal), rates[i], names[i])
        if isinstance(own_labels, Intervals):
            own_labels = own_labels.label_samples(
                stamps, len(signal), rates[i], time_zone, names[i]
            )
        current = Recording(i, names[i], signal, rates[i], stamps, own_labels, axes)
        first = current if first is None else first
        _check_same_kind(current, first)
        yield current


def _array_signal(recording, name: str) -> np.ndarray:
    """Return a recording as an array (n_samples, n_channels) of real numbers, without a copy."""
    signal = np.asarray(recording)
    if signal.dtype.kind not in "iuf":
        raise ValueError(f"{name} has dtype {signal.dtype}. Pass real numbers.")
    if signal.ndim not in (1, 2):
        raise ValueError(
            f"{name} has shape {signal.shape}. Pass an array of shape (n_samples, n_channels), or "
            "a list of such arrays for several recordings."
        )
    return signal[:, None] if signal.ndim == 1 else signal


def _check_no_extra_columns(frame, known: list, name: str) -> None:
    """Raise ValueError if a DataFrame has columns that the first DataFrame does not have."""
    more = [column for column in frame.columns if column not in known]
    if more:
        raise ValueError(
            f"{name} has the columns {more}, which recording 0 does not have. All recordings must "
            "have the same channels. Pass the columns to use in channels."
        )


def _choose_stamps(frame, time: str | None, given, used: list, name: str):
    """Return the times of a DataFrame: its index, a column or `given`. None if it is regular."""
    ignored = time is not None and not has_time_index(frame)
    indexed = None if ignored else frame_stamps(frame, name)
    if indexed is not None and (time is not None or given is not None):
        parameter = "timestamps" if time is None else "time"
        raise ValueError(
            f"{name} has timestamps twice: in its index and in the parameter {parameter}. Pass "
            f"{parameter}=None, or frame.reset_index(drop=True)."
        )
    if time is not None:
        return read_time_column(frame, time, name)
    if indexed is None and given is None:
        check_unused_times(frame, used, name)
    return given if indexed is None else indexed


def _check_same_kind(current: Recording, first: Recording) -> None:
    """Raise ValueError if a recording differs from the first in its channels or kind of time."""
    n_channels, n_expected = current.signal.shape[1], first.signal.shape[1]
    if n_channels != n_expected:
        raise ValueError(
            f"{current.name} has {n_channels} channels, but {first.name} has {n_expected}. All "
            "recordings must have the same channels."
        )
    if has_dates(current.stamps) != has_dates(first.stamps):
        with_dates, without = (current, first) if has_dates(current.stamps) else (first, current)
        raise ValueError(
            f"{with_dates.name} has dates as timestamps, but {without.name} does not. Their times "
            "do not fit into one array. Pass dates for all recordings, or for none."
        )
