"""The API reference has every public name, and only names that exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

API = Path(__file__).parents[2] / "docs" / "api.rst"

# Modules all of whose names are public. Of `nn` and `segments`, which the estimators are built of,
# the page shows what is of use by itself.
PUBLIC = ["relcon_sklearn", "relcon_sklearn.datasets", "relcon_sklearn.plotting"]


def listed_names():
    """Return the names in the tables of the page, in full."""
    names, module = [], None
    for line in API.read_text().splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z_][\w.]*", line):
            names.append(f"{module}.{line.strip()}")
    return names


@pytest.mark.parametrize("module", PUBLIC)
def test_all_public_names_are_listed(module):
    public = {f"{module}.{name}" for name in import_module(module).__all__}
    assert public - {"relcon_sklearn.__version__"} <= set(listed_names())


def test_listed_names_exist_once():
    names = listed_names()
    assert len(names) == len(set(names)) > 50
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert getattr(import_module(module), attribute).__doc__
