"""No network, no file that was not asked for, and nothing global is changed; by import or by use.

What is known, and not prevented:

- torch, with its first optimizer, makes an empty folder for what it might compile, in that for
  temporary files, and sets the environment variable TORCHINDUCTOR_CACHE_DIR, which chooses another;
  `compile=True` writes there, and starts compilers;
- scikit-learn sets KMP_DUPLICATE_LIB_OK and KMP_INIT_AT_FORK when it is imported;
- numba keeps machine code where Python keeps bytecode, unless Python is told not to write any;
- a frozen encoder's embeddings, where they are many, are in an unnamed temporary file for as long
  as the head learns from them (test_the_temporary_file);
- while training, memory that is freed stays with the process (training/_memory.py), and with
  `checkpoint_dir` SIGINT and SIGTERM wait for the end of a step;
- the workers of ranking stay, idle threads as torch's own (nn/_threads.py).
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

# Set by scikit-learn and NumPy.
THEIRS = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "OPENBLAS_MAIN_FREE"}

OPTIONAL = {"h5py", "matplotlib", "numba", "pandas", "triton", "tslearn", "zarr"}


def run(folder, *arguments):
    """Run the watched process in another folder; return what it found, and what it printed."""
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


def test_nothing_is_written_but_where_it_was_asked_for(found, given):
    others = [
        event
        for event in found["events"]
        if not Path(event[2]).is_relative_to(given) and event[2] not in THEIRS
    ]
    assert others == []
    # Where it was, it is: the watch sees what is written.
    assert {Path(event[2]).name for event in named(found, "open")} >= {"model.joblib", ".lock"}
    assert named(found, "os.rename")


def test_nothing_is_left_but_what_was_asked_for(found, given):
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
    # A warning comes with the line of code it is about.
    assert [line for line in printed if not line.startswith("  ")] == []


def test_no_optional_package_is_imported(found):
    assert OPTIONAL.isdisjoint(found["imported"])
    assert "relcon_sklearn" in found["imported"]


def test_the_logger_is_left_to_the_user():
    logger = logging.getLogger("relcon_sklearn")
    assert all(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    assert logger.level == logging.NOTSET
    assert logger.propagate


def test_the_watch_notices(tmp_path):
    """All of the above can fail."""
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
    """It is where temporary files belong, and gone with the fit."""
    X = np.random.default_rng(0).normal(size=(24, 16, 3))
    opened, temporary_file = [], tempfile.TemporaryFile
    classifier = tiny_classifier(freeze="encoder", max_epochs=1)
    classifier.fit(X, np.arange(24) % 2)  # for torch's folder, see above

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
