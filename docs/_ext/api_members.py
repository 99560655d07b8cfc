"""Select the members of a class that its page of the API reference shows.

Methods defined by this package, in any of its classes, are documented in full. Methods from
scikit-learn are the same for all its estimators, and are listed with one line each.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class ApiMembers:
    """Queries of templates about classes. Instances are equal, because Sphinx compares settings."""

    def own(self, module: str, name: str) -> list[tuple[str, str]]:
        """Return the kinds and names of the methods and properties defined in this package."""
        return [
            ("property" if isinstance(value, property) else "method", member)
            for member, value, origin in _public(module, name)
            if origin.startswith("relcon_sklearn") and inspect.getdoc(value)
        ]

    def from_scikit_learn(self, module: str, name: str) -> list[tuple[str, str]]:
        """Return the methods that come from scikit-learn, each with its one-line summary."""
        cls = getattr(import_module(module), name)
        return [
            (member, _first_line(getattr(cls, member)))
            for member, _, origin in _public(module, name)
            if origin.startswith("sklearn") and callable(getattr(cls, member, None))
        ]


def _public(module: str, name: str) -> Iterator[tuple[str, object, str]]:
    """Yield name, defined value and module of the public members that are not plain values."""
    cls = getattr(import_module(module), name)
    for member in dir(cls):
        value = inspect.getattr_static(cls, member)
        if not member.startswith("_") and not _is_field(value):
            yield member, value, _origin(cls, member, value)


def _is_field(value: object) -> bool:
    # Fields of data classes and named tuples are documented as parameters or attributes.
    return not hasattr(value, "__get__") or "tuplegetter" in type(value).__name__


def _origin(cls: type, member: str, value: object) -> str:
    if type(value).__module__.startswith("sklearn"):  # set_fit_request and the like
        return type(value).__module__
    return next(base.__module__ for base in cls.__mro__ if member in vars(base))


def _first_line(function: object) -> str:
    """Return the first line of a docstring, with references to other sites as plain words."""
    line = inspect.getdoc(function).split("\n")[0]
    return re.sub(r":[a-z:]+:`([^`<]+?)( <[^>]+>)?`", r"\1", line)
