"""What embeddings in bfloat16 change: scores of probes, nearest neighbours, and time.

    python -m benchmarks.downstream.bench_precision --data FOLDER --pool POOL

FOLDER and POOL (or the environment variables RELCON_DATA and RELCON_POOL) have the npz files named
in `benchmarks/common/datasets.py`. A model of the package embeds the labelled windows of each task
in float32 and in bfloat16, in turns. It takes ten minutes of one core.

Goal: to decide whether `transform` may use bfloat16 without being told. Macro-F1 may change by at
most 0.002, and at least 99 % of the windows must keep their nearest neighbour.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.common.encoders import embed
from benchmarks.common.report import (
    add_folder_option,
    environment,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.common.scores import macro_f1
from benchmarks.common.windows import WINDOW, Windows, draw
from benchmarks.downstream.options import parse_model_args
from benchmarks.downstream.plan import LONG_WINDOW, SMOKE, DownstreamSettings
from benchmarks.downstream.pretrained import Data
from benchmarks.downstream.results import FIVE
from benchmarks.downstream.running import outer_folds
from relcon_sklearn import RelConEmbedder

C = 0.1  # inverse of the penalty of the probe
N_TURNS = 3
PRECISIONS = ("float32", "bfloat16")


def embeddings_and_times(encoder, X: np.ndarray) -> tuple[dict, dict]:
    """Return embeddings and CPU times of some turns, by precision."""
    Z, seconds = {}, {name: [] for name in PRECISIONS}
    for _ in range(N_TURNS):
        for name in PRECISIONS:
            start = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=name == "bfloat16"):
                Z[name] = embed(encoder, X)
            seconds[name].append(time.process_time() - start)
    return Z, seconds


def score(windows: Windows, train_on: np.ndarray, test_on: np.ndarray, n_folds: int) -> float:
    """Return macro-F1 of a linear probe: the mean over folds."""
    scores = []
    for train, test in outer_folds(windows, windows.subject, n_folds):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=5000))
        probe.fit(train_on[train], windows.y[train])
        scores.append(macro_f1(windows.y[test], probe.predict(test_on[test])))
    return float(np.mean(scores))


def same_neighbours(a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of segments whose nearest other segment is the same in two embeddings."""
    first, second = (
        NearestNeighbors(n_neighbors=1).fit(z).kneighbors(return_distance=False) for z in (a, b)
    )
    return float(np.mean(first == second))


def measure(windows: Windows, encoder, n_folds: int) -> dict:
    """Return all figures of a task."""
    Z, seconds = embeddings_and_times(encoder, windows.X)
    exact, lower = Z["float32"], Z["bfloat16"]
    return {
        "n_windows": len(windows),
        "macro_f1": score(windows, exact, exact, n_folds),
        "macro_f1, bfloat16": score(windows, lower, lower, n_folds),
        "macro_f1, only predicted in bfloat16": score(windows, exact, lower, n_folds),
        "same_nearest": same_neighbours(exact, lower),
        "relative_error": float(np.linalg.norm(lower - exact) / np.linalg.norm(exact)),
        "segments_per_s": {n: len(windows) / float(np.median(s)) for n, s in seconds.items()},
        "ratio": float(np.median(np.divide(seconds["float32"], seconds["bfloat16"]))),
    }


def report(results: dict) -> str:
    """Return a table with a row for each task and window."""
    columns = ["macro_f1", "macro_f1, bfloat16", "macro_f1, only predicted in bfloat16"]
    columns += ["same_nearest", "relative_error", "ratio"]
    rows = [[name, *(result[column] for column in columns)] for name, result in results.items()]
    return table(["task", *columns], rows)


def main() -> None:
    parser = script_parser(__doc__)
    add_folder_option(parser, "pool", "other npz files, of tasks that are not in the first folder")
    args = parse_model_args(parser, "precision")
    settings = SMOKE if args.smoke else DownstreamSettings()
    tasks, lengths = (FIVE[:1], [WINDOW]) if args.smoke else (FIVE, [WINDOW, LONG_WINDOW])
    torch.set_num_threads(1)
    data = Data(Path(args.data), Path(args.pool or args.data), args.cache)
    encoder = RelConEmbedder.from_pretrained(args.model, device="cpu").encoder_
    results = {}
    with threadpool_limits(1):
        for length in lengths:
            for task in tasks:
                windows = draw(data.task(task, length).labelled(), settings.n_windows, 0)
                results[f"{task}, {length:g} s"] = measure(windows, encoder, settings.n_folds)
    say(report(results))
    write_json(args.output, {"run": environment(), "results": results})


if __name__ == "__main__":
    main()
