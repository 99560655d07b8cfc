"""The public names are exactly those listed in the API reference."""

import re
from importlib import import_module
from pathlib import Path

import pytest

API = Path(__file__).parents[2] / "docs" / "api.rst"

PUBLIC = [
    "relcon_sklearn",
    "relcon_sklearn.augmentations",
    "relcon_sklearn.datasets",
    "relcon_sklearn.nn",
    "relcon_sklearn.plotting",
    "relcon_sklearn.segments",
]


def listed_names():
    """Return the full names in the tables of the page."""
    names, module = [], None
    for line in API.read_text().splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z_][\w.]*", line):
            names.append(f"{module}.{line.strip()}")
    return names


def resolve(full_name):
    """Return the module of a name, the name in it, and its object."""
    module, _, name = full_name.rpartition(".")
    return module, name, getattr(import_module(module), name)


@pytest.mark.parametrize("module", PUBLIC)
def test_exported_names_are_listed(module):
    """A name that two modules export is listed once, under either."""
    listed = [value for *_, value in map(resolve, listed_names())]
    for name in set(import_module(module).__all__) - {"__version__"}:
        assert getattr(import_module(module), name) in listed, name


def test_listed_names_are_exported_and_documented():
    names = listed_names()
    assert len(names) == len(set(names)) > 50
    for module, name, value in map(resolve, names):
        assert module in PUBLIC
        assert name in import_module(module).__all__
        assert value.__doc__
