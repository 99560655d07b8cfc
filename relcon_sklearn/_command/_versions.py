"""Versions, devices and optional packages, as reports of errors need them."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import torch

from .._utils._precision import gains_from_bfloat16
from .._version import __version__

_DISTRIBUTION = "relcon-sklearn"
_CORE = ("numpy", "scikit-learn", "scipy", "skorch", "torch")  # if requirements are not known
_FOR_DEVELOPERS = ("benchmarks", "docs", "release", "test")  # extras


def describe_versions() -> str:
    """Return what the package runs on, as text of several lines."""
    lines = [
        "System",
        *_rows(
            {
                "python": f"{platform.python_version()}, {sys.executable}",
                "system": platform.platform(),
                "cores": str(os.cpu_count()),
            }
        ),
        "",
        f"relcon_sklearn {__version__}, {Path(__file__).parents[1]}",
        "",
        "Devices",
        *_rows(_devices()),
    ]
    try:
        about = metadata.metadata(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "\n".join(
            [*lines, "", "Packages (this one is not installed)", *_rows(_versions(_CORE))]
        )
    requirements = about.get_all("Requires-Dist") or []
    lines += ["", "Required packages", *_rows(_versions(_names(requirements, None)))]
    for extra in about.get_all("Provides-Extra") or []:
        if extra in _FOR_DEVELOPERS:
            continue
        found = _versions(_names(requirements, extra))
        missing = None in found.values()
        remedy = f': pip install "{_DISTRIBUTION}[{extra}]"' if missing else ""
        lines += ["", f"Optional packages of [{extra}]{remedy}", *_rows(found)]
    return "\n".join(lines)


def _rows(values: dict[str, str | None]) -> list[str]:
    return [f"  {name:<24}{value or 'not installed'}" for name, value in values.items()]


def _devices() -> dict[str, str | None]:
    cpu = torch.device("cpu")
    found = {
        "cpu": f"{torch.get_num_threads()} threads, "
        f"{'trains in bfloat16' if gains_from_bfloat16(cpu) else 'trains in float32'}"
    }
    for i in range(torch.cuda.device_count()):
        found[f"cuda:{i}"] = torch.cuda.get_device_name(i)
    if torch.backends.mps.is_available():
        found["mps"] = "available"
    return found


def _names(requirements: Iterable[str], extra: str | None) -> list[str]:
    """Return the names of the packages that an extra needs, or those that are always needed."""
    found = []
    for requirement in requirements:
        of_extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement)
        if (of_extra[1] if of_extra else None) == extra:
            found.append(re.match(r"[\w.-]+", requirement)[0])
    return sorted(found)


def _versions(names: Iterable[str]) -> dict[str, str | None]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found
