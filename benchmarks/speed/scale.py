"""A training on 1e9 segments: what it needs on N GPUs, and a simulated one with flat memory.

    python -m benchmarks.speed.scale --dir /tmp --minutes 5

makes a store as in `bench_many_stores`, with 1e9 segments of 256 time steps at 100 Hz (int16). They
are holes in a sparse file. The paper trained on a billion segments of 87,376 people. Measured in
new processes are

- the order of a whole pass: each of the 1e9 rows is drawn once, in how much time and memory;
- batches at the beginning, in the middle and at the end of a pass, in the sizes of the paper: 64
  anchors with 20 within-subject candidates each, and 64 shared sets of 21 segments;
- batches with 64 shared sets for each of N GPUs, of which a process reads its share, and makes the
  lists of candidates of its share of the anchors;
- a simulated training: RelConEmbedder.fit with the published settings, a fake encoder and a
  distance of zero, so that its time is that of sampler, store, loop and checkpoints. It is
  interrupted and resumed. Memory is noted on the way;
- the published encoder: parameters, memory for the backward pass, size and time of a checkpoint;
- the features by which candidates are ranked, which each process computes for its share on a core.

From these, the script projects the training with shared candidates, ranked by features, to N GPUs.
The loader reads ahead in the background. A step computes features, and then waits for the GPU. Each
process draws the sets of the whole batch. The lists of its anchors have a candidate of each set, so
that their time and memory, as those of its scores, are proportional to N. No GPU is measured here.
The rate of one is an input: --segments-per-second, with --source, which says where the number is
from. Without it, the hours are those of the loader and of the features alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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
from benchmarks.speed import simulated_run
from benchmarks.speed.bench_many_stores import write_sparse_store
from benchmarks.speed.model_costs import costs_of

N_TIMESTEPS, N_CHANNELS, BYTES_PER_VALUE = 256, 3, 2
ROW_BYTES = N_TIMESTEPS * N_CHANNELS * BYTES_PER_VALUE
SETS_PER_GPU, PER_SET = simulated_run.BATCH_SIZE, 1 + simulated_run.N_WITHIN
FLOAT_BYTES = 4
ADAM_COPIES = 4  # of the weights: themselves, gradients, and two moments
SCORE_COPIES = 2  # of the scores of anchors with segments: themselves and gradients


# -- projection ------------------------------------------------------------------------------------


def project(
    n_gpus: int, model: dict, loader_rows: float, n_rows: float, gpu_rows: float | None
) -> dict:
    """Return what a training on `n_rows` segments as anchors needs on a number of GPUs.

    Parameters
    ----------
    n_gpus : int
        Number of GPUs, each with a process.
    model : dict
        Result of :func:`~benchmarks.speed.model_costs.costs_of`.
    loader_rows : float
        Segments per second of the batches of all processes, of which each one makes its share.
    n_rows : float
        Number of segments of the training.
    gpu_rows : float or None
        Segments per second that a GPU trains on. If None, it is not known.
    """
    batch = n_gpus * SETS_PER_GPU * PER_SET
    gradients = FLOAT_BYTES * model["parameters"]
    vectors = FLOAT_BYTES * batch * model["vector_size"]
    embeddings = 2 * FLOAT_BYTES * batch * model["features"]  # and their gradients
    weights = ADAM_COPIES * gradients
    activations = 1024 * model["saved_kb_per_segment"] * batch / n_gpus
    segments = FLOAT_BYTES * N_TIMESTEPS * N_CHANNELS * batch
    scores = SCORE_COPIES * FLOAT_BYTES * batch * batch / n_gpus
    memory = weights + activations + segments + vectors + embeddings + scores
    found = {
        "steps": n_rows / batch,
        "segments_per_step": batch,
        "all_reduce_mb_per_step": (gradients + vectors + embeddings) / 1e6,
        "memory_gb_per_rank": memory / 1e9,
        "loader_limit_hours": n_rows / loader_rows / 3600,
        "loader_limit_mb_per_s": loader_rows * ROW_BYTES / n_gpus / 1e6,
        "features_hours": n_rows / (n_gpus * model["vectors_per_cpu_s"]) / 3600,
    }
    if gpu_rows is not None:
        together = n_gpus * gpu_rows
        found["gpu_limit_hours"] = n_rows / together / 3600
        step_hours = found["features_hours"] + found["gpu_limit_hours"]
        rows_per_process = n_rows / n_gpus / (3600 * step_hours)
        found["loader_mb_per_s_needed"] = rows_per_process * ROW_BYTES / 1e6
        found["hours"] = max(step_hours, found["loader_limit_hours"])
    return found


LABELS: dict[str, tuple[str, Callable[[float], str]]] = {
    "segments_per_step": ("segments a step", "{:,.0f}".format),
    "steps": ("steps", "{:,.0f}".format),
    "all_reduce_mb_per_step": ("all-reduce, MB a step", "{:.1f}".format),
    "memory_gb_per_rank": ("GPU memory of a process, GB", "{:.2f}".format),
    "loader_limit_mb_per_s": ("a process reads at most, MB/s", "{:,.0f}".format),
    "loader_limit_hours": ("hours, if the loader is the limit", "{:,.1f}".format),
    "loader_mb_per_s_needed": ("MB/s that it must read", "{:,.0f}".format),
    "features_hours": ("hours of the features, on a core for each GPU", "{:,.1f}".format),
    "gpu_limit_hours": ("hours, if the GPUs are the limit", "{:,.1f}".format),
    "hours": ("hours", "{:,.1f}".format),
}


def projection_table(projected: dict[str, dict]) -> str:
    rows = [
        [label, *(show(column[key]) for column in projected.values())]
        for key, (label, show) in LABELS.items()
        if all(key in column for column in projected.values())
    ]
    return table(["GPUs", *projected], rows)


# -- measurements ----------------------------------------------------------------------------------


def in_new_process(task: str, *arguments) -> dict:
    """Run a task of this script in a new process."""
    run = run_module(__spec__.name, "--task", task, *arguments, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def run_task(task: str, arguments: list[str]) -> dict:
    path, *others = arguments
    if task == "order":
        return simulated_run.draw_orders(Path(path))
    if task == "everywhere":
        return simulated_run.draw_everywhere(Path(path), int(others[0]))
    if task == "share":
        return simulated_run.draw_share(Path(path), *map(int, others))
    if task == "train":
        checkpoints, seconds, started = others
        return simulated_run.train(Path(path), Path(checkpoints), float(seconds), float(started))
    raise ValueError(f"no task {task!r}")


def growth_mb(samples: list[dict]) -> float:
    """Return how much anonymous memory has grown from the first sample to the largest one."""
    sizes = [sample["anonymous"] for sample in samples]
    return max(sizes) - sizes[0]


def measure(args, save: Callable[[dict], None]) -> dict:
    """Measure all parts, and save the results after each of them."""
    results = {}
    with tempfile.TemporaryDirectory(dir=args.dir and args.dir.resolve()) as folder:
        store, checkpoints = Path(folder) / "store", Path(folder) / "checkpoints"
        size = write_sparse_store(store, int(args.rows), N_TIMESTEPS)
        results["store"] = {"rows": int(args.rows), "index_mb": size / 1e6}
        results["model"] = costs_of(args.encoder, N_TIMESTEPS, args.repeats)
        save(results)
        results["batches"] = in_new_process("everywhere", store, args.batches)
        save(results)
        results["shares"] = {
            str(n): in_new_process("share", store, n, max(2, args.batches // n)) for n in args.gpus
        }
        save(results)
        seconds = 60 * args.minutes / 2
        for part in ("training", "resumed training"):
            results[part] = in_new_process("train", store, checkpoints, seconds, time.time())
            save(results)
            say_training(part, results[part])
        results["order"] = in_new_process("order", store)
        save(results)
    return results


def say_training(name: str, run: dict) -> None:
    say(
        f"{name}: first step after {run['first_step_s']:.1f} s ({run['first_step_cpu_s']:.1f} s of "
        f"CPU time); {run['steps']:,} steps; {run['rows']:,} segments read, "
        f"{run['rows_per_cpu_s']:,.0f} a second of CPU time; peak {run['peak_mb']:,.0f} MB; "
        f"memory other than files grew by {growth_mb(run['memory']):.1f} MB"
    )


def report(results: dict) -> str:
    order, model = results["order"], results["model"]
    rows = [
        [name, *(f"{found[place]['rows_per_cpu_s']:,.0f}" for place in ("begin", "middle", "end"))]
        for name, found in results["batches"].items()
    ]
    gpu = results["gpu"]
    known = (
        f"{gpu['segments_per_second']:,.0f} segments a second of one GPU, from: {gpu['source']}"
        if gpu
        else "No GPU has been measured. Pass --segments-per-second and --source to include one."
    )
    return "\n".join(
        [
            f"index on disk: {results['store']['index_mb']:.1f} MB",
            f"order of {order['rows']:,} rows: each once: {order['complete']}, "
            f"{order['cpu_s']:,.0f} s of CPU time, memory other than files grew by "
            f"{growth_mb(order['memory']):.1f} MB",
            f"encoder: {model['parameters']:,} parameters, checkpoint {model['checkpoint_mb']:.1f} "
            f"MB, written in {model['write_s']:.2f} s and read in {model['read_s']:.2f} s, "
            f"{model['saved_kb_per_segment']:,.0f} kB a segment for the backward pass",
            f"features: {model['vector_size']} numbers of a segment, of "
            f"{model['vectors_per_cpu_s']:,.0f} segments a second of CPU time",
            "",
            table(["segments per second of CPU time", "begin", "middle", "end"], rows),
            "",
            known,
            projection_table(results["projection"]),
        ]
    )


def parse_args():
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--rows", type=float, default=1e9, help="segments of the store")
    add("--minutes", type=float, default=5.0, help="of the simulated training")
    add("--batches", type=int, default=40, help="drawn at each place of a pass")
    add("--repeats", type=int, default=5, help="of writing a checkpoint")
    add("--gpus", type=int, nargs="+", default=[1, 2, 4, 8])
    add("--encoder", default="relcon")
    add("--segments-per-second", type=float, help="that one GPU trains on; needs --source")
    add("--source", help="where --segments-per-second is from")
    add("--dir", type=Path, help="folder whose file system has sparse files")
    add("--smoke", action="store_true", help="run with tiny sizes")
    add("--output", type=Path)
    add("--task", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if (args.segments_per_second is None) != (args.source is None):
        parser.error("--segments-per-second and --source belong together.")
    args.output = args.output or results_file("scale", smoke=args.smoke)
    if args.smoke:
        args.rows, args.minutes, args.batches, args.repeats = 2e4, 0.02, 2, 1
    return args


def main() -> None:
    args = parse_args()
    if args.task:
        say(json.dumps(run_task(args.task[0], args.task[1:])))
        return
    gpu = None
    if args.source is not None:
        gpu = {"segments_per_second": args.segments_per_second, "source": args.source}
    results = {"environment": environment(), "load": load_average(), "gpu": gpu}
    results |= measure(args, lambda found: write_json(args.output, results | found))
    results["projection"] = {
        n: project(
            int(n), results["model"], found["rows_per_cpu_s"], args.rows, args.segments_per_second
        )
        for n, found in results["shares"].items()
    }
    write_json(args.output, results)
    where = results["environment"]
    say(f"\n{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(report(results))


if __name__ == "__main__":
    main()
