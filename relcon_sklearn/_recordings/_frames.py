"""Recordings as pandas DataFrames: their channels, labels and times."""

from __future__ import annotations

import numpy as np


def is_frame(recording) -> bool:
    """Whether a recording is a DataFrame; pandas is not imported to know."""
    return hasattr(recording, "iloc") and hasattr(recording, "columns")


def frame_labels(frame, column: str, name: str):
    """Return the column with the label of each sample."""
    if column not in frame.columns:
        raise ValueError(f"{name}: labels={column!r} is none of its columns {list(frame.columns)}.")
    return frame[column]


def frame_signal(frame, columns: list, name: str) -> np.ndarray:
    """Return some columns of a DataFrame as an array of floats; missing values become NaN."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(
            f"{name} has the columns {list(frame.columns)}, without {missing}. All recordings must "
            f"have the same channels, here {list(columns)}."
        )
    frame = frame[columns]
    for column, dtype in frame.dtypes.items():
        if not is_numeric_dtype(dtype) or is_bool_dtype(dtype) or is_complex_dtype(dtype):
            raise ValueError(
                f"{name}: column {column!r} is of dtype {dtype}, which is no signal. Name the "
                "columns of the signal in channels, and that of the labels in labels."
            )
    own = [dtype for dtype in frame.dtypes if isinstance(dtype, np.dtype)]
    if len(own) == len(columns):
        return frame.to_numpy(np.result_type(np.float32, *own))
    return frame.to_numpy(np.float64, na_value=np.nan)


def frame_stamps(frame, name: str):
    """Return the index of a DataFrame if it tells the time, None for a RangeIndex."""
    import pandas

    index = frame.index
    if isinstance(index, pandas.RangeIndex):
        return None
    if not isinstance(index, pandas.DatetimeIndex | pandas.TimedeltaIndex):
        raise ValueError(
            f"{name}: the DataFrame's index is a {type(index).__name__} of {index.dtype}, which "
            "says nothing about time. Set a DatetimeIndex, e.g. frame.set_index('time') where "
            "'time' is a datetime column, or frame.reset_index(drop=True) if samples are regular "
            "and none is missing."
        )
    return index
