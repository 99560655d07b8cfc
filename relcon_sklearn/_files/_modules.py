"""Torch modules in files, rebuilt from recipes once the file is known to hold their tensors."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._utils._text import listed
from ..nn import PulsePPGEncoder, ResNet1D
from ._entries import check_entry
from ._format import BadContent, FileError, Spec
from ._recipes import Recipe, seeded_global_rng


class ModuleKind(NamedTuple):
    """A callable of this package that makes modules, with a bound on the time it takes.

    `layers` is the name of the argument with the number of layers (an integer, or one for each
    stage), if there is one. Each layer has at least `n_tensors` tensors in the file. A header
    therefore cannot ask for more layers than the file has tensors for.
    """

    make: Callable[..., nn.Module]
    layers: str | None = None
    n_tensors: int = 1


ENCODERS = {
    "ResNet1D": ModuleKind(ResNet1D, "n_blocks", 13),
    "PulsePPGEncoder": ModuleKind(PulsePPGEncoder, "n_blocks", 8),
}
"""Encoders that files may name, by their names in the files."""


def encoder_name(factory) -> str | None:
    """Return the name of an encoder class in files; None if files cannot name it."""
    return next((name for name, kind in ENCODERS.items() if kind.make is factory), None)


class PlannedModule(NamedTuple):
    """A module that is not made yet: only the shapes of its tensors are known.

    `specs` and `n_features` are None if only making the module can tell them.
    """

    name: str
    recipe: Recipe
    specs: dict[str, Spec] | None
    n_features: int | None

    def check_arguments(self, **expected) -> None:
        """Check that the arguments of the module agree with the attributes of the estimator."""
        for key, value in expected.items():
            check_entry(self.recipe.kwargs[key] == value, f"{key} of {self.name}")

    def make(self, tensors: dict[str, Tensor]) -> nn.Module:
        """Make the module with the tensors of the file, on the CPU and in evaluation mode."""
        module = self.recipe.make(seed=0)
        try:
            module.load_state_dict(tensors)
        except RuntimeError as error:
            raise FileError(f"{self.name} does not fit the weights in the file: {error}") from error
        found = {name: Spec.of(tensor) for name, tensor in tensors.items()}
        check_specs(specs_of(module), found, self.name, FileError)
        return module.eval()


def plan_builtin_module(
    name: str, kind: ModuleKind, recipe: Recipe, n_tensors: int
) -> PlannedModule:
    """Plan a module of this package, in time and memory bounded by the tensors in the file.

    Parameters
    ----------
    name : str
        Name of the module in messages.
    kind : ModuleKind
        Kind of the module that `recipe` makes.
    recipe : Recipe
        Recipe of the module. Its factory is the callable of `kind`, or a partial of the callable.
    n_tensors : int
        Number of tensors that the file has for the module.
    """
    try:
        _check_layers(kind, recipe, n_tensors)
        module = _make_on_meta_device(recipe)
        specs = specs_of(module)
    except Exception as error:  # arguments that no fit has checked can raise any error
        arguments = reprlib.repr(_arguments(recipe))
        raise BadContent(f"{name} cannot be made with {arguments}: {error}") from error
    return PlannedModule(name, recipe, specs, getattr(module, "n_features", None))


def plan_user_module(name: str, recipe: Recipe) -> PlannedModule:
    """Plan a module that a callable of the user makes."""
    try:
        specs = specs_of(_make_on_meta_device(recipe))
    except Exception:  # not every module supports the meta device; it is checked when it is made
        specs = None
    return PlannedModule(name, recipe, specs, None)


def specs_of(module: nn.Module) -> dict[str, Spec]:
    """Return the specs of the weights and buffers of a module."""
    return {name: Spec.of(tensor) for name, tensor in module.state_dict().items()}


def check_specs(
    expected: dict[str, Spec], found: dict[str, Spec], where: str, error: type[FileError]
) -> None:
    """Raise `error` unless exactly the expected tensors are found, with the expected specs."""
    for title, names in [
        ("lacks", expected.keys() - found.keys()),
        ("has unexpected tensors:", found.keys() - expected.keys()),
    ]:
        if names:
            raise error(f"{where} {title} {listed(sorted(names), 3)}.")
    for name, spec in expected.items():
        if found[name] != spec:
            raise error(f"{name} in {where} is {found[name]}; expected {spec}.")


def _make_on_meta_device(recipe: Recipe) -> nn.Module:
    """Return the module without memory for its tensors."""
    # Torch keeps the default device in one place for all threads, so that threads need the lock.
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
            raise ValueError(f"{kind.layers}={n}, but the file has only {n_tensors} tensors for it")
