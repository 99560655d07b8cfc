"""Pretraining and the learned distance on real recordings of people that they never saw.

    python benchmarks/bench_real.py --data FOLDER

FOLDER (or the environment variable RELCON_DATA) holds hapt.npz, smartfallmm_wrist.npz and
wisdm51_watch_reduced.npz. Windows are 2.56 s at 100 Hz, without overlap.

Part "activity": 5-fold cross-validation by subject. Distance and encoder are pretrained without
labels on the training subjects of a fold only; then a logistic regression on their labelled
windows is judged by the macro-F1 on the held-out subjects, over the activities these have.

Part "invariance": on the held-out subjects of the first fold, does the learned distance see through
a rotation of the sensor, and does the nearest candidate from another subject do the same activity?

Every result is printed and written to a JSON file as soon as it is there; --resume goes on from it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import tslearn.metrics
from _features import summary_features
from _objectives import warm
from _real_data import N_TIMESTEPS, RATE, SOURCES, Windows, balanced_rows, load_windows
from _report import environment, table, write_json
from scipy.signal import resample_poly
from scipy.spatial.transform import Rotation as Rotations
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import GroupKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Rotation, default_augmentations
from relcon_sklearn.segments._array import SegmentArray

N_FOLDS = 5
PROBE_MAX_ITER = 5000
PRETRAINING_GROUPS = "subject"  # or "recording": candidates of the same subject and recording


@dataclass(frozen=True)
class Settings:
    """What can be tuned; every field is a command-line option of the same name."""

    # The distance.
    distance_segments: int = 8000  # seen in training, whatever the size of the data set
    embed_dim: int = 32
    distance_batch_size: int = 64
    distance_lr: float = 1e-3
    # The encoder.
    encoder: str = "resnet14-half"
    encoder_anchors: int = 5000  # seen in training, likewise
    batch_size: int = 32
    n_within: int = 4
    lr: float = 1e-3
    temperature: float = 0.1
    precision: str = "bfloat16"  # of the encoder's training: twice as fast on CPUs that have it
    # Both. With one or two epochs there is no best one to choose.
    validation_fraction: float = 0.0
    device: str = "auto"
    subtract_mean: int = 0  # 1: of each axis of each window, which takes most of gravity away
    # Training windows of a fold drawn at random for pretraining; 0 takes all. The probe has all.
    pretraining_windows: int = 5000
    # Windows of a data set drawn at random, for a quick look; 0 takes all.
    max_segments: int = 0
    # Part "invariance".
    n_anchors: int = 200
    n_others: int = 5
    n_queries: int = 200
    n_gallery: int = 300
    dtw_timesteps: int = N_TIMESTEPS  # fewer: DTW on resampled windows, for speed


SMOKE = {
    "distance_segments": 150,
    "encoder_anchors": 150,
    "batch_size": 16,
    "n_within": 2,
    "max_segments": 200,
    "n_anchors": 20,
    "n_others": 2,
    "n_queries": 20,
    "n_gallery": 30,
    "dtw_timesteps": 64,
}

ROWS = {
    "relcon": "(a) RelCon embedding",
    "untrained": "(b) untrained, batch norm warmed",
    "untrained_cold": "(b0) untrained, as initialised",
    "features": "(c) summary features",
    "relcon_features": "(d) RelCon + features",
    "untrained_features": "(e) untrained warmed + features",
}
COMPARISONS = {
    "(a) - (b)": ("relcon", "untrained"),
    "(a) - (c)": ("relcon", "features"),
    "(d) - (c)": ("relcon_features", "features"),
    "(d) - (e)": ("relcon_features", "untrained_features"),
}
WITH_ROTATION, WITHOUT_ROTATION = "learned, with Rotation", "learned, without Rotation"

say = partial(print, flush=True)


# -- pretraining -----------------------------------------------------------------------------------


def pretraining_groups(windows: Windows) -> np.ndarray:
    if PRETRAINING_GROUPS == "subject":
        return windows.subject
    return np.char.add(np.char.add(windows.subject, "/"), windows.recording.astype(str))


def draw_windows(train: Windows, n: int, seed: int) -> Windows:
    """Return `n` windows drawn at random, in order; all if `n` is 0 or there are no more."""
    if n == 0 or n >= len(train.X):
        return train
    return train.take(np.sort(np.random.default_rng(seed).permutation(len(train.X))[:n]))


def n_epochs(n_seen: int, train: Windows) -> int:
    """Return how many passes over `train` come nearest to `n_seen` segments."""
    return max(1, round(n_seen / len(train.X)))


def fit_distance(train: Windows, settings: Settings, seed: int, augmentation=None):
    """Return a distance trained on `train`, and the seconds that took."""
    distance = LearnedMotifDistance(
        augmentation=augmentation,
        embed_dim=settings.embed_dim,
        max_epochs=n_epochs(settings.distance_segments, train),
        batch_size=settings.distance_batch_size,
        lr=settings.distance_lr,
        validation_fraction=settings.validation_fraction,
        device=settings.device,
        random_state=seed,
    )
    start = time.perf_counter()
    distance.fit(train.X, groups=pretraining_groups(train))
    return distance, time.perf_counter() - start


def make_embedder(settings: Settings, seed: int, distance, max_epochs: int) -> RelConEmbedder:
    return RelConEmbedder(
        distance,
        encoder=settings.encoder,
        n_within=settings.n_within,
        temperature=settings.temperature,
        max_epochs=max_epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        validation_fraction=settings.validation_fraction,
        device=settings.device,
        precision=settings.precision,
        random_state=seed,
    )


def fit_embedder(train: Windows, settings: Settings, seed: int, distance: LearnedMotifDistance):
    """Return an embedder trained on `train`, and the seconds that took."""
    max_epochs = n_epochs(settings.encoder_anchors, train)
    embedder = make_embedder(settings, seed, FrozenEstimator(distance), max_epochs)
    start = time.perf_counter()
    embedder.fit(train.X, groups=pretraining_groups(train))
    return embedder, time.perf_counter() - start


def untrained_embedder(train: Windows, settings: Settings, seed: int) -> RelConEmbedder:
    """Return an embedder with the initial weights of the one that `fit_embedder` trains."""
    embedder = make_embedder(settings, seed, euclidean_matrix, max_epochs=0)
    return embedder.fit(train.X, groups=pretraining_groups(train))


def warm_batch_norm(embedder: RelConEmbedder, X: np.ndarray, seed: int) -> None:
    """Set the batch-norm statistics of the encoder to their means over training batches of `X`."""
    warm(embedder.encoder_, SegmentArray(X), seed, len(X), embedder.batch_size)


# -- part "activity" -------------------------------------------------------------------------------


def subject_folds(windows: Windows) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(GroupKFold(N_FOLDS).split(windows.X, groups=windows.subject))


def probe(Z_train, y_train, Z_test, y_test, seed: int) -> float:
    """Return the macro-F1 over the activities that are there to be found in `y_test`."""
    model = LogisticRegression(max_iter=PROBE_MAX_ITER, random_state=seed)
    model = make_pipeline(StandardScaler(), model).fit(Z_train, y_train)
    predicted = model.predict(Z_test)
    labels = np.unique(y_test)
    return float(f1_score(y_test, predicted, labels=labels, average="macro", zero_division=0))


def activity_fold(train: Windows, test: Windows, settings: Settings, seed: int) -> dict:
    """Pretrain on `train`, and judge every embedding of `test` by the probe."""
    pretraining = draw_windows(train, settings.pretraining_windows, seed)
    distance, distance_seconds = fit_distance(pretraining, settings, seed)
    embedder, encoder_seconds = fit_embedder(pretraining, settings, seed, distance)
    train_known, test_known = train.take(train.label != ""), test.take(test.label != "")

    def both(embed):
        return embed(train_known.X), embed(test_known.X)

    start = time.perf_counter()
    Z = {"relcon": both(embedder.transform)}
    embed_seconds = time.perf_counter() - start
    untrained = untrained_embedder(pretraining, settings, seed)
    Z["untrained_cold"] = both(untrained.transform)
    warm_batch_norm(untrained, pretraining.X, seed)
    Z["untrained"] = both(untrained.transform)
    Z["features"] = both(partial(summary_features, rate=RATE))
    for name in ("relcon", "untrained"):
        pairs = zip(Z[name], Z["features"], strict=True)
        Z[f"{name}_features"] = tuple(np.hstack(pair) for pair in pairs)
    start = time.perf_counter()
    scores = {
        name: probe(Z[name][0], train_known.label, Z[name][1], test_known.label, seed)
        for name in ROWS
    }
    return {
        "scores": scores,
        "seconds": {
            "distance": distance_seconds,
            "encoder": encoder_seconds,
            "embed": embed_seconds,
            "probes": time.perf_counter() - start,
        },
        "n_train": len(train.X),
        "n_pretraining": len(pretraining.X),
        "n_test": len(test.X),
        "n_train_labelled": len(train_known.X),
        "n_test_labelled": len(test_known.X),
        "test_subjects": np.unique(test.subject).tolist(),
        "test_activities": np.unique(test_known.label).tolist(),
        "history": {"distance": distance.history_, "encoder": embedder.history_},
    }


def mean_sd(values: list[float]) -> list[float | None]:
    return [float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None]


def activity_report(folds: dict[str, dict]) -> str:
    numbers = sorted(folds, key=int)
    done = [folds[number] for number in numbers]
    header = [f"fold {number}" for number in numbers]

    def scores(name):
        return [fold["scores"][name] for fold in done]

    f1 = [[title, *scores(name), *mean_sd(scores(name))] for name, title in ROWS.items()]
    differences = []
    for title, (one, other) in COMPARISONS.items():
        values = [a - b for a, b in zip(scores(one), scores(other), strict=True)]
        ahead = f"{sum(value > 0 for value in values)}/{len(values)}"
        spread = [float(np.mean(values)), min(values), max(values), ahead]
        differences.append([title, *values, *spread])
    costs = []
    for name in ("distance", "encoder", "embed", "probes"):
        values = [fold["seconds"][name] for fold in done]
        costs.append([name, *(f"{value:.1f}" for value in [*values, np.mean(values)])])
    counts = [
        ["windows, training", *(fold["n_train"] for fold in done)],
        ["windows, pretraining", *(fold["n_pretraining"] for fold in done)],
        ["labelled, training", *(fold["n_train_labelled"] for fold in done)],
        ["labelled, held out", *(fold["n_test_labelled"] for fold in done)],
        ["activities, held out", *(len(fold["test_activities"]) for fold in done)],
        ["subjects, held out", *(len(fold["test_subjects"]) for fold in done)],
    ]
    return "\n\n".join(
        [
            table(["macro-F1, held-out subjects", *header, "mean", "sd"], f1),
            table(["paired difference", *header, "mean", "min", "max", "ahead"], differences),
            table(["seconds", *header, "mean"], costs),
            table(["count", *header], counts),
        ]
    )


# -- part "invariance" -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Distance:
    """A distance of anchors from candidates: pair by pair, and all from all."""

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


def shorten(X: np.ndarray, n_timesteps: int) -> np.ndarray:
    if n_timesteps == X.shape[1]:
        return X
    return resample_poly(X, n_timesteps, X.shape[1], axis=1, padtype="line")


def dtw_pairs(n_timesteps: int, anchors, candidates):
    pairs = zip(shorten(anchors, n_timesteps), shorten(candidates, n_timesteps), strict=True)
    return np.array([tslearn.metrics.dtw(anchor, candidate) for anchor, candidate in pairs])


def dtw_matrix(n_timesteps: int, anchors, candidates):
    return tslearn.metrics.cdist_dtw(
        shorten(anchors, n_timesteps), shorten(candidates, n_timesteps)
    )


def rotate(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn each segment by a rotation of its own, uniform over all rotations in space."""
    turns = Rotations.random(len(X), rng).as_matrix().astype(np.float32)
    return np.einsum("nij,ntj->nti", turns, X)


