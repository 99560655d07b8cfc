"""Public names of the package, and side effects that importing it must not have."""

import subprocess
import sys

import pytest

import relcon_sklearn


def test_public_names_exist_and_are_documented():
    for name in relcon_sklearn.__all__:
        value = getattr(relcon_sklearn, name)
        assert name.startswith("__") or value.__doc__


@pytest.mark.parametrize("module", ["tslearn", "h5py", "matplotlib"])
def test_optional_packages_are_not_imported(module):
    code = f"import sys, relcon_sklearn; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_torch_modules_import_neither_scikit_learn_nor_skorch():
    code = (
        "import sys, types; package = types.ModuleType('relcon_sklearn'); "
        "package.__path__ = [sys.argv[1]]; sys.modules['relcon_sklearn'] = package; "
        "import relcon_sklearn.nn; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'skorch')))"
    )
    path = relcon_sklearn.__path__[0]
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0
