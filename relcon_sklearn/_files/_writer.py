"""Writing: from an estimator to the header and the tensors of a file.

The header lists the estimator and the estimators nested in its parameters and attributes. Each has
one node with a name. The innermost come first, so that a node refers only to nodes before it. The
saved estimator itself is the last, and its name is empty. The name of a tensor begins with the name
of its estimator.

Files do not contain the user's own callables. For each of them the header has the keyword by which
:meth:`load` asks for it, and a description of what it was.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from torch import Tensor

from .._utils._frozen import unwrap
from .._utils._warnings import warn
from .._version import __version__
from ._format import FileError, encode_file
from ._names import join
from ._registry import ESTIMATORS, METHODS, NOT_IN_FILES, OUTPUTS, may_be_nested
from ._values import NotStorable, name_of, to_json, to_json_known


def encode_estimator(estimator) -> bytes:
    """Return the bytes of the file of a fitted estimator.

    Raises
    ------
    FileError
        If files cannot store the estimator.
    ValueError
        If a parameter is invalid.
    """
    writer = Writer()
    try:
        writer.add(estimator, "", ("",))
    except NotStorable:
        raise FileError(
            f"files can store {', '.join(ESTIMATORS)}, but no subclasses of them. Use joblib.dump."
        ) from None
    if writer.omitted:
        warn(
            f"Attributes that {type(estimator).__name__} does not define are not saved: "
            f"{', '.join(writer.omitted)}.",
        )
    header = {"provenance": _provenance(), "given": writer.given, "estimators": writer.nodes}
    return encode_file(header, writer.tensors)


class Writer:
    """Collector of the header nodes and tensors of an estimator.

    Attributes
    ----------
    nodes : list of dict
        Nodes of the estimators, innermost first.
    given : dict of str to str
        Descriptions of the values that the file does not contain, by the keywords to give them.
    tensors : dict of str to Tensor
        Weights and arrays, by name.
    omitted : list of str
        Attributes that the user has added to an estimator. They are not saved.
    """

    def __init__(self):
        self.nodes: list[dict] = []
        self.given: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        self.omitted: list[str] = []
        self._names: dict[tuple[int, bool], str] = {}

    def add(self, estimator, name: str, keywords: tuple[str, ...]) -> str:
        """Add an estimator and the estimators nested in it; return its name.

        If it was added before, only return its name. An initial model is added without its own
        initial models, which have no effect on anything that is trained from it.

        Parameters
        ----------
        estimator : estimator
            The estimator. It is not changed.
        name : str
            Name of its node.
        keywords : tuple of str
            Prefixes of its parameters, as scikit-learn names them in the outermost estimator. There
            are several if values are shared: the parameters of ``distance_`` in an embedder have
            the prefixes ``distance___`` and ``distance__``.

        Raises
        ------
        NotStorable
            If its class is not registered.
        """
        has_initial = isinstance(unwrap(getattr(estimator, "init", None)), BaseEstimator)
        without_initial = has_initial and "init" in name.split(".")
        key = id(estimator), without_initial
        if key in self._names:
            return self._names[key]
        kind = type(estimator).__name__
        if ESTIMATORS.get(kind) is not type(estimator):
            raise NotStorable
        # Loading validates them too, and would refuse the file.
        estimator._validate_params()
        all_params = estimator.get_params(deep=False)
        if without_initial:
            all_params["init"] = None
        params = {
            key: self.value(
                value, kind, join(name, key), tuple(prefix + key for prefix in keywords)
            )
            for key, value in all_params.items()
            if key not in NOT_IN_FILES
        }
        fitted = None
        if estimator.__sklearn_is_fitted__():
            fitted = estimator._write_fitted(FittedWriter(self, estimator, name, keywords))
            self.omitted += [
                key
                for key in vars(estimator)
                # Private attributes belong to scikit-learn or to this package.
                if not (key.startswith("_") or key in all_params or key in fitted)
                and join(name, key) not in self.tensors
            ]
        self.nodes.append(
            {
                "name": name,
                "class": kind,
                "params": params,
                "fitted": fitted,
                "requests": _requests(estimator),
                "output": _output(estimator),
            }
        )
        self._names[key] = name
        return name

    def value(self, value, holder: str, name: str, keywords: tuple[str, ...]):
        """Return the header entry of a value, which may be an estimator.

        Parameters
        ----------
        value : object
            Value of a parameter or attribute.
        holder : str
            Name of the class of the estimator that has the value.
        name : str
            Name of its node if it is an estimator.
        keywords : tuple of str
            If files cannot store the value, the first is the keyword by which :meth:`load` asks for
            it. If :meth:`load` already asks for the same value by another of them, it is reused.
        """
        try:
            # Exactly this type: a subclass would not come back as one.
            if type(value) is FrozenEstimator:
                inner = tuple(f"{keyword}__estimator__" for keyword in keywords)
                return {"frozen": self._nested(value.estimator, holder, name, inner)}
            if isinstance(value, BaseEstimator):
                inner = tuple(f"{keyword}__" for keyword in keywords)
                return {"estimator": self._nested(value, holder, name, inner)}
            return to_json(value)
        except NotStorable:
            what = name_of(value)
            keyword = next((k for k in keywords if self.given.get(k) == what), keywords[0])
            self.given[keyword] = what
            return {"given": keyword}

    def _nested(self, estimator, holder: str, name: str, keywords: tuple[str, ...]) -> str:
        """Add an estimator that is nested in one of the class `holder`; return its name."""
        # Loading would refuse the file.
        attribute = name.rpartition(".")[2]
        if not may_be_nested(type(estimator).__name__, holder, attribute):
            raise NotStorable
        return self.add(estimator, name, keywords)


class FittedWriter:
    """Writer of the fitted state of one estimator, passed to its ``_write_fitted``.

    Modules and arrays are added to the tensors of the file. For other attributes the methods return
    header entries. ``_write_fitted`` returns the entries by the names of the attributes.
    """

    def __init__(self, writer: Writer, estimator, name: str, keywords: tuple[str, ...]):
        self._writer = writer
        self._estimator = estimator
        self._name = name
        self._keywords = keywords

    def module(self, attribute: str) -> dict:
        """Add the tensors of a module, and return the header entry of its arguments."""
        for key, value in getattr(self._estimator, attribute).state_dict().items():
            if not isinstance(value, Tensor):
                raise FileError(
                    f"{attribute} has {key}, a {type(value).__name__}, in its state dict; expected "
                    "tensors only."
                )
            self._writer.tensors[join(self._name, attribute, key)] = value
        kwargs = self._estimator._recipes[attribute].kwargs
        return {key: to_json_known(value, key) for key, value in kwargs.items()}

    def encoder(self, attribute: str) -> dict:
        """Add the tensors of an encoder, and return the entry of its factory and arguments."""
        factory = self._estimator._recipes[attribute].factory
        # The factory is usually the value of a parameter: `encoder`, or `encoder` of an embedder
        # in the parameters `encoder` and `init`.
        holders = ("", "encoder__", "encoder__estimator__", "init__", "init__estimator__")
        parameters = [f"{holder}encoder" for holder in holders]
        return {
            "factory": self.value(factory, attribute, parameters),
            "arguments": self.module(attribute),
        }

    def array(self, attribute: str, dtype: type) -> None:
        """Add an array to the tensors of the file."""
        contiguous = np.ascontiguousarray(getattr(self._estimator, attribute), dtype=dtype)
        self._writer.tensors[join(self._name, attribute)] = torch.from_numpy(contiguous)

    def value(self, value, attribute: str, parameters: Sequence[str]):
        """Return the entry for a value, which may be an estimator.

        Parameters
        ----------
        value : object
            The value of the attribute, or the callable that made it.
        attribute : str
            If files cannot store the value, :meth:`load` asks for it by this name.
        parameters : sequence of str
            Parameters that often hold the same value. If one of them is asked for anyway, the
            value is not asked for a second time.
        """
        own, *_ = self._keywords
        shared = (prefix + name for prefix in self._keywords for name in parameters)
        holder = type(self._estimator).__name__
        name, keywords = join(self._name, attribute), (own + attribute, *shared)
        return self._writer.value(value, holder, name, keywords)


def _provenance() -> dict[str, str]:
    return {
        "relcon_sklearn": __version__,
        "saved": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "torch": str(torch.__version__),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _output(estimator) -> str | None:
    """Return the container set by ``set_output``, or None."""
    output = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    if output not in (None, *OUTPUTS):
        raise FileError(
            f"set_output(transform={output!r}) was called; expected one of {', '.join(OUTPUTS)}."
        )
    return output


def _requests(estimator) -> dict[str, dict]:
    """Return the metadata requests set by ``set_fit_request`` and similar methods."""
    if "_metadata_request" not in vars(estimator):
        return {}
    routing = estimator.get_metadata_routing()
    requests = {
        method: dict(getattr(routing, method).requests)
        for method in METHODS
        if hasattr(type(estimator), f"set_{method}_request")
    }
    return {method: wanted for method, wanted in requests.items() if wanted}
