"""The torch device of an estimator."""

from __future__ import annotations

import itertools

import torch
from torch import nn

_EXAMPLES = "'cpu', 'cuda', 'cuda:1', 'mps' or 'xpu'"


def as_device(device: str | torch.device) -> torch.device:
    """Return the device that the parameter `device` of an estimator means.

    Raises
    ------
    ValueError
        If torch does not know the device, if this machine does not have it, or if it is "meta",
        whose tensors have no values.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={str(device)!r} is not a device of torch, such as {_EXAMPLES}. "
            f"{_what_is_there()}"
        ) from error
    if found.type == "meta":
        raise ValueError(
            f"device={str(device)!r} cannot train, because its tensors have no values. "
            f"{_what_is_there()}"
        )
    if not _is_here(found):
        raise ValueError(f"device={str(device)!r} is not on this machine. {_what_is_there()}")
    return found


def _is_here(device: torch.device) -> bool:
    """Return whether this machine has a device."""
    if device.type == "cpu":
        return True
    counts = _counts()
    if device.type in counts:
        return (device.index or 0) < counts[device.type]
    try:
        torch.empty(1, device=device)
    except Exception:  # of a backend that is not there, which can be any
        return False
    return True


def ready(module: nn.Module, device: torch.device) -> nn.Module:
    """Return a module after it was moved to a device and set to evaluation mode.

    If it is there and in this mode, it is only looked at: setting them again takes as long as the
    embedding of a few segments.
    """
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    if first is not None and first.device != device:
        module.to(device)
    if _is_training(module):
        module.eval()
    return module


def _is_training(module: nn.Module) -> bool:
    """Return whether a module or a part of it is in training mode."""
    # Not module.modules(), which takes eight times as long: a tenth of the embedding of a segment.
    parts = module._modules.values()
    return module.training or any(part is not None and _is_training(part) for part in parts)


def _counts() -> dict[str, int]:
    """Return the number of devices of each type that can be counted."""
    return {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "xpu": torch.xpu.device_count() if torch.xpu.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }


def _what_is_there() -> str:
    names = ["cpu", *(f"{kind}:{i}" for kind, n in _counts().items() for i in range(n))]
    cuda = "" if torch.backends.cuda.is_built() else " This torch is built without CUDA."
    return f"torch finds {', '.join(names)} here.{cuda} Pass one of these, or device='auto'."
