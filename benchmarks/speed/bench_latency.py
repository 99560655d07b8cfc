"""Time of one segment: `transform` and `predict`, compared with the encoder alone.

    python -m benchmarks.speed.bench_latency

Goal: at most 1.3 times the forward pass of the encoder, for one segment of 128 x 3. Measured are,
one after the other in each repeat and on the same segment,

- encoder: the forward pass of the torch module in inference mode, without any check;
- transform: `RelConEmbedder.transform`, which checks the segment and the embedding;
- predict: `RelConClassifier.predict`, which also computes the head.

The time is that of the process (CPU time) with one thread. Percentiles are over single calls. The
ratios are those of the percentiles to the ones of the encoder.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from benchmarks.common.report import (
    environment,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from relcon_sklearn import RelConClassifier, RelConEmbedder

ENCODERS = ("resnet14-half", "resnet34")
PERCENTILES = (50, 95, 99)
N_TIMESTEPS, RATE = 128, 50.0
N_WARM_UP = 10


def make_calls(encoder: str, with_onnx: bool = False) -> dict[str, Callable]:
    """Return what is measured, by name; if `with_onnx`, with the embedder in onnxruntime."""
    X = np.random.default_rng(0).normal([0, 0, 1], 0.3, (16, N_TIMESTEPS, 3)).astype(np.float32)
    settings = {"max_epochs": 0, "sampling_rate": RATE, "random_state": 0}
    embedder = RelConEmbedder(encoder=encoder, **settings).fit(X)
    classifier = RelConClassifier(
        FrozenEstimator(embedder), max_epochs=0, validation_fraction=0, random_state=0
    ).fit(X, np.arange(16) % 4)
    one, tensor = X[:1], torch.from_numpy(X[:1])

    def encode():
        with torch.inference_mode():
            return embedder.encoder_(tensor.transpose(1, 2)).numpy()

    calls = {
        "encoder": encode,
        "transform": lambda: embedder.transform(one),
        "predict": lambda: classifier.predict(one),
    }
    if with_onnx:
        calls["onnxruntime"] = partial(exported(embedder), one)
    return calls


def exported(embedder: RelConEmbedder) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that runs an exported embedder in one thread."""
    from benchmarks.speed.bench_export import session  # needs onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "embedder.onnx"
        embedder.export(path)
        return session(path)


def measure(encoder: str, repeats: int) -> dict[str, list[float]]:
    """Return the percentiles of the milliseconds of each call."""
    calls = make_calls(encoder)
    times = {name: [] for name in calls}
    for repeat in range(N_WARM_UP + repeats):
        for name, call in calls.items():
            start = time.process_time_ns()
            call()
            if repeat >= N_WARM_UP:
                times[name].append((time.process_time_ns() - start) / 1e6)
    return {name: np.percentile(values, PERCENTILES).tolist() for name, values in times.items()}


def rows_of(encoder: str, found: dict[str, list[float]]) -> list[list]:
    """Return a row of the table for each call: milliseconds, and the ratio to the encoder's."""
    bare = found["encoder"]
    return [
        [
            f"{encoder}: {name}",
            *(
                f"{value:.2f} ({value / base:.2f})"
                for value, base in zip(values, bare, strict=True)
            ),
        ]
        for name, values in found.items()
    ]


def report(results: dict) -> str:
    """Return a table with the percentiles of each call."""
    found = results["milliseconds"]
    rows = [row for encoder in found for row in rows_of(encoder, found[encoder])]
    return table(["ms (encoder = 1)", *(f"p{p}" for p in results["percentiles"])], rows)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--smoke", action="store_true", help="few repeats, to try the script")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    repeats = 20 if args.smoke else args.repeats
    results = {
        "environment": environment(),
        "repeats": repeats,
        "percentiles": PERCENTILES,
        "milliseconds": {encoder: measure(encoder, repeats) for encoder in ENCODERS},
    }
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(report(results))
    say(f"\n{repeats} calls, one segment of {N_TIMESTEPS} x 3, one thread, CPU time.")
    write_json(args.output or results_file("latency", smoke=args.smoke), results)


if __name__ == "__main__":
    main()
