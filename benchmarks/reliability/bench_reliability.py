"""Failures of every kind, again and again at random moments: is nothing lost, mixed up or hung?

    python -m benchmarks.reliability.bench_reliability --minutes 10 --seed 0

Each kind of failure is tried for an equal share of the time:

- writer: one SegmentWriter in several threads; in forked processes; killed, and interrupted by
  signals, at random moments; with sources and disks that fail;
- model files, released checkpoints, npz recordings, archives, store headers, checkpoints: a copy
  with one mutation is read. Bits, bytes and lengths change, and in every second file also values
  within it, with right checksums, as somebody who knows the format could change them;
- training killed: fits that are killed and resumed. One try is one training with up to four kills.
- conversion killed: conversions of 40 files that are killed ten times and repeated.

A try survives if the result is right, or if the library raises an error that it documents (most of
them DamagedFileError). All other outcomes are failures, and make the exit status 1:

- wrong kind of error: any other exception, or the end of the process;
- hung or too much memory: more than 10 s for a file, a minute for a writer or a fit from a
  checkpoint, and five for a killed training or conversion; or more than a gigabyte;
- wrong data: a result that is not right, without an error.

Tries run in separate processes, with a limit of memory (RLIMIT_AS) above what they hold at the
start. All inputs of a try follow from its kind, the seed and its number, which are printed for each
failure. Repeat one with --kinds KIND --seed SEED --first NUMBER --tries 1. Moments of signals and
threads also depend on the machine. Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import torch

from benchmarks.common.process_memory import process_memory
from benchmarks.common.processes import ROOT
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    say_all,
    script_parser,
    table,
    write_json,
)
from benchmarks.reliability import (
    damaged_files,
    killed_conversions,
    killed_trainings,
    shared_writers,
)
from benchmarks.reliability.tries import (
    EXHAUSTED,
    OUTCOMES,
    SURVIVED,
    WRONG_ERROR,
    generator,
    outcome_of,
)

KINDS = (
    shared_writers.KINDS | damaged_files.KINDS | killed_trainings.KINDS | killed_conversions.KINDS
)
LIMIT_BYTES = 2**30
PREPARING_SECONDS = 300
READY = "ready"


# -- tries in a separate process -------------------------------------------------------------------


def run_child(name: str, folder: Path, seed: int, first: int) -> None:
    """Make tries until the process is ended, and print a line after each."""
    torch.set_num_threads(1)
    kind = KINDS[name]
    attempt = kind.prepare(folder)
    limit_memory()
    say(json.dumps(READY))
    number = first
    while True:
        outcome, error = outcome_of(kind, attempt, generator(name, seed, number))
        say(json.dumps({"number": number, "outcome": outcome, "error": error[:500]}))
        number += 1


def limit_memory() -> None:
    """Limit the address space of this process to its size and a gigabyte."""
    import resource

    size = process_memory().get("VmSize")
    if size is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (int(size * 2**20) + LIMIT_BYTES, hard))


class Child:
    """A process that makes tries, in a process group of its own."""

    def __init__(self, name: str, folder: Path, seed: int, first: int):
        command = [sys.executable, "-m", __spec__.name, "--child", name, "--folder", folder]
        command += ["--seed", seed, "--first", first]
        self._process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def next(self, seconds: float) -> dict | str:
        """Return what the child prints next, or the outcome of a try that does not end."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return {"outcome": EXHAUSTED, "error": f"no end after {seconds:g} s"}
        if line is None:
            error = f"the process ended with status {self._process.wait()}"
            return {"outcome": WRONG_ERROR, "error": error}
        return json.loads(line)

    def end(self) -> None:
        """Kill the process and those that it has forked."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


# -- all of them -----------------------------------------------------------------------------------


def try_kind(name: str, args, seconds: float) -> list[dict]:
    """Return the outcomes of a kind, of at least one try; after each crash in a new process.

    The time that processes need to prepare does not count.
    """
    records: list[dict] = []
    spent = 0.0

    def is_done() -> bool:
        if args.tries is not None:
            return len(records) >= args.tries
        return bool(records) and spent >= seconds

    while not is_done():
        first = args.first + len(records)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            child = Child(name, Path(folder), args.seed, first)
            try:
                ready = child.next(PREPARING_SECONDS)
                if ready != READY:
                    sys.exit(f"{name} cannot be prepared: {ready['error']}")
                lives = True
                while lives and not is_done():
                    begin = time.monotonic()
                    found = child.next(KINDS[name].seconds)
                    spent += time.monotonic() - begin
                    lives = "number" in found
                    number = args.first + len(records)
                    records.append({"kind": name, "seed": args.seed, "number": number} | found)
            finally:
                child.end()
    return records


def report(records: list[dict]) -> str:
    """Return a table with a row for each kind."""
    rows = []
    for name in [*KINDS, "all"]:
        found = [record for record in records if name in (record["kind"], "all")]
        if not found:
            continue
        counts = Counter(record["outcome"] for record in found)
        n_errors = sum(r["outcome"] == SURVIVED and bool(r["error"]) for r in found)
        survived = [counts[SURVIVED], n_errors]
        rows.append([name, len(found), *survived, *(counts[o] for o in OUTCOMES if o != SURVIVED)])
    others = [outcome for outcome in OUTCOMES if outcome != SURVIVED]
    return table(["kind", "tried", SURVIVED, "with a documented error", *others], rows)


def parse_args():
    parser = script_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="time of all tries (default 10)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND",
        help=f"of {', '.join(KINDS)} (default all)",
    )  # fmt: skip
    parser.add_argument("--first", type=int, default=0, help="number of the first try (default 0)")
    parser.add_argument("--tries", type=int, help="number of tries of each kind, for any time")
    parser.add_argument("--smoke", action="store_true", help="one try of each kind")
    parser.add_argument("--output", type=Path, help="JSON file of the table and all failures")
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.child:
        run_child(args.child, args.folder, args.seed, args.first)
    if args.smoke:
        args.tries = 1
    begin = time.perf_counter()
    results = environment() | {"seed": args.seed, "minutes": args.minutes}
    say_all(results)
    records = []
    for name in args.kinds:
        found = try_kind(name, args, 60 * args.minutes / len(args.kinds))
        say(f"{name}: {len(found)} tries")
        records += found
    text = report(records)
    say(text)
    failures = [record for record in records if record["outcome"] != SURVIVED]
    for record in failures:
        say("FAILED", json.dumps(record))
    say(f"{len(records)} tries in {time.perf_counter() - begin:.0f} s, {len(failures)} failures")
    output = args.output or results_file("bench_reliability", smoke=args.smoke)
    write_json(output, results | {"table": text.splitlines(), "failures": failures})
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