def draw_rotation_task(test: Windows, settings: Settings, rng: np.random.Generator):
    """Return rows of anchors, their rotated copies, and rows (n_anchors, n_others) of others."""
    anchors = balanced_rows(test.label, settings.n_anchors, rng)
    others = [
        rng.choice(np.flatnonzero(test.label != label), settings.n_others)
        for label in test.label[anchors]
    ]
    return anchors, rotate(test.X[anchors], rng), np.array(others)


def rotation_wins(distance: Distance, X, anchors, rotated, others) -> np.ndarray:
    """Return, per anchor A, the share of its others B with d(A | rotated A) < d(A | B)."""
    own = distance.pairs(X[anchors], rotated)
    repeated = np.repeat(anchors, others.shape[1])
    other = distance.pairs(X[repeated], X[others.ravel()]).reshape(others.shape)
    return (own[:, None] < other).mean(axis=1)


def draw_retrieval_task(test: Windows, settings: Settings, rng: np.random.Generator):
    """Return rows of queries and gallery, and which gallery entries each query may find.

    Activities of one held-out subject only are left out, and so are queries without any gallery
    entry of their activity from another subject: nothing could find what is not there.
    """
    pairs = np.unique(np.stack([test.label, test.subject]), axis=1)
    labels, n_subjects = np.unique(pairs[0], return_counts=True)
    rows = np.flatnonzero(np.isin(test.label, labels[n_subjects >= 2]))
    n_queries, n_gallery = settings.n_queries, settings.n_gallery
    rows = rows[balanced_rows(test.label[rows], n_queries + n_gallery, rng)]
    queries, gallery = train_test_split(
        rows,
        train_size=n_queries / (n_queries + n_gallery),
        stratify=test.label[rows],
        random_state=int(rng.integers(2**31)),
    )
    allowed = test.subject[queries][:, None] != test.subject[gallery]
    same = test.label[queries][:, None] == test.label[gallery]
    findable = (allowed & same).any(axis=1)
    return queries[findable], gallery, allowed[findable], int((~findable).sum())


