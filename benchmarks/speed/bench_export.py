"""Size and speed of exported models: onnxruntime compared with the estimators of this package.

    python -m benchmarks.speed.bench_export

Exports an embedder and a classifier of the package, whose sizes are in bytes, and times

- estimator: `transform` or `predict_proba`, which also check the segments;
- onnx, float32 and onnx, float16: the exported file in onnxruntime.

They take turns in each repeat, on the same segments: one of them, and 256 at once. The time is that
of the process (CPU time) with one thread. The first calls are not counted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from benchmarks.common.report import (
    environment,
    load_average,
    median_min_max,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from relcon_sklearn import RelConClassifier, RelConEmbedder

# The models, their methods and the numbers of time steps of their training.
MODELS = {
    "motion-small": (RelConEmbedder, "transform", 128),
    "activity-small": (RelConClassifier, "predict_proba", 500),
}
FILES = (("onnx", "float32"), ("onnx", "float16"), ("pt2", "float32"), ("pt2", "float16"))
BATCHES = (1, 256)
N_WARM_UP = 3


def session(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that runs an ONNX file in one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(path, options).run
    return lambda X: run(None, {"segments": X})[0]


def measure(name: str, folder: Path, repeats: int) -> dict:
    """Return the sizes of the files of a model, and milliseconds: median, minimum, maximum."""
    kind, method, n_timesteps = MODELS[name]
    model = kind.from_pretrained(name, device="cpu")
    calls = {"estimator": getattr(model, method)}
    sizes = {}
    for format, dtype in FILES:
        path, label = folder / f"{name}-{dtype}.{format}", f"{format}, {dtype}"
        model.export(path, dtype=dtype)
        sizes[label] = path.stat().st_size
        if format == "onnx":
            calls[label] = session(path)
    model.save(folder / "model.safetensors")
    sizes["safetensors"] = (folder / "model.safetensors").stat().st_size
    shape = (max(BATCHES), n_timesteps, 3)
    X = np.random.default_rng(0).normal([0, 0, 1], 0.3, shape).astype(np.float32)
    times = {f"{n}": timed(calls, X[:n], repeats if n == 1 else repeats // 20) for n in BATCHES}
    return {"n_timesteps": n_timesteps, "bytes": sizes, "milliseconds": times}


def timed(calls: dict[str, Callable], X: np.ndarray, repeats: int) -> dict[str, list[float]]:
    """Return median, minimum and maximum of the milliseconds of each call."""
    times = {name: [] for name in calls}
    for repeat in range(N_WARM_UP + repeats):
        for name, call in calls.items():
            start = time.process_time_ns()
            call(X)
            if repeat >= N_WARM_UP:
                times[name].append((time.process_time_ns() - start) / 1e6)
    return {name: median_min_max(values) for name, values in times.items()}


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=300, help="calls with one segment")
    parser.add_argument("--smoke", action="store_true", help="few repeats, one model")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    repeats = 20 if args.smoke else args.repeats
    results = {
        "environment": environment() | {"onnxruntime": onnxruntime.__version__},
        "load_average": load_average(),
        "repeats": {n: repeats if n == 1 else repeats // 20 for n in BATCHES},
        "models": {},
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in list(MODELS)[: 1 if args.smoke else None]:
            found = results["models"][name] = measure(name, Path(folder), repeats)
            for label in {**found["milliseconds"]["1"], **found["bytes"]}:
                times = (found["milliseconds"][f"{n}"].get(label) for n in BATCHES)
                cells = [found["bytes"].get(label), *(each and f"{each[0]:.2f}" for each in times)]
                rows.append([f"{name}: {label}", *cells])
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(table(["", "bytes", *(f"ms, {n}" for n in BATCHES)], rows))
    say("\nMedian CPU time of a call with 1 and 256 segments, one thread.")
    write_json(args.output or results_file("export", smoke=args.smoke), results)


if __name__ == "__main__":
    main()
