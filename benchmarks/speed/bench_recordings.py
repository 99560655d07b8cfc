"""Speed from the file of a device to segments: read, interpolate and resample, cut.

    python -m benchmarks.speed.bench_recordings --hours 168

writes a file in the layout of Axivity AX3, as a device of 100 Hz that runs 1.3 % too slow would, so
that all samples are interpolated. Measured in one process, each with the result of the one before:

- actfast: the file is parsed, without times within its blocks;
- read: read_recording, which calls actfast;
- segment: segment_recordings, with windows of 10 s at 50 Hz;
- resample alone: scipy's resample_poly of the same samples at once, as if they were regular.

Times are CPU times of one thread. Memory is the peak during segment_recordings minus that before,
of another process. It includes the segments.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import actfast
from scipy.signal import resample_poly

from benchmarks.common.process_memory import PeakMemory
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
from relcon_sklearn import segment_recordings
from relcon_sklearn.recordings import read_recording

DEVICE_RATE = 98.7  # Hz, of a device whose nominal rate is 100 Hz
WINDOW, TARGET_RATE = 10, 50


def measure(path: Path) -> dict[str, float]:
    """Return the CPU time of each step in seconds."""
    seconds = {}

    def timed(name, function, *args, **kwargs):
        start = time.process_time()
        result = function(*args, **kwargs)
        seconds[name] = time.process_time() - start
        return result

    timed("actfast", actfast.read, path)
    recording = timed("read", read_recording, path)
    timed("segment", segment_recordings, recording, window=WINDOW, target_rate=TARGET_RATE)
    signal = recording[["x", "y", "z"]].to_numpy()
    timed("resample alone", resample_poly, signal, 1, 2, axis=0)
    return seconds | {"segment / read": seconds["segment"] / seconds["read"]}


def measure_memory(path: Path) -> dict[str, float]:
    """Return the memory in MB that segmentation adds at its peak, and that of the segments."""
    recording = read_recording(path)
    with PeakMemory() as peak:
        X = segment_recordings(recording, window=WINDOW, target_rate=TARGET_RATE).X
    return {"added_mb": peak.anonymous or peak.rss, "segments_mb": X.nbytes / 2**20}


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--hours", type=float, default=24, help="length of the recording")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="a short recording, read once")
    parser.add_argument("--dir", type=Path, help="folder for the file; a week needs 0.4 GB")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        say(json.dumps(measure_memory(args.memory_of)))
        return
    if args.smoke:
        args.hours, args.repeats = 1, 1
    with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
        path = Path(folder) / "recording.cwa"
        n_samples = write_cwa(path, args.hours, DEVICE_RATE)
        runs = [measure(path) for _ in range(args.repeats)]
        memory = json.loads(run_module(__spec__.name, "--memory-of", path, check=True).stdout)
    seconds = {name: median_min_max([run[name] for run in runs]) for name in runs[0]}
    results = {"environment": environment(), "hours": args.hours, "repeats": args.repeats}
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    rows = [[name, "{:.2f} ({:.2f} to {:.2f})".format(*values)] for name, values in seconds.items()]
    say(table(["CPU time in s", f"{args.hours:g} h, {n_samples:,} samples"], rows))
    say(f"\nMedians of {args.repeats} repeats (smallest to largest).")
    say("Memory that segmentation adds at its peak: {added_mb:.0f} MB".format(**memory))
    say("of which are segments: {segments_mb:.0f} MB".format(**memory))
    output = args.output or results_file("recordings", smoke=args.smoke)
    write_json(output, results | {"n_samples": n_samples, "seconds": seconds} | memory)


if __name__ == "__main__":
    main()
