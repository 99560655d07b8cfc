"""Reading of the recordings that users pass, with their rates, subjects, times and labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np

from .._utils._rates import is_rate
from ._attributes import own_rates
from ._columns import acceleration_axes, choose_channels
from ._compact import CompactRecording
from ._frames import (
    frame_labels,
    frame_signal,
    has_time_index,
    is_frame,
    is_numbered,
    raise_not_times,
    series_as_frame,
)
from ._intervals import Intervals
from ._labels import SampleLabels, is_missing, is_scalar
from ._other_packages import as_own_form, is_of_actipy
from ._people import warn_of_people
from ._segments import Segments
from ._stamps import IN_INDEX, IN_PARAMETER, Advice, check_stamps
from ._time_column import (
    advise,
    check_unused_times,
    index_as_column,
    is_named_time,
    read_time_column,
)
from ._times import Times, has_dates, read_times

# Number of values from which a list of numbers may be a recording of one channel.
_MOST_CHANNELS = 10


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
    """Return the recordings as a list, also if there is only one.

    Series and what other packages return become DataFrames.
    """
    if isinstance(recordings, Segments):
        raise ValueError(
            "recordings are Segments, which segment_recordings has made. Pass the recordings that "
            "they were cut from. Estimators take the segments, which are their attribute X."
        )
    if isinstance(recordings, list | tuple | Mapping) and len(recordings) == 0:
        raise ValueError(
            f"recordings is an empty {type(recordings).__name__}. Pass at least one recording."
        )
    if not isinstance(recordings, list | tuple) or is_of_actipy(recordings):
        recordings = [recordings]
    if _are_samples(recordings):
        raise ValueError(
            f"recordings is a list of {len(recordings)} rows of {len(recordings[0])} numbers, "
            "which seem to be the samples of one recording. Pass it as numpy.asarray(recording)."
        )
    paths = [recording for recording in recordings if isinstance(recording, str | os.PathLike)]
    if paths:
        raise ValueError(
            f"recordings has the path {os.fspath(paths[0])!r}. Pass "
            "relcon_sklearn.recordings.read_recording(path) instead."
        )
    return [series_as_frame(as_own_form(recording)) for recording in recordings]


def _are_samples(recordings: list | tuple) -> bool:
    """Return whether entries of a list are rows of a few numbers, which no recording is."""
    return len(recordings) > 1 and all(
        isinstance(row, list | tuple)
        and 0 < len(row) < _MOST_CHANNELS
        and all(isinstance(value, Real) for value in row)
        for row in recordings
    )


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


def read_rates(sampling_rate, recordings: list, names: list[str]) -> list[float]:
    """Return the sampling rate of each recording: the given ones, or if None, their own."""
    n_recordings = len(recordings)
    if sampling_rate is None:
        sampling_rate = own_rates(recordings, names)
    if is_scalar(sampling_rate):
        sampling_rate = [sampling_rate] * n_recordings
    rates = per_recording(sampling_rate, n_recordings, "sampling_rate")
    for rate in rates:
        if not is_rate(rate):
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
    array = np.array(subjects)
    changed = [i for i, subject in enumerate(subjects) if array[i] != subject]
    if changed:
        raise ValueError(
            f"subjects has several types: {subjects[changed[0]]!r} would become "
            f"{array.tolist()[changed[0]]!r}. Convert them to one type, for example to str."
        )
    return array


def read_recordings(
    recordings: list, rates: list[float], names: list[str], *, labels, timestamps, time, channels
) -> Iterator[Recording]:
    """Read the recordings one after the other, without keeping earlier ones in memory.

    Raises
    ------
    ValueError
        If a recording is empty or not numeric, if its channels differ from the first recording, or
        if its timestamps or labels are not valid. If `channels` has the column of labels or times.
    """
    n, frames = len(recordings), [is_frame(recording) for recording in recordings]
    column = labels if isinstance(labels, str) and (n > 1 or frames[0]) else None
    _check_named_columns(frames, names, column, timestamps, time, channels)
    nothing = [None] * n
    given = labels is not None and column is None
    labels_of = per_recording(labels, n, "labels") if given else nothing
    stamps_of = nothing if timestamps is None else per_recording(timestamps, n, "timestamps")
    wanted, known, first = channels, None, None
    for i, recording in enumerate(recordings):
        own_labels = labels_of[i]
        if isinstance(recording, CompactRecording):
            signal, times, advice = recording.signal, recording.times, IN_INDEX
        elif frames[i]:
            given_time = time is not None or stamps_of[i] is not None
            recording, in_index = index_as_column(recording, time)
            if wanted is None:
                has_times = given_time or has_time_index(recording)
                wanted = choose_channels(recording, [column, time], has_times, names[i])
                known = list(recording.columns)
            signal = frame_signal(recording, list(wanted), names[i])
            if channels is None:
                _check_no_extra_columns(recording, known, names[i])
            if column is not None:
                own_labels = frame_labels(recording, column, names[i])
            warn_of_people(recording, [*wanted, column, time], names[i])
            times, advice = _times_of_frame(recording, time, in_index, stamps_of[i], names[i])
            if times is None:
                check_unused_times(recording, [*wanted, column], channels is not None, names[i])
        else:
            signal = _array_signal(recording, names[i])
            times, advice = _given_times(stamps_of[i], names[i])
        axes = acceleration_axes(list(wanted if frames[i] else range(signal.shape[1])))
        if len(signal) == 0:
            raise ValueError(f"{names[i]} is empty: it has no samples. Leave it out.")
        if signal.shape[1] == 0:
            raise ValueError(f"{names[i]} has no channels. Pass at least one.")
        if times is not None:
            check_stamps(times, len(signal), rates[i], names[i], advice)
        if isinstance(own_labels, Intervals):
            own_labels = _label_by_time(own_labels, times, len(signal), rates[i], names[i])
        stamps = None if times is None else times.values
        current = Recording(i, names[i], signal, rates[i], stamps, own_labels, axes)
        first = current if first is None else first
        _check_same_kind(current, first)
        yield current


def _check_named_columns(
    frames: list[bool], names: list[str], labels: str | None, timestamps, time, channels
) -> None:
    """Raise ValueError if parameters that name columns do not fit the recordings or each other."""
    if labels is not None and not all(frames):
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
    for parameter, name in {"labels": labels, "time": time}.items():
        if channels is not None and name is not None and name in channels:
            raise ValueError(
                f"channels={list(channels)} has the column {name!r}, which {parameter} names too. "
                f"A model would learn from it. Remove {name!r} from channels."
            )


def _label_by_time(
    intervals: Intervals, times: Times | None, n_samples: int, rate: float, name: str
) -> SampleLabels:
    """Return the label of each sample, and mark the intervals that the recording covers."""
    stamps, has_zone = (None, False) if times is None else (times.values, times.has_zone)
    labels = intervals.label_samples(stamps, n_samples, rate, has_zone, name)
    first, last = (0.0, (n_samples - 1) / rate) if stamps is None else stamps[[0, -1]]
    intervals.mark_recorded(first, last)
    return labels


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


def _given_times(given, name: str) -> tuple[Times | None, Advice]:
    """Return the times that the user passed in `timestamps`, which may be None."""
    times = None if given is None else read_times(given, f"{name}: timestamps", "timestamps")
    return times, IN_PARAMETER


def _times_of_frame(
    frame, time: str | None, in_index: bool, given, name: str
) -> tuple[Times | None, Advice]:
    """Return the times of a DataFrame: its index, a column or `given`. None if it is regular."""
    named = time is not None or given is not None
    if named and has_time_index(frame):
        parameter = "timestamps" if time is None else "time"
        raise ValueError(
            f"{name} has timestamps twice: in its index and in the parameter {parameter}. Pass "
            f"{parameter}=None, or frame.reset_index(drop=True)."
        )
    if time is not None:
        times = read_time_column(frame, time, in_index, name)
        return times, advise(frame, time, in_index, times)
    if has_time_index(frame):
        return read_times(frame.index, f"{name}: timestamps", "frame.index"), IN_INDEX
    if not named and not is_numbered(frame, is_named_time):
        raise_not_times(frame, name)
    return _given_times(given, name)


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
