"""Training steps per second of the published and the default settings, and what limits them.

    python -m benchmarks.gpu.steps

The segments are generated: 256 time steps at 100 Hz and 3 channels. For each of the settings, the
script measures, one after the other,

- fit: the steps per second of `RelConEmbedder.fit`, without the first steps;
- step: the same for a step alone, on a batch that is ready;
- loader: the batches per second that the loader makes alone, from segments where `fit` keeps them
  (on the GPU if there is one), and from memory of the host, as for data that do not fit there.

`fit` makes the next batch during a step. Its rate is at most the smaller of the two rates. The
script names the smaller one. The step of the default settings includes hand-made features, which
are computed on the CPU; a row without them shows what they cost.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from benchmarks.common.encoders import no_distances
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    say_all,
    script_parser,
    table,
    write_json,
)
from benchmarks.gpu.timing import calls_per_second, synchronize
from benchmarks.speed.speed_rows import take_step
from relcon_sklearn import FeatureDistance, LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._base import FitRun
from relcon_sklearn._batches import on_device
from relcon_sklearn._training import kept_memory
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.segments._array import SegmentArray

RATE, N_TIMESTEPS = 100.0, 256
WARM_UP = 5  # steps of a fit that are not measured
N_READY = 4  # batches that are ready for the steps alone

Make = Callable[[LearnedMotifDistance], RelConEmbedder]


def published(distance: LearnedMotifDistance, **params) -> RelConEmbedder:
    """Return the published settings, with a distance that is fitted already."""
    settings = {"lr": 1e-3, "validation_fraction": 0.0} | params
    return RelConEmbedder.published(FrozenEstimator(distance), **settings)


SETTINGS: dict[str, Make] = {
    "published": published,
    "published, shared candidates": lambda distance: published(distance, candidates="shared"),
    "default": lambda distance: RelConEmbedder(),
    "default, resnet34": lambda distance: RelConEmbedder(encoder="resnet34"),
    "default, without features": lambda distance: RelConEmbedder(no_distances, feature_weight=0),
}
SMOKE = {"batch_size": 4, "encoder": "resnet14-half"}


class MeasuredSteps(Callback):
    """Measure the time between the end of the warm-up and the last step."""

    def __init__(self, n_steps: int, device: torch.device):
        self.n_steps = n_steps
        self.device = device

    def on_train_begin(self, net, **kwargs):
        """Start to count."""
        self.n_taken = 0

    def on_batch_end(self, net, **kwargs):
        """Count a step."""
        self.n_taken += 1
        if self.n_taken in (WARM_UP, WARM_UP + self.n_steps):
            synchronize(self.device)
            before, self.time = getattr(self, "time", 0.0), time.perf_counter()
            self.per_second = self.n_steps / (self.time - before)


def rates_of(embedder: RelConEmbedder, X: np.ndarray, groups: np.ndarray, seconds: float) -> dict:
    """Measure a fit, its steps alone and its loader alone, for some seconds each."""
    embedder.set_params(max_epochs=0, sampling_rate=RATE, random_state=0).fit(X, groups=groups)
    device, array = embedder._device(), SegmentArray(X)
    index = embedder._check_groups(groups, len(X))
    features = embedder._features_to_predict(array)
    vectors = None
    if isinstance(embedder.distance_, FeatureDistance):  # fit computes them before its first step
        vectors = embedder.distance_._describe_all(array)
    module = embedder._with_heads(features, 0).to(device)
    loss = embedder._training_loss(features, vectors)
    places = {"loader": on_device(array, device), "loader from the host": array}
    run = FitRun(seed=0, checkpoints=None, n_channels=None)
    loaders = {
        k: embedder._train_and_valid(data, index, None, run)[0] for k, data in places.items()
    }
    optimizer = torch.optim.Adam(module.train().parameters(), lr=embedder.lr)
    ready = [batch.to(device) for _, batch in zip(range(N_READY), loaders["loader"], strict=False)]
    turns = itertools.cycle(ready)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with kept_memory():
        step = calls_per_second(
            lambda: take_step(module, next(turns), optimizer, loss), seconds, device
        )
    found = {"step": step}
    for name, loader in loaders.items():
        batches = itertools.chain.from_iterable(itertools.repeat(loader))
        found[name] = calls_per_second(lambda batches=batches: next(batches), seconds, device)
    if device.type == "cuda":
        found["memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
    steps = MeasuredSteps(max(1, round(step * seconds)), device)
    embedder.set_params(
        max_epochs=1, steps_per_epoch=WARM_UP + steps.n_steps, callbacks=[steps]
    ).fit(X, groups=groups)
    smaller = "loader" if found["loader"] < step else "step"
    return {
        "anchors": len(ready[0].anchors),
        "segments": len(ready[0].segments),
        "fit": steps.per_second,
        **found,
        "limited by": smaller,
    }


def report(found: dict[str, dict]) -> str:
    columns = ["anchors", "segments", "fit", "step", "loader", "loader from the host", "limited by"]
    rows = [[name, *(row[column] for column in columns)] for name, row in found.items()]
    return table(["a second", *columns], rows)


def parse_args():
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--device", default="auto")
    add("--segments", type=int, default=4000, help="number of generated segments")
    add("--seconds", type=float, default=2.0, help="of each measurement")
    add("--smoke", action="store_true", help="run with tiny sizes")
    add("--output", type=Path)
    args = parser.parse_args()
    args.output = args.output or results_file("gpu_steps", smoke=args.smoke)
    if args.smoke:
        args.segments, args.seconds = 60, 0.0
    return args


def main() -> None:
    args = parse_args()
    results = {"environment": environment(), "seconds": args.seconds, "rates": {}}
    say_all(results["environment"])
    X, _, groups, *_ = make_motion(
        args.segments,
        n_subjects=max(2, args.segments // 100),
        n_timesteps=32 if args.smoke else N_TIMESTEPS,
        sampling_rate=RATE,
        random_state=0,
    )
    X = X.astype(np.float32)
    small = {"embed_dim": 8} if args.smoke else {}
    distance = LearnedMotifDistance(
        **small, max_epochs=1, sampling_rate=RATE, device=args.device, random_state=0
    ).fit(X[:128], groups=groups[:128])
    for name, make in SETTINGS.items():
        embedder = make(distance).set_params(device=args.device, **(SMOKE if args.smoke else {}))
        results["rates"][name] = rates_of(embedder, X, groups, args.seconds)
        write_json(args.output, results)  # after each of them: the run may be cut
    say(report(results["rates"]))


if __name__ == "__main__":
    main()
