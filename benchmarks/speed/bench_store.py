"""Speed of segment stores of 1e5 to 2e7 segments: writing, opening, and drawing batches.

    python -m benchmarks.speed.bench_store --dir /tmp

writes stores of segments of 2.56 s at 50 Hz (128 x 3, int16). The number of segments of a person in
an hour is that of the paper, which has a billion segments of 87,376 people. Measured in new
processes are

- write: SegmentWriter, with one append and one commit for each subject, flushed to disk;
- open: open_segments, and the index of the groups that fit makes from it;
- draw: batches as RelConEmbedder draws them, with 64 anchors and 20 within-subject candidates each,
  from anywhere in the store: the time to the first batch, and the rows per second after it;
- baselines: the same loader that reads the same number of rows from one place; and a plain copy of
  contiguous rows of the memory-mapped file without a cast, which is an upper limit for any loader.

Cold means that the file was dropped from the page cache before (Linux). Warm means that the same
rows are read once more. Added memory is the peak of resident memory (VmHWM) minus the memory that
the process held before it opened the store.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common.process_memory import peak_by_getrusage
from benchmarks.common.processes import run_module
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.speed.page_cache import drop_from_cache
from relcon_sklearn import SegmentWriter, open_segments
from relcon_sklearn._batches import Batches, GroupIndex
from relcon_sklearn.segments import SegmentStore
from relcon_sklearn.segments._array import SegmentArray

N_TIMESTEPS, N_CHANNELS, RATE = 128, 3, 50.0
PER_HOUR, N_HOURS = 1272, 9  # of a person; 87,376 people have a billion segments
BATCH_SIZE, N_WITHIN = 64, 20
N_BATCHES = 40
SCALE = 1 / 2048


def write_store(path: Path, n: int) -> dict:
    """Write a store of `n` segments from a pool, since making them is not measured."""
    rows = 4 * PER_HOUR * N_HOURS
    pool = np.random.default_rng(0).standard_normal((rows, N_TIMESTEPS, 3), dtype=np.float32)
    before, start = peak_by_getrusage(), time.perf_counter()
    shape = {"n_timesteps": N_TIMESTEPS, "n_channels": N_CHANNELS, "sampling_rate": RATE}
    n_appends = 0
    with SegmentWriter(path, **shape, dtype="int16", scale=SCALE) as writer:
        while writer.n_segments < n:
            n_rows = min(PER_HOUR * N_HOURS, n - writer.n_segments)
            first = (n_appends * 977) % (len(pool) - n_rows)
            hours = np.arange(n_rows) // PER_HOUR
            writer.append(
                pool[first : first + n_rows],
                f"subject-{n_appends:06d}",
                times=hours * 3600.0 + np.arange(n_rows) % PER_HOUR * 2.56,
            )
            n_appends += 1
    seconds = time.perf_counter() - start
    return {"write_rows_per_s": n / seconds, "write_added_mb": peak_by_getrusage() - before}


def open_and_draw(open_store: Callable[[], SegmentStore], seed: int) -> tuple[dict, SegmentStore]:
    """Open a store and draw batches from it; return what it took, and the store."""
    small = np.zeros((64, 4, 3), dtype=np.float32)
    next(iter(Batches(SegmentArray(small), GroupIndex.from_labels(np.arange(64)), 8, 0)))
    before, start, cpu_start = peak_by_getrusage(), time.perf_counter(), time.process_time()
    store = open_store()
    opened, cpu_opened = time.perf_counter(), time.process_time()
    index = GroupIndex.from_labels(store.hour_groups)
    batches = Batches(SegmentArray(store.X), index, BATCH_SIZE, seed, N_WITHIN)
    indexed = time.perf_counter()
    iterator = iter(batches)
    next(iterator)
    first = time.perf_counter()
    result = {
        "open_ms": 1e3 * (opened - start),
        "open_cpu_ms": 1e3 * (cpu_opened - cpu_start),
        "index_ms": 1e3 * (indexed - opened),
        "first_batch_ms": 1e3 * (first - indexed),
        "random_cold_rows_per_s": rate(iterator),
        "open_and_draw_added_mb": peak_by_getrusage() - before,
    }
    # The same rows again.
    iterator = iter(batches)
    next(iterator)
    result["random_warm_rows_per_s"] = rate(iterator)
    return result, store


def draw_batches(path: Path, seed: int) -> dict:
    """Open a store, draw batches from it, and read the same number of rows from one place."""
    file = path / "segments.raw"
    drop_from_cache(file)
    result, store = open_and_draw(partial(open_segments, path), seed)
    n_rows = BATCH_SIZE * (1 + N_WITHIN)
    places = np.random.default_rng(seed).integers(len(store) - n_rows, size=N_BATCHES)
    array = SegmentArray(store.X)
    plain = np.memmap(file, "<i2", "r", shape=store.X.shape)
    readers = {
        "contiguous": lambda i: array.read(np.arange(i, i + n_rows)),
        "plain_copy": lambda i: np.array(plain[i : i + n_rows]),
    }
    for name, read in readers.items():
        drop_from_cache(file)
        for temperature in ("cold", "warm"):
            start = time.perf_counter()
            for place in places:
                read(place)
            seconds = time.perf_counter() - start
            result[f"{name}_{temperature}_rows_per_s"] = n_rows * len(places) / seconds
    return result


def rate(iterator) -> float:
    """Return the rows per second over the next batches."""
    n_rows, start = 0, time.perf_counter()
    for _, batch in zip(range(N_BATCHES), iterator, strict=False):
        n_rows += len(batch.segments)
    return n_rows / (time.perf_counter() - start)


def in_new_process(task: str, path: Path, number: int) -> dict:
    """Run `write_store` or `draw_batches` in a new process."""
    run = run_module(__spec__.name, "--task", task, path, number, check=True)
    return json.loads(run.stdout)


def measure(folder: Path, n: int, repeats: int) -> dict:
    """Write a store of `n` segments, draw from it `repeats` times; return medians and ranges."""
    runs = []
    path = folder / f"store-{n}"
    try:
        written = in_new_process("write", path, n)
        index_bytes = sum((path / name).stat().st_size for name in ("runs.raw", "subjects.txt"))
        runs = [in_new_process("draw", path, seed) for seed in range(repeats)]
    finally:
        shutil.rmtree(path, ignore_errors=True)
    values = {key: [run[key] for run in runs] for key in runs[0]}
    values |= {key: [value] for key, value in written.items()} | {"index_kb": [index_bytes / 1024]}
    return {key: median_and_range(v) for key, v in values.items()}


def median_and_range(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


ROWS = {
    "write_rows_per_s": "write, rows/s",
    "write_added_mb": "write, memory added, MB",
    "index_kb": "index on disk, kB",
    "open_ms": "open, ms",
    "open_cpu_ms": "open, ms of CPU time",
    "index_ms": "index of the groups, ms",
    "first_batch_ms": "first batch, cold, ms",
    "open_and_draw_added_mb": "open and draw, memory added, MB",
    "random_cold_rows_per_s": "batches, cold, rows/s",
    "contiguous_cold_rows_per_s": "loader on contiguous rows, cold, rows/s",
    "plain_copy_cold_rows_per_s": "plain contiguous copy, cold, rows/s",
    "random_warm_rows_per_s": "batches, warm, rows/s",
    "contiguous_warm_rows_per_s": "loader on contiguous rows, warm, rows/s",
    "plain_copy_warm_rows_per_s": "plain contiguous copy, warm, rows/s",
}


def shown(value: dict) -> str:
    """Return a median and its range as text."""
    texts = [f"{value[k]:,.0f}" if value[k] >= 100 else f"{value[k]:.3g}" for k in value]
    return texts[0] if value["min"] == value["max"] else f"{texts[0]} ({texts[1]} to {texts[2]})"


def report(results: dict) -> str:
    """Return a table with a column for each size; figures that older results lack are left out."""
    sizes = results["sizes"]
    rows = [
        [label, *(shown(size[key]) for size in sizes.values())]
        for key, label in ROWS.items()
        if all(key in size for size in sizes.values())
    ]
    return table(["", *(f"{int(n):.0e}".replace("e+0", "e") for n in sizes)], rows)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e5, 1e6, 2e7])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dir", type=Path, help="folder for the stores; 2e7 segments need 15 GB")
    parser.add_argument("--output", type=Path, default=results_file("store"))
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        task, path, number = args.task
        say(json.dumps({"write": write_store, "draw": draw_batches}[task](Path(path), int(number))))
        return
    results = {"environment": environment(), "repeats": args.repeats, "sizes": {}}
    with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
        for n in map(int, args.sizes):
            say(f"{n} segments ...")
            results["sizes"][str(n)] = measure(Path(folder), n, args.repeats)
    where = results["environment"]
    say(f"\n{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(report(results))
    say(f"\nMedians of {args.repeats} processes with different seeds (smallest to largest).")
    write_json(args.output, results)


if __name__ == "__main__":
    main()
