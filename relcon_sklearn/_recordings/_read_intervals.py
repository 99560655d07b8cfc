"""Reading of DataFrames of labelled intervals, and what recordings they belong to."""

from __future__ import annotations

import numpy as np

from .._utils._text import listed
from ._frames import is_frame
from ._intervals import Intervals
from ._labels import factorize, is_missing, labels_as_array
from ._times import Times, has_dates, read_times

_COLUMNS = ("start", "stop", "label")
# Other names of these columns, in lower case, for advice.
_SYNONYMS = {
    "start": ("start", "begin", "onset", "start_time", "start time", "from"),
    "stop": ("stop", "end", "offset", "stop_time", "end_time", "stop time", "end time", "to"),
    "label": ("label", "activity", "annotation", "class"),
}
_OWNERS = ("recording", "subject")  # Columns that say what an interval belongs to.


def read_interval_labels(labels, names: list[str], subjects: list | None):
    """Return `labels` with `Intervals` in place of DataFrames, and other labels unchanged.

    Parameters
    ----------
    labels : object
        What the user passed. A DataFrame is split into a list with one entry for each recording,
        which is None for a recording without intervals.
    names : list of str
        Names of the recordings for errors.
    subjects : list or None
        Subject of each recording. None if the user passed no subjects.

    Raises
    ------
    ValueError
        If a DataFrame lacks columns, does not say which recordings it belongs to, or has intervals
        that are not valid.
    """
    if is_frame(labels):
        return _split(labels, names, subjects)
    if not isinstance(labels, list | tuple) or len(labels) != len(names):
        return labels
    return [
        _read_own_intervals(entry, i, names, subjects) if is_frame(entry) else entry
        for i, entry in enumerate(labels)
    ]


def _split(frame, names: list[str], subjects: list | None) -> list:
    """Return the intervals of each recording, or None for a recording without intervals."""
    _check_columns(frame, "labels")
    key = next((key for key in _OWNERS if key in frame.columns), None)
    if key is None and len(names) == 1:
        return [_read_own_intervals(frame, 0, names, subjects)]
    if key is None:
        raise ValueError(
            f"labels is one DataFrame for {len(names)} recordings. It must have a column "
            "'recording' with their numbers, from 0, or a column 'subject' as in subjects. Got the "
            f"columns {list(frame.columns)}. A list with one DataFrame for each recording is also "
            "valid."
        )
    if key == "subject" and subjects is None:
        raise ValueError(
            "labels has a column 'subject', but subjects is None. Pass the subject of each "
            "recording in subjects, or use a column 'recording' with their numbers, from 0."
        )
    owners = list(range(len(names))) if key == "recording" else subjects
    values, codes = factorize(labels_as_array(frame[key]))
    unknown = [repr(value) for value in values if is_missing(value) or value not in owners]
    if unknown:
        raise ValueError(
            f"labels has a column {key!r} with {listed(unknown, 5)}, but the {key}s are "
            f"{listed(list(map(repr, dict.fromkeys(owners))), 5)}. Correct or drop these rows."
        )
    parts = {}
    for i, value in enumerate(values):
        rows = frame[codes == i]
        if key == "recording":
            parts[value] = _read_own_intervals(rows, int(value), names, subjects)
        else:
            parts[value] = _read_shared_intervals(rows, value, owners.count(value))
    return [parts.get(owner) for owner in owners]


def _read_own_intervals(frame, i: int, names: list[str], subjects: list | None):
    """Return the intervals of recording `i`, whose subject a column 'subject' must have."""
    intervals = _read_intervals(frame, f"labels of {names[i]}")
    if subjects is not None and "subject" in frame.columns:
        _check_subject(frame, subjects[i], names[i])
    return intervals


def _read_shared_intervals(frame, subject, n_recordings: int):
    """Return the intervals of a subject, which all recordings of the subject share."""
    intervals = _read_intervals(frame, f"labels of subject {subject}")
    if n_recordings > 1 and not has_dates(intervals.start):
        raise ValueError(
            f"labels of subject {subject} has times in seconds, which do not tell the "
            f"{n_recordings} recordings of this subject apart. Add a column 'recording' with their "
            "numbers, from 0, or pass a list with one DataFrame for each recording."
        )
    return intervals


def _read_intervals(frame, name: str) -> Intervals | None:
    """Return the intervals of a DataFrame, checked, or None if it has no rows."""
    _check_columns(frame, name)
    if len(frame) == 0:
        return None
    (start, has_zone, _), (stop, stop_has_zone, _) = (
        _read_times(frame, column, name) for column in ("start", "stop")
    )
    if start.dtype != stop.dtype or has_zone != stop_has_zone:
        raise ValueError(
            f"{name}: column 'start' has dtype {frame['start'].dtype}, but 'stop' has dtype "
            f"{frame['stop'].dtype}. Both must be dates, both with or without a time zone, or both "
            "seconds."
        )
    values, index = factorize(labels_as_array(frame["label"]))
    index = np.where([is_missing(value) for value in values], -1, np.arange(len(values)))[index]
    order = np.argsort(start, kind="stable")
    rows = frame.index.to_numpy()
    intervals = Intervals(
        name, rows[order], start[order], stop[order], has_zone, values, index[order]
    )
    intervals.check()
    return intervals


def _read_times(frame, column: str, name: str) -> Times:
    """Return the times in a column, none of which may be missing."""
    times = read_times(frame[column], f"{name}: column {column!r}", f"frame[{column!r}]")
    missing = np.flatnonzero(np.isnan(times.values))  # also NaT
    if len(missing):
        raise ValueError(
            f"{name}: {len(missing)} of {len(frame)} times are missing in column {column!r}, the "
            f"first in row {frame.index[missing[0]]}. Fill them or drop these rows."
        )
    return times


def _check_columns(frame, name: str) -> None:
    """Raise ValueError if a DataFrame lacks a column of intervals, or has one twice."""
    columns = list(frame.columns)
    lacks = any(column not in columns for column in _COLUMNS)
    if lacks or any(columns.count(column) > 1 for column in (*_COLUMNS, *_OWNERS)):
        raise ValueError(
            f"{name}: a DataFrame of labels has one interval in each row, in the columns 'start', "
            f"'stop' and 'label', each once. Got the columns {columns}. Rename them"
            f"{_advise_rename(columns)}. Pass labels of samples as a Series."
        )


def _advise_rename(columns: list) -> str:
    """Return code that renames columns as intervals need it, or else an example."""
    new = {}
    for name in _COLUMNS:
        known = [column for column in columns if str(column).lower() in _SYNONYMS[name]]
        if name not in columns and known:
            new[known[0]] = name
    if new and set(_COLUMNS) <= {*columns, *new.values()}:
        return f" with frame.rename(columns={new})"
    return ", for example with frame.rename(columns={'end': 'stop'})"


def _check_subject(frame, subject, name: str) -> None:
    """Raise ValueError if the column 'subject' differs from the subject of a recording."""
    others = [repr(value) for value in factorize(labels_as_array(frame["subject"]))[0]]
    others = [value for value in others if value != repr(subject)]
    if others:
        raise ValueError(
            f"labels of {name} has a column 'subject' with {listed(others, 5)}. Pass the intervals "
            "of this recording, or drop the column if it has other names for the same people."
        )
