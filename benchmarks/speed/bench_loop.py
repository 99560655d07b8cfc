"""What the training loop costs beside what is computed in it, next to a torch loop by hand.

    python benchmarks/bench_loop.py --threads 2

The library's loop (`relcon_sklearn._training.fit_module`: skorch's, with callbacks, batches read
ahead in the background) trains an encoder by the relative contrastive loss, and so does a loop of
the usual dozen lines: the same batches, loss, Adam and learning rates, with the same weights at the
end ("same"), at two sizes:

- released: 64 anchors, 20 candidates of each one's own, segments of 256 x 3, "resnet34";
- tiny: 8 anchors with 2 candidates, segments of 16 x 3, a linear layer: little but the loop.

Distances are random numbers, so that no ranking hides the loop. Batches come from three places:
they are in memory, ready-made; they are made of an array in memory; or of a memory-mapped file that
was dropped from the page cache before every run (Linux). The loop by hand makes them between its
steps. A third row is skorch as it comes: a NeuralNet with its own callbacks and an LRScheduler,
whose dataset makes the batches.

All rows are run in turn, forwards and backwards, in one process, after one run each to warm up,
and all keep memory from step to step, as `fit` does (`kept_memory`). The overhead of a row is what
a batch takes longer than in the loop by hand that has its batches from the same place, in the same
turn. With `--device cuda`, one more row has the segments on the GPU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _loop_rows import ON_GPU, ROWS, SIZES, SMOKE, Row, Task
from _report import environment, table, write_json
from bench_speed import load_average, spread
from torch import Tensor, nn

from relcon_sklearn._training import kept_memory

say = partial(print, flush=True)


def measure(task: Task, rows: list[Row], repeats: int) -> list[dict]:
    """Run the rows in turn; return a record for each."""
    records = [{"row": row.name, "place": row.place, "ms_per_batch": []} for row in rows]
    expected = None
    for row, record in zip(rows, records, strict=True):
        weights = run(task, row)[1]
        expected = weights if expected is None else expected
        record["same"] = torch.equal(weights, expected)
    for i in range(repeats):
        pairs = list(zip(rows, records, strict=True))
        for row, record in pairs if i % 2 == 0 else reversed(pairs):
            record["ms_per_batch"].append(1e3 * run(task, row)[0] / task.size.n_steps)
    for record in records:
        base = next(r["ms_per_batch"] for r in records if r["place"] == record["place"])
        extra = np.subtract(record["ms_per_batch"], base)
        record["overhead_us"] = (1e3 * extra).tolist()
        record["overhead_percent"] = (100 * extra / base).tolist()
    return records


def run(task: Task, row: Row) -> tuple[float, Tensor]:
    """Return the seconds that training takes, and the weights it ends with."""
    encoder, batches = task.new_encoder(), getattr(task, row.place)()
    start = time.perf_counter()
    row.train(encoder, batches, task.device)
    seconds = time.perf_counter() - start
    return seconds, nn.utils.parameters_to_vector(encoder.parameters()).detach().cpu()


def report(records: list[dict]) -> str:
    header = ["row", "ms/batch", "min", "max", "overhead us/batch", "min", "max"]
    header += ["overhead %", "min", "max", "same"]
    rows = [
        [
            r["row"],
            *spread(r["ms_per_batch"]),
            *(f"{v:.0f}" for v in spread(r["overhead_us"])),
            *(f"{v:.2f}" for v in spread(r["overhead_percent"])),
            "yes" if r["same"] else "no",
        ]
        for r in records
    ]
    return table(header, rows)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="%(choices)s")
    add("--steps", type=int, help="batches of a run (default 4, and 500 tiny ones)")
    add("--repeats", type=int, help="turns of every row (default 3, and 9 of the tiny size)")
    add("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    add("--device", default="cpu", help="cpu or cuda (default cpu)")
    add("--dir", type=Path, help="where to write 130 MB of segments (default a temporary folder)")
    add("--smoke", action="store_true", help="so small that it takes seconds")
    add("--output", type=Path, help="JSON file (default results/loop.json)")
    args = parser.parse_args()
    if args.output is None:
        name = "loop_smoke.json" if args.smoke else "loop.json"
        args.output = Path(__file__).parent / "results" / name
    return args


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    rows = ROWS if device.type == "cpu" else [*ROWS, *ON_GPU]
    results = environment() | {"load_average_before": load_average(), "sizes": {}}
    for key, value in results.items():
        say(f"{key}: {value}")
    for name in args.sizes:
        size = (SMOKE if args.smoke else SIZES)[name]
        size = size._replace(
            n_steps=args.steps or size.n_steps, repeats=args.repeats or size.repeats
        )
        with tempfile.TemporaryDirectory(dir=args.dir) as folder, kept_memory():
            task = Task(size, folder, device)
            records = measure(task, rows, size.repeats)
        settings = size._asdict() | {"encoder": size.encoder.__name__}
        results["sizes"][name] = {"settings": settings, "rows": records}
        results["load_average_after"] = load_average()
        write_json(args.output, results)
        say(f"\n## {name}: {settings}\n\n{report(records)}")
    say(f"\nload_average_after: {results['load_average_after']}\nwritten: {args.output}")


if __name__ == "__main__":
    main()
