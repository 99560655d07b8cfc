"""What one NVIDIA GPU can tell in eight minutes, part by part.

    bash benchmarks/gpu.sh OUT --wheels WHEELS --pool POOL

starts this script, for a machine without a network. It runs each part in a new process with a limit
of its time:

- tests: all tests that are marked `cuda`;
- kernel: the Triton kernel against float64, and its rate against that of a matrix product;
- steps: training steps per second, and whether the step or the loader limits them;
- projection: the hours for 1e9 anchors, from these steps;
- pretraining: the recipe of the model in the package, on the npz files in POOL, for the time that
  remains: weights and history.

OUT gets a JSON file and a log of each part, and gpu.json with the state of all parts, which is
written after each of them. If the run is cut at any moment, everything up to then is there. A part
that fails is recorded with its reason, and the next one runs. The exit status is 1 if a part failed
or was left out for lack of time. Without --pool there is no pretraining.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.common.processes import ROOT
from benchmarks.common.report import say, script_parser, table, write_json

# Packages that the parts import, and that a machine for torch may lack.
NEEDED = (
    *("filelock", "hypothesis", "joblib", "numpy", "pytest", "safetensors", "scipy"),
    *("sklearn", "skorch", "tabulate", "torch", "tqdm"),
)
GRACE = 10.0  # s that a part has to end after the request
LEAST = 5.0  # s in which no part can do anything


class Part(NamedTuple):
    """A part: its module, and the seconds that it may take. None is all that remain."""

    module: str
    limit: float | None


PARTS = {
    "tests": Part("benchmarks.gpu.cuda_tests", 150),
    "kernel": Part("benchmarks.gpu.kernel", 60),
    "steps": Part("benchmarks.gpu.steps", 120),
    "projection": Part("benchmarks.gpu.projection", 15),
    "pretraining": Part("benchmarks.pretraining.open_weights", None),
}


def options_of(name: str, args: argparse.Namespace, limit: float) -> list:
    """Return the options of a part, apart from its output."""
    options = {
        "steps": ["--device", args.device] if args.device else [],
        "kernel": ["--device", args.device] if args.device else [],
        "projection": ["--steps", args.output / "steps.json"],
    }.get(name, [])
    if name == "pretraining":
        options = ["--pool", args.pool, "--cache", args.cache or args.output / "cache"]
        options += ["--weights", args.output / "weights.safetensors"]
        options += [] if args.smoke else ["--seconds", limit - GRACE]
    if args.smoke and name != "projection":
        options = [*options, "--smoke"]
    return options


def run_part(command: list[str], limit: float, log: Path) -> dict:
    """Run a command for at most `limit` seconds; return its state, seconds and reason of failure.

    At the limit, the command is asked to end. If it does not, it is killed some seconds later. The
    processes that it has started are always killed.
    """
    start = time.monotonic()
    with open(log, "wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        cut = False
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            cut = True
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                pass
        finally:
            _kill_group(process.pid)
            process.wait()
    reason = f"not done after {limit:.0f} s" if cut else _last_line(log)
    state = {"state": "done"}
    if cut or process.returncode != 0:
        state = {"state": "failed", "reason": reason}
    return {**state, "seconds": round(time.monotonic() - start, 1)}


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # all have ended
        pass


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "without a message")


def run_parts(
    args: argparse.Namespace, results: dict, clock: Callable[[], float] = time.monotonic
) -> None:
    """Run the parts one after the other, and write and print the state after each of them."""
    end = clock() + 60 * args.minutes
    for name in args.parts:
        part, left = PARTS[name], end - clock() - GRACE
        limit = min(left, part.limit or left)
        if limit < LEAST:
            results["parts"][name] = {"state": "left out", "reason": "no time is left"}
        else:
            output = args.output / f"{name}.json"
            output.unlink(missing_ok=True)  # of an earlier run, which the next parts must not read
            command = [sys.executable, "-m", part.module, *options_of(name, args, limit)]
            command = [*map(str, command), "--output", str(output)]
            log = output.with_suffix(".log")
            results["parts"][name] = run_part(command, limit, log)
            say(f"\n--- {name}\n{log.read_text(errors='replace')[-6000:]}")
        write_json(args.output / "gpu.json", results)
        rows = [
            [name, row["state"], row.get("seconds"), row.get("reason", "")]
            for name, row in results["parts"].items()
        ]
        say(table(["part", "state", "seconds", "reason"], rows))


def missing_packages() -> list[str]:
    """Return the packages that the parts need and that Python does not find."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def parse_args(arguments=None):
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder of the results")
    add("--pool", type=Path, help="folder of the npz files to pretrain on")
    add("--cache", type=Path, help="folder that may have the windows of the pool already")
    add("--minutes", type=float, default=8.0, help="limit of all parts together")
    add("--parts", nargs="+", choices=list(PARTS), help="parts to run (default all)")
    add("--device", help="device of the steps (default cuda if there is one)")
    add("--smoke", action="store_true", help="run with tiny sizes, for which no GPU is needed")
    args = parser.parse_args(arguments)
    if args.parts is None:
        args.parts = [name for name in PARTS if name != "pretraining" or args.pool is not None]
    elif "pretraining" in args.parts and args.pool is None:
        parser.error("pretraining needs --pool, a folder of npz files.")
    for name in ("output", "pool", "cache"):  # parts run in another folder
        if (path := getattr(args, name)) is not None:
            setattr(args, name, path.resolve())
    return args


def main() -> None:
    args = parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    # So that the part that runs is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    results = {"missing packages": missing_packages(), "parts": {}}
    if missing := results["missing packages"]:
        say(
            f"{sys.executable} does not find {', '.join(missing)}. Put their wheels into a folder, "
            "and pass it as --wheels to benchmarks/gpu.sh."
        )
    run_parts(args, results)
    raise SystemExit(any(part["state"] != "done" for part in results["parts"].values()))


if __name__ == "__main__":
    main()
