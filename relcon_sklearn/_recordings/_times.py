"""Times that users pass: conversion to datetime64[ns] in UTC or to float64 seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._utils._dates import to_nanoseconds
from .._utils._offsets import has_offsets, has_time_zone, offsets_to_utc

NS = 1e-9  # s


class Times(NamedTuple):
    """Converted times.

    `values` is datetime64[ns] in UTC or float64 seconds, with NaT or NaN for missing times.
    `has_zone` is whether dates had a time zone or UTC offsets. `index` is Python code for the times
    as a DatetimeIndex without a time zone, for advice.
    """

    values: np.ndarray
    has_zone: bool
    index: str


def has_dates(values: np.ndarray | None) -> bool:
    """Return whether times are dates; seconds and None are not."""
    return values is not None and values.dtype.kind == "M"


def read_times(times, name: str, code: str) -> Times:
    """Convert dates, durations or seconds.

    Parameters
    ----------
    times : array-like
        Dates as datetime64, with or without a time zone, or as objects with UTC offsets. Durations
        as timedelta64. Numbers of seconds.
    name : str
        What to call them in an error, such as "recording 0: timestamps".
    code : str
        Python code for `times`, such as "frame.index".

    Raises
    ------
    ValueError
        If times have another type, or are dates outside 1678 to 2262.
    """
    dtype = getattr(times, "dtype", None)
    is_index = hasattr(times, "tz")  # a DatetimeIndex
    has_zone = has_time_zone(times)
    if has_zone:
        import pandas

        times = pandas.DatetimeIndex(times).tz_convert(None)  # UTC
    if hasattr(times, "to_numpy") and dtype.kind in "iuf":
        values = times.to_numpy(np.float64, na_value=np.nan)  # nullable numbers too
    else:
        values = np.asarray(times)
    if values.dtype == object and values.ndim == 1 and has_offsets(values):
        values, has_zone = offsets_to_utc(values), True
        is_index, code = False, f"pandas.to_datetime({code}, utc=True)"
    kind = values.dtype.kind
    if kind not in "iufmM":
        raise ValueError(
            f"{name} must be datetime64 or numbers of seconds. Got dtype {values.dtype}. "
            "pandas.to_datetime converts text to datetime64, with utc=True if it has UTC offsets. "
            "Pass its parameter format for dates such as 03/04/2024, which it would guess."
        )
    if kind == "M":
        index = code if is_index else f"pandas.DatetimeIndex({code})"
        return Times(
            to_nanoseconds(values, name), has_zone, index + ".tz_localize(None)" * has_zone
        )
    if kind == "m":
        durations = to_nanoseconds(values, name)
        values = np.where(np.isnat(durations), np.nan, durations.astype(np.int64) * NS)
    index = f"pandas.DatetimeIndex(pandas.to_datetime({code}, unit='s'))"
    return Times(values.astype(np.float64, copy=False), False, index)
