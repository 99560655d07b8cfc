"""Which columns of a recording are acceleration, told by their names."""

from __future__ import annotations

import logging
import re

from ._frames import check_signal_columns
from ._time_column import looks_like_time, raise_if_times, rises
from ._units import unit_in_name

logger = logging.getLogger("relcon_sklearn")

_N_AXES = 3
_IN_BRACKETS = re.compile(r"[(\[].*?[)\]]")
_OTHER_SENSOR = re.compile(r"gyr[a-z]*|mag|magnet[a-z]*")
_UNIT_IN_BRACKETS = re.compile(r"[(\[](m?g|m/s.*?)[)\]]")


def choose_channels(frame, excluded: list, has_times: bool, name: str) -> list:
    """Return the columns of a DataFrame to use if the user names none.

    Columns of times are left out. Up to three numeric columns are all used. Of more, those of the
    only accelerometer are used if their names tell it. Columns called x, y and z are in this order,
    as models expect them, and others in that of the DataFrame. If columns are left out or have
    another order, that is logged.

    Parameters
    ----------
    frame : DataFrame
        The first recording.
    excluded : list
        Columns that the user named as labels or times.
    has_times : bool
        Whether the times of the samples are known, so that no column needs to be named for them.
    name : str
        What to call the recording in an error.

    Raises
    ------
    ValueError
        If a column is not numeric or not unique, or if there are more than three, and not exactly
        one x, y and z among them that is not called a gyroscope or magnetometer, or if these are
        not called acceleration. If a column to use looks like times and is not called acceleration.
    """
    times = {column.name for _, column in frame.items() if looks_like_time(column)}
    others = [column for column in frame.columns if column not in excluded]
    columns = [column for column in others if column not in times]
    check_signal_columns(frame, columns, name)
    chosen = columns if len(columns) <= _N_AXES else _choose_acceleration(columns, name)
    known = {columns[i] for stem, axes in _triples(columns) if _is_acceleration(stem) for i in axes}
    rising = [column for column in chosen if column not in known and rises(frame[column])]
    raise_if_times(rising, has_times, name)
    left_out = [column for column in others if column not in chosen]
    ordered = in_order_of_axes(chosen)
    if left_out or ordered != [column for column in frame.columns if column in chosen]:
        logger.info(
            "channels, chosen from the columns of %s: %s; left out: %s", name, ordered, left_out
        )
    return ordered


def _choose_acceleration(columns: list, name: str) -> list:
    """Return x, y and z of the only accelerometer. Raise ValueError if names do not tell them."""
    triples = [(stem, axes) for stem, axes in _triples(columns) if not _is_other_sensor(stem)]
    if len(triples) != 1 or not _is_acceleration(triples[0][0]):
        raise ValueError(
            f"{name} has more than three numeric columns, and channels is None. They are chosen by "
            "name only if there is exactly one x, y and z, beside those of a gyroscope or "
            "magnetometer, and if it is called acceleration, for example acc_x, acc_y and acc_z. "
            f"Pass the columns to use in channels. channels={columns} uses all."
        )
    return [columns[axis] for axis in triples[0][1]]


def acceleration_axes(columns: list) -> list[list[int]]:
    """Return the numbers of the three columns of each accelerometer.

    These are the columns called x, y and z of acceleration. If there are none, they are the first
    three columns. With fewer than three columns, the list is empty.
    """
    found = [sorted(axes) for stem, axes in _triples(columns) if _is_acceleration(stem)]
    return found or [list(range(_N_AXES))] * (len(columns) >= _N_AXES)


def in_order_of_axes(columns: list) -> list:
    """Return columns with x before y before z in the places of each triple, such as z, y and x."""
    ordered = list(columns)
    for _, axes in _triples(columns):
        names = [columns[axis] for axis in axes]
        for place, name in zip(sorted(map(ordered.index, names)), names, strict=True):
            ordered[place] = name
    return ordered


def _triples(columns: list) -> list[tuple[str, list[int]]]:
    """Return the triples of names that differ in one letter only, which is x, y and z.

    Each triple is the name without that letter, and the numbers of its columns x, y and z.
    """
    number = {column: i for i, column in enumerate(columns) if isinstance(column, str)}
    triples = []
    for column in number:
        for match in re.finditer("[xX]", column):
            before, after = column[: match.start()], column[match.end() :]
            axes = "xyz" if match.group() == "x" else "XYZ"
            names = [before + axis + after for axis in axes]
            if number.keys() >= set(names):
                triples.append((before + after, [number[name] for name in names]))
    return triples


def _is_acceleration(stem: str) -> bool:
    """Return whether the name of an axis, without its letter, stands for acceleration.

    A unit tells it in any language.
    """
    if unit_in_name(stem):
        return True
    words = re.findall(r"[^\W\d_]+", _UNIT_IN_BRACKETS.sub("", stem.lower()))
    return any("acc" in word for word in words) or set(words) <= {"a", "axis"}


def _is_other_sensor(stem: str) -> bool:
    """Return whether the name of an axis, without its letter, is one of another sensor.

    That is a gyroscope or a magnetometer, such as gyro_x, gx, mag_x and mx.
    """
    words = re.findall(r"[^\W\d_]+", _IN_BRACKETS.sub("", stem.lower()))
    named = any(map(_OTHER_SENSOR.fullmatch, words)) or words in (["g"], ["m"])
    return named and not _is_acceleration(stem)
