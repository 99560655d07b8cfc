"""Reading: from the header and the tensors of a file to an estimator.

The whole header is checked, and the specs of the tensors are compared with it, before memory is
allocated for any tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import InvalidParameterError
from torch import Tensor

from .._version import __version__
from ._entries import check_entry
from ._format import BadContent, FileError, Spec, open_file
from ._modules import (
    ENCODERS,
    ModuleKind,
    PlannedModule,
    check_specs,
    encoder_name,
    plan_builtin_module,
    plan_user_module,
)
from ._names import join
from ._recipes import Recipe
from ._registry import (
    ESTIMATORS,
    MAX_DEPTH,
    MAX_ESTIMATORS,
    METHODS,
    NOT_IN_FILES,
    OUTPUTS,
    WITH_ENCODER,
    may_be_nested,
    parameter_for,
)
from ._values import from_json, from_json_object

# Parameters that only training uses.
_TRAINING_ONLY = ("augmentation", "callbacks", "init")


def load_estimator(path: Path, kind: type, given: dict[str, Any], device=None):
    """Return the estimator in a file.

    Parameters
    ----------
    path : Path
        The file.
    kind : type
        Expected class of the estimator.
    given : dict
        Values of the parameters that the file does not contain, by keyword.
    device : str, torch.device or None
        Value of the parameter `device` in all estimators. If None, the value in the file.

    Raises
    ------
    BadContent
        If the file is damaged or hostile.
    FileError
        If the file is of another class or a later version, or if `given` does not match what the
        file lacks.
    OSError
        If the file cannot be read.
    """
    with open_file(path) as file:
        reader = Reader(file.header, file.specs, given, device)
        reader.check_class(kind)
        reader.check_given(kind)
        estimator = reader.plan()
        tensors = file.tensors()
    reader.fill(tensors)
    return estimator


class Reader:
    """Builder of the estimators in a file, first without their tensors.

    Parameters
    ----------
    header : dict
        Header of the file.
    specs : dict of str to Spec
        Specs of the tensors in the file.
    given : dict
        Values of the parameters that the file does not contain, by keyword.
    device : str, torch.device or None
        Value of the parameter `device` in all estimators. If None, the value in the header.
    """

    def __init__(self, header: dict, specs: dict[str, Spec], given: dict[str, Any], device=None):
        self.specs = specs
        self._given = given
        self._device = device
        self._estimators: dict[str, Any] = {}
        self._inner: set[str] = set()  # names of the estimators that are part of another
        self._depths: dict[str, int] = {}  # of nesting, by the names of the estimators
        self._depth = 0  # of what is nested in the estimator that is being made
        self._expected: dict[str, Spec] = {}
        self._fillers: list[Callable[[dict[str, Tensor]], None]] = []
        try:
            self._nodes = header["estimators"]
            self._kind = self._nodes[-1]["class"]
            self._lacking = {**header["given"]}
            self._version = header["provenance"]["relcon_sklearn"]
            names = [self._kind, self._version, *self._lacking.values()]
            if len(header) != 3 or not all(isinstance(name, str) for name in names):
                raise ValueError("other entries")
        except Exception as error:  # a header of another program can raise any error
            raise BadContent(f"its header is not as relcon_sklearn writes it: {error!r}") from error
        if len(self._nodes) > MAX_ESTIMATORS:
            raise BadContent(
                f"it holds {len(self._nodes)} estimators; expected at most {MAX_ESTIMATORS}."
            )

    def check_class(self, kind: type) -> None:
        """Raise FileError if the file holds an estimator of another class."""
        if ESTIMATORS.get(self._kind) is kind:
            return
        if self._kind in ESTIMATORS:
            wanted = kind.__name__
            hint = ""
            if (parameter := parameter_for(self._kind, wanted)) is not None:
                hint = f" A {wanted} takes it in {parameter}=FrozenEstimator(...)."
            elif wanted == "RelConEmbedder" and self._kind in WITH_ENCODER:
                hint = f" To train its encoder further, pass its path: {wanted}(init=path)."
            raise FileError(
                f"it holds a {self._kind}; use {self._kind}.load or {self._kind}.from_pretrained."
                + hint
            )
        raise FileError(
            f"it holds a {self._kind!r}, saved by relcon_sklearn {self._version}; this version, "
            f"{__version__}, knows {', '.join(ESTIMATORS)}."
        )

    def check_given(self, kind: type) -> None:
        """Raise FileError unless exactly the parameters that the file lacks are given."""
        if missing := [name for name in self._lacking if name not in self._given]:
            optional = [name for name in missing if name.split("__")[-1] in _TRAINING_ONLY]
            hint = f" None is enough for {', '.join(optional)} unless you train again."
            raise FileError(
                "files do not contain code, and this one lacks "
                + ", ".join(f"{name}, which was {self._lacking[name]}" for name in missing)
                + f". Pass a value for each: {kind.__name__}.load(path, "
                + ", ".join(f"{name}=..." for name in missing)
                + ")."
                + (hint if optional else "")
            )
        if more := [name for name in self._given if name not in self._lacking]:
            raise FileError(
                f"{', '.join(more)} cannot be given: only parameters that the file lacks can "
                f"({', '.join(self._lacking) or 'nothing here'}). Use set_params after loading."
            )

    def plan(self):
        """Return the outermost estimator, which :meth:`fill` will complete.

        Raises
        ------
        BadContent
            If the header does not describe an estimator, or if the tensors are not exactly the
            tensors that the estimator needs.
        FileError
            If a given value is not valid.
        """
        try:
            for node in self._nodes:
                self._add(**node)
            if node["name"] != "" or self._inner != self._estimators.keys() - {""}:
                raise ValueError("estimators that are not part of another")
        except FileError:
            raise
        except Exception as error:
            raise BadContent(
                f"its header, by relcon_sklearn {self._version}, is not as this version, "
                f"{__version__}, would write it: {error!r}"
            ) from error
        check_specs(self._expected, self.specs, "the file", BadContent)
        return self._estimators[""]

    def fill(self, tensors: dict[str, Tensor]) -> None:
        """Set the modules and arrays of all estimators."""
        for fill in self._fillers:
            fill(tensors)

    def _add(
        self,
        *,
        name: str,
        params: dict,
        fitted: dict | None,
        requests: dict,
        output: str | None,
        **others,
    ) -> None:
        """Make the estimator of a node, which may refer to the estimators of earlier nodes."""
        kind = ESTIMATORS[others.pop("class")]
        known = set(kind._get_param_names()) - NOT_IN_FILES
        former = getattr(kind, "_former_params", frozenset())  # in files of earlier versions
        if unknown := {*others, *(params.keys() - known - former)}:
            raise ValueError(f"{name!r} with unknown {sorted(unknown)}")
        if name in self._estimators:
            raise ValueError(f"two estimators with the name {name!r}")
        self._depth = 0
        # Files of earlier versions lack parameters that were added later.
        values = dict(getattr(kind, "_values_of_absent_params", {}))
        values |= {k: self.value(value, kind, k) for k, value in params.items() if k in known}
        if self._device is not None and "device" in known:
            values["device"] = self._device
        estimator = kind(**values)
        if of_before := {k: self.value(params[k], kind, k) for k in params.keys() & former}:
            estimator._set_former_params(**of_before)
        try:
            estimator._validate_params()
        except InvalidParameterError as error:
            raise self.invalid_value(str(error)) from error
        _set_requests(estimator, requests)
        if output is not None:
            if output not in OUTPUTS:
                raise ValueError(f"output {output!r}")
            estimator.set_output(transform=output)
        if fitted is not None:
            reader = FittedReader(self, estimator, name, fitted)
            estimator._read_fitted(reader)
            reader.check_all_taken()
        self._estimators[name] = estimator
        self._depths[name] = 1 + self._depth

    @property
    def invalid_value(self) -> type[FileError]:
        """Error about an invalid value: BadContent, unless the caller has given values too."""
        return FileError if self._given or self._device is not None else BadContent

    # -- for FittedReader ----------------------------------------------------------------------

    def value(self, node, holder: type, attribute: str):
        """Return the value of an entry: of an attribute of an estimator of the class `holder`.

        Raises
        ------
        BadContent
            If the value is an estimator, and none of its class may be nested there or so deeply.
        """
        if isinstance(node, dict):
            ((tag, content),) = node.items()
            if tag == "given":
                return self._given[content]
            if tag in ("estimator", "frozen"):
                self._inner.add(content)
                estimator = self._estimators[content]
                inner = type(estimator).__name__
                if not may_be_nested(inner, holder.__name__, attribute):
                    raise BadContent(f"it has a {inner} as {attribute} of a {holder.__name__}.")
                self._depth = max(self._depth, self._depths[content])
                if self._depth >= MAX_DEPTH:
                    raise BadContent(f"its estimators are nested deeper than {MAX_DEPTH} levels.")
                return FrozenEstimator(estimator) if tag == "frozen" else estimator
        return from_json(node)

    def expect(self, specs: dict[str, Spec], fill: Callable[[dict[str, Tensor]], None]) -> None:
        """Note tensors that an estimator needs, and the function that puts them into it."""
        if twice := self._expected.keys() & specs.keys():
            raise ValueError(f"two estimators need {sorted(twice)[0]}")
        self._expected |= specs
        self._fillers.append(fill)


class FittedReader:
    """Reader of the fitted state of one estimator, passed to its ``_read_fitted``.

    The entries of the header are taken one by one. Modules and arrays are planned: they are checked
    now, and set as attributes when the tensors are read.
    """

    def __init__(self, reader: Reader, estimator, name: str, entries: dict):
        self._reader = reader
        self._estimator = estimator
        self._name = name
        self._entries = {**entries}

    def take(self, attribute: str, *default):
        """Return the entry of an attribute unchanged, and remove it from the remaining entries.

        If there is no such entry, return the default or, without one, raise KeyError.
        """
        return self._entries.pop(attribute, *default)

    def value(self, node, attribute: str):
        """Return the value of the entry of an attribute, which may be an estimator."""
        return self._reader.value(node, type(self._estimator), attribute)

    def encoder(self, attribute: str) -> PlannedModule:
        """Plan an encoder of this package or of the user."""
        entry = self.take(attribute)
        check_entry(entry.keys() == {"factory", "arguments"}, attribute)
        factory, arguments = self.value(entry["factory"], attribute), entry["arguments"]
        builtin = encoder_name(factory.func if isinstance(factory, partial) else factory)
        if builtin is None and not callable(factory):
            raise self._reader.invalid_value(f"encoder is {factory!r}; expected a callable.")
        if builtin is None and arguments.keys() != {"n_channels"}:
            raise ValueError(f"an encoder with the arguments {sorted(arguments)}")
        kind = None if builtin is None else ENCODERS[builtin]
        plan = self._plan(attribute, kind, Recipe(factory, from_json_object(arguments)))
        plan.check_arguments(n_channels=self._estimator.n_channels_in_)
        return plan

    def module(self, attribute: str, kind: ModuleKind) -> PlannedModule:
        """Plan a module of this package."""
        return self._plan(
            attribute, kind, Recipe(kind.make, from_json_object(self.take(attribute)))
        )

    def _plan(self, attribute: str, kind: ModuleKind | None, recipe: Recipe) -> PlannedModule:
        """Plan a module; `kind` is None if a callable of the user makes it."""
        prefix = join(self._name, attribute) + "."
        found = _within(self._reader.specs, prefix)
        if kind is None:
            plan = plan_user_module(prefix[:-1], recipe)
        else:
            plan = plan_builtin_module(prefix[:-1], kind, recipe, len(found))
        if plan.specs is not None:
            # A callable of the user may make another network than the one that was saved.
            check_specs(plan.specs, found, plan.name, FileError if kind is None else BadContent)
        estimator = self._estimator

        def fill(tensors: dict[str, Tensor]) -> None:
            setattr(estimator, attribute, plan.make(_within(tensors, prefix)))

        self._reader.expect({prefix + key: spec for key, spec in found.items()}, fill)
        estimator._recipes = {**getattr(estimator, "_recipes", {}), attribute: recipe}
        return plan

    def shape(self, attribute: str, n_dimensions: int) -> tuple[int, ...]:
        """Return the shape of an array in the file."""
        key = join(self._name, attribute)
        if key not in self._reader.specs:
            raise BadContent(f"it lacks {key}.")
        spec = self._reader.specs[key]
        if len(spec.shape) != n_dimensions:
            raise BadContent(f"{key} is {spec}; expected {n_dimensions} dimensions.")
        return spec.shape

    def array(self, attribute: str, dtype: str, shape: tuple[int, ...]) -> None:
        """Plan an array that must have this dtype, by its name in safetensors, and this shape."""
        key, estimator = join(self._name, attribute), self._estimator

        def fill(tensors: dict[str, Tensor]) -> None:
            setattr(estimator, attribute, tensors[key].numpy())

        self._reader.expect({key: Spec(dtype, shape)}, fill)

    def check_all_taken(self) -> None:
        """Raise ValueError if the estimator has not taken all entries."""
        if self._entries:
            raise ValueError(f"{self._name!r} with unknown {sorted(self._entries)}")


def _within(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the values whose names begin with `prefix`, by their names without it."""
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def _set_requests(estimator, requests: dict[str, dict]) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        for method, wanted in requests.items():
            if method not in METHODS:
                raise ValueError(f"requests of {method!r}")
            getattr(estimator, f"set_{method}_request")(**wanted)