def retrieval_hits(distance: Distance, test: Windows, queries, gallery, allowed) -> np.ndarray:
    """Return, per query, whether its nearest allowed candidate does the same activity."""
    distances = distance.matrix(test.X[queries], test.X[gallery])
    nearest = gallery[np.where(allowed, distances, np.inf).argmin(axis=1)]
    return test.label[nearest] == test.label[queries]


def estimate(function, *args) -> dict:
    """Return the mean of what `function` gives, its standard error, and the seconds it took."""
    start = time.perf_counter()
    values = np.asarray(function(*args), dtype=float)
    seconds = time.perf_counter() - start
    return {
        "mean": float(values.mean()),
        "standard_error": float(values.std() / np.sqrt(len(values))),
        "seconds": seconds,
    }


def invariance(train: Windows, test: Windows, settings: Settings, seed: int) -> dict:
    """Train the distance with and without rotations on `train`, and compare distances on `test`."""
    train = draw_windows(train, settings.pretraining_windows, seed)
    test = test.take(test.label != "")
    kept = [a for a in default_augmentations() if not isinstance(a, Rotation)]
    augmentations = {WITH_ROTATION: None, WITHOUT_ROTATION: RandomAugmentations(kept)}
    distances, training = {}, {}
    for name, augmentation in augmentations.items():
        learned, seconds = fit_distance(train, settings, seed, augmentation)
        training[name] = {"seconds": seconds, "history": learned.history_}
        distances[name] = Distance(partial(learned_pairs, learned), learned.pairwise)
    distances["euclidean"] = Distance(euclidean_pairs, euclidean_matrix)
    n = settings.dtw_timesteps
    dtw = Distance(partial(dtw_pairs, n), partial(dtw_matrix, n))
    distances[f"DTW (tslearn), {n} time steps"] = dtw
    dtw.pairs(test.X[:2], test.X[:2]), dtw.matrix(test.X[:2], test.X[:2])  # numba compiles here

    rng = np.random.default_rng(seed)
    anchors, rotated, others = draw_rotation_task(test, settings, rng)
    queries, gallery, allowed, n_dropped = draw_retrieval_task(test, settings, rng)
    same = test.label[queries][:, None] == test.label[gallery]
    chance = (same & allowed).sum(axis=1) / allowed.sum(axis=1)
    return {
        "rotation": {
            name: estimate(rotation_wins, distance, test.X, anchors, rotated, others)
            for name, distance in distances.items()
        },
        "retrieval": {
            name: estimate(retrieval_hits, distance, test, queries, gallery, allowed)
            for name, distance in distances.items()
        },
        "chance": float(chance.mean()),
        "training": training,
        "n_train": len(train.X),
        "n_anchors": len(anchors),
        "n_others": others.shape[1],
        "n_queries": len(queries),
        "n_queries_dropped": n_dropped,
        "n_gallery": len(gallery),
        "test_subjects": np.unique(test.subject).tolist(),
        "test_activities": np.unique(test.label).tolist(),
        "retrieval_activities": np.unique(test.label[queries]).tolist(),
    }


