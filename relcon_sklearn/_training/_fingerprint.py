"""What a fit depends on, as plain values that can be compared."""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import PurePath

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn

from .._batches import GroupIndex
from .._utils._frozen import is_frozen, unwrap
from ..segments._array import SegmentArray

# Rows of X that are looked at, evenly spread: a few milliseconds, wherever they lie.
_N_ROWS = 256

# Parameters that say where or how visibly something is computed, not what.
_IMMATERIAL = {"checkpoint_dir", "device", "verbose"}


def fingerprint_of_data(array: SegmentArray, index: GroupIndex) -> dict:
    """Describe segments and their groups by shape, dtype, rate and a checksum of some rows.

    Parameters
    ----------
    array : SegmentArray
        The segments.
    index : GroupIndex
        Their groups, all of which are looked at.
    """
    rows = np.unique(np.linspace(0, len(array) - 1, _N_ROWS).round().astype(np.int64))
    rate = getattr(array.X, "sampling_rate", None)
    return {
        "X": {
            "shape": list(array.X.shape),
            "dtype": str(array.X.dtype),
            "sampling_rate": None if rate is None else float(rate),
            "checksum": checksum(array.read(rows)),
        },
        "groups": checksum(index.sizes, index.runs.starts, index.runs.sizes),
    }


def checksum(*arrays) -> str:
    """Return a checksum of arrays: their dtypes, shapes and bytes."""
    crc = 0
    for array in map(np.asarray, arrays):
        crc = zlib.crc32(f"{array.dtype.str}{array.shape}".encode(), crc)
        if array.dtype.hasobject:
            crc = zlib.crc32(repr(array.tolist()).encode(), crc)
        else:
            crc = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1), crc)
    return f"{crc:08x}"


def fingerprint_of(value, *, within_object: bool = False):
    """Describe a parameter by plain values: alike for what has the same effect on a fit.

    Functions and classes are described by their names, objects by their class and attributes,
    objects within those by their class, estimators and callbacks by their parameters, frozen
    estimators by their weights too.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (PurePath, torch.device, torch.dtype)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [fingerprint_of(v, within_object=within_object) for v in value]
    if isinstance(value, dict):
        return {str(k): fingerprint_of(v, within_object=within_object) for k, v in value.items()}
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return checksum(value)
    if isinstance(value, np.random.RandomState):
        return checksum(*value.get_state()[1:])
    if isinstance(value, partial):
        return {
            "partial": fingerprint_of(value.func),
            "args": fingerprint_of(value.args),
            "keywords": fingerprint_of(value.keywords),
        }
    if is_frozen(value):
        estimator = unwrap(value)
        return {"frozen": {**fingerprint_of(estimator), "weights": _weights(estimator)}}
    if hasattr(value, "get_params") and not isinstance(value, type):
        return {"class": _name(type(value)), **fingerprint_of_parameters(value)}
    if hasattr(value, "__qualname__"):
        return _name(value)
    if within_object:  # which may be of this process only, as the files of a writer are
        return _name(type(value))
    attributes = fingerprint_of(getattr(value, "__dict__", {}), within_object=True)
    return {"class": _name(type(value)), **attributes}


def fingerprint_of_parameters(estimator) -> dict:
    """Describe the parameters of an estimator or a callback, but those that are immaterial."""
    try:
        # Deep ones come with the estimators they are of.
        parameters = estimator.get_params(deep=False)
    except AttributeError:  # a callback that keeps its parameters under other names
        parameters = {}
    return {k: fingerprint_of(v) for k, v in parameters.items() if k not in _IMMATERIAL}


def _name(thing) -> str:
    return f"{getattr(thing, '__module__', None)}.{thing.__qualname__}"


def _weights(estimator) -> str:
    """Return a checksum of the torch modules of an estimator, nested ones included."""
    values = [v for _, v in sorted(vars(estimator).items())]
    modules = [v for v in values if isinstance(v, nn.Module)]
    nested = [_weights(v) for v in values if isinstance(v, BaseEstimator)]
    tensors = [t.detach().cpu() for m in modules for t in m.state_dict().values()]
    return checksum(*tensors, *nested)
