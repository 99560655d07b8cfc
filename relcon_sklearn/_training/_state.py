"""The state of a training between two steps, as tensors and plain values."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

logger = logging.getLogger("relcon_sklearn")

# Types that torch can load without executing code from the file.
_VALUES = (type(None), bool, int, float, str, bytes, torch.Tensor)
_SEQUENCES = (list, tuple, set)
_MAPPINGS = (dict, OrderedDict, Counter)


def training_state(net: NeuralNet, *, global_rng: bool) -> dict:
    """Return everything that the next steps of a training depend on, except the data.

    Parameters
    ----------
    net : NeuralNet
        The net, between two steps.
    global_rng : bool
        Whether the module draws from torch's global generators, so that their state is included.
    """
    return {
        "module": net.module_.state_dict(),
        "optimizer": net.optimizer_.state_dict(),
        "requires_grad": {name: p.requires_grad for name, p in net.module_.named_parameters()},
        "history": [{k: plain(v) for k, v in row.items()} for row in net.history],
        "callbacks": {name: callback_state(callback) for name, callback in net.callbacks_},
        "rng": _rng_state(net.device) if global_rng else None,
    }


def restore_training(net: NeuralNet, state: dict) -> None:
    """Restore a state of :func:`training_state` in an initialised net."""
    net.module_.load_state_dict(state["module"])
    net.optimizer_.load_state_dict(state["optimizer"])
    # Freezer freezes in its epoch only. Checkpoints of earlier development versions lack the entry.
    for name, requires_grad in state.get("requires_grad", {}).items():
        net.module_.get_parameter(name).requires_grad_(requires_grad)
    # The optimizer took its steps in another process. Without this, schedulers of torch would warn
    # that it has not taken any.
    net.optimizer_._opt_called = True
    net.history.clear()
    net.history.extend(state["history"])
    for name, callback in net.callbacks_:
        restore_callback(callback, state["callbacks"].get(name, {}))
    if state["rng"] is not None:
        _set_rng_state(state["rng"], net.device)


def callback_state(callback: Callback) -> dict[str, Any]:
    """Return the state of a callback: its ``state_dict`` if it has one, else its attributes.

    Attributes are included if they are plain values, or have a ``state_dict``, such as schedulers.
    """
    if _has_state(callback):
        return {"state": callback.state_dict()}
    attributes, stateful, others = {}, {}, []
    for name, value in vars(callback).items():
        if is_plain(value):
            attributes[name] = plain(value)
        elif _has_state(value):
            stateful[name] = value.state_dict()
        else:
            others.append(name)
    if others:
        logger.debug("Not in checkpoints: %s of %r", ", ".join(others), callback)
    return {"attributes": attributes, "stateful": stateful}


def restore_callback(callback: Callback, state: dict[str, Any]) -> None:
    """Restore a state of :func:`callback_state`."""
    if "state" in state:
        callback.load_state_dict(state["state"])
    vars(callback).update(state.get("attributes", {}))
    for name, value in state.get("stateful", {}).items():
        getattr(callback, name).load_state_dict(value)


def is_plain(value) -> bool:
    """Whether a value is made of tensors, numbers, strings and containers of them."""
    if type(value) in _MAPPINGS:
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    if type(value) in _SEQUENCES:
        return all(is_plain(v) for v in value)
    return type(value) in _VALUES or isinstance(value, np.generic)


def plain(value):
    """Return a plain value with numpy scalars converted to Python scalars."""
    if type(value) in _MAPPINGS:
        return type(value)({plain(k): plain(v) for k, v in value.items()})
    if type(value) in _SEQUENCES:
        return type(value)(plain(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _has_state(value) -> bool:
    both = hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
    return both and not isinstance(value, type)


def _rng_state(device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.device(device).type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _set_rng_state(state: dict[str, torch.Tensor], device) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.device(device).type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
