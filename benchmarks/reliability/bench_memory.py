"""Peak memory of fit and transform on a memory-mapped array of several gigabytes.

    python -m benchmarks.reliability.bench_memory --gigabytes 4 --dir /tmp

writes a float32 array (n, 256, 3) of non-zero pages to a temporary file under --dir, and runs every
case on it in a new process. "Added" is the peak during the case minus the memory that the process
held just before it, when everything was imported, the file mapped and a small array fitted:

- RSS: resident memory, VmHWM of /proc/self/status. It includes pages of the mapped file that the
  kernel could take back at any time.
- anonymous: the private memory of the process, RssAnon, sampled every few milliseconds.

The requirement is that each case adds less than --limit-gb. If only the array that transform
returns exceeds it, the verdict is "ok besides the result".

An epoch visits every segment, and 4 GB are 1.4 million segments: hours on a CPU. The script
therefore uses small networks; a callback that stops fits after --seconds, while batches are drawn
at random from the whole file; and a view ``X[::k]`` of evenly spaced rows of the memory map, whose
number is what --seconds allow. Notes under the table say which. The segments of a group are spread
over the file, which is the hardest case for reading. 1 GB is 2**30 bytes here, 1 MB is 2**20.

The file has just been written, so it is in the page cache, in pages as large as the file system
makes them. This needs the most memory: from Linux 6.18 on, reading one row maps the whole large
page. Pages of files that fit in memory are not released when they are read. The files here are
treated as if they did not fit, which is the case that has a limit.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback as SkorchCallback
from torch import nn

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
from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.segments import _mapped

SEGMENT = (256, 3)
SEGMENT_BYTES = 4 * math.prod(SEGMENT)
MB, GB = 2**20, 2**30
ROWS_PER_GROUP = 100
# The number of equal parts of the file in the estimate of how much of it a fit has read.
N_PARTS = 1000


# -- the cases -------------------------------------------------------------------------------------


class PooledEncoder(nn.Module):
    """A linear map of the means over quarters of a segment: almost no work per segment."""

    def __init__(self, n_channels: int, n_features: int):
        super().__init__()
        self.pool = nn.AvgPool1d(SEGMENT[0] // 4)
        self.linear = nn.Linear(4 * n_channels, n_features)

    def forward(self, segments):
        """Map (n, n_channels, n_timesteps) to (n, n_features)."""
        return self.linear(self.pool(segments).flatten(1))


def euclidean(anchors, candidates):
    return np.sqrt(np.square(anchors[:, None] - candidates[None]).sum(axis=(2, 3)))


tiny_encoder = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))


def tiny_distance():
    return LearnedMotifDistance(
        embed_dim=4, n_layers=0, n_references=1, max_epochs=1, random_state=0
    )


def tiny_embedder(distance=euclidean, encoder=tiny_encoder, n_within=1):
    return RelConEmbedder.published(
        distance, encoder=encoder, n_within=n_within, max_epochs=1, random_state=0
    )


def pooled_embedder(n_features: int):
    return tiny_embedder(encoder=partial(PooledEncoder, n_features=n_features))


def default_embedder():
    noise = np.random.default_rng(0).normal(size=(8, *SEGMENT))
    distance = LearnedMotifDistance(max_epochs=1, random_state=0).fit(noise)
    return RelConEmbedder.published(FrozenEstimator(distance), max_epochs=1, random_state=0)


@dataclass(frozen=True)
class Case:
    """An estimator, its method, and the rows of the file that it is called with."""

    label: str
    make: Callable
    method: str  # "fit" or "transform"
    how: str  # "all" rows, "stopped" by a callback, or "spaced" rows
    n_warmup: int = 128
    default_settings: bool = False


CASES = {
    "embedder-transform": Case(
        "RelConEmbedder.transform, 8 features", partial(pooled_embedder, 8), "transform", "all"
    ),
    "embedder-transform-256": Case(
        "RelConEmbedder.transform, 256 features", partial(pooled_embedder, 256), "transform", "all"
    ),
    "distance-transform": Case(
        "LearnedMotifDistance.transform", tiny_distance, "transform", "spaced"
    ),
    "embedder-fit": Case("RelConEmbedder.fit, n_within=1", tiny_embedder, "fit", "stopped"),
    "embedder-fit-20": Case(
        "RelConEmbedder.fit, n_within=20", partial(tiny_embedder, n_within=20), "fit", "stopped"
    ),
    "distance-fit": Case("LearnedMotifDistance.fit", tiny_distance, "fit", "stopped"),
    "both-fit": Case(
        "RelConEmbedder.fit, learned distance",
        lambda: tiny_embedder(tiny_distance()),
        "fit",
        "spaced",
    ),
    "default-distance-fit": Case(
        "LearnedMotifDistance().fit",
        partial(LearnedMotifDistance, max_epochs=1, random_state=0),
        "fit",
        "stopped",
        n_warmup=16,
        default_settings=True,
    ),
    "default-embedder-fit": Case(
        "RelConEmbedder.published().fit, fitted distance",
        default_embedder,
        "fit",
        "stopped",
        n_warmup=8,
        default_settings=True,
    ),
    "default-embedder-transform": Case(
        "RelConEmbedder.published().transform",
        default_embedder,
        "transform",
        "spaced",
        n_warmup=8,
        default_settings=True,
    ),
}


class _TimeIsUp(Exception):
    """Raised to stop a training on purpose."""


class StopAfter(SkorchCallback):
    """A callback that stops training after some seconds and records the rows read until then."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start the clock."""
        self.start = time.perf_counter()
        self.n_rows = 0
        self.read = np.zeros(N_PARTS, dtype=bool)

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Read the clock and record where the batch came from."""
        # The first value of a segment is its position in the file, see `write_array`.
        position = batch.segments[:, 0, 0].numpy()
        self.read[np.minimum((position * N_PARTS).astype(int), N_PARTS - 1)] = True
        self.n_rows += len(position)
        if time.perf_counter() - self.start > self.seconds:
            raise _TimeIsUp


# -- the data --------------------------------------------------------------------------------------


def write_array(path: Path, n_rows: int) -> None:
    """Write noise of about 1 g in chunks. The first value of each row is row / n_rows."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(32 * MB // SEGMENT_BYTES, *SEGMENT)).astype(np.float32)
    with open(path, "wb") as file:
        for start in range(0, n_rows, len(noise)):
            chunk = noise[: n_rows - start] * np.float32(rng.uniform(0.5, 1.5))
            chunk[:, 0, 0] = np.arange(start, start + len(chunk)) / n_rows
            chunk.tofile(file)
        file.flush()
        os.fsync(file.fileno())
    stat = path.stat()
    if stat.st_size != n_rows * SEGMENT_BYTES:
        raise RuntimeError(
            f"{path} is incomplete. Got {stat.st_size} bytes, expected {n_rows * SEGMENT_BYTES}."
        )
    if getattr(stat, "st_blocks", math.inf) * 512 < stat.st_size:
        raise RuntimeError(f"{path} is sparse or compressed. Choose another --dir.")