def invariance_report(result: dict) -> str:
    rows = []
    for name in result["rotation"]:
        row = [name]
        for task in ("rotation", "retrieval"):
            values = result[task][name]
            row += [values["mean"], values["standard_error"], f"{values['seconds']:.1f}"]
        seconds = result["training"].get(name, {}).get("seconds")
        rows.append([*row, None if seconds is None else f"{seconds:.1f}"])
    rows.append(["at random", 0.5, None, None, result["chance"], None, None, None])
    header = ["distance", "rotated < other", "se", "s", "precision at 1", "se", "s", "training s"]
    return (
        f"{result['n_anchors']} anchors x {result['n_others']} others; {result['n_queries']} "
        f"queries ({result['n_queries_dropped']} more had no counterpart), {result['n_gallery']} "
        f"gallery segments, {len(result['retrieval_activities'])} of "
        f"{len(result['test_activities'])} activities, {len(result['test_subjects'])} held-out "
        "subjects, a query's own subject masked.\n"
        '"Without Rotation" still has Negation and ChannelShuffle; euclidean and DTW are on g.\n\n'
        + table(header, rows)
    )


# -- the run ---------------------------------------------------------------------------------------


def parse_args() -> tuple[argparse.Namespace, Settings]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("RELCON_DATA"), help="or RELCON_DATA")
    parser.add_argument("--datasets", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--part", choices=("activity", "invariance", "all"), default="all")
    parser.add_argument("--folds", type=int, choices=range(1, N_FOLDS + 1), help="run the first n")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="tiny settings: does it run?")
    parser.add_argument(
        "--output", type=Path, help="JSON file of results; replaced unless --resume"
    )
    parser.add_argument("--resume", action="store_true", help="keep what the JSON file has")
    tuning = parser.add_argument_group("settings")
    for field in fields(Settings):
        option = "--" + field.name.replace("_", "-")
        tuning.add_argument(option, type=type(field.default), help=f"default {field.default}")
    args = parser.parse_args()
    if args.data is None:
        parser.error("where are the recordings? Pass --data FOLDER or set RELCON_DATA.")
    for name in args.datasets:
        if not (Path(args.data) / SOURCES[name].file).is_file():
            parser.error(f"--data {args.data}: no file {SOURCES[name].file} there.")
    if args.folds is None:
        args.folds = 2 if args.smoke else N_FOLDS
    if args.output is None:
        suffix = "_smoke" if args.smoke else ""
        args.output = Path(__file__).parent / "results" / f"bench_real{suffix}.json"
    given = {f.name: getattr(args, f.name) for f in fields(Settings)}
    given = {name: value for name, value in given.items() if value is not None}
    return args, Settings(**(SMOKE if args.smoke else {}) | given)


