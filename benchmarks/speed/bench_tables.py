"""Memory and time of reading tables of days, next to those of pandas.

    python -m benchmarks.speed.bench_tables --hours 24

writes generated tables of 50 Hz, as CSV and parquet, with times as dates, as text in ISO 8601 and
as text with AM or PM. Each is read in a process of its own by read_recording, and by pandas, which
leaves text as it is. Memory is the peak minus that before, next to that of the recording.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas

from benchmarks.common.process_memory import PeakMemory
from benchmarks.common.processes import run_module
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from relcon_sklearn.recordings import read_recording

RATE = 50  # Hz
FORMS = {"ISO 8601": "%Y-%m-%d %H:%M:%S.%f", "AM or PM": "%m/%d/%Y %I:%M:%S.%f %p"}
PANDAS = {".csv": pandas.read_csv, ".parquet": pandas.read_parquet}


def write_tables(folder: Path, hours: float) -> dict[str, Path]:
    """Write tables of noise, and return their paths."""
    n = round(hours * 3600 * RATE)
    dates = pandas.date_range("2024-11-29 10:00", periods=n, freq=pandas.Timedelta(1 / RATE, "s"))
    noise = np.random.default_rng(0).normal(size=(n, 3)).round(6)
    frame = pandas.DataFrame(noise, columns=["x", "y", "z"])
    paths = {}
    for kind, times in {
        "dates": dates,
        **{kind: dates.strftime(form) for kind, form in FORMS.items()},
    }.items():
        frame["time"] = times
        stem = str(folder / kind.replace(" ", "_"))
        frame.to_parquet(paths.setdefault(f"parquet, {kind}", Path(f"{stem}.parquet")))
        if kind in FORMS:
            frame.to_csv(paths.setdefault(f"CSV, {kind}", Path(f"{stem}.csv")), index=False)
    return paths


def measure(path: Path, with_pandas: bool) -> dict[str, float]:
    """Return the CPU time in s and the memory in MB of reading a table in this process."""
    read = PANDAS[path.suffix] if with_pandas else read_recording
    start = time.process_time()
    with PeakMemory() as peak:
        frame = read(path)
    return {
        "seconds": time.process_time() - start,
        "added_mb": peak.anonymous or peak.rss,
        "result_mb": int(frame.memory_usage(deep=True).sum()) / 2**20,
    }


def report(results: dict) -> str:
    """Return a table of the memory and the time for each file."""
    rows = [
        [
            name,
            *(f"{of[reader][key]:.0f}" for key in ("added_mb", "seconds") for reader in of),
            f"{of['read_recording']['result_mb']:.0f}",
        ]
        for name, of in results["tables"].items()
    ]
    names = ["read_recording", "pandas"]
    header = [f"{what}, {name}" for what in ("peak in MB", "CPU time in s") for name in names]
    return table([f"{results['hours']:g} h", *header, "recording in MB"], rows)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--hours", type=float, default=24, help="length of the recording")
    parser.add_argument("--smoke", action="store_true", help="a short recording")
    parser.add_argument("--dir", type=Path, help="folder for the files; a day needs 1 GB")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pandas", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.of:
        say(json.dumps(measure(args.of, args.pandas)))
        return
    hours = 0.1 if args.smoke else args.hours
    with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
        tables = {
            name: {
                reader: json.loads(
                    run_module(__spec__.name, "--of", path, *more, check=True).stdout
                )
                for reader, more in (("read_recording", []), ("pandas", ["--pandas"]))
            }
            for name, path in write_tables(Path(folder), hours).items()
        }
    results = {"environment": environment(), "hours": hours, "tables": tables}
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(report(results))
    write_json(args.output or results_file("tables", smoke=args.smoke), results)


if __name__ == "__main__":
    main()
