"""Thousands of damaged and hostile files of all four estimators: is each one refused or unchanged?

    python -m benchmarks.reliability.fuzz_files --files 10000

Small estimators are fitted and saved. Each test file is a copy of a saved file with one mutation
(benchmarks/reliability/mutations.py). Some mutations change bits, bytes, lengths or what the header
says about tensors. Others change values of the header and tensors and then compute the checksums
again, as somebody who knows the format could. Loading must end in one of these ways, within
--seconds and --megabytes:

- refused: a ValueError or OSError;
- identical: the estimator that was saved, in every parameter, attribute and weight (for example if
  the flipped bit is in a blank of the header);
- as signed: only if the checksums were computed again. Somebody could have saved such a file, and
  the loaded estimator must be exactly what the file says.

Anything else is a failure, and makes the exit status 1: another estimator, any other exception, a
crash. Files are loaded in separate processes, whose address space is limited to its size at the
start plus a gigabyte, and which end after 20 s with one file. Memory is the growth of the peak of
the resident memory while a file is loaded. It is not measured on systems without /proc.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import torch

from benchmarks.common.process_memory import process_memory, reset_peak
from benchmarks.common.processes import run_module
from benchmarks.common.report import environment, script_parser, table, write_json
from benchmarks.reliability.judging import attempt, fitted, generator, judge
from benchmarks.reliability.mutations import SIGNED, UNSIGNED, mutate

OUTCOMES = ("refused", "identical", "as signed", "failed")
LIMIT_BYTES = 2**30
LIMIT_SECONDS = 20


# -- loading in a separate process -----------------------------------------------------------------


def run_child(folder: Path, name: str, start: int, stop: int, seed: int) -> None:
    torch.set_num_threads(1)
    estimator = getattr(sys.modules["relcon_sklearn"], name).load(folder / name)
    content = (folder / name).read_bytes()
    path = folder / f"{name}-mutated"
    limit_memory()
    for i in range(start, stop):
        kind, changed = mutate(content, generator(seed, name, i))
        path.write_bytes(changed)
        reset_peak()
        before = process_memory()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
        begin = time.perf_counter()
        loaded, outcome, why = attempt(type(estimator), path)
        seconds = time.perf_counter() - begin
        added = process_memory().get("VmHWM", 0) - before.get("VmRSS", 0)
        if loaded is not None:
            outcome, why = judge(loaded, estimator, path, kind in SIGNED)
        record = {"i": i, "kind": kind, "outcome": outcome, "why": why[:300]}
        print(json.dumps(record | {"seconds": seconds, "added_mb": added}), flush=True)


def limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    size = process_memory().get("VmSize")
    if size is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (int(size * 2**20) + LIMIT_BYTES, hard))


# -- all of them -----------------------------------------------------------------------------------


def fuzz(folder: Path, name: str, n_files: int, seed: int) -> list[dict]:
    """Load `n_files` files of an estimator, in a new process after each crash."""
    records: list[dict] = []
    while len(records) < n_files:
        options = ["--child", name, "--folder", folder, "--start", len(records)]
        done = run_module(__spec__.name, *options, "--files", n_files, "--seed", seed)
        records += [json.loads(line) for line in done.stdout.splitlines()]
        if len(records) < n_files:
            i = len(records)
            content = (folder / name).read_bytes()
            kind, _ = mutate(content, generator(seed, name, i))
            why = f"the process ended with status {done.returncode}"
            records.append({"i": i, "kind": kind, "outcome": "failed", "why": why})
    return [record | {"class": name} for record in records]


def report(records: list[dict], key: str, order: list[str]) -> str:
    """Return a table of outcomes."""
    groups = defaultdict(list)
    for record in records:
        groups[record[key]].append(record)
    rows = []
    for name in [*order, "all"]:
        found = records if name == "all" else groups[name]
        counts = Counter(record["outcome"] for record in found)
        slowest = max((r["seconds"] for r in found if "seconds" in r), default=None)
        most = max((r["added_mb"] for r in found if "added_mb" in r), default=None)
        most = None if most is None else round(most)
        rows.append([name, len(found), *(counts[o] for o in OUTCOMES), slowest, most])
    return table([key, "files", *OUTCOMES, "slowest, s", "most MB"], rows)


def parse_args():
    parser = script_parser(__doc__)
    parser.add_argument(
        "--files", type=int, default=10_000, help="number of files in total (default 10000)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1, help="limit for one file (default 1)")
    parser.add_argument(
        "--megabytes",
        type=float,
        default=512,
        help="limit of memory that one file adds (default 512)",
    )
    parser.add_argument("--output", type=Path, help="JSON file of all outcomes")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.child:
        run_child(args.folder, args.child, args.start, args.files, args.seed)
        return 0
    begin = time.perf_counter()
    records = []
    with tempfile.TemporaryDirectory() as folder:
        estimators = fitted()
        sizes = {}
        for i, (name, estimator) in enumerate(estimators.items()):
            path = Path(folder) / name
            estimator.save(path)
            sizes[name] = path.stat().st_size
            n_files = len(range(i, args.files, len(estimators)))
            records += fuzz(Path(folder), name, n_files, args.seed)
    results = environment() | {"seed": args.seed, "bytes": sizes}
    print(json.dumps(results, indent=1))
    print(report(records, "kind", [*UNSIGNED, *SIGNED]))
    print(report(records, "class", list(sizes)))
    failures = [
        record
        for record in records
        if record["outcome"] == "failed"
        or record["seconds"] > args.seconds
        or record["added_mb"] > args.megabytes
    ]
    for record in failures:
        print("FAILED", json.dumps(record))
    print(
        f"{len(records)} files in {time.perf_counter() - begin:.0f} s: "
        f"{len(failures)} of them failed or exceeded a limit"
    )
    if args.output:
        write_json(args.output, results | {"files": records})
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
