"""The learned distance on people that it never saw: does it ignore rotations?

    python -m benchmarks.pretraining.bench_distance --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has the npz files of HAPT, SmartFallMM and WISDM,
as `benchmarks/common/datasets.py` names them. Windows are 2.56 s at 100 Hz, without overlap.

The distance is trained without labels on the training subjects of the first of five folds, once
with and once without rotations among its augmentations. On the held-out subjects it is compared
with euclidean distance and DTW: is a segment nearer to a rotated copy of itself than to segments of
other activities?

Whether it finds the same activity in other people is the question of `bench_retrieval.py`, and how
much a pretrained encoder gains is that of `bench_downstream.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import tslearn.metrics
from scipy.spatial.transform import Rotation as Rotations

from benchmarks.common.report import (
    environment,
    results_file,
    say,
    say_all,
    script_parser,
    table,
    write_json,
)
from benchmarks.common.windows import Windows, balanced_rows, load_windows, shorten
from benchmarks.pretraining.data import (
    RATE,
    add_data_options,
    check_data_options,
    draw_at_most,
    split,
)
from benchmarks.pretraining.distances import fit_distance
from relcon_sklearn import LearnedMotifDistance, RandomAugmentations
from relcon_sklearn.augmentations import Rotation, default_augmentations


@dataclass(frozen=True)
class DistanceSettings:
    """The settings of this script. Every field is a command-line option of the same name."""

    # The distance.
    distance_segments: int = 8000  # seen in training, for every data set
    embed_dim: int = 32
    distance_batch_size: int = 64
    distance_lr: float = 1e-3
    validation_fraction: float = 0.0  # with one or two epochs, there is no best one to choose
    device: str = "auto"
    # The windows.
    subtract_mean: int = 0  # 1: of each axis of each window, which removes most of gravity
    pretraining_windows: int = 5000  # training windows, drawn at random; 0 uses all
    max_segments: int = 0  # windows of a data set, drawn at random, for a quick look; 0 uses all
    # The comparisons.
    n_anchors: int = 200
    n_others: int = 5
    dtw_timesteps: int = 256  # with fewer, DTW uses resampled windows, which is faster


SMOKE = {
    "distance_segments": 150,
    "max_segments": 200,
    "n_anchors": 20,
    "n_others": 2,
    "dtw_timesteps": 64,
}
WITH_ROTATION, WITHOUT_ROTATION = "learned, with Rotation", "learned, without Rotation"


# -- distances -------------------------------------------------------------------------------------


def learned_pairs(distance: LearnedMotifDistance, anchors, candidates):
    return ((distance.reconstruct(anchors, candidates) - anchors) ** 2).sum(axis=(1, 2))


def euclidean_pairs(anchors, candidates):
    return np.sqrt(((anchors - candidates) ** 2).sum(axis=(1, 2)))


def dtw_pairs(n_timesteps: int, anchors, candidates):
    pairs = zip(shorten(anchors, n_timesteps), shorten(candidates, n_timesteps), strict=True)
    return np.array([tslearn.metrics.dtw(anchor, candidate) for anchor, candidate in pairs])


def rotate(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate each segment by its own random rotation, uniform over all rotations."""
    turns = Rotations.random(len(X), rng).as_matrix().astype(np.float32)
    return np.einsum("nij,ntj->nti", turns, X)


# -- comparisons -----------------------------------------------------------------------------------


def draw_rotation_task(test: Windows, settings: DistanceSettings, rng: np.random.Generator):
    """Return rows of anchors, their rotated copies, and rows (n_anchors, n_others) of others."""
    anchors = balanced_rows(test.y, settings.n_anchors, rng)
    others = [
        rng.choice(np.flatnonzero(test.y != label), settings.n_others) for label in test.y[anchors]
    ]
    return anchors, rotate(test.X[anchors], rng), np.array(others)


def rotation_wins(distance: Callable, X, anchors, rotated, others) -> np.ndarray:
    """Return, for each anchor A, the share of its others B with d(A | rotated A) < d(A | B).

    `distance` is a function of anchors and candidates, and returns the distance of each pair.
    """
    own = distance(X[anchors], rotated)
    repeated = np.repeat(anchors, others.shape[1])
    other = distance(X[repeated], X[others.ravel()]).reshape(others.shape)
    return (own[:, None] < other).mean(axis=1)


