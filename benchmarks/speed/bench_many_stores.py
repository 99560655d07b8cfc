"""Many stores as one: opening, the index, and the first batch of 64 stores of 2e7 segments.

    python -m benchmarks.speed.bench_many_stores --dir /tmp

makes stores as 64 machines would write them, each with its own people, who have the same names on
each machine. The number of segments of a person in an hour is that of the paper. The segments are
holes in sparse files, which take no space on the disk and are read as zeros. Everything else in a
store is real: header, index, names and checksums. The store is opened in new processes

- as 64 stores, with people of the same name kept apart;
- as 64 stores, with people of the same name as one person;
- as one store with as many segments, hours and people, which is the baseline.

Measured are open_segments, the index of the groups that fit makes from it, and the first and
following batches, drawn as RelConEmbedder draws them. Because no disk is read, the times of batches
are those of the library alone: bench_store has those of a disk. Added memory is the peak of
resident memory minus the memory that the process held before it opened the stores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common.processes import run_module
from benchmarks.common.report import (
    environment,
    load_average,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.speed.bench_store import (
    N_CHANNELS,
    N_HOURS,
    N_TIMESTEPS,
    PER_HOUR,
    RATE,
    ROWS,
    median_and_range,
    open_and_draw,
    shown,
)
from relcon_sklearn import open_segments
from relcon_sklearn.segments._store_format import RUN, RUNS, SUBJECTS, make_header

CASES = {"apart": "stores, kept apart", "joined": "stores, joined", "one": "one store"}


def write_sparse_store(path: Path, n: int, n_timesteps: int = N_TIMESTEPS) -> int:
    """Write a store of `n` segments that are holes; return the bytes of its index."""
    path.mkdir(parents=True)
    starts = np.arange(0, n, PER_HOUR)
    runs = np.empty(len(starts), RUN)
    runs["start"] = starts
    runs["subject"], runs["hour"] = np.divmod(np.arange(len(starts)), N_HOURS)
    n_subjects = int(runs["subject"][-1]) + 1
    names = "".join(f'"subject-{i:06d}"\n' for i in range(n_subjects)).encode()
    header = make_header(n_timesteps, N_CHANNELS, RATE, "int16", None, None, None, "g")
    header.times, header.n_segments = "datetime", n
    header.n_runs, header.n_subjects, header.subjects_bytes = len(runs), n_subjects, len(names)
    header.checksums = {RUNS: zlib.crc32(runs.tobytes()), SUBJECTS: zlib.crc32(names)}
    for name, size in header.file_sizes().items():
        with open(path / name, "wb") as file:
            file.truncate(size)
    (path / RUNS).write_bytes(runs.tobytes())
    (path / SUBJECTS).write_bytes(names)
    header.write(path)
    return sum((path / name).stat().st_size for name in (RUNS, SUBJECTS))


def draw(folder: Path, case: str, seed: int) -> dict:
    """Open the stores of a case, and draw batches from them."""
    join = {"apart": False, "joined": True, "one": None}[case]
    result, store = open_and_draw(partial(open_segments, folder, join_subjects=join), seed)
    return result | {"segments": len(store), "subjects": len(store.subjects)}


def measure(folder: Path, n_stores: int, n_rows: int, repeats: int) -> dict:
    """Make the stores, open each case `repeats` times; return medians and ranges."""
    many, one = folder / "many", folder / "one"
    index_bytes = sum(write_sparse_store(many / f"{i:05d}", n_rows) for i in range(n_stores))
    places = {"apart": (many, index_bytes), "joined": (many, index_bytes)}
    places["one"] = (one, write_sparse_store(one, n_stores * n_rows))
    found = {}
    for case, (path, size) in places.items():
        runs = [in_new_process(path, case, seed) for seed in range(repeats)]
        values = {key: [run[key] for run in runs] for key in runs[0]}
        values["index_kb"] = [size / 1024]
        found[case] = {key: median_and_range(v) for key, v in values.items()}
    return found


def in_new_process(path: Path, case: str, seed: int) -> dict:
    """Run `draw` in a new process."""
    return json.loads(run_module(__spec__.name, "--task", path, case, seed, check=True).stdout)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--stores", type=int, default=64)
    parser.add_argument("--rows", type=float, default=2e7, help="segments of a store")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dir", type=Path, help="folder whose file system has sparse files")
    parser.add_argument("--output", type=Path, default=results_file("many_stores"))
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        path, case, seed = args.task
        say(json.dumps(draw(Path(path), case, int(seed))))
        return
    results = {"environment": environment(), "load": load_average()}
    results |= {"stores": args.stores, "rows": int(args.rows), "repeats": args.repeats}
    with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
        results["cases"] = measure(Path(folder), args.stores, int(args.rows), args.repeats)
    labels = {"segments": "segments", "subjects": "subjects"} | ROWS
    cases = results["cases"]
    rows = [
        [label, *(shown(case[key]) for case in cases.values())]
        for key, label in labels.items()
        if key in cases["one"]
    ]
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(table(["", *map(CASES.get, cases)], rows))
    write_json(args.output, results)


if __name__ == "__main__":
    main()
