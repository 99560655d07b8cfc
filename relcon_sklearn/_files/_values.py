"""Parameters of estimators as JSON.

Values that JSON has are written unmodified. Any other value is an object with one key that names
its type: ``{"tuple": [1, 2]}``. Reading looks up this key in a fixed table, and makes no object of
a type that is not in the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import augmentations
from .._utils._text import shortened
from ._format import BadContent, FileError
from ._modules import ENCODERS, encoder_name

_AUGMENTATIONS = {
    kind.__name__: kind
    for kind in (
        augmentations.ChannelShuffle,
        augmentations.Jitter,
        augmentations.Negation,
        augmentations.Permutation,
        augmentations.RandomAugmentations,
        augmentations.Rotation,
        augmentations.Scaling,
        augmentations.TimeFlip,
        augmentations.TimeWarp,
    )
}

_SCALARS = {
    np.dtype(kind).name: kind
    for kind in (
        *(np.bool_, np.float16, np.float32, np.float64),
        *(np.int8, np.int16, np.int32, np.int64),
        *(np.uint8, np.uint16, np.uint32, np.uint64),
    )
}

# No parameter is nested as deeply.
_MAX_DEPTH = 100


class NotStorable(Exception):
    """A value that files cannot store."""


# -- writing ---------------------------------------------------------------------------------------


def to_json(value) -> Any:
    """Return a value in the form that JSON can represent.

    Raises
    ------
    NotStorable
        If files cannot store the value or a part of it.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        if value.dtype.name not in _SCALARS:
            raise NotStorable
        return {"numpy": [value.dtype.name, to_json(value.item())]}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, dict):
        return {"dict": [[to_json(k), to_json(v)] for k, v in value.items()]}
    for name, kind, write in _WRITERS:
        if type(value) is kind:
            return {name: write(value)} if name else write(value)
    if _AUGMENTATIONS.get(type(value).__name__) is type(value):
        settings = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        return {"augmentation": [type(value).__name__, settings]}
    if (name := encoder_name(value)) is not None:
        return {"encoder": name}
    raise NotStorable


def to_json_known(value, what: str) -> Any:
    """Return the JSON form of a value that :meth:`load` cannot ask the user for.

    Raises
    ------
    FileError
        If files cannot store the value.
    """
    try:
        return to_json(value)
    except NotStorable:
        raise FileError(
            f"{what}={value!r} is a {type(value).__name__}, which files cannot store."
        ) from None


def _write_list(value: list | tuple) -> list:
    return [to_json(v) for v in value]


def _write_partial(value: partial) -> list:
    # Unlike vars(value), this does not create a __dict__. With one, functools no longer merges the
    # partial into a partial of it.
    *_, attributes = value.__reduce__()[2]
    if encoder_name(value.func) is None or attributes:
        raise NotStorable
    keywords = {k: to_json(v) for k, v in value.keywords.items()}
    return [to_json(value.func), _write_list(value.args), keywords]


def _write_random_state(value: np.random.RandomState) -> list:
    state = value.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise NotStorable
    key, position = state["state"]["key"].tolist(), state["state"]["pos"]
    return [key, position, state["has_gauss"], state["gauss"]]


# Types are compared exactly: an instance of a subclass would be read as another type.
_WRITERS: list[tuple[str, type, Callable]] = [
    ("", list, _write_list),
    ("tuple", tuple, _write_list),
    ("device", torch.device, str),
    ("partial", partial, _write_partial),
    ("path", type(Path()), str),
    ("random_state", np.random.RandomState, _write_random_state),
]


def name_of(value) -> str:
    """Return the name of a function or class, or of the type of another value."""
    if isinstance(value, (list, tuple)):
        text = f"[{', '.join(map(name_of, value))}]"
    elif isinstance(value, partial):
        text = f"functools.partial({name_of(value.func)}, ...)"
    elif hasattr(value, "__qualname__"):
        text = f"{getattr(value, '__module__', None)}.{value.__qualname__}"
    else:
        text = f"a {name_of(type(value))}"
    return shortened(text)


# -- reading ---------------------------------------------------------------------------------------


def from_json(node, depth: int = 0) -> Any:
    """Return the value that :func:`to_json` wrote.

    Raises
    ------
    BadContent, KeyError, TypeError, ValueError, OverflowError
        If the node is not one that :func:`to_json` writes.
    """
    if depth > _MAX_DEPTH:
        raise BadContent(f"its header has values nested deeper than {_MAX_DEPTH} levels.")
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    if isinstance(node, list):
        return [from_json(v, depth + 1) for v in node]
    ((name, content),) = node.items()
    return _READERS[name](content, depth + 1)


def from_json_object(node: dict, depth: int = 0) -> dict[str, Any]:
    """Return the values of a JSON object whose keys are names."""
    if not isinstance(node, dict):
        raise TypeError(f"expected an object of names and values, got a {type(node).__name__}")
    return {name: from_json(v, depth + 1) for name, v in node.items()}


def _read_float(content, depth):
    return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[content]


def _read_numpy(content, depth):
    name, value = content
    value = from_json(value, depth)
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"expected a number for {name}, got a {type(value).__name__}")
    with np.errstate(over="ignore"):
        scalar = _SCALARS[name](value)
    if scalar.item() != value and not math.isnan(value):
        raise ValueError(f"{value} is not a value of {name}")
    return scalar


def _read_tuple(content, depth):
    if not isinstance(content, list):
        raise TypeError(f"expected a list of items, got a {type(content).__name__}")
    return tuple(from_json(content, depth))


def _read_dict(content, depth):
    pairs = _read_tuple(content, depth)
    value = dict(pairs)
    if len(value) != len(pairs) or not all(isinstance(pair, list) for pair in pairs):
        raise ValueError("expected pairs of distinct keys and values")
    return value


def _read_device(content, depth):
    try:
        return torch.device(content)
    except RuntimeError as error:
        raise ValueError(f"{content!r} is not a device") from error


def _read_augmentation(content, depth):
    name, settings = content
    return _AUGMENTATIONS[name](**from_json_object(settings, depth))


def _read_encoder(content, depth):
    return ENCODERS[content].make


def _read_partial(content, depth):
    factory, args, keywords = content
    factory = _read_encoder(factory["encoder"], depth)
    return partial(factory, *_read_tuple(args, depth), **from_json_object(keywords, depth))


def _read_random_state(content, depth):
    key, position, has_gauss, gauss = content
    if not isinstance(key, list) or len(key) != 624 or not 0 <= position <= 624:
        raise ValueError("expected the state of a RandomState")
    state = np.random.RandomState(0)
    state.set_state(("MT19937", np.array(key, dtype=np.uint32), position, has_gauss, gauss))
    return state


_READERS: dict[str, Callable] = {
    "augmentation": _read_augmentation,
    "device": _read_device,
    "dict": _read_dict,
    "encoder": _read_encoder,
    "float": _read_float,
    "numpy": _read_numpy,
    "partial": _read_partial,
    "path": lambda content, depth: Path(content),
    "random_state": _read_random_state,
    "tuple": _read_tuple,
}
