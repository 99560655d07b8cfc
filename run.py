"""Run the project's commands from a fresh clone. This needs only Python and pip.

    python run.py demo      embed generated recordings, pretrain on them, and compare; with
                            --data FOLDER, embed your own CSV files (demo --help says which)
    python run.py test      run the tests (arguments are passed to pytest; --runslow adds slow ones)
    python run.py lint      check style and format
    python run.py docs      build the site into docs/_build/html; a warning is an error (without the
                            gallery, which takes minutes: python run.py docs -D plot_gallery=0)
    python run.py package   build the wheel, install it in a new environment and run it there

The first command creates a virtual environment in .venv. Each command installs the packages that
it needs into it, at the versions of constraints.txt.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

COMMANDS = {
    "demo": [[ROOT / "examples/first_pretraining.py"]],
    "demo with options": [[ROOT / "examples/own_recordings.py"]],
    "test": [["-m", "pytest", "-n", "logical", "--maxprocesses", "4", "--dist", "worksteal"]],
    "lint": [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]],
    "docs": [["-m", "sphinx", "-W", "--keep-going", "-q", "docs", "docs/_build/html"]],
    "package": [[ROOT / ".ci/check_package.py"]],
}
EXTRAS = {
    "demo": "",
    "demo with options": "[devices,plotting]",
    "test": "[test]",
    "lint": "[test]",
    "docs": "[docs]",
    "package": "[release]",
}


def install(extras):
    """Install the package in editable mode, unless it is installed with the same requirements."""
    requirements = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    wanted = hashlib.sha256(b"".join(p.read_bytes() for p in requirements)).hexdigest()
    stamp = VENV / f"installed{extras}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        print(f"Creating a virtual environment in {VENV}", flush=True)
        venv.create(VENV, with_pip=True)
    print("Installing (a few minutes the first time)", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    package = ["--constraint", "constraints.txt", "--editable", f".{extras}"]
    # Install torch first and by its pin alone: the other packages depend on its build.
    pinned = next(x for x in requirements[1].read_text().split() if x.startswith("torch=="))
    subprocess.run([*pip, pinned], cwd=ROOT, check=True)
    subprocess.run([*pip, *package], cwd=ROOT, check=True)
    stamp.write_text(wanted)


def main(arguments):
    """Run the named command."""
    if not arguments or arguments[0] not in COMMANDS:
        sys.exit(__doc__)
    name, *rest = arguments
    if name in ("demo", "test"):  # too small to benefit from threads, which would compete
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = ROOT
    if name == "demo" and rest:
        name, folder = "demo with options", Path.cwd()  # the user's paths are relative to it
    install(EXTRAS[name])
    for command in COMMANDS[name]:
        status = subprocess.run([PYTHON, *command, *rest], cwd=folder, check=False).returncode
        if status:
            sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
