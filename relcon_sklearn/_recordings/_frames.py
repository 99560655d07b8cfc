"""Channels, labels and times of recordings that are pandas DataFrames."""

from __future__ import annotations

import numpy as np

from .._utils._offsets import has_offsets


def is_frame(recording) -> bool:
    """Return whether a recording is a DataFrame, without importing pandas."""
    return hasattr(recording, "iloc") and hasattr(recording, "columns")


def series_as_frame(recording):
    """Return a Series as a DataFrame of one column, so that its index counts, and else itself."""
    is_series = hasattr(recording, "iloc") and hasattr(recording, "to_frame")
    return recording.to_frame("signal") if is_series else recording


def frame_labels(frame, column: str, name: str):
    """Return the column with the label of each sample."""
    if column not in frame.columns:
        raise ValueError(
            f"{name}: labels={column!r} is not one of its columns {list(frame.columns)}. To give a "
            "whole recording one label, pass a list with a label for each recording."
        )
    check_unique(frame, [column], name)
    return frame[column]


def check_signal_columns(frame, columns: list, name: str) -> None:
    """Raise ValueError if columns are missing, not unique or not numeric."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(
            f"{name} has the columns {list(frame.columns)}, but {missing} are missing. All "
            f"recordings must have the same channels, here {list(columns)}."
        )
    check_unique(frame, columns, name)
    for column, dtype in frame[columns].dtypes.items():
        if not is_numeric_dtype(dtype) or is_bool_dtype(dtype) or is_complex_dtype(dtype):
            text, is_signal = _find_text(frame[column])
            advice = (
                "Its other values are numbers. If the text stands for missing values, leave these "
                f"cells empty. Otherwise use frame[{column!r}] = pandas.to_numeric("
                f"frame[{column!r}], errors='coerce') and nan_policy='omit'."
                if is_signal
                else "Pass the columns of the signal in channels, and the column of the labels in "
                "labels."
            )
            such = f", such as {text!r:.60}" if text else ""
            raise ValueError(
                f"{name}: column {column!r} has dtype {dtype}{such}, which cannot be a signal. "
                f"{advice}"
            )


def _find_text(column) -> tuple[str, bool]:
    """Return the first text in a column, if any that is no number, and whether most are numbers."""
    import pandas

    if column.dtype.kind != "O":
        return "", False
    text = column.dropna().astype(str)
    other = text[pandas.to_numeric(text, errors="coerce").isna()]
    if not len(other):  # numbers as text
        return (text.iloc[0], True) if len(text) else ("", False)
    return other.iloc[0], len(other) < len(text) / 2


def frame_signal(frame, columns: list, name: str) -> np.ndarray:
    """Return the given columns of a DataFrame as floats, with NaN for missing values."""
    check_signal_columns(frame, columns, name)
    frame = frame[columns]
    own = [dtype for dtype in frame.dtypes if isinstance(dtype, np.dtype)]
    if len(own) == len(columns):
        return frame.to_numpy(np.result_type(np.float32, *own))
    return frame.to_numpy(np.float64, na_value=np.nan)


def check_unique(frame, columns: list, name: str) -> None:
    """Raise ValueError if a column is selected twice, or several columns have its name."""
    equal = [column for column in dict.fromkeys(columns) if list(frame.columns).count(column) > 1]
    if equal:
        raise ValueError(
            f"{name} has several columns named {equal}. Rename them before frames are joined, for "
            "example with gyroscope.add_prefix('gyroscope_'), and pass the signal's columns in "
            "channels."
        )
    repeated = [column for column in dict.fromkeys(columns) if columns.count(column) > 1]
    if repeated:
        raise ValueError(f"channels has {repeated} more than once. Pass each column once.")


def has_time_index(frame) -> bool:
    """Return whether the index of a DataFrame has times, or dates with UTC offsets as objects."""
    import pandas

    index = frame.index
    known = isinstance(index, pandas.DatetimeIndex | pandas.TimedeltaIndex)
    return known or (index.dtype == object and has_offsets(index))


def index_name(frame) -> str:
    """Return the name by which `time` selects the index of a DataFrame."""
    return "index" if frame.index.name is None else frame.index.name


def is_numbered(frame, is_named_time) -> bool:
    """Return whether the index of a DataFrame only has the numbers of regular samples.

    `is_named_time` is a function that returns whether a name has a word for time.
    """
    import pandas

    index = frame.index
    regular = isinstance(index, pandas.RangeIndex) and (index.step == 1 or len(index) < 2)
    return regular and not (index.name is not None and is_named_time(index.name))


def raise_not_times(frame, name: str) -> None:
    """Raise the ValueError for an index that may have times but not as dates or durations."""
    index = frame.index
    if index.nlevels > 1:
        raise ValueError(
            f"{name}: the DataFrame has a MultiIndex. Pass one DataFrame for each recording. "
            "Convert its index to columns with frame.reset_index(), and pass the name of the "
            "column with the times in time, or set a DatetimeIndex."
        )
    raise ValueError(
        f"{name}: the DataFrame's index {index_name(frame)!r} is of type {type(index).__name__} "
        f"and dtype {index.dtype}, which are not dates. If it has the times, as time can read "
        f"them, pass time={index_name(frame)!r}. Otherwise pass the name of the column with the "
        "times in time, or set a DatetimeIndex. Use frame.reset_index(drop=True) only if samples "
        "are regular and none is missing."
    )
