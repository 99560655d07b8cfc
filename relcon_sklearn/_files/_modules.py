"""Torch modules of files: made again from their recipes, when the file has what they need."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..nn import PulsePPGEncoder, ResNet1D
from ._entries import check_entry
from ._format import FileError, Spec
from ._recipes import Recipe, seeded_global_rng


class ModuleKind(NamedTuple):
    """A callable of ours that makes modules, and what bounds the time that it takes.

    `layers` is the argument with their number, or numbers, if there is one; each layer has at
    least `n_tensors` tensors, which are in the file.
    """

    make: Callable[..., nn.Module]
    layers: str | None = None
    n_tensors: int = 1


ENCODERS = {
    "ResNet1D": ModuleKind(ResNet1D, "n_blocks", 13),
    "PulsePPGEncoder": ModuleKind(PulsePPGEncoder, "n_blocks", 8),
}
"""Encoders that files may name, by the names they have there."""


def encoder_name(factory) -> str | None:
    """Return the name that files have for a class of encoders; None for any other."""
    return next((name for name, kind in ENCODERS.items() if kind.make is factory), None)


class PlannedModule(NamedTuple):
    """A module to be made, of which only the shapes are known yet.

    `specs` and `n_features` are None where they cannot be known without making it.
    """

    name: str
    recipe: Recipe
    specs: dict[str, Spec] | None
    n_features: int | None

    def check_arguments(self, **expected) -> None:
        """Check the arguments it was made with against what the estimator says."""
        for key, value in expected.items():
            check_entry(self.recipe.kwargs[key] == value, f"{key} of {self.name}")

    def make(self, tensors: dict[str, Tensor]) -> nn.Module:
        """Make the module with the tensors of the file, on the CPU and in evaluation mode."""
        module = self.recipe.make(seed=0)
        try:
            module.load_state_dict(tensors)
        except RuntimeError as error:
            raise FileError(f"{self.name} has other weights than the file: {error}") from error
        check_specs(specs_of(module), {k: Spec.of(v) for k, v in tensors.items()}, self.name)
        return module.eval()


def plan_ours(name: str, kind: ModuleKind, recipe: Recipe, n_tensors: int) -> PlannedModule:
    """PlannedModule a module of ours, in time and memory bounded by the tensors there are.

    Parameters
    ----------
    name : str
        What messages call it.
    kind : ModuleKind
        What `recipe` makes.
    recipe : Recipe
        Its factory is that of `kind`, or a partial of that.
    n_tensors : int
        How many tensors of it the file has.
    """
    try:
        _check_layers(kind, recipe, n_tensors)
        module = _without_memory(recipe)
        specs = specs_of(module)
    except Exception as error:  # whatever comes of arguments that nobody has fitted with
        arguments = reprlib.repr(_arguments(recipe))
        raise FileError(f"{name} cannot be made with {arguments}: {error}") from error
    return PlannedModule(name, recipe, specs, getattr(module, "n_features", None))


def plan_given(name: str, recipe: Recipe) -> PlannedModule:
    """PlannedModule a module of the user's own."""
    try:
        specs = specs_of(_without_memory(recipe))
    except Exception:  # not every module can do without memory; it is checked when it is made
        specs = None
    return PlannedModule(name, recipe, specs, None)


def specs_of(module: nn.Module) -> dict[str, Spec]:
    """Return what is to be known of the weights and buffers of a module."""
    return {name: Spec.of(tensor) for name, tensor in module.state_dict().items()}


def check_specs(expected: dict[str, Spec], found: dict[str, Spec], where: str) -> None:
    """Raise FileError unless there are all tensors that are expected, as expected, and no other."""
    for title, names in [
        ("lacks", expected.keys() - found.keys()),
        ("has no place for", found.keys() - expected.keys()),
    ]:
        if names:
            raise FileError(f"{where} {title} {_some(sorted(names))}.")
    for name, spec in expected.items():
        if found[name] != spec:
            raise FileError(f"{name} in {where} is {found[name]}, where {spec} is expected.")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _without_memory(recipe: Recipe) -> nn.Module:
    # Torch notes the device of such a block in one place for all threads: they take turns.
    with seeded_global_rng(0), torch.device("meta"):
        return recipe.make(seed=0)


def _arguments(recipe: Recipe) -> dict[str, Any]:
    if isinstance(recipe.factory, partial):
        return {**recipe.factory.keywords, **recipe.kwargs}
    return recipe.kwargs


def _check_layers(kind: ModuleKind, recipe: Recipe, n_tensors: int) -> None:
    n_layers = _arguments(recipe).get(kind.layers, 0)
    for n in n_layers if isinstance(n_layers, (list, tuple)) else [n_layers]:
        if not 0 <= n <= n_tensors // kind.n_tensors:
            raise ValueError(f"{kind.layers}={n}, but the file has {n_tensors} tensors for it")
