"""Speed of a training step with the defaults of RelConEmbedder, next to a plain SimCLR loop.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.bench_recipe

All rows train the same encoder on the same 256 segments a step, in two views, with the same
projection head, in the same precision. Measured alternately are

- RelConEmbedder(): the defaults;
- RelConEmbedder(feature_weight=0): without the second loss, which predicts features;
- SimCLR by RelConEmbedder: the other view is the only positive, and the distance costs nothing;
- SimCLR, plain torch: a minimal training loop, with the same views.

The time is that of the process (CPU time) with one thread, without the first steps of each fit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from skorch.callbacks import Callback
from torch import nn

from benchmarks.common.encoders import no_distances
from benchmarks.common.report import (
    environment,
    median_min_max,
    results_file,
    say,
    script_parser,
    table,
    write_json,
)
from benchmarks.speed.turns import clocks
from relcon_sklearn import RandomAugmentations, RelConEmbedder
from relcon_sklearn._utils._precision import dtype_of
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn._heads import make_projection
from relcon_sklearn.nn._presets import ENCODER_PRESETS

RATE = 50.0
BATCH = 256
WARM_UP = 3  # steps that are not measured
DEFAULTS = RelConEmbedder()


class StepTimes(Callback):
    """Record the time at the end of each training step."""

    def __init__(self):
        self.ends: list[np.ndarray] = []

    def on_batch_end(self, net, **kwargs):
        """Record the time."""
        self.ends.append(clocks())


def by_library(X: np.ndarray, n_steps: int, **params) -> np.ndarray:
    """Return the seconds per step of a fit: CPU time and wall time."""
    times = StepTimes()
    embedder = RelConEmbedder(
        **params,
        max_epochs=1,
        steps_per_epoch=WARM_UP + n_steps,
        sampling_rate=RATE,
        callbacks=[times],
        random_state=0,
    )
    embedder.fit(X)
    return (times.ends[-1] - times.ends[WARM_UP - 1]) / n_steps


def by_hand(X: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the seconds per step of a plain loop of SimCLR: CPU time and wall time."""
    torch.manual_seed(0)
    encoder = ENCODER_PRESETS[DEFAULTS.encoder].make(X.shape[2])
    head = make_projection(encoder.n_features, DEFAULTS.projection)
    net = nn.Sequential(encoder, head).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=DEFAULTS.lr)
    generator = torch.Generator().manual_seed(0)
    augment, rng = RandomAugmentations(), np.random.default_rng(0)
    dtype = dtype_of("auto", torch.device("cpu"))
    other_view = torch.cat([torch.arange(BATCH) + BATCH, torch.arange(BATCH)])
    ends = []
    for _ in range(WARM_UP + n_steps):
        x = torch.from_numpy(X[rng.permutation(len(X))[:BATCH]])
        views = augment(torch.cat([x, x]), generator).transpose(1, 2)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            z = F.normalize(net(views).float(), dim=1)
        scores = (z @ z.T / DEFAULTS.temperature).fill_diagonal_(-torch.inf)
        loss = F.cross_entropy(scores, other_view)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        ends.append(clocks())
    return (ends[-1] - ends[WARM_UP - 1]) / n_steps


ROWS = {
    "RelConEmbedder()": by_library,
    "RelConEmbedder(feature_weight=0)": lambda X, n: by_library(X, n, feature_weight=0),
    "SimCLR by RelConEmbedder": lambda X, n: by_library(
        X, n, feature_weight=0, n_positives=1, distance=no_distances
    ),
    "SimCLR, plain torch": by_hand,
}


def segments(n: int) -> np.ndarray:
    """Return the segments to train on."""
    X = make_motion(n, n_timesteps=128, sampling_rate=RATE, random_state=0).X
    return X.astype(np.float32)


def measure(n_segments: int, n_steps: int, repeats: int) -> dict[str, tuple]:
    """Return steps per second of each row: median, smallest and largest of the repeats."""
    X = segments(n_segments)
    rates = {name: [] for name in ROWS}
    for _ in range(repeats):
        for name, row in ROWS.items():
            rates[name].append(1 / row(X, n_steps)[0])
    return {name: median_min_max(values) for name, values in rates.items()}


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20, help="of a repeat")
    parser.add_argument("--smoke", action="store_true", help="few steps, to try the script")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.smoke:
        args.repeats, args.steps = 1, 2
    results = {
        "environment": environment(),
        "repeats": args.repeats,
        "steps": args.steps,
        "steps_per_second": measure(2000, args.steps, args.repeats),
    }
    found, where = results["steps_per_second"], results["environment"]
    plain = found["SimCLR, plain torch"][0]
    rows = [
        [name, "{:.2f} ({:.2f} to {:.2f})".format(*rates), f"{plain / rates[0]:.2f}"]
        for name, rates in found.items()
    ]
    say(f"{where['command']}\n{where['cpu']}, {where['versions']}\n")
    say(table(["128 x 3", "steps per second of one core", "time, plain loop = 1"], rows))
    say(f"\nMedians of {args.repeats} repeats (smallest to largest) of {args.steps} steps.")
    write_json(args.output or results_file("recipe", smoke=args.smoke), results)


if __name__ == "__main__":
    main()