def start_results(path: Path, resume: bool, settings: dict, seed: int) -> dict:
    """Return the results to add to: those in the file, if it may and can be resumed."""
    fixed = {"settings": settings, "seed": seed, "groups": PRETRAINING_GROUPS}
    if not (resume and path.is_file()):
        return fixed | {"runs": [], "datasets": {}}
    results = json.loads(path.read_text())
    was = {key: results[key] for key in ("seed", "groups")} | results["settings"]
    now = {key: fixed[key] for key in ("seed", "groups")} | settings
    changes = [
        f"{key} was {was.get(key)!r}, is {now.get(key)!r}"
        for key in was | now
        if was.get(key) != now.get(key)
    ]
    if changes:
        raise SystemExit(f"--resume: {path} was made with other settings: {'; '.join(changes)}")
    return results


def bench_dataset(windows: Windows, args, settings: Settings, results: dict) -> None:
    """Run what is asked for and not in `results` yet, and print all of it."""
    entry = results["datasets"].setdefault(windows.name, {"activity": {}})
    entry["data"] = windows.describe()
    say(f"\n## {windows.name}: {windows.describe()}\n")
    folds = subject_folds(windows)
    run = len(results["runs"]) - 1
    if args.part in ("activity", "all"):
        for number, (train, test) in enumerate(folds[: args.folds]):
            if str(number) not in entry["activity"]:
                seed = fold_seed(args.seed, number)
                fold = activity_fold(windows.take(train), windows.take(test), settings, seed)
                entry["activity"][str(number)] = fold | {"random_state": seed, "run": run}
                write_json(args.output, results)
            fold = entry["activity"][str(number)]
            scores = ", ".join(f"{name} {value:.3f}" for name, value in fold["scores"].items())
            spent = fold["seconds"]
            say(
                f"fold {number}: {scores}; pretraining {spent['distance']:.1f} s (distance) + "
                f"{spent['encoder']:.1f} s (encoder)"
            )
        say("\n### Activity\n\n" + activity_report(entry["activity"]))
    if args.part in ("invariance", "all"):
        if "invariance" not in entry:
            train, test = folds[0]
            seed = fold_seed(args.seed, 0)
            result = invariance(windows.take(train), windows.take(test), settings, seed)
            entry["invariance"] = result | {"random_state": seed, "run": run}
            write_json(args.output, results)
        say("\n### Invariance of the distance\n\n" + invariance_report(entry["invariance"]))


def fold_seed(seed: int, fold: int) -> int:
    return 1000 * seed + fold


def main() -> None:
    args, settings = parse_args()
    results = start_results(args.output, args.resume, asdict(settings), args.seed)
    results["runs"].append(environment())
    for key, value in results["runs"][-1].items():
        text = value
        if isinstance(value, dict):
            text = ", ".join(f"{name} {number}" for name, number in value.items())
        say(f"{key}: {text}")
    say(f"seed: {args.seed}; pretraining groups: {PRETRAINING_GROUPS}")
    say("settings: " + ", ".join(f"{k}={v}" for k, v in asdict(settings).items()))
    say(f"results: {args.output}")
    for name in args.datasets:
        windows = load_windows(args.data, name)
        if settings.subtract_mean:
            windows = replace(windows, X=windows.X - windows.X.mean(axis=1, keepdims=True))
        if 0 < settings.max_segments < len(windows.X):
            rng = np.random.default_rng(args.seed)
            rows = rng.choice(len(windows.X), settings.max_segments, replace=False)
            windows = windows.take(np.sort(rows))
        bench_dataset(windows, args, settings, results)


if __name__ == "__main__":
    main()
