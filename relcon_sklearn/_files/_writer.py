"""From an estimator to the header and the tensors of a file.

The header lists the estimator and those that its parameters and attributes have in them, each once
and by name, innermost first: a node is made of those before it. Tensors have names that begin with
that of their estimator. The estimator of the file itself is the last, and its name is empty.

What files do not hold, callables of the user's own, goes by the keyword with which it is to be
given when the file is loaded. The header says for each what it was.
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

from .._utils._warnings import warn
from .._version import __version__
from ._format import FileError, encode_file
from ._names import join
from ._registry import ESTIMATORS, METHODS, NOT_IN_FILES, OUTPUTS
from ._values import NotHeld, name_of, to_json, to_json_known


def encode_estimator(estimator) -> bytes:
    """Return the bytes of the file of a fitted estimator.

    Raises
    ------
    FileError
        If a file cannot hold it.
    ValueError
        If a parameter is none that could be fitted with.
    """
    writer = Writer()
    try:
        writer.add(estimator, "", ("",))
    except NotHeld:
        raise FileError(
            f"files hold {', '.join(ESTIMATORS)}, and no subclasses of them; use joblib.dump."
        ) from None
    if writer.left_out:
        warn(
            f"The file will not have attributes that are not {type(estimator).__name__}'s: "
            f"{', '.join(writer.left_out)}.",
        )
    header = {"provenance": _provenance(), "given": writer.given, "estimators": writer.nodes}
    return encode_file(header, writer.tensors)


class Writer:
    """Takes estimators apart.

    Attributes
    ----------
    nodes : list of dict
        The estimators, innermost first.
    given : dict of str to str
        What is not held, by keyword, and what it was.
    tensors : dict of str to Tensor
        Weights and arrays.
    left_out : list of str
        Attributes that someone has added.
    """

    def __init__(self):
        self.nodes: list[dict] = []
        self.given: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        self.left_out: list[str] = []
        self._names: dict[int, str] = {}

    def add(self, estimator, name: str, keywords: tuple[str, ...]) -> str:
        """Add an estimator with all that is in it, if it is not there yet; return its name.

        Parameters
        ----------
        estimator : estimator
            It is not changed.
        name : str
            What to call it.
        keywords : tuple of str
            What the keywords of its parameters begin with, as scikit-learn names them in the
            outermost estimator; further ones are those of the estimator that it is a copy of.

        Raises
        ------
        NotHeld
            If it is not one of ours.
        """
        if id(estimator) in self._names:
            return self._names[id(estimator)]
        kind = type(estimator).__name__
        if ESTIMATORS.get(kind) is not type(estimator):
            raise NotHeld
        # Loading does so too, and would refuse the file.
        estimator._validate_params()
        all_params = estimator.get_params(deep=False)
        params = {
            key: self.value(value, join(name, key), tuple(prefix + key for prefix in keywords))
            for key, value in all_params.items()
            if key not in NOT_IN_FILES
        }
        fitted = None
        if estimator.__sklearn_is_fitted__():
            fitted = estimator._write_fitted(FittedWriter(self, estimator, name, keywords))
            self.left_out += [
                key
                for key in vars(estimator)
                # Private ones are scikit-learn's and ours.
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
        self._names[id(estimator)] = name
        return name

    def value(self, value, name: str, keywords: tuple[str, ...]):
        """Return what stands in the header for a value, which may be an estimator.

        Parameters
        ----------
        value : object
            A parameter or an attribute.
        name : str
            What to call it if it is an estimator.
        keywords : tuple of str
            By the first it is to be given if files do not hold it, or by another of them by which
            the same is given anyway.
        """
        try:
            if type(value) is FrozenEstimator:
                inner = tuple(f"{keyword}__estimator__" for keyword in keywords)
                return {"frozen": self.add(value.estimator, name, inner)}
            if isinstance(value, BaseEstimator):
                inner = tuple(f"{keyword}__" for keyword in keywords)
                return {"estimator": self.add(value, name, inner)}
            return to_json(value)
        except NotHeld:
            what = name_of(value)
            keyword = next((k for k in keywords if self.given.get(k) == what), keywords[0])
            self.given[keyword] = what
            return {"given": keyword}


class FittedWriter:
    """Takes the learned state of one estimator, in its ``_write_fitted``.

    Modules and arrays are noted as tensors of the file. All else is returned as entries of the
    header, which ``_write_fitted`` returns by the names of the attributes.
    """

    def __init__(self, writer: Writer, estimator, name: str, keywords: tuple[str, ...]):
        self._writer = writer
        self._estimator = estimator
        self._name = name
        self._keywords = keywords

    def module(self, attribute: str) -> dict:
        """Note the tensors of a module, and return the arguments it was made with."""
        for key, value in getattr(self._estimator, attribute).state_dict().items():
            if not isinstance(value, Tensor):
                raise FileError(
                    f"{attribute} has {key}, a {type(value).__name__}, in its state dict; files "
                    "hold tensors."
                )
            self._writer.tensors[join(self._name, attribute, key)] = value
        kwargs = self._estimator._recipes[attribute].kwargs
        return {key: to_json_known(value, key) for key, value in kwargs.items()}

    def encoder(self, attribute: str) -> dict:
        """Note the tensors of an encoder, and return what it was made by and with."""
        factory = self._estimator._recipes[attribute].factory
        # The factory is usually that of a parameter: the encoder's own, or that of an embedder.
        parameters = ("encoder", "encoder__encoder", "encoder__estimator__encoder")
        return {
            "factory": self.value(factory, attribute, parameters),
            "arguments": self.module(attribute),
        }

    def array(self, attribute: str, dtype: type) -> None:
        """Note an array."""
        contiguous = np.ascontiguousarray(getattr(self._estimator, attribute), dtype=dtype)
        self._writer.tensors[join(self._name, attribute)] = torch.from_numpy(contiguous)

    def value(self, value, attribute: str, parameters: Sequence[str]):
        """Return the entry for a value, which may be an estimator.

        Parameters
        ----------
        value : object
            The value of the attribute, or what the attribute was made by.
        attribute : str
            If files cannot hold the value, :meth:`load` asks for it by this name.
        parameters : sequence of str
            Parameters that often hold the same value. If one of them is asked for anyway, the
            value is not asked for a second time.
        """
        own, *_ = self._keywords
        shared = (prefix + name for prefix in self._keywords for name in parameters)
        return self._writer.value(value, join(self._name, attribute), (own + attribute, *shared))


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
    """Return what the estimator was told to give, if it was."""
    output = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    if output not in (None, *OUTPUTS):
        raise FileError(f"set_output(transform={output!r}) is none of {', '.join(OUTPUTS)}.")
    return output


def _requests(estimator) -> dict[str, dict]:
    """Return what metadata the estimator was told to request."""
    if "_metadata_request" not in vars(estimator):
        return {}
    routing = estimator.get_metadata_routing()
    requests = {
        method: dict(getattr(routing, method).requests)
        for method in METHODS
        if hasattr(type(estimator), f"set_{method}_request")
    }
    return {method: wanted for method, wanted in requests.items() if wanted}
