"""Layouts of X: what its shape says about the order of its axes, and advice for other orders."""

from __future__ import annotations

from .._utils._warnings import warn
from ._array import SegmentArray

# Segments of fewer time steps are unlikely. A 2-D array of fewer columns is probably one recording.
_FEWEST_COLUMNS = 8

# Kinds of NumPy dtypes of times and durations.
_TIMES = "mM"


def check_holder(X, name: str) -> None:
    """Raise ValueError if an object holds segments in its attribute `X`, as a store does."""
    if hasattr(X, "X") and not hasattr(X, "shape"):
        raise ValueError(
            f"{name} is a {type(X).__name__}, which holds segments in its attribute X. Pass this "
            f"attribute, {name}.X."
        )


def check_index(X, name: str) -> None:
    """Raise ValueError if a data frame is nested, or if its rows are samples of recordings.

    Parameters
    ----------
    X : object
        What the user passed. Only pandas objects have an index.
    name : str
        Name of the argument, for the message.
    """
    if not hasattr(X, "iloc"):
        return
    _check_cells(X, name)
    index = X.index
    if getattr(index, "nlevels", 1) > 1:
        found = "MultiIndex, as frames in the long format of sktime do"
    elif index.dtype.kind in _TIMES or hasattr(index, "to_timestamp"):  # periods have kind "O"
        found = f"{type(index).__name__}, as recordings do"
    else:
        return
    raise ValueError(
        f"{name} has a {found}, but each row must be a segment. Cut recordings into segments with "
        "relcon_sklearn.segment_recordings. If the rows are the time steps of segments of one "
        f"length, one segment after the other, pass {name}.to_numpy().reshape(n_segments, "
        f"n_timesteps, {X.shape[-1]}). If each row is a segment, pass "
        f"{name}.reset_index(drop=True)."
    )


def _check_cells(X, name: str) -> None:
    """Raise ValueError if the cells of a data frame or series hold arrays instead of numbers."""
    first = X.iloc[:1].to_numpy().ravel()
    nested = [cell for cell in first if hasattr(cell, "__len__") and not isinstance(cell, str)]
    if not nested:
        return
    if len(X.shape) == 1 and len({len(cell) for cell in X if hasattr(cell, "__len__")}) > 1:
        return  # the conversion to an array reports the lengths
    stacked = f"numpy.array({name}.to_numpy().tolist())"
    if len(X.shape) == 2:
        stacked += ".transpose(0, 2, 1)"
    raise ValueError(
        f"{name} has cells of type {type(nested[0]).__name__}, as nested frames of sktime do. "
        "Cut cells of different lengths with relcon_sklearn.segment_recordings. If each cell is "
        f"one channel of a segment, and all have one length, pass {stacked}."
    )


def check_columns(n_columns: int, n_channels: int, name: str) -> None:
    """Raise ValueError if a flat array cannot have `n_channels`."""
    if n_columns % n_channels:
        raise ValueError(
            f"{name} has {n_columns} columns, which n_channels={n_channels} does not divide. Flat "
            "segments have n_timesteps * n_channels columns, ordered as in "
            "segments.reshape(n_segments, -1). To read the columns as time steps of one channel, "
            "set n_channels=None."
        )


def warn_of_layout(array: SegmentArray) -> None:
    """Warn if the shape of an array suggests that its axes have another meaning."""
    n_segments, n_timesteps, n_channels = array.shape
    shape = tuple(array.X.shape)
    if len(shape) == 2 and n_timesteps < _FEWEST_COLUMNS:
        warn(
            f"{array.name} of shape {shape} is read as {n_segments} segments of {n_timesteps} time "
            f"steps and one channel. If {array.name} is one recording, cut it into segments with "
            "relcon_sklearn.segment_recordings. If its columns are segments, pass "
            f"{array.name}.T. To silence this warning, set n_channels=1."
        )
    elif len(shape) == 3 and n_channels > n_timesteps:
        warn(
            f"{array.name} of shape {shape} is read as segments of {n_timesteps} time steps and "
            f"{n_channels} channels. If it is (n_segments, n_channels, n_timesteps), as in aeon "
            f"and sktime, pass {array.name}.transpose(0, 2, 1). To silence this warning, set "
            f"n_channels={n_channels}."
        )


def advice_on_channels(array: SegmentArray, n_channels: int) -> str:
    """Return what to do about an array that does not have the expected `n_channels`."""
    if len(array.X.shape) == 2:
        one_channel = f"2-D {array.name} has one channel unless n_channels is set."
        recording = (
            "If it is one recording, cut it into segments with relcon_sklearn.segment_recordings."
        )
        if array.X.shape[1] == n_channels:
            return (
                f"{one_channel} {recording} If it is one segment, pass "
                f"numpy.asarray({array.name})[None]."
            )
        return (
            f"{one_channel} If its rows are flat segments, set n_channels={n_channels}, here and "
            f"in outer estimators. {recording}"
        )
    if array.shape[1] == n_channels:
        return (
            f"If {array.name} is (n_segments, n_channels, n_timesteps), as in aeon and sktime, "
            f"pass {array.name}.transpose(0, 2, 1)."
        )
    return f"Pass {array.name} of shape (n_segments, n_timesteps, {n_channels})."