def mean_of(function, *args) -> dict:
    """Return the mean of the output of `function`, its standard error, and the seconds."""
    start = time.perf_counter()
    values = np.asarray(function(*args), dtype=float)
    seconds = time.perf_counter() - start
    return {
        "mean": float(values.mean()),
        "standard_error": float(values.std() / np.sqrt(len(values))),
        "seconds": seconds,
    }


def compare_distances(train: Windows, test: Windows, settings: DistanceSettings, seed: int) -> dict:
    """Train the distance with and without rotations on `train`; compare distances on `test`."""
    train = draw_at_most(train, settings.pretraining_windows, seed)
    test = test.labelled()
    kept = [a for a in default_augmentations() if not isinstance(a, Rotation)]
    augmentations = {WITH_ROTATION: None, WITHOUT_ROTATION: RandomAugmentations(kept)}
    distances, training = {}, {}
    for name, augmentation in augmentations.items():
        learned, seconds = fit_distance(
            train,
            settings.distance_segments,
            seed,
            augmentation=augmentation,
            embed_dim=settings.embed_dim,
            batch_size=settings.distance_batch_size,
            lr=settings.distance_lr,
            validation_fraction=settings.validation_fraction,
            device=settings.device,
        )
        training[name] = {"seconds": seconds, "history": learned.history_}
        distances[name] = partial(learned_pairs, learned)
    distances["euclidean"] = euclidean_pairs
    n = settings.dtw_timesteps
    dtw = partial(dtw_pairs, n)
    distances[f"DTW (tslearn), {n} time steps"] = dtw
    dtw(test.X[:2], test.X[:2])  # numba compiles at the first call

    rng = np.random.default_rng(seed)
    anchors, rotated, others = draw_rotation_task(test, settings, rng)
    return {
        "rotation": {
            name: mean_of(rotation_wins, distance, test.X, anchors, rotated, others)
            for name, distance in distances.items()
        },
        "training": training,
        "n_train": len(train),
        "n_anchors": len(anchors),
        "n_others": others.shape[1],
        "test_subjects": np.unique(test.subject).tolist(),
        "test_activities": np.unique(test.y).tolist(),
    }


def report(result: dict) -> str:
    rows = []
    for name, values in result["rotation"].items():
        row = [name, values["mean"], values["standard_error"], f"{values['seconds']:.1f}"]
        seconds = result["training"].get(name, {}).get("seconds")
        rows.append([*row, None if seconds is None else f"{seconds:.1f}"])
    rows.append(["chance", 0.5, None, None, None])
    return (
        f"{result['n_anchors']} anchors x {result['n_others']} others; "
        f"{len(result['test_activities'])} activities, {len(result['test_subjects'])} held-out "
        'subjects. "Without Rotation" still has Negation and ChannelShuffle. Euclidean distance '
        "and DTW use values in g.\n\n"
        + table(["distance", "rotated < other", "se", "s", "training s"], rows)
    )


# -- the script ------------------------------------------------------------------------------------


def parse_args() -> tuple[argparse.Namespace, DistanceSettings]:
    parser = script_parser(__doc__)
    add_data_options(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="run with tiny settings, as a test")
    parser.add_argument(
        "--output", type=Path, help="JSON file of results (default results/distance.json)"
    )
    group = parser.add_argument_group("settings")
    for field in fields(DistanceSettings):
        option = "--" + field.name.replace("_", "-")
        group.add_argument(option, type=type(field.default), help=f"default {field.default}")
    args = parser.parse_args()
    check_data_options(parser, args)
    if args.output is None:
        args.output = results_file("distance", smoke=args.smoke)
    given = {f.name: getattr(args, f.name) for f in fields(DistanceSettings)}
    given = {name: value for name, value in given.items() if value is not None}
    return args, DistanceSettings(**(SMOKE if args.smoke else {}) | given)


def main() -> None:
    args, settings = parse_args()
    results = environment() | {"seed": args.seed, "settings": asdict(settings)}
    say_all(results | {"results": args.output})
    results["datasets"] = {}
    for name in args.datasets:
        windows = load_windows(args.data, name, RATE)
        if settings.subtract_mean:
            windows = replace(windows, X=windows.X - windows.X.mean(axis=1, keepdims=True))
        windows = draw_at_most(windows, settings.max_segments, args.seed)
        say(f"\n## {name}: {windows.summary()}\n")
        result = {
            "data": windows.summary(),
            **compare_distances(*split(windows, 0), settings, args.seed),
        }
        results["datasets"][name] = result
        write_json(args.output, results)
        say(report(result))


if __name__ == "__main__":
    main()
