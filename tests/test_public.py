"""Public names of the package, and what importing it must not print or import."""

import subprocess
import sys

import relcon_sklearn


def test_public_names_exist_and_are_documented():
    for name in relcon_sklearn.__all__:
        value = getattr(relcon_sklearn, name)
        assert name.startswith("__") or value.__doc__


IMPORTS = """
import sys
import relcon_sklearn
assert {"tslearn", "h5py", "matplotlib", "relcon_sklearn.plotting"}.isdisjoint(sys.modules)
import relcon_sklearn.plotting
assert "matplotlib" not in sys.modules
"""


def test_importing_prints_nothing_and_imports_no_optional_package():
    """Both in one process, since each process takes seconds to start."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", IMPORTS], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_torch_modules_import_neither_scikit_learn_nor_skorch():
    code = (
        "import sys, types; package = types.ModuleType('relcon_sklearn'); "
        "package.__path__ = [sys.argv[1]]; sys.modules['relcon_sklearn'] = package; "
        "import relcon_sklearn.nn; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'skorch')))"
    )
    path = relcon_sklearn.__path__[0]
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0
