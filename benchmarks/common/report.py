"""Reports of benchmarks: the environment, tables, and JSON files of results."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "tslearn", "numba")

END_MARK = "<!-- end -->"

say = partial(print, flush=True)


def script_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of command-line options that prints `description` as it is written."""
    return argparse.ArgumentParser(
        prog=shlex.join(_program()),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_folder_option(parser: argparse.ArgumentParser, name: str, content: str) -> None:
    """Add an option for a folder, "data" or "pool", whose default is an environment variable."""
    variable = f"RELCON_{name.upper()}"
    parser.add_argument(
        f"--{name}",
        type=Path,
        default=os.environ.get(variable),
        help=f"folder of {content} (default {variable})",
    )


def results_file(name: str, *, smoke: bool = False) -> Path:
    """Return the default path of a script's JSON file; smoke runs have a separate file."""
    return RESULTS / f"{name}{'_smoke' if smoke else ''}.json"


# -- the environment -------------------------------------------------------------------------------


def environment() -> dict:
    """Return versions, commit, machine, date and command line."""
    # Imported here, because benchmarks.gpu.run reports on machines where one of them is missing.
    import torch

    import relcon_sklearn

    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # numba is optional, and decides the ranking's speed
            versions[name] = "not installed"
    versions["relcon_sklearn"] = relcon_sklearn.__version__
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": command_line(),
        "commit": commit(),
        "versions": versions,
        "cpu": cpu_model(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def command_line() -> str:
    """Return the command that started this process."""
    return shlex.join([*_program(), *sys.argv[1:]])


def _program() -> list[str]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return ["python", *([sys.argv[0]] if spec is None else ["-m", spec.name])]


def commit() -> str | None:
    """Return the commit of this code, with "+" if files were changed; None outside of git."""
    git = partial(subprocess.run, cwd=RESULTS, capture_output=True, text=True, check=False)
    try:
        found = git(["git", "rev-parse", "--short", "HEAD"]).stdout.strip()
        changed = git(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
    except OSError:  # there is no git
        return None
    return f"{found}+" if found and changed else found or None


def cpu_model() -> str:
    """Return the name of the CPU, or of its architecture where the system does not report it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load_average() -> tuple | None:
    """Return the mean number of processes that used or waited for a CPU in 1, 5 and 15 minutes."""
    return os.getloadavg() if hasattr(os, "getloadavg") else None


def say_all(values: Mapping) -> None:
    """Print names and values, one a line; dicts on one line."""
    for key, value in values.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {number}" for name, number in value.items())
        say(f"{key}: {value}")


# -- tables and files ------------------------------------------------------------------------------


def median_min_max(values: list[float]) -> list[float]:
    """Return the median, the smallest and the largest value."""
    return [float(statistics.median(values)), min(values), max(values)]


def write_json(path: Path, results: dict) -> None:
    """Write `results` so that an interruption leaves the complete old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_text(json.dumps(results, indent=1, default=lambda value: value.item()) + "\n")
    os.replace(draft, path)


def with_generated(text: str, page: Path, mark: str, body: str) -> str:
    """Return the text of a page with `body` between the lines `mark` and `END_MARK`."""
    filled = fill_block(text, mark, body)
    if filled is None:
        raise SystemExit(
            f"{page} must have the line {mark!r}, and {END_MARK} below. What is generated goes "
            "between them."
        )
    return filled


def fill_block(text: str, mark: str, body: str) -> str | None:
    """Return a text with `body` between `mark` and `END_MARK`; None if it lacks one of them."""
    head, found, rest = text.partition(mark)
    _, end, tail = rest.partition(END_MARK)
    return f"{head}{found}\n\n{body}\n\n{end}{tail}" if found and end else None


def table(header: list[str], rows: list[list]) -> str:
    """Return a Markdown table with aligned columns; floats have three decimals, None is "-"."""
    cells = [header, *([_text(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(_aligned(cell, i, widths[i]) for i, cell in enumerate(row)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths))
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _text(value) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
