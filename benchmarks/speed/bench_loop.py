"""The overhead of the training loop, compared with a plain torch loop and with unmodified skorch.

    python -m benchmarks.speed.bench_loop --threads 2

The library's loop (`relcon_sklearn._training.fit_module`: skorch's loop with callbacks and batches
read ahead in the background) trains an encoder by the relative contrastive loss. The baseline is a
plain loop of a dozen lines. Both have the same batches, loss, Adam and learning rates, and end with
the same weights (column "same"). There are two sizes:

- released: 64 anchors, 20 within-subject candidates each, segments of 256 x 3, "resnet34";
- tiny: 8 anchors with 2 candidates each, segments of 16 x 3, a linear layer: the loop dominates.

Distances are random numbers, so that no ranking hides the loop. Batches come from three places:
they are ready in memory; they are made from an array in memory; or they are made from a
memory-mapped file that was dropped from the page cache before every run (Linux). The plain loop
makes them between its steps. A third row is unmodified skorch: a NeuralNet with its own callbacks
and an LRScheduler, whose dataset makes the batches.

All rows are run in turn, forwards and backwards, in one process, after one warm-up run each. All
keep memory from step to step, as `fit` does (`kept_memory`). The overhead of a row is the
additional time of a batch, compared with the plain loop with batches from the same place in the
same turn. With `--device cuda`, two more rows have the segments on the GPU.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

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
from benchmarks.speed.loop_rows import ON_GPU, ROWS, SIZES, SMOKE, LoopRow, Workload
from relcon_sklearn._training import kept_memory


def measure(workload: Workload, rows: list[LoopRow], repeats: int) -> list[dict]:
    """Run the rows in turn, and return a record for each."""
    records = [{"row": row.name, "place": row.place, "ms_per_batch": []} for row in rows]
    expected = None
    for row, record in zip(rows, records, strict=True):
        weights = run(workload, row)[1]
        expected = weights if expected is None else expected
        record["same"] = torch.equal(weights, expected)
    for i in range(repeats):
        pairs = list(zip(rows, records, strict=True))
        for row, record in pairs if i % 2 == 0 else reversed(pairs):
            record["ms_per_batch"].append(1e3 * run(workload, row)[0] / workload.size.n_steps)
    for record in records:
        base = next(r["ms_per_batch"] for r in records if r["place"] == record["place"])
        extra = np.subtract(record["ms_per_batch"], base)
        record["overhead_us"] = (1e3 * extra).tolist()
        record["overhead_percent"] = (100 * extra / base).tolist()
    return records


def run(workload: Workload, row: LoopRow) -> tuple[float, Tensor]:
    """Return the seconds of a training, and the weights at its end."""
    encoder, batches = workload.new_encoder(), getattr(workload, row.place)()
    start = time.perf_counter()
    row.train(encoder, batches, workload.device)
    seconds = time.perf_counter() - start
    return seconds, nn.utils.parameters_to_vector(encoder.parameters()).detach().cpu()


def report(records: list[dict]) -> str:
    header = ["row", "ms/batch", "min", "max", "overhead us/batch", "min", "max"]
    header += ["overhead %", "min", "max", "same"]
    rows = [
        [
            r["row"],
            *median_min_max(r["ms_per_batch"]),
            *(f"{v:.0f}" for v in median_min_max(r["overhead_us"])),
            *(f"{v:.2f}" for v in median_min_max(r["overhead_percent"])),
            "yes" if r["same"] else "no",
        ]
        for r in records
    ]
    return table(header, rows)


def parse_args():
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="%(choices)s")
    add("--steps", type=int, help="batches of a run (default 4, and 500 of the tiny size)")
    add("--repeats", type=int, help="number of turns (default 3, and 9 of the tiny size)")
    add("--threads", type=int, default=torch.get_num_threads(), help="number of torch threads")
    add("--device", default="cpu", help="cpu or cuda (default cpu)")
    add("--dir", type=Path, help="folder for 130 MB of segments (default a temporary folder)")
    add("--smoke", action="store_true", help="run with tiny sizes, in seconds")
    add("--output", type=Path, help="JSON file (default results/loop.json)")
    args = parser.parse_args()
    if args.output is None:
        args.output = results_file("loop", smoke=args.smoke)
    return args


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    rows = ROWS if device.type == "cpu" else [*ROWS, *ON_GPU]
    results = environment() | {"load_average_before": load_average(), "sizes": {}}
    say_all(results)
    for name in args.sizes:
        size = (SMOKE if args.smoke else SIZES)[name]
        size = size._replace(
            n_steps=args.steps or size.n_steps, repeats=args.repeats or size.repeats
        )
        with tempfile.TemporaryDirectory(dir=args.dir) as folder, kept_memory():
            workload = Workload(size, folder, device)
            records = measure(workload, rows, size.repeats)
        settings = size._asdict() | {"encoder": size.encoder.__name__}
        results["sizes"][name] = {"settings": settings, "rows": records}
        results["load_average_after"] = load_average()
        write_json(args.output, results)
        say(f"\n## {name}: {settings}\n\n{report(records)}")
    say(f"\nload_average_after: {results['load_average_after']}\nwritten: {args.output}")


if __name__ == "__main__":
    main()
