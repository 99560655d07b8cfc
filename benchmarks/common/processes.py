"""Parts of a benchmark that run in new processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_module(name: str, *arguments, **kwargs) -> subprocess.CompletedProcess[str]:
    """Run a module of the benchmarks in a new process, at the root of the repository.

    Its standard output is in the result. Paths in `arguments` must be absolute.
    """
    command = [sys.executable, "-m", name, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **kwargs)
