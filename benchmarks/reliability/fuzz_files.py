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
import copy
import json
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from benchmarks.common.process_memory import process_memory, reset_peak
from benchmarks.common.processes import run_module
from benchmarks.common.report import environment, script_parser, table, write_json
from benchmarks.reliability.mutations import SIGNED, UNSIGNED, mutate, places
from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder, RelConRegressor
from relcon_sklearn._files._format import open_file
from relcon_sklearn._files._writer import Writer
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D

OUTCOMES = ("refused", "identical", "as signed", "failed")
LIMIT_BYTES = 2**30
LIMIT_SECONDS = 20


# -- the saved estimators --------------------------------------------------------------------------


def fitted() -> dict:
    """Fit a small estimator of each class."""
    X, y, people, *_ = make_motion(40, n_subjects=4, n_timesteps=32, random_state=0)
    encoder = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))
    distance = LearnedMotifDistance(
        embed_dim=8, n_layers=1, n_references=4, max_epochs=1, random_state=0
    ).fit(X, groups=people)
    embedder = RelConEmbedder(
        FrozenEstimator(distance), encoder=encoder, n_within=2, max_epochs=1, random_state=0
    ).fit(X, groups=people)
    classifier = RelConClassifier(FrozenEstimator(embedder), max_epochs=1, random_state=0)
    regressor = RelConRegressor(encoder, head="mlp", max_epochs=1, random_state=0)
    estimators = [
        distance,
        embedder,
        classifier.fit(X, y),
        regressor.fit(X, X.std(axis=1)),
    ]
    return {type(estimator).__name__: estimator for estimator in estimators}


# -- loading and judging a file --------------------------------------------------------------------


def contents(estimator) -> tuple[list, dict]:
    """Return the parameters and attributes of an estimator, and its tensors."""
    writer = Writer()
    writer.add(estimator, "", ("",))
    return json.loads(json.dumps(writer.nodes)), writer.tensors


def with_numbers(nodes: list, tensors: dict) -> tuple[list, dict]:
    """Return both with estimators named by their numbers, since their names do not matter."""
    nodes, renamed = copy.deepcopy(nodes), dict(tensors)
    numbers = {node["name"]: f"estimator {i}" for i, node in enumerate(nodes)}
    for container, key in places(nodes):
        if key in ("estimator", "frozen", "name") and isinstance(container[key], str):
            container[key] = numbers.get(container[key], container[key])
    for name in sorted(numbers, key=len, reverse=True):
        for key in [k for k in renamed if name and k.startswith(f"{name}.")]:
            renamed[numbers[name] + key.removeprefix(name)] = renamed.pop(key)
    return nodes, renamed


def equal_tensors(a: dict, b: dict) -> bool:
    """Return whether all tensors are equal, bit for bit."""
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]) for name in a
    )


def attempt(kind: type, path: Path):
    """Load a file; return the estimator or None, the outcome if it is known, and the reason."""
    try:
        return kind.load(path), "", ""
    except (ValueError, OSError) as error:
        return None, "refused", str(error)
    except Exception as error:
        return None, "failed", f"{type(error).__name__}: {error}"


def judge(loaded, estimator, path: Path, is_signed: bool) -> tuple[str, str]:
    """Compare the loaded with the saved estimator; return the outcome and the reason."""
    nodes, tensors = contents(loaded)
    saved_nodes, saved_tensors = contents(estimator)
    if nodes == saved_nodes and equal_tensors(tensors, saved_tensors):
        return "identical", ""
    if not is_signed:
        return "failed", "another estimator was loaded"
    with open_file(path) as file:
        said, said_tensors = file.header["estimators"], file.tensors()
    for node, other in zip(nodes, said, strict=True):
        # Parameters that are missing in a file have their defaults.
        node["params"] = {key: node["params"][key] for key in other["params"]}
    nodes, tensors = with_numbers(nodes, tensors)
    said, said_tensors = with_numbers(said, said_tensors)
    if nodes == said and equal_tensors(tensors, said_tensors):
        return "as signed", ""
    return "failed", "the loaded estimator differs from what the file says"


# -- loading in a separate process -----------------------------------------------------------------


def generator(seed: int, name: str, i: int) -> np.random.Generator:
    """Return the random generator of the i-th file of an estimator."""
    return np.random.default_rng([seed, *name.encode(), i])


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
