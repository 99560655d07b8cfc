"""Is the learned distance worth its cost? Retrieval of the same activity in other people.

    python -m benchmarks.pretraining.bench_retrieval --data FOLDER --pool FOLDER

The folders (or the environment variables RELCON_DATA and RELCON_POOL) have npz files. The names of
those that are searched are in `benchmarks/common/datasets.py`; they may be in either folder. The
networks are trained without labels on the other files of the pool.

Anchors of all subjects of a set look for their nearest window of another subject. The learned
distance is compared with euclidean distance, DTW and the distance of hand-made features. Its
networks differ in size, attention, normalisation, augmentations (`motif_nets.py`) and time of
training, and several distances are made of each of them (`motif_scores.py`).

Results that are in the output file are not made again. When all are there, only tables are printed.
--report only writes the tables into docs/results.md and the pages in docs/results. Whether the
learned distance ignores rotations is the question of `bench_distance.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import tslearn.metrics
from sklearn.metrics.pairwise import euclidean_distances

from benchmarks.common.datasets import TASKS
from benchmarks.common.open_pool import load_pool
from benchmarks.common.pages import fill_pages, pages_of
from benchmarks.common.report import (
    RESULTS,
    add_folder_option,
    environment,
    results_file,
    say,
    script_parser,
    write_json,
)
from benchmarks.common.windows import WINDOW, Windows, load_windows
from benchmarks.pretraining.motif_nets import (
    FlooredRevIN,
    SubtractionOnly,
    keeps_orientation,
    make_net,
    train_net,
)
from benchmarks.pretraining.motif_scores import (
    PUBLISHED,
    SCORES,
    Comparison,
    energy,
    mean_errors,
    mixture,
    squared_distance_of_means,
)
from benchmarks.pretraining.retrieval import (
    RetrievalTask,
    chance,
    draw_retrieval_task,
    precision_at_1,
)
from benchmarks.pretraining.retrieval_tables import render
from relcon_sklearn import FeatureDistance
from relcon_sklearn.nn import RevIN

PAGES = pages_of("results")
RATE = 50.0  # Hz
SETS = ("hapt", "sisfall", "smartfallmm", "wisdm", "motionsense")
DTW_RADIUS = 0.1  # half width of the band, as a share of the window


class Training(NamedTuple):
    """A network and the time of its training in s of CPU time."""

    title: str
    embed_dim: int
    seconds: float
    seed: int = 0
    attention: str = "sparsemax"
    revin: type[RevIN] = RevIN
    augmentation: Callable | None = None
    scores: tuple[str, ...] = (PUBLISHED,)

    @property
    def name(self) -> str:
        """The name in tables and in the file of results."""
        return f"{self.title}, {self.seconds:g} s, seed {self.seed}"


def plan(short: float, middle: float, long: float) -> list[Training]:
    """Return the trainings, the most important ones first."""
    every = tuple(SCORES)
    return [
        Training("16 features", 16, middle, scores=every),
        Training("64 features", 64, middle, scores=every),
        Training("16 features", 16, 0.0, scores=every),
        Training("16 features, RevIN subtracts only", 16, middle, revin=SubtractionOnly),
        Training("16 features, RevIN with a floor", 16, middle, revin=FlooredRevIN),
        Training("16 features", 16, short),
        Training("16 features, orientation kept", 16, middle, augmentation=keeps_orientation()),
        Training("16 features, softmax", 16, middle, attention="softmax"),
        Training("8 features", 8, middle),
        Training("64 features", 64, long, scores=every),
        Training("16 features", 16, middle, seed=1),
    ]


class Probe(NamedTuple):
    """The windows of a set, and those that are compared."""

    windows: Windows
    task: RetrievalTask

    @property
    def anchors(self) -> np.ndarray:
        """The windows to find neighbours of."""
        return self.windows.X[self.task.anchors]

    @property
    def candidates(self) -> np.ndarray:
        """The windows to search."""
        return self.windows.X[self.task.candidates]

    def score(self, distances: np.ndarray) -> dict:
        """Return the precision at 1 of a matrix of distances."""
        return precision_at_1(distances, self.windows, self.task)


# -- distances without a network -------------------------------------------------------------------


def euclidean(anchors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    return euclidean_distances(
        anchors.reshape(len(anchors), -1), candidates.reshape(len(candidates), -1)
    )


def banded_dtw(anchors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    radius = round(DTW_RADIUS * anchors.shape[1])
    return tslearn.metrics.cdist_dtw(
        anchors, candidates, global_constraint="sakoe_chiba", sakoe_chiba_radius=radius
    )


def mean_and_energy(anchors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return distances of four numbers of each segment: the means, and the logarithmic energy."""
    energies = np.log(energy(anchors))[:, None] - np.log(energy(candidates))
    return np.sqrt(squared_distance_of_means(anchors, candidates)) + np.abs(energies)


def baselines(features: FeatureDistance) -> dict[str, Callable]:
    """Return functions of anchors and candidates, by name."""
    return {
        "euclidean": euclidean,
        "means and energy": mean_and_energy,
        "DTW": tslearn.metrics.cdist_dtw,
        f"DTW, band of {DTW_RADIUS:.0%}": banded_dtw,
        "features": features.pairwise,
        "DTW and features": lambda a, c: mixture(
            tslearn.metrics.cdist_dtw(a, c), features.pairwise(a, c)
        ),
    }


# -- measurements ----------------------------------------------------------------------------------


