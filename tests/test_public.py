"""Public names of the package, and what importing it prints and loads."""

import subprocess
import sys

import numpy as np
import pytest

import relcon_sklearn
from tests.support.estimators import tiny_embedder


def test_public_names_exist_and_are_documented():
    for name in relcon_sklearn.__all__:
        value = getattr(relcon_sklearn, name)
        assert name.startswith("__") or value.__doc__


# What the import may load besides what torch and scikit-learn load themselves: installed packages
# and, of packages with many parts, the parts.
MAY_LOAD = {"relcon_sklearn", "safetensors", "tqdm"} | {
    *("scipy.constants", "scipy.fft", "scipy.sparse", "scipy.special"),
    *("sklearn.callback", "sklearn.exceptions", "sklearn.frozen", "sklearn.utils"),
}

# Prints the names of the modules that each step loads.
LOADED = """
import sys
import torch, sklearn.base
def step(statement):
    before = set(sys.modules)
    exec(statement, globals())
    print(" ".join(sorted(set(sys.modules) - before)))
step("import relcon_sklearn")
step("relcon_sklearn.RelConEmbedder.load(sys.argv[1]).transform([[[0.0] * 3] * 16])")
step("import relcon_sklearn.plotting")
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Return the modules that three steps load, of one process, which takes seconds to start."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    X = np.random.default_rng(0).standard_normal((8, 16, 3)).astype(np.float32)
    tiny_embedder(max_epochs=0).fit(X).save(path)
    command = [sys.executable, "-W", "error", "-c", LOADED, path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [set(line.split()) for line in done.stdout.splitlines()]


def parts(names):
    """Return packages that are no part of Python; of scikit-learn, SciPy and torch, their parts."""
    split = [name.split(".") for name in names]
    return {
        ".".join(name[: 1 + (name[0] in ("sklearn", "scipy", "torch"))])
        for name in split
        if name[0] not in sys.stdlib_module_names
    }


def test_importing_prints_nothing_and_loads_only_what_every_use_needs(loaded):
    assert len(loaded) == 3  # a printed line would be one more
    assert "relcon_sklearn._embedder" in loaded[0]
    assert parts(loaded[0]) <= MAY_LOAD
    own = {"datasets", "plotting", "recordings"}
    assert {f"relcon_sklearn.{name}" for name in own}.isdisjoint(loaded[0])


def test_embedding_loads_nothing_that_only_training_needs(loaded):
    heavy = {"skorch", "filelock", "torch._dynamo", "sklearn.metrics", "sklearn.model_selection"}
    assert heavy.isdisjoint(loaded[0] | loaded[1])


def test_importing_displays_loads_no_matplotlib(loaded):
    assert "relcon_sklearn.plotting" in loaded[2]
    assert "matplotlib" not in loaded[0] | loaded[1] | loaded[2]


def test_torch_modules_import_neither_scikit_learn_nor_skorch():
    code = (
        "import sys, types; package = types.ModuleType('relcon_sklearn'); "
        "package.__path__ = [sys.argv[1]]; sys.modules['relcon_sklearn'] = package; "
        "import relcon_sklearn.nn; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'skorch')))"
    )
    path = relcon_sklearn.__path__[0]
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0
