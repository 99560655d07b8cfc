"""Build the package, and try the wheel as a new user: `python run.py package`.

The wheel is installed in a new environment, which has nothing of the clone. There, in an empty
folder, the first example of the README runs and has to print what the README says. Digits may
differ between machines: the tests compare them.
"""

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NUMBER = re.compile(r"\d+\.\d+")
MAX_WHEEL = 8e6  # bytes; the models in the package are most of it


def main():
    """Build, check, install and run."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT)
        files = sorted((folder / "dist").iterdir())
        run(sys.executable, "-m", "twine", "check", "--strict", *files)
        (wheel,) = (file for file in files if file.suffix == ".whl")
        size = wheel.stat().st_size
        if size > MAX_WHEEL:
            sys.exit(f"The wheel has {size / 1e6:.1f} MB, more than {MAX_WHEEL / 1e6:.0f} MB.")
        python = install(wheel, folder / "environment")
        empty = folder / "empty"
        empty.mkdir()
        print(run(python, "-m", "relcon_sklearn", cwd=empty))
        check_example(python, empty)
        print(f"{wheel.name}: {size / 1e6:.1f} MB; it runs in a new environment")


def install(wheel, environment):
    """Install the wheel at the pins of the constraints, and return the path of Python."""
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    constraints = ROOT / "constraints.txt"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # As in run.py: torch first and by its pin alone, because other packages depend on its build.
    run(*pip, next(x for x in constraints.read_text().split() if x.startswith("torch==")))
    run(*pip, "--constraint", constraints, f"{wheel}[devices]")
    return python


def check_example(python, folder):
    """Run the first example of the README, and compare what it prints."""
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", readme, re.DOTALL)
    code, expected = blocks[0]
    printed = run(python, "-W", "error", "-c", code, cwd=folder)
    if NUMBER.sub("#", printed) != NUMBER.sub("#", expected):
        sys.exit(f"The README says {expected!r}, and its example prints {printed!r}.")


def run(*command, cwd=None):
    """Run a command without the clone on Python's path, and return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
