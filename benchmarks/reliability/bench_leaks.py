"""Growth of a process that fits 200 times or transforms 10,000 times: memory, threads and files.

    python -m benchmarks.reliability.bench_leaks

runs every case in a new process. After a warm-up, the same work is repeated: a new estimator is
made, fitted and dropped, or one fitted estimator computes its outputs. At 21 evenly spaced moments,
after the garbage collector and malloc_trim, the script counts what the process holds:

- RSS: resident memory, VmRSS of /proc/self/status (Linux), in MB of 2**20 bytes;
- threads, and open file descriptors;
- objects known to Python's garbage collector, and torch tensors and modules among them.

The slope is that of a straight line through all values of RSS, with its standard error. There is no
leak if no count is higher at the end than at the middle, and RSS has grown by less than --limit-mb
between them. Networks are small, since a leak does not depend on their size and their working
memory would hide it.

Seeds are 0 to 3 in turn. Other seeds would make batches with other numbers of distinct segments.
For each new shape, oneDNN, which computes torch's convolutions on CPUs, compiles a kernel and keeps
it, up to a limit. The case of new seeds shows this; it has five times as many repetitions.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.common.process_memory import process_memory
from benchmarks.common.processes import run_module
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder, RelConRegressor
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D

N_SAMPLES = 21
WARM_UP = 0.05  # of the repetitions; done before anything is counted
N_SEEDS = 4
SMOKE = {"fits": 20, "calls": 100}
# Some packages keep a few of the objects that they used last.
SLACK = {"objects": 20}
COUNTS = ("threads", "files", "objects", "tensors", "modules")


# -- the work --------------------------------------------------------------------------------------

tiny_encoder = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))


class CustomEncoder(nn.Module):
    """A custom encoder, which draws from torch's global generators."""

    def __init__(self, n_channels):
        super().__init__()
        self.conv, self.drop = nn.Conv1d(n_channels, 8, 5, padding=2), nn.Dropout(0.3)

    def forward(self, segments):
        """Map (n, n_channels, n_timesteps) to (n, 8)."""
        return self.drop(self.conv(segments)).mean(dim=-1)


def distance(seed, **kwargs):
    settings = {"embed_dim": 8, "n_layers": 1, "n_references": 8, "max_epochs": 2, "batch_size": 8}
    return LearnedMotifDistance(**(settings | kwargs), random_state=seed)


def embedder(seed, encoder=tiny_encoder, **kwargs):
    settings = {"n_within": 3, "max_epochs": 2, "batch_size": 8, "lr": 1e-3, "encoder": encoder}
    return RelConEmbedder.published(distance(None), **(settings | kwargs), random_state=seed)


def saved_embedder(seed):
    """Return an embedder that writes checkpoints."""
    return embedder(seed, checkpoint_dir=tempfile.mkdtemp(dir=os.environ["BENCH_LEAKS_DIR"]))


def classifier(seed):
    return RelConClassifier(tiny_encoder, max_epochs=2, batch_size=16, random_state=seed)


def regressor(seed):
    return RelConRegressor(tiny_encoder, max_epochs=2, batch_size=16, random_state=seed)


def failing(anchors, candidates):
    raise MemoryError


def failing_embedder(seed):
    return embedder(seed).set_params(distance=failing)


def run_directly(task):
    task()


def run_in_thread(task):
    thread = threading.Thread(target=task)
    thread.start()
    thread.join()


def run_failing(task):
    with contextlib.suppress(MemoryError):
        task()


@dataclass(frozen=True)
class Case:
    """The repeated work: "fit" of new estimators, or another method of one estimator."""

    label: str
    make: Callable
    method: str
    n_seeds: int = N_SEEDS
    times: int = 1  # repetitions, as a multiple of those of other cases
    run: Callable = run_directly


