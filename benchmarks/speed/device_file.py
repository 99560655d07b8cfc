"""The common part of the scripts that start from the file of a device, which they generate."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.common.processes import run_module
from benchmarks.common.report import (
    environment,
    median_min_max,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.speed.generated_cwa import write_cwa

DEVICE_RATE = 98.7  # Hz, of a device whose nominal rate is 100 Hz
WINDOW, TARGET_RATE = 10, 50  # s, Hz


def run_script(
    description: str,
    module: str,
    name: str,
    prepare: Callable[[], Callable[[Path], dict[str, float]]],
    measure_process: Callable[[Path], dict[str, float]],
    process_text: str,
    repeats: int,
) -> None:
    """Generate a file, measure it several times, print a table, and write a JSON file.

    Parameters
    ----------
    description : str
        Text of ``--help``.
    module : str
        Name of the script as a module. It is started again to measure a process.
    name : str
        Name of the JSON file.
    prepare : callable
        Returns the function that measures the CPU time of each step for a file.
    measure_process : callable
        ``measure_process(path)`` returns what a process that does nothing else needs, such as its
        memory in MB.
    process_text : str
        What to print about it: a format string with the keys of `measure_process`.
    repeats : int
        Default number of repeats.
    """
    parser = script_parser(description)
    parser.add_argument("--hours", type=float, default=24, help="length of the recording")
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--smoke", action="store_true", help="a short recording, read once")
    parser.add_argument("--dir", type=Path, help="folder for the file; a week needs 0.4 GB")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--process-of", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.process_of:
        say(json.dumps(measure_process(args.process_of)))
        return
    if args.smoke:
        args.hours, args.repeats = 1, 1
    measure = prepare()
    with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
        path = Path(folder) / "recording.cwa"
        n_samples = write_cwa(path, args.hours, DEVICE_RATE)
        runs = [measure(path) for _ in range(args.repeats)]
        process = json.loads(run_module(module, "--process-of", path, check=True).stdout)
    seconds = {step: median_min_max([run[step] for run in runs]) for step in runs[0]}
    results = {
        "environment": environment(),
        "hours": args.hours,
        "repeats": args.repeats,
        "n_samples": n_samples,
        "seconds": seconds,
    }
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(report(results))
    say(f"\nMedians of {args.repeats} repeats (smallest to largest).")
    say(process_text.format(**process))
    output = args.output or results_file(name, smoke=args.smoke)
    write_json(output, results | process)


def report(results: dict) -> str:
    """Return a table of the time of each step."""
    rows = [
        [step, "{:.2f} ({:.2f} to {:.2f})".format(*seconds)]
        for step, seconds in results["seconds"].items()
    ]
    return table(
        ["CPU time in s", f"{results['hours']:g} h, {results['n_samples']:,} samples"], rows
    )
