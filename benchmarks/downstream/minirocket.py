"""MiniRocket in a separate environment: aeon needs an older numba than the benchmarks have.

Dempster, Schmidt, Webb, "MiniRocket: a very fast (almost) deterministic transform for time series
classification", KDD 2021. aeon adapts the code of the authors.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common.report import RESULTS, say

PINS = (
    "aeon==1.6.0",
    "numba==0.63.1",
    "numpy==2.3.5",
    "scipy==1.17.1",
    "scikit-learn==1.9.1",
    "pandas==3.0.6",
)
MIN_TIMESTEPS = 9  # the length of a kernel
_SCRIPT = Path(__file__).with_name("minirocket_transform.py")
_PYTHON = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")


def minirocket_environment() -> Path:
    """Return the folder of the environment: RELCON_MINIROCKET_ENV, or one in the cache."""
    default = RESULTS / "cache" / "minirocket-env"
    return Path(os.environ.get("RELCON_MINIROCKET_ENV") or default).absolute()


def minirocket_python(make: bool = True) -> Path | None:
    """Return the Python of the environment, which is created if it is missing.

    This takes half a minute, 620 MB of disk, the network, and Python 3.11 or later. You can also
    use your own environment, if it has aeon. If `make` is False, a missing environment is not
    created, and the result is None.
    """
    folder = minirocket_environment()
    if not (folder / _PYTHON).is_file():
        if not make:
            return None
        _make_environment(folder)
    return folder / _PYTHON


def _make_environment(folder: Path) -> None:
    """Create the environment next to `folder` and rename it, so that it is always complete."""
    say(f"installing {PINS[0]} for MiniRocket in {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    try:
        _run([sys.executable, "-m", "venv", draft])
        _run([draft / _PYTHON, "-m", "pip", "install", "--quiet", *PINS])
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    # aeon caches the code that numba compiles, which differs for one and for more channels.
    for n_channels in (1, 2):
        X = np.zeros((2, MIN_TIMESTEPS, n_channels), dtype=np.float32)
        minirocket_features(X, X, seed=0)


def minirocket_features(
    X_train: np.ndarray, X_test: np.ndarray, *, seed: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the features of both, fitted on the first, and the versions of the packages.

    A segment has 9,996 features: 84 kernels times 119 biases. Segments shorter than a kernel are
    padded with their last value.
    """
    python = minirocket_python()
    lacking = max(0, MIN_TIMESTEPS - X_train.shape[1])
    padding = ((0, 0), (0, lacking), (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "segments.npz"), Path(folder, "features.npz")
        np.savez(
            source,
            X_train=np.pad(X_train, padding, mode="edge"),
            X_test=np.pad(X_test, padding, mode="edge"),
            seed=seed,
        )
        _run([python, "-I", _SCRIPT, source, target])
        with np.load(target) as arrays:
            return arrays["Z_train"], arrays["Z_test"], arrays["versions"].tolist()


def _run(command: list) -> None:
    """Run a program without output, or raise a RuntimeError with its output."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        output = f"{done.stdout}{done.stderr}".strip()
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{output}")