CASES = {
    "distance-fit": Case("LearnedMotifDistance.fit", distance, "fit"),
    "embedder-fit": Case("RelConEmbedder.fit", embedder, "fit"),
    "embedder-own-fit": Case(
        "RelConEmbedder.fit, custom encoder", partial(embedder, encoder=CustomEncoder), "fit"
    ),
    "embedder-saved-fit": Case("RelConEmbedder.fit, checkpoint_dir", saved_embedder, "fit"),
    "embedder-seeds-fit": Case(
        "RelConEmbedder.fit, new seeds", embedder, "fit", n_seeds=10**9, times=5
    ),
    "embedder-failed-fit": Case(
        "RelConEmbedder.fit, failing", failing_embedder, "fit", run=run_failing
    ),
    "embedder-thread-fit": Case(
        "RelConEmbedder.fit, each in a new thread", embedder, "fit", run=run_in_thread
    ),
    "classifier-fit": Case("RelConClassifier.fit", classifier, "fit"),
    "regressor-fit": Case("RelConRegressor.fit", regressor, "fit"),
    "distance-transform": Case("LearnedMotifDistance.transform", distance, "transform"),
    "embedder-transform": Case("RelConEmbedder.transform", embedder, "transform"),
    "embedder-thread-transform": Case(
        "RelConEmbedder.transform, each in a new thread", embedder, "transform", run=run_in_thread
    ),
    "embedder-score": Case("RelConEmbedder.score", embedder, "score"),
    "classifier-predict": Case("RelConClassifier.predict_proba", classifier, "predict_proba"),
    "regressor-predict": Case("RelConRegressor.predict", regressor, "predict"),
}


def data():
    X, y, groups, *_ = make_motion(60, n_subjects=6, n_timesteps=64, random_state=0)
    return X, np.unique(y, return_inverse=True)[1], groups


def repeated(case: Case) -> Callable[[int], object]:
    """Return a function that does the work for the i-th time."""
    X, y, groups = data()
    if case.method == "fit":
        seeds = case.n_seeds
        return lambda i: case.run(lambda: case.make(i % seeds).fit(X, y, groups=groups))
    call = getattr(case.make(0).fit(X, y, groups=groups), case.method)
    if case.method == "score":
        return lambda i: case.run(
            lambda: call(X[i % 8 : i % 8 + 8], groups=groups[i % 8 : i % 8 + 8])
        )
    return lambda i: case.run(lambda: call(X[i % 8 : i % 8 + 8]))


# -- the counts ------------------------------------------------------------------------------------


def held() -> dict:
    """Count what the process holds, after everything unused was released."""
    for _ in range(2):  # finalised objects may release others
        gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    objects = gc.get_objects()
    return {
        "rss_mb": process_memory()["VmRSS"],
        "threads": len(os.listdir("/proc/self/task")),
        "files": len(os.listdir("/proc/self/fd")),
        "objects": len(objects),
        # isinstance() would make lazy proxies of other packages import their targets.
        "tensors": sum(issubclass(type(o), torch.Tensor) for o in objects),
        "modules": sum(issubclass(type(o), nn.Module) for o in objects),
    }


def watch(task: Callable[[int], object], n: int, n_samples: int = N_SAMPLES) -> list[dict]:
    """Run ``task(i)`` `n` times; return counts before, at moments between, and after."""
    n_before = max(1, round(WARM_UP * n))
    for i in range(n_before):
        task(i)
    held()
    moments = np.unique(np.linspace(0, n, n_samples).round().astype(int))
    samples, done = [], 0
    for moment in moments:
        for i in range(done, moment):
            task(n_before + i)
        done = moment
        samples.append({"done": int(done), **held()})
    return samples


def slope_kb(samples: list[dict]) -> tuple[float, float]:
    """Return the slope of RSS in kB per repetition, and its standard error."""
    x = np.array([s["done"] for s in samples], dtype=float)
    y = 1024 * np.array([s["rss_mb"] for s in samples])
    x -= x.mean()
    slope = (x @ y) / (x @ x)
    residuals = y - y.mean() - slope * x
    return slope, np.sqrt(residuals @ residuals / (len(x) - 2) / (x @ x))


