"""Recipes of torch modules: making them from a seed, and pickling them as numpy arrays."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from .._utils._global_rng import seed_global_rng

# torch initialises weights from one global generator, which two threads must not use at once.
_GLOBAL_RNG_LOCK = threading.RLock()


class Recipe(NamedTuple):
    """A callable that makes a torch module, and its keyword arguments."""

    factory: Callable[..., nn.Module]
    kwargs: dict[str, Any]

    def make(self, seed: int) -> nn.Module:
        """Return a new module with weights initialised from `seed`."""
        with seeded_global_rng(seed):
            module = self.factory(**self.kwargs)
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"{self.factory!r} returned a {type(module).__name__}, not a torch module."
            )
        return module


class PackedModule(NamedTuple):
    """A torch module as a recipe and numpy arrays, free of devices and torch storages."""

    recipe: Recipe
    arrays: dict[str, np.ndarray]

    @classmethod
    def pack(cls, module: nn.Module, recipe: Recipe) -> PackedModule:
        """Return the recipe with a copy of the weights and buffers of `module`."""
        state = module.state_dict()
        return cls(recipe, {k: v.detach().cpu().numpy().copy() for k, v in state.items()})

    def unpack(self) -> nn.Module:
        """Return the module, on the CPU and in evaluation mode."""
        module = self.recipe.make(seed=0)
        module.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in self.arrays.items()})
        return module.eval()


@contextlib.contextmanager
def seeded_global_rng(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators within the block, and restore their states at the end.

    The generators are that of the CPU and, if `device` is a GPU, that of the GPU.
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with _GLOBAL_RNG_LOCK, torch.random.fork_rng(devices=devices):
        seed_global_rng(seed, device)
        yield
