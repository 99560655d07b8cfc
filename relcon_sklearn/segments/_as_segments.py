"""as_segments: a checked view of what users pass as segments."""

from __future__ import annotations

import operator

import numpy as np
import torch
from scipy import sparse

from .._utils._arrays import as_array
from ._array import ONE_LENGTH, SegmentArray
from ._layout import check_columns, check_holder, check_index


def as_segments(X, name: str, n_channels: int | None) -> SegmentArray:
    """Return a view of `X`, or raise ValueError. Arrays in memory are scanned immediately."""
    check_holder(X, name)
    check_index(X, name)
    in_memory = not _is_lazy(X)
    checked = X
    if in_memory and not _is_plain(X):
        checked = as_array(X, name, if_ragged=ONE_LENGTH, allow_nd=True, ensure_all_finite=False)
    _check_shape(checked, name)
    if len(checked.shape) == 2 and n_channels is not None:
        check_columns(checked.shape[1], n_channels, name)
    array = SegmentArray(checked, name, given=X, n_channels=n_channels or 1)
    if in_memory:
        array.check()
    return array


def _is_lazy(X) -> bool:
    """Return whether `X` should stay where it is and be read a few rows at a time."""
    if isinstance(X, np.memmap):
        return True
    if isinstance(X, torch.Tensor):
        # Other tensors have no rows to index (sparse, nested), no values (meta), or encoded values
        # (quantized).
        return X.layout is torch.strided and not (X.is_nested or X.is_meta or X.is_quantized)
    if isinstance(X, np.ndarray) or sparse.issparse(X) or hasattr(X, "iloc"):
        return False
    return all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))


def _is_plain(X) -> bool:
    """Return whether `X` is an array of numbers, which as_array would return as it is."""
    return type(X) is np.ndarray and X.dtype.kind in "fiub" and X.ndim in (2, 3) and X.size > 0


def _check_shape(X, name: str) -> None:
    """Raise ValueError unless an array has the shape and the dtype of segments."""
    try:
        shape = tuple(operator.index(size) for size in X.shape)
    except TypeError as error:  # some dask arrays have unknown sizes, h5py's Empty has no shape
        raise ValueError(f"{name} has shape {X.shape}; expected known sizes.") from error
    if len(shape) not in (2, 3):
        raise ValueError(
            f"{name} has {len(shape)} dimensions, shape {shape}; expected "
            "(n_segments, n_timesteps, n_channels), or (n_segments, n_timesteps) for one channel, "
            "or with n_channels=... the flat (n_segments, n_timesteps * n_channels)."
        )
    if not _is_real(X.dtype):
        raise ValueError(f"{name} has dtype {X.dtype}; expected real numbers.")
    for size, what in zip(shape, ("segments", "time steps", "channels"), strict=False):
        if size < 1:
            raise ValueError(f"{name} has no {what}: its shape is {tuple(X.shape)}.")


def _is_real(dtype) -> bool:
    """Return whether values of a NumPy or torch dtype are real numbers."""
    try:
        if not isinstance(dtype, torch.dtype):
            return np.dtype(dtype).kind in "fiub"
        torch.empty(1, dtype=dtype)[[0]]  # not implemented for every dtype that has a name
        return not dtype.is_complex
    except (TypeError, RuntimeError):
        return False
