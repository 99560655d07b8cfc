"""The learned distance on people that it never saw: rotations, and retrieval of activities.

    python -m benchmarks.pretraining.bench_distance --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has the npz files of HAPT, SmartFallMM and WISDM,
as `benchmarks/common/datasets.py` names them. Windows are 2.56 s at 100 Hz, without overlap.

The distance is trained without labels on the training subjects of the first of five folds, once
with and once without rotations among its augmentations. On the held-out subjects it is compared
with euclidean distance and DTW:

- rotation: is a segment nearer to a rotated copy of itself than to segments of other activities?
- retrieval: does the nearest segment of another subject have the same activity?

How much a pretrained encoder gains is the question of `bench_downstream.py`.
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
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import train_test_split

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
    n_queries: int = 200
    n_gallery: int = 300
    dtw_timesteps: int = 256  # with fewer, DTW uses resampled windows, which is faster


SMOKE = {
    "distance_segments": 150,
    "max_segments": 200,
    "n_anchors": 20,
    "n_others": 2,
    "n_queries": 20,
    "n_gallery": 30,
    "dtw_timesteps": 64,
}
WITH_ROTATION, WITHOUT_ROTATION = "learned, with Rotation", "learned, without Rotation"


# -- distances -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DistanceFunctions:
    """A distance of anchors from candidates, of given pairs and of all pairs."""

    pairs: Callable
    matrix: Callable


def learned_pairs(distance: LearnedMotifDistance, anchors, candidates):
    return ((distance.reconstruct(anchors, candidates) - anchors) ** 2).sum(axis=(1, 2))


def euclidean_pairs(anchors, candidates):
    return np.sqrt(((anchors - candidates) ** 2).sum(axis=(1, 2)))


def euclidean_matrix(anchors, candidates):
    return euclidean_distances(
        anchors.reshape(len(anchors), -1), candidates.reshape(len(candidates), -1)
    )


def dtw_pairs(n_timesteps: int, anchors, candidates):
    pairs = zip(shorten(anchors, n_timesteps), shorten(candidates, n_timesteps), strict=True)
    return np.array([tslearn.metrics.dtw(anchor, candidate) for anchor, candidate in pairs])


def dtw_matrix(n_timesteps: int, anchors, candidates):
    return tslearn.metrics.cdist_dtw(
        shorten(anchors, n_timesteps), shorten(candidates, n_timesteps)
    )


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


def rotation_wins(distance: DistanceFunctions, X, anchors, rotated, others) -> np.ndarray:
    """Return, for each anchor A, the share of its others B with d(A | rotated A) < d(A | B)."""
    own = distance.pairs(X[anchors], rotated)
    repeated = np.repeat(anchors, others.shape[1])
    other = distance.pairs(X[repeated], X[others.ravel()]).reshape(others.shape)
    return (own[:, None] < other).mean(axis=1)


def draw_retrieval_task(test: Windows, settings: DistanceSettings, rng: np.random.Generator):
    """Return rows of queries and gallery, and a mask of the entries that each query may find.

    Activities of only one held-out subject are left out. Queries are also left out if the gallery
    has no entry of their activity from another subject, since no distance could find one. The last
    value is the number of these queries.
    """
    pairs = np.unique(np.stack([test.y, test.subject]), axis=1)
    labels, n_subjects = np.unique(pairs[0], return_counts=True)
    rows = np.flatnonzero(np.isin(test.y, labels[n_subjects >= 2]))
    n_queries, n_gallery = settings.n_queries, settings.n_gallery
    rows = rows[balanced_rows(test.y[rows], n_queries + n_gallery, rng)]
    queries, gallery = train_test_split(
        rows,
        train_size=n_queries / (n_queries + n_gallery),
        stratify=test.y[rows],
        random_state=int(rng.integers(2**31)),
    )
    allowed = test.subject[queries][:, None] != test.subject[gallery]
    same = test.y[queries][:, None] == test.y[gallery]
    findable = (allowed & same).any(axis=1)
    return queries[findable], gallery, allowed[findable], int((~findable).sum())


def retrieval_hits(
    distance: DistanceFunctions, test: Windows, queries, gallery, allowed
) -> np.ndarray:
    """Return, for each query, whether its nearest allowed candidate has the same activity."""
    distances = distance.matrix(test.X[queries], test.X[gallery])
    nearest = gallery[np.where(allowed, distances, np.inf).argmin(axis=1)]
    return test.y[nearest] == test.y[queries]


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
        distances[name] = DistanceFunctions(partial(learned_pairs, learned), learned.pairwise)
    distances["euclidean"] = DistanceFunctions(euclidean_pairs, euclidean_matrix)
    n = settings.dtw_timesteps
    dtw = DistanceFunctions(partial(dtw_pairs, n), partial(dtw_matrix, n))
    distances[f"DTW (tslearn), {n} time steps"] = dtw
    (
        dtw.pairs(test.X[:2], test.X[:2]),
        dtw.matrix(test.X[:2], test.X[:2]),
    )  # numba compiles at the first call

    rng = np.random.default_rng(seed)
    anchors, rotated, others = draw_rotation_task(test, settings, rng)
    queries, gallery, allowed, n_dropped = draw_retrieval_task(test, settings, rng)
    same = test.y[queries][:, None] == test.y[gallery]
    chance = (same & allowed).sum(axis=1) / allowed.sum(axis=1)
    return {
        "rotation": {
            name: mean_of(rotation_wins, distance, test.X, anchors, rotated, others)
            for name, distance in distances.items()
        },
        "retrieval": {
            name: mean_of(retrieval_hits, distance, test, queries, gallery, allowed)
            for name, distance in distances.items()
        },
        "chance": float(chance.mean()),
        "training": training,
        "n_train": len(train),
        "n_anchors": len(anchors),
        "n_others": others.shape[1],
        "n_queries": len(queries),
        "n_queries_dropped": n_dropped,
        "n_gallery": len(gallery),
        "test_subjects": np.unique(test.subject).tolist(),
        "test_activities": np.unique(test.y).tolist(),
        "retrieval_activities": np.unique(test.y[queries]).tolist(),
    }


def report(result: dict) -> str:
    rows = []
    for name in result["rotation"]:
        row = [name]
        for task in ("rotation", "retrieval"):
            values = result[task][name]
            row += [values["mean"], values["standard_error"], f"{values['seconds']:.1f}"]
        seconds = result["training"].get(name, {}).get("seconds")
        rows.append([*row, None if seconds is None else f"{seconds:.1f}"])
    rows.append(["chance", 0.5, None, None, result["chance"], None, None, None])
    header = ["distance", "rotated < other", "se", "s", "precision at 1", "se", "s", "training s"]
    return (
        f"{result['n_anchors']} anchors x {result['n_others']} others; {result['n_queries']} "
        f"queries (without {result['n_queries_dropped']} that have no counterpart), "
        f"{result['n_gallery']} gallery segments, {len(result['retrieval_activities'])} of "
        f"{len(result['test_activities'])} activities, {len(result['test_subjects'])} held-out "
        "subjects. A query does not find segments of its own subject.\n"
        '"Without Rotation" still has Negation and ChannelShuffle. Euclidean distance and DTW use '
        "values in g.\n\n" + table(header, rows)
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