def microseconds(distance: Callable, anchors: np.ndarray, candidates: np.ndarray) -> float:
    """Return the CPU time of a pair, of up to 50 anchors, after a call that compiles."""
    distance(anchors[:2], candidates[:2])
    start = time.process_time()
    distance(anchors[:50], candidates)
    n_pairs = len(anchors[:50]) * len(candidates)
    return 1e6 * (time.process_time() - start) / n_pairs


def measure_baseline(distance: Callable, probes: dict[str, Probe]) -> dict:
    first = next(iter(probes.values()))
    return {
        "us_per_pair": microseconds(distance, first.anchors, first.candidates),
        "scores": {
            name: probe.score(distance(probe.anchors, probe.candidates))
            for name, probe in probes.items()
        },
    }


def measure_training(
    training: Training, X: np.ndarray, probes: dict[str, Probe], features: FeatureDistance
) -> dict:
    net = make_net(
        X.shape[2],
        training.embed_dim,
        attention=training.attention,
        revin=training.revin,
        seed=training.seed,
    )
    record = train_net(net, X, training.seconds, training.seed, augmentation=training.augmentation)
    first = next(iter(probes.values()))
    scores: dict[str, dict] = {name: {} for name in training.scores}
    for name, probe in probes.items():
        by_features = features.pairwise(probe.anchors, probe.candidates)
        comparison = Comparison(net, probe.anchors, probe.candidates, by_features)
        for title in training.scores:
            scores[title][name] = probe.score(SCORES[title].function(comparison))
    cost = microseconds(partial(mean_errors, net), first.anchors, first.candidates)
    return {**record, "us_per_pair": cost, "scores": scores}


# -- the script ------------------------------------------------------------------------------------


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_folder_option(parser, "data", "the npz files")
    add_folder_option(parser, "pool", "the npz files to train on")
    parser.add_argument("--datasets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument(
        "--seconds",
        nargs=3,
        type=float,
        default=[25.0, 100.0, 400.0],
        help="short, middle and long time of training, of CPU time (default 25 100 400)",
    )
    parser.add_argument("--n-anchors", type=int, default=200, help="of each set (default 200)")
    parser.add_argument("--n-candidates", type=int, default=300, help="of each set (default 300)")
    parser.add_argument("--smoke", action="store_true", help="run with tiny settings, as a test")
    parser.add_argument("--cache", type=Path, default=RESULTS / "cache", help="keeps the pool")
    parser.add_argument("--output", type=Path, help="default results/retrieval.json")
    parser.add_argument("--report", action="store_true", help="only write tables into the pages")
    args = parser.parse_args()
    if args.smoke:
        args.seconds, args.n_anchors, args.n_candidates = [0.1, 0.2, 0.3], 30, 50
    if args.output is None:
        args.output = results_file("retrieval", smoke=args.smoke)
    for option in () if args.report else ("data", "pool"):
        if getattr(args, option) is None:
            parser.error(f"--{option} is missing. Pass a folder or set RELCON_{option.upper()}.")
    return args


def load_probes(args: argparse.Namespace) -> dict[str, Probe]:
    probes = {}
    for name in args.datasets:
        in_data = Path(args.data, TASKS[name].file).is_file()
        windows = load_windows(args.data if in_data else args.pool, name, RATE)
        rng = np.random.default_rng(0)
        probes[name] = Probe(
            windows, draw_retrieval_task(windows, args.n_anchors, args.n_candidates, rng)
        )
    return probes


def open_results(path: Path, settings: dict) -> dict:
    """Return the results of an earlier run with the same settings, or empty ones."""
    if not path.is_file():
        empty = {name: {} for name in ("sets", "baselines", "trainings")}
        return environment() | {"settings": settings} | empty
    results = json.loads(path.read_text())
    if results["settings"] != settings:
        raise SystemExit(
            f"{path} has results of other settings: {results['settings']}. Pass another --output."
        )
    return results


def write_report(path: Path, pages: Sequence[Path]) -> None:
    """Write the tables of a file of results into the pages that have their blocks."""
    if not path.is_file():
        raise SystemExit(f"{path} does not exist. Run the script without --report first.")
    fill_pages(pages, "bench_retrieval", render(json.loads(path.read_text())))
    say(f"wrote {', '.join(map(str, pages))}")


def main() -> None:
    args = parse_args()
    if args.report:
        write_report(args.output, PAGES)
        return
    torch.set_num_threads(1)  # the times are those of one core
    names = ("datasets", "seconds", "n_anchors", "n_candidates")
    results = open_results(args.output, {name: getattr(args, name) for name in names})
    trainings = plan(*args.seconds)
    if missing := [t for t in trainings if t.name not in results["trainings"]]:
        fill(results, missing, args)
    say("\n\n".join(render(results).values()))


def fill(results: dict, missing: list[Training], args: argparse.Namespace) -> None:
    """Add the missing results, and write each when it is there."""
    X, _ = load_pool(args.pool, RATE, WINDOW, args.cache)
    probes = load_probes(args)
    for name, (windows, task) in probes.items():
        results["sets"][name] = {
            "windows": windows.summary(),
            "n_anchors": len(task.anchors),
            "n_candidates": len(task.candidates),
            "activities": np.unique(windows.y[task.anchors]).tolist(),
            "chance": chance(windows, task),
        }
    features = FeatureDistance(sampling_rate=RATE).fit(X)
    for name, distance in baselines(features).items():
        if name not in results["baselines"]:
            say(f"{time.process_time():.0f} s of CPU time: {name}")
            results["baselines"][name] = measure_baseline(distance, probes)
            write_json(args.output, results)
    for training in missing:
        say(f"{time.process_time():.0f} s of CPU time: {training.name}")
        results["trainings"][training.name] = measure_training(training, X, probes, features)
        write_json(args.output, results)


if __name__ == "__main__":
    main()