def sample_at(samples: list[dict], fraction: float) -> dict:
    """Return the sample nearest to a fraction of the repetitions."""
    return min(samples, key=lambda s: abs(s["done"] - fraction * samples[-1]["done"]))


def verdict(samples: list[dict], limit_mb: float) -> str:
    """Return "flat", or the names of the counts that have grown."""
    half, end = sample_at(samples, 0.5), samples[-1]
    grown = [name for name in COUNTS if end[name] > half[name] + SLACK.get(name, 0)]
    if end["rss_mb"] - half["rss_mb"] > limit_mb:
        grown.insert(0, "RSS")
    return f"GROWS: {', '.join(grown)}" if grown else "flat"


# -- report ----------------------------------------------------------------------------------------


def run_in_child(name: str, n: int) -> dict:
    case, start = CASES[name], time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench_leaks_") as folder:
        env = os.environ | {"BENCH_LEAKS_DIR": folder}
        done = run_module(__spec__.name, "--child", name, n, env=env)
    record = {"case": case.label, "n": n, "seconds": time.perf_counter() - start}
    if done.returncode != 0:
        return record | {"samples": None, "verdict": f"FAILED: exit status {done.returncode}"}
    return record | {"samples": json.loads(done.stdout.splitlines()[-1])}


def report(records: list[dict]) -> str:
    header = ["case", "times", "RSS MB at 0 %", "25 %", "50 %", "75 %", "100 %", "kB each"]
    header += ["+-", "threads", "files", "objects", "tensors", "verdict"]
    rows = []
    for r in records:
        samples = r["samples"]
        if samples is None:
            rows.append([r["case"], r["n"], *[None] * 11, r["verdict"]])
            continue
        rss = [f"{sample_at(samples, f)['rss_mb']:.1f}" for f in (0, 0.25, 0.5, 0.75, 1)]
        first, last = sample_at(samples, 0.5), samples[-1]
        counts = [f"{first[c]} > {last[c]}" for c in ("threads", "files", "objects", "tensors")]
        slope, error = slope_kb(samples)
        rows.append([r["case"], r["n"], *rss, slope, error, *counts, r["verdict"]])
    return table(header, rows) + "\n\nCounts are those at the middle and at the end."


def parse_args():
    parser = script_parser(__doc__)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument(
        "--calls", type=int, default=10_000, help="calls of transform, predict or score"
    )
    parser.add_argument("--limit-mb", type=float, default=2.0)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--smoke", action="store_true", help="few repetitions, in a minute or two")
    parser.add_argument("--output", type=Path, default=results_file("bench_leaks"))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.child:
        name, n = args.child
        say(json.dumps(watch(repeated(CASES[name]), int(n))))
        return 0
    numbers = SMOKE if args.smoke else {"fits": args.fits, "calls": args.calls}
    results = environment() | {"limit_mb": args.limit_mb, "cases": []}
    for name in args.cases:
        say(f"running {name}")
        n = numbers["fits" if CASES[name].method == "fit" else "calls"] * CASES[name].times
        record = run_in_child(name, n)
        if record["samples"] is not None:
            record["verdict"] = verdict(record["samples"], args.limit_mb)
        results["cases"].append(record)
        write_json(args.output, results)
    say("\n" + report(results["cases"]) + "\n")
    say("versions: " + ", ".join(f"{k} {v}" for k, v in results["versions"].items()))
    say(f"machine: {results['cpu']}, {results['cpu_count']} CPUs")
    say(f"threads: {results['torch_threads']}; seeds: 0 to 3 for fits, 0 for the data")
    say(f"command: {results['command']}")
    say(f"written: {args.output}")
    return int(any(r["verdict"] != "flat" for r in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
