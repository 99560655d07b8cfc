"""The API reference has exactly the public names."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import relcon_sklearn

API = Path(__file__).parents[2] / "docs" / "api.rst"

PUBLIC = [
    "relcon_sklearn",
    *(
        module.name
        for module in pkgutil.walk_packages(relcon_sklearn.__path__, "relcon_sklearn.")
        if "._" not in module.name
    ),
]


def listed_names():
    """Return the names in the tables of the page, in full."""
    names, module = [], None
    for line in API.read_text().splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z_][\w.]*", line):
            names.append(f"{module}.{line.strip()}")
    return names


def public_name(module, name):
    """Return the name by which the page lists an object, which is its shortest name."""
    top = getattr(relcon_sklearn, name, None)
    if top is not None and top is getattr(import_module(module), name):
        module = "relcon_sklearn"
    return f"{module}.{name}"


def test_modules_without_an_underscore_are_public():
    assert PUBLIC == [
        "relcon_sklearn",
        "relcon_sklearn.augmentations",
        "relcon_sklearn.datasets",
        "relcon_sklearn.embeddings",
        "relcon_sklearn.exceptions",
        "relcon_sklearn.nn",
        "relcon_sklearn.plotting",
        "relcon_sklearn.recordings",
        "relcon_sklearn.segments",
        "relcon_sklearn.timelines",
    ]


def test_listed_names_are_the_public_ones():
    public = {
        public_name(module, name) for module in PUBLIC for name in import_module(module).__all__
    }
    names = listed_names()
    assert len(names) == len(set(names)) > 50
    assert set(names) == public - {"relcon_sklearn.__version__"}


@pytest.mark.parametrize("name", listed_names())
def test_listed_names_have_docstrings(name):
    module, _, attribute = name.rpartition(".")
    assert getattr(import_module(module), attribute).__doc__


@pytest.mark.parametrize("module", PUBLIC)
def test_modules_show_only_public_names(module):
    """The names that ``dir`` and completion show, except modules."""
    shown = {
        name
        for name, value in vars(import_module(module)).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(f"{module}.")
    }
    assert shown <= set(import_module(module).__all__)
