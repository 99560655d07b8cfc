"""Speed of MotionFeatures, compared with the same features one segment at a time.

    python -m benchmarks.speed.bench_features

Goal: 20,000 segments of 2.56 s at 50 Hz a second, in one thread. Measured are, alternately and on
the same segments of three channels,

- MotionFeatures: all 128 features;
- one by one: the features of the values and of the spectrum with NumPy and SciPy, for one signal at
  a time, as features are often computed;
- embedding: a "resnet14-half" encoder, which the features are often used beside.

The time is that of the process (CPU time) with one thread. Reading files is not measured.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from benchmarks.common.report import (
    environment,
    median_min_max,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from relcon_sklearn import MotionFeatures, RelConEmbedder

RATE = 50.0
LENGTHS = {128: 4000, 256: 2000, 500: 1000}  # time steps: segments


def one_by_one(X: np.ndarray) -> np.ndarray:
    """Return simple features of each signal, computed for one signal at a time."""
    found = []
    for segment in X:
        signals = [*segment.T, np.linalg.norm(segment, axis=1)]
        found.append(np.concatenate([_features(x) for x in signals]))
    return np.array(found)


def _features(x: np.ndarray) -> np.ndarray:
    around = x - x.mean()
    power = np.abs(np.fft.rfft(around * np.hanning(len(x)))) ** 2
    frequency = np.fft.rfftfreq(len(x), 1 / RATE)
    edges = np.searchsorted(frequency, [0.3, 1, 2, 3, 5, 10])
    share = power / max(power.sum(), 1e-10)
    correlation = np.correlate(around, around, "full")[len(x) - 1 :]
    return np.array(
        [
            x.mean(),
            x.std(),
            *np.percentile(x, [0, 25, 50, 75, 100]),
            stats.median_abs_deviation(x),
            np.sqrt((x**2).mean()),
            stats.skew(x),
            stats.kurtosis(x),
            np.abs(np.diff(x)).mean(),
            (np.diff(around > 0) != 0).mean(),
            *(share[a:b].sum() for a, b in itertools.pairwise(edges)),
            frequency[power.argmax()],
            share @ frequency,
            -(share * np.log(np.maximum(share, 1e-12))).sum(),
            correlation[12:75].max() / max(correlation[0], 1e-10),
        ]
    )


def measure(n_timesteps: int, n_segments: int, repeats: int) -> dict:
    """Return segments per second: median, smallest and largest of the repeats."""
    rng = np.random.default_rng(0)
    X = rng.normal([0, 0, 1], 0.3, (n_segments, n_timesteps, 3)).astype(np.float32)
    few = X[: n_segments // 20]
    features = MotionFeatures(RATE).fit(X)
    embedder = RelConEmbedder("features", encoder="resnet14-half", max_epochs=0, random_state=0)
    embedder.fit(X)
    methods = {
        "MotionFeatures": lambda: features.transform(X),
        "one by one": lambda: one_by_one(few),
        "embedding": lambda: embedder.transform(X),
    }
    rates = {name: [] for name in methods}
    for _ in range(repeats):
        for name, method in methods.items():
            start = time.process_time()
            n = len(method())
            rates[name].append(n / (time.process_time() - start))
    return {name: median_min_max(values) for name, values in rates.items()}


def report(results: dict) -> str:
    """Return a table of segments per second by the number of time steps."""
    found = results["segments_per_second"]
    rows = [
        [name, *("{:,.0f} ({:,.0f} to {:,.0f})".format(*rates[name]) for rates in found.values())]
        for name in next(iter(found.values()))
    ]
    return table(["segments per second", *(f"{length} x 3" for length in found)], rows)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="few segments, to try the script")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    share = 20 if args.smoke else 1
    results = {
        "environment": environment(),
        "repeats": args.repeats,
        "segments_per_second": {
            str(length): measure(length, n // share, args.repeats) for length, n in LENGTHS.items()
        },
    }
    where = results["environment"]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(report(results))
    say(f"\nMedians of {args.repeats} repeats (smallest to largest), one thread, CPU time.")
    write_json(args.output or results_file("features", smoke=args.smoke), results)


if __name__ == "__main__":
    main()
