"""Speed of training, compared with RelCon as published (`paper_literal.py`).

    python -m benchmarks.speed.bench_speed --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has hapt.npz. Without it, segments are generated.
The sizes are those of the released code: 64 anchors, each with 20 separate candidates and the 63
other anchors; segments of 256 time steps and 3 channels; `embed_dim` 64 and the "resnet34" encoder.
The distance is trained for a few steps first, which makes its attention as sparse as in use.
`bench_table` compares a step that ranks by softmax with the released code itself.

All rows of a part are run in turn, forwards and backwards, in one process, after one warm-up run
each. A ratio compares two runs of the same turn: the cost of a unit of work (a pair, a segment, an
anchor) in the first row of the part, divided by its cost in this row. Over 1 is faster. "differs
by" is the norm of the difference of the warm-up's results (distances, embeddings or loss) from the
results of the first row, relative to their norm.

Part "agreement" has no times. It compares the order of the candidates of an anchor with the order
by the literal ranking in float64.

Batches have the layout of the library's sampler, and their segments are already in memory. To add
an implementation to a part, add a line to `ROWS` in `speed_rows.py`.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import paper_literal as literal
from benchmarks.common.report import (
    environment,
    load_average,
    median_min_max,
    results_file,
    say,
    say_all,
    script_parser,
    table,
    write_json,
)
from benchmarks.speed.agreement import order_agreement
from benchmarks.speed.segments import load_segments
from benchmarks.speed.speed_rows import (
    PARTS,
    WITHOUT_DISTANCE,
    NotAvailable,
    Setup,
    Work,
    rows_of,
    train_distance,
)
from relcon_sklearn._training import kept_memory

RELEASED = {
    "batch_size": 64,
    "n_within": 20,
    "repeats": 5,
    "distance_steps": 50,
    "agreement_anchors": 16,
}
SMOKE = {"batch_size": 6, "n_within": 2, "repeats": 2, "distance_steps": 3, "agreement_anchors": 4}
# These variables set how memory is allocated, which decides much of the encoder's time.
VARIABLES = ("MALLOC_", "GLIBC_", "LD_PRELOAD", "OMP_", "MKL_", "KMP_", "GOMP_", "DNNL_", "ONEDNN_")

# -- measuring -------------------------------------------------------------------------------------


def measure(part: str, setup: Setup, repeats: int, wanted: list[str] | None) -> list[dict]:
    """Run the first and the `wanted` rows of a part in turn; return a record for each."""
    records, timed = [], []
    first, *others = rows_of(part)
    for row in [first, *(row for row in others if wanted is None or row.name in wanted)]:
        record = {"row": row.name}
        records.append(record)
        try:
            work = row.make(setup)
        except NotAvailable as reason:
            record["not_run"] = str(reason)
            continue
        result = run(work)[1]
        if not timed:
            expected = result
        differs_by = difference(result, expected) if work.same_batch else None
        record |= {"n_units": work.n_units, "differs_by": differs_by}
        record["seconds"] = []
        timed.append((record, work))
    for i in range(repeats):
        for record, work in timed if i % 2 == 0 else reversed(timed):
            record["seconds"].append(run(work)[0])
    for record, _ in timed:
        record["ms_per_unit"] = 1e3 * float(np.median(record["seconds"])) / record["n_units"]
        costs, first = (np.divide(r["seconds"], r["n_units"]) for r in (record, timed[0][0]))
        record["ratios"] = (first / costs).tolist()
    return records


def run(work: Work) -> tuple[float, Tensor]:
    """Return the seconds that a run of the work takes, and its result."""
    gc.collect()
    total = 0.0
    with kept_memory() if work.in_fit else nullcontext():
        for function, factor in work.calls:
            if work.in_fit:
                function()
            start = time.perf_counter()
            result = function()
            total += factor * (time.perf_counter() - start)
    return total, result


def difference(actual: Tensor, expected: Tensor) -> float:
    """Return the relative difference of the results of two rows, where they are finite."""
    if actual.ndim > 0:
        n = min(len(actual), len(expected))
        there = expected[:n].isfinite()
        actual, expected = actual[:n][there], expected[:n][there]
    actual, expected = actual.double(), expected.double()
    return ((actual - expected).norm() / expected.norm()).item()


def agreement(setup: Setup, n_anchors: int) -> list[dict]:
    """Compare each ranking of `n_anchors` with the literal one in float64."""
    setup = replace(setup, literal_candidates=None)
    batch = setup.first_anchors(n_anchors)
    double = batch._replace(segments=batch.segments.double())
    records = []
    for attention in ("sparsemax", "softmax"):
        exact = literal.rank(setup.net_with(attention).double(), double)
        for row in rows_of(f"ranking-{attention}"):
            record = {"row": f"{attention}: {row.name}"}
            records.append(record)
            try:
                distances = run(row.make(setup))[1][:n_anchors].double()
            except NotAvailable as reason:
                record["not_run"] = str(reason)
                continue
            record |= order_agreement(distances, exact, batch.candidates >= 0)
    return records


# -- report ----------------------------------------------------------------------------------------


def report(part: str, records: list[dict]) -> str:
    header, cells = agreement_cells() if part == "agreement" else time_cells(part)
    rows = [
        [r["row"], *([None] * (len(header) - 1) if "not_run" in r else cells(r))] for r in records
    ]
    notes = [f"- {r['row']}: not run, {r['not_run']}" for r in records if "not_run" in r]
    return "\n".join([table(header, rows), *notes])


def time_cells(part: str) -> tuple[list[str], Callable[[dict], list]]:
    """Return the header, and a function that returns the cells of a row."""
    unit = PARTS[part]
    header = ["row", "median s", "min", "max", f"ms/{unit}", f"{unit}s/s"]
    header += ["ratio", "min", "max", "differs by"]

    def cells(r: dict) -> list:
        numbers = [
            *median_min_max(r["seconds"]),
            r["ms_per_unit"],
            f"{1e3 / r['ms_per_unit']:,.1f}",
        ]
        numbers += median_min_max(r["ratios"])
        numbers.append(None if r["differs_by"] is None else f"{r['differs_by']:.1e}")
        return numbers

    return header, cells


def agreement_cells() -> tuple[list[str], Callable[[dict], list]]:
    header = ["row", "anchors", "candidates", "rho mean", "rho min", "top 1", "top 5"]
    keys = ["n_anchors", "n_candidates", "spearman_mean", "spearman_min", "top_1", "top_5"]

    def cells(r: dict) -> list:
        # More digits than in other tables, since all values are nearly one.
        numbers = [f"{r[k]:.6f}" if isinstance(r[k], float) else r[k] for k in keys]
        return [*numbers, f"{r['largest_relative_error']:.1e}"]

    return [*header, "largest error"], cells


def parse_args():
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--data", default=os.environ.get("RELCON_DATA"), help="folder of hapt.npz")
    add(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="%(choices)s"
    )
    add(
        "--rows",
        nargs="+",
        metavar="ROW",
        help="run only these rows, and the first row of each part",
    )
    add("--repeats", type=int, help="number of turns (default 5)")
    add("--threads", type=int, default=torch.get_num_threads(), help="number of torch threads")
    add("--batch-size", type=int, help="number of anchors (default 64)")
    add("--n-within", type=int, help="within-subject candidates of an anchor (default 20)")
    add(
        "--literal-candidates",
        type=int,
        help="number of candidates of an anchor that literal rows rank; the time is scaled up to "
        "all candidates (default all)",
    )
    add("--agreement-anchors", type=int, help="number of anchors in part agreement (default 16)")
    add("--distance-steps", type=int, help="training steps of the distance (default 50)")
    add("--smoke", action="store_true", help="run with tiny sizes, in less than a minute")
    add("--output", type=Path, help="JSON file (default results/speed.json)")
    args = parser.parse_args()
    for name, value in (SMOKE if args.smoke else RELEASED).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.agreement_anchors = min(args.agreement_anchors, args.batch_size)
    if args.output is None:
        args.output = results_file("speed", smoke=args.smoke)
    if args.batch_size < 2 or args.n_within < 0 or args.repeats < 1:
        parser.error(
            "--batch-size must be at least 2, --n-within at least 0 and --repeats at least 1. "
            f"Got {args.batch_size}, {args.n_within} and {args.repeats}."
        )
    n_candidates = args.batch_size - 1 + args.n_within
    if args.literal_candidates is not None and not 1 <= args.literal_candidates <= n_candidates:
        parser.error(
            f"--literal-candidates must be from 1 to {n_candidates}. Got {args.literal_candidates}."
        )
    return args


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    segments, source = load_segments(args.data, args.batch_size, args.n_within)
    settings = {k: v for k, v in vars(args).items() if k not in ("data", "output", "parts")}
    results = environment() | {
        "environment_variables": {k: v for k, v in os.environ.items() if k.startswith(VARIABLES)},
        "segments": f"{segments.shape}, {source}",
        "settings": settings,
        "load_average_before": load_average(),
        "parts": {},
    }
    say_all({key: value for key, value in results.items() if key != "parts"})
    if args.literal_candidates is not None:
        n_candidates = args.batch_size - 1 + args.n_within
        say(
            f"Literal rows rank {args.literal_candidates} of the {n_candidates} candidates of each "
            "anchor. Their time is scaled up to all candidates."
        )
    needs_distance = set(args.parts) - WITHOUT_DISTANCE
    net = train_distance(segments, args.batch_size, args.distance_steps) if needs_distance else None
    setup = Setup(segments, args.batch_size, args.literal_candidates, net)
    for part in args.parts:
        say(f"\n## {part}\n")
        if part == "agreement":
            records = agreement(setup, args.agreement_anchors)
        else:
            records = measure(part, setup, args.repeats, args.rows)
        results["parts"][part] = records
        results["load_average_after"] = load_average()
        write_json(args.output, results)
        say(report(part, records))
    say(f"\nload_average_after: {results['load_average_after']}\nwritten: {args.output}")


if __name__ == "__main__":
    main()