# -- one case, in a new process --------------------------------------------------------------------


def run_case(case: Case, X: np.memmap, seconds: float) -> dict:
    estimator = case.make()
    noise = np.random.default_rng(0).normal(size=(case.n_warmup, *SEGMENT)).astype(np.float32)
    for n in (8, case.n_warmup):  # the first one also opens thread pools
        start = time.perf_counter()
        fitted = clone(estimator).fit(noise[:n], groups=np.arange(n) // 4)
        middle = time.perf_counter()
        fitted.transform(noise[:n])
        stop = time.perf_counter()
    warmup_seconds = middle - start if case.method == "fit" else stop - middle

    notes = []
    if case.how == "spaced":
        n_affordable = max(256, int(seconds / warmup_seconds * case.n_warmup))
        step = -(-len(X) // n_affordable)
        X = X[::step]
        notes.append(f"every {step}th row, over the whole file" if step > 1 else "all rows")
    elif case.how == "all":
        notes.append("all rows")
    callback = StopAfter(seconds)
    if case.how == "stopped":
        estimator.set_params(callbacks=[callback])
    groups = np.arange(len(X)) % max(2, len(X) // ROWS_PER_GROUP)
    n_rows, result_mb = len(X), 0.0

    start = time.perf_counter()
    with PeakMemory() as memory:
        if case.method == "transform":
            result = fitted.transform(X)
        else:
            try:
                estimator.fit(X, groups=groups)
            except _TimeIsUp:
                notes.append(
                    f"stopped on purpose after {seconds:g} s of training, within the first epoch, "
                    f"with rows read in {callback.read.mean():.1%} of {N_PARTS} equal parts of "
                    "the file"
                )
            else:
                notes.append("fitted to the end")
    elapsed = time.perf_counter() - start

    if case.method == "transform":
        result_mb = result.nbytes / MB
        notes.append(f"result {result.shape}")
        if len(result) != n_rows or not np.isfinite(result[:: max(1, n_rows // 1000)]).all():
            raise RuntimeError(
                f"The result must be finite and have {n_rows} rows. Got shape {result.shape}."
            )
    elif case.how == "stopped":
        n_rows = callback.n_rows
    return {
        "case": case.label,
        "rows": n_rows,
        "seconds": elapsed,
        "rows_per_second": n_rows / elapsed,
        "added_peak_rss_mb": memory.rss,
        "added_peak_anonymous_mb": memory.anonymous,
        "result_mb": result_mb,
        "measured_by": memory.source,
        "notes": "; ".join(notes),
    }


def verdict(record: dict, limit_mb: float) -> str:
    added = record["added_peak_rss_mb"]
    if added is None:
        return "not measured"
    if added < limit_mb:
        return "ok"
    return "ok besides the result" if added - record["result_mb"] < limit_mb else "OVER"


# -- all cases -------------------------------------------------------------------------------------


def run_in_child(name: str, path: Path, n_rows: int, args) -> dict:
    options = ["--child", name, "--file", path, "--rows", n_rows, "--seconds", args.seconds]
    env = dict(os.environ)
    if args.threads:
        env |= {"OMP_NUM_THREADS": str(args.threads), "MKL_NUM_THREADS": str(args.threads)}
    done = run_module(__spec__.name, *options, env=env)
    if done.returncode != 0:
        return {"case": CASES[name].label, "verdict": f"FAILED: exit status {done.returncode}"}
    record = json.loads(done.stdout.splitlines()[-1])
    return record | {"verdict": verdict(record, args.limit_gb * GB / MB)}


def report(records: list[dict], limit_mb: float) -> str:
    def whole(value):
        return None if value is None else round(value)

    header = ["case", "rows", "seconds", "rows/s", "added peak RSS MB"]
    header += ["added peak anonymous MB", "result MB", "limit MB", "verdict"]
    keys = ["seconds", "rows_per_second", "added_peak_rss_mb"]
    keys += ["added_peak_anonymous_mb", "result_mb"]
    rows = []
    for r in records:
        numbers = [whole(r.get(key)) for key in keys]
        rows.append([r["case"], r.get("rows"), *numbers, whole(limit_mb), r["verdict"]])
    notes = [f"- {r['case']}: {r['notes']}" for r in records if r.get("notes")]
    return "\n".join([table(header, rows), "", *notes])


def parse_args():
    parser = script_parser(__doc__)
    parser.add_argument("--gigabytes", type=float, default=4, help="size of the file (default 4)")
    parser.add_argument(
        "--dir", type=Path, default=Path(tempfile.gettempdir()), help="folder for the file"
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="time for a fit or a slow transform (default 20)"
    )
    parser.add_argument("--limit-gb", type=float, default=1)
    parser.add_argument(
        "--threads", type=int, default=0, help="number of torch threads; 0 leaves the default"
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        choices=CASES,
        default=[name for name, case in CASES.items() if not case.default_settings],
        metavar="CASE",
        help="default: all except those with default settings; %(choices)s",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=results_file("bench_memory"),
        help="JSON file to write",
    )
    for name, kind in (("--child", str), ("--file", Path), ("--rows", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.child:
        _mapped._SHARE_OF_MEMORY = 0
        X = np.memmap(args.file, np.float32, "r", shape=(args.rows, *SEGMENT))
        say(json.dumps(run_case(CASES[args.child], X, args.seconds)))
        return 0

    n_rows = int(args.gigabytes * GB) // SEGMENT_BYTES
    n_bytes = n_rows * SEGMENT_BYTES
    if n_rows < ROWS_PER_GROUP * 2:
        raise SystemExit(
            f"--gigabytes must give at least {2 * ROWS_PER_GROUP} segments. "
            f"Got {args.gigabytes:g}, which gives {n_rows}."
        )
    free = shutil.disk_usage(args.dir).free
    if free < n_bytes + GB:
        raise SystemExit(
            f"--dir must have {n_bytes / GB + 1:.1f} GB of free space. "
            f"Got {args.dir} with {free / GB:.1f} GB."
        )
    results = environment() | {
        "torch_threads": args.threads or torch.get_num_threads(),
        "gigabytes": n_bytes / GB,
        "shape": [n_rows, *SEGMENT],
        "seconds_per_case": args.seconds,
        "limit_mb": args.limit_gb * GB / MB,
        "cases": [],
    }
    with tempfile.TemporaryDirectory(prefix="bench_memory_", dir=args.dir.resolve()) as folder:
        path = Path(folder) / "X.float32"
        say(f"writing float32 {(n_rows, *SEGMENT)}, {n_bytes / GB:.2f} GB, to {path}")
        write_array(path, n_rows)
        for name in args.cases:
            say(f"running {name}")
            results["cases"].append(run_in_child(name, path, n_rows, args))
            write_json(args.output, results)
    say("\n" + report(results["cases"], results["limit_mb"]) + "\n")
    say("versions: " + ", ".join(f"{k} {v}" for k, v in results["versions"].items()))
    say(f"machine: {results['cpu']}, {results['cpu_count']} CPUs")
    say(f"threads: {results['torch_threads']}")
    say(f"command: {results['command']}")
    say(f"written: {args.output}")
    return int(any(r["verdict"].startswith(("OVER", "FAILED")) for r in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
