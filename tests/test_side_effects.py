"""Import and use: no network, no files that were not requested, and no change of global state.

These side effects are known and not prevented:

- with its first optimizer, torch creates an empty folder for compiled code in the folder for
  temporary files. It sets the environment variable TORCHINDUCTOR_CACHE_DIR, with which users can
  choose another folder;
- scikit-learn sets KMP_DUPLICATE_LIB_OK and KMP_INIT_AT_FORK when it is imported;
- numba stores machine code where Python stores bytecode, unless Python is configured not to write
  bytecode;
- if the embeddings of a frozen encoder are large, they are in an unnamed temporary file while the
  head is trained (test_the_temporary_file);
- during training, the process keeps memory that is freed (_training/_memory.py). With
  `checkpoint_dir`, SIGINT and SIGTERM wait for the end of a step;
- the worker threads of the ranking stay, idle, as torch's own do (nn/_threads.py).
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.estimators import tiny_classifier

SCRIPT = Path(__file__).with_name("support") / "side_effects.py"

# Environment variables that scikit-learn and NumPy set.
THEIRS = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "OPENBLAS_MAIN_FREE"}

OPTIONAL = {"h5py", "matplotlib", "numba", "pandas", "triton", "tslearn", "zarr"}


def run(folder, *arguments):
    """Run the watched process in another folder; return its report, and what it printed."""
    command = [sys.executable, "-B", SCRIPT, folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return tmp_path_factory.mktemp("given")


@pytest.fixture(scope="module")
def watched(given):
    return run(given)


@pytest.fixture(scope="module")
def found(watched):
    return watched[0]


def named(found, *beginnings):
    return [event for event in found["events"] if event[1].startswith(beginnings)]


def test_no_network(found):
    network = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")
    assert named(found, *network) == []


def test_no_other_processes(found):
    assert named(found, "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system") == []


def test_files_are_written_only_where_requested(found, given):
    others = [
        event
        for event in found["events"]
        if not Path(event[2]).is_relative_to(given) and event[2] not in THEIRS
    ]
    assert others == []
    # The watch sees the files that were requested.
    assert {Path(event[2]).name for event in named(found, "open")} >= {"model.joblib", ".lock"}
    assert named(found, "os.rename")


def test_only_requested_files_are_left(found, given):
    left = {path.relative_to(given).parts[0] for path in given.rglob("*")}
    assert left == {"model.joblib", "model.safetensors", "checkpoints", "stop"}
    assert not list(given.rglob("*.tmp*"))


PHASES = [
    "import",
    "distance",
    "embedder",
    "classifier",
    "regressor",
    "embedder of other settings",
    "embedder with an encoder that draws",
    "classifier of a pretrained and frozen encoder",
    "search",
    "bad data",
    "divergence",
    "no memory",
    "Ctrl-C",
]


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_global_is_changed(found, phase):
    assert list(found["changed"]) == PHASES
    assert found["changed"][phase] == {}


def test_nothing_is_printed(watched):
    printed = [line for line in watched[1].splitlines() if "Warning" not in line]
    # Below a warning is the line of code that caused it.
    assert [line for line in printed if not line.startswith("  ")] == []


def test_no_optional_package_is_imported(found):
    assert OPTIONAL.isdisjoint(found["imported"])
    assert "relcon_sklearn" in found["imported"]


def test_the_logger_is_left_to_the_user():
    logger = logging.getLogger("relcon_sklearn")
    assert all(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    assert logger.level == logging.NOTSET
    assert logger.propagate


def test_the_watch_detects_side_effects(tmp_path):
    """All of the tests above can fail."""
    found, _ = run(tmp_path, "surprising")
    events = {event[1] for event in found["events"]}
    assert events >= {
        "socket.connect",
        "subprocess.Popen",
        "os.mkdir",
        "open",
        "os.rename",
        "os.remove",
        "os.putenv",
        "os.chdir",
    }
    assert set(found["changed"]["surprising"]) >= {
        "numpy generator",
        "python generator",
        "torch generator",
        "torch threads",
        "torch default dtype",
        "torch deterministic",
        "torch gradients",
        "torch matmul precision",
        "numpy errors",
        "numpy printing",
        "warnings",
        "environment",
        "working directory",
        "signal handlers",
        "logging",
        "paths",
        "hooks",
        "collector",
        "threads",
        *(["umask"] if hasattr(os, "umask") else []),
    }


def test_the_temporary_file(monkeypatch, tmp_path):
    """It is in the folder for temporary files, and deleted after the fit."""
    X = np.random.default_rng(0).normal(size=(24, 16, 3))
    opened, temporary_file = [], tempfile.TemporaryFile
    classifier = tiny_classifier(freeze="encoder", max_epochs=1)
    classifier.fit(X, np.arange(24) % 2)  # torch creates its folder, see above

    def noted(*args, **kwargs):
        opened.append(temporary_file(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr("relcon_sklearn._fine_tuning._KEPT_BYTES", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    classifier.fit(X, np.arange(24) % 2)
    assert len(opened) == 1
    assert opened[0].closed
    assert list(tmp_path.iterdir()) == []
