"""Fingerprints: everything a fit depends on, as plain values that can be compared."""

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

# Parameters that do not change the result of a fit, in addition to those that a class lists in
# `_without_effect`. `n_channels` is part of the shape of the data.
_IRRELEVANT = {"checkpoint_dir", "device", "n_channels", "verbose"}


def fingerprint_of_data(array: SegmentArray, index: GroupIndex) -> dict:
    """Return shape, dtype and a checksum of some rows of segments, and a checksum of groups.

    Parameters
    ----------
    array : SegmentArray
        The segments.
    index : GroupIndex
        Their groups. The checksum covers all of them.
    """
    return {
        "X": {
            "shape": list(array.shape),
            "dtype": str(array.X.dtype),
            # Reading takes a few milliseconds, whether the rows are in memory or on disk.
            "checksum": checksum(array.read(array.spread_rows())),
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
    """Return plain values that are equal for parameters with the same effect on a fit.

    The fingerprint of a function or class is its name. That of an estimator or callback has the
    class and the parameters, and that of a frozen estimator also a checksum of the weights. For any
    other object it has the class and the attributes, and for objects in attributes only the class.
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
        return {"frozen": {**fingerprint_of(estimator), "weights": checksum_of_weights(estimator)}}
    if hasattr(value, "get_params") and not isinstance(value, type):
        return {"class": _name(type(value)), **fingerprint_of_parameters(value)}
    if hasattr(value, "__qualname__"):
        return _name(value)
    if within_object:  # its attributes can differ in each process, such as open files
        return _name(type(value))
    attributes = fingerprint_of(getattr(value, "__dict__", {}), within_object=True)
    return {"class": _name(type(value)), **attributes}


def fingerprint_of_parameters(estimator) -> dict:
    """Return the fingerprint of the parameters of an estimator or callback that change a fit."""
    try:
        # Nested parameters are part of the fingerprints of the nested estimators.
        parameters = estimator.get_params(deep=False)
    except AttributeError:  # a callback that keeps its parameters under other names
        parameters = {}
    irrelevant = _IRRELEVANT | getattr(estimator, "_without_effect", frozenset())
    return {k: fingerprint_of(v) for k, v in parameters.items() if k not in irrelevant}


def _name(thing) -> str:
    return f"{getattr(thing, '__module__', None)}.{thing.__qualname__}"


def checksum_of_weights(estimator) -> str:
    """Return a checksum of the torch modules of an estimator, nested ones included.

    An estimator without modules has arrays of floats instead.
    """
    values = [v for _, v in sorted(vars(estimator).items())]
    modules = [v for v in values if isinstance(v, nn.Module)]
    nested = [checksum_of_weights(v) for v in values if isinstance(v, BaseEstimator)]
    tensors = [t.detach().cpu() for m in modules for t in m.state_dict().values()]
    if not modules:
        tensors = [v for v in values if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    return checksum(*tensors, *nested)
