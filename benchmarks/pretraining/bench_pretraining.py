"""What pretraining brings, and how soon: macro-F1 on unseen people against wall time of training.

    python benchmarks/bench_pretraining.py --data FOLDER

FOLDER (or the environment variable RELCON_DATA) holds hapt.npz, smartfallmm_wrist.npz and
wisdm51_watch_reduced.npz. The ways to pretrain an encoder, its modes, are

- independent: `RelConEmbedder(candidates="independent")`, the published batches;
- shared: `RelConEmbedder(candidates="shared")`, with as many segments in a batch;
- fast: the same with `query_stride=4`;
- float32 (HAPT only): "independent" in float32, whatever the precision of the others;
- paper_literal (HAPT only): `paper_literal.py`, on the very batches of "independent", in float32.

A seed picks the held-out subjects (a fold of `bench_real.py`) and all that is random. The distance
is trained once for each data set and seed, before the clock starts, and all modes rank by it; they
start from the same weights and run for the same time, in turn. The learning rate rises and falls
along the time that a mode has had: each is annealed in full when its time is up, and not before.
On the way the frozen encoder is judged as in `bench_real.py`, while the clock stands still.

The same command may be started several times, to run side by side: each process takes the next data
set and seed that nobody has taken yet. A result that is in the file already, with the same
settings, is not made again. --report prints what there is and runs nothing.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import bench_real
import numpy as np
import torch
from _curves import Budget, Curves, plot, report, train_library, train_literal
from _features import summary_features
from _real_data import RATE, SOURCES, Windows, load_windows
from _report import environment, write_json
from filelock import FileLock, Timeout
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits
from torch import nn

from relcon_sklearn import LearnedMotifDistance
from relcon_sklearn._batches import Batches, GroupIndex
from relcon_sklearn.segments._array import SegmentArray

# Parameters of the library's modes.
LIBRARY = {
    "independent": {"candidates": "independent"},
    "shared": {"candidates": "shared"},
    "fast": {"candidates": "shared", "query_stride": 4},
    "float32": {"candidates": "independent", "precision": "float32"},
}
MODES = (*LIBRARY, "paper_literal")
MODES_OF = {"hapt": MODES}
MODES_OF_OTHERS = ("independent", "shared", "fast")
FIRST_CHECKPOINT = 1 / 32  # of the budget

say = partial(print, flush=True)


@dataclass(frozen=True)
class Settings:
    """What can be tuned; every field is a command-line option of the same name."""

    seconds: float = 100.0  # of training, for each mode
    checkpoints: int = 8  # as many probes, at times that grow by the same factor
    # The distance.
    distance_segments: int = 5000  # seen in training, whatever the size of the data set
    embed_dim: int = 32
    # The encoder.
    encoder: str = "resnet14-half"
    n_within: int = 4
    batch_size: int = 32  # anchors; each with candidates of its own
    n_sets: int = 0  # of shared candidates in a batch; 0 is as many as anchors above
    lr: float = 1e-3
    temperature: float = 0.1
    precision: str = "auto"
    # Training windows of a fold drawn at random, to pretrain on and for the probe; 0 takes all.
    pretraining_windows: int = 5000
    probe_windows: int = 3000
    max_segments: int = 0  # windows of a data set drawn at random, for a quick look; 0 takes all
    threads: int = 1

    def of_real(self) -> bench_real.Settings:
        """Return the settings as `bench_real.py` has them."""
        names = {field.name for field in fields(bench_real.Settings)}
        known = {name: value for name, value in asdict(self).items() if name in names}
        return bench_real.Settings(device="cpu", **known)

    def that_matter(self, mode: str) -> dict:
        """Return those on which the results of `mode` depend."""
        settings = asdict(self)
        if mode == "baselines":
            names = ("encoder", "batch_size", "pretraining_windows", "probe_windows")
            return {name: settings[name] for name in (*names, "max_segments")}
        if is_shared(mode):
            settings["n_sets"] = settings["n_sets"] or settings["batch_size"]
            del settings["batch_size"]
        else:
            del settings["n_sets"]
        if mode in ("float32", "paper_literal"):
            del settings["precision"]
        return settings


def is_shared(mode: str) -> bool:
    return LIBRARY.get(mode, {}).get("candidates") == "shared"


SMOKE = {
    "seconds": 2.0,
    "checkpoints": 2,
    "distance_segments": 100,
    "embed_dim": 8,
    "n_within": 2,
    "batch_size": 8,
    "pretraining_windows": 100,
    "max_segments": 300,
}


# -- results ---------------------------------------------------------------------------------------


class Results:
    """A JSON file of results that several processes add to."""

    def __init__(self, path: Path, since: str = ""):
        self.path = path
        self.since = since  # older results are as if they were not there
        self.run = environment()
        (path.parent / "cache").mkdir(parents=True, exist_ok=True)

    def lock(self, name: str = "file", **kwargs) -> FileLock:
        """Return the lock of the file, or of one of the jobs."""
        return FileLock(self.path.parent / "cache" / f"{self.path.stem}_{name}.lock", **kwargs)

    def read(self) -> dict:
        """Return what is in the file."""
        if not self.path.is_file():
            return {"runs": {}, "records": []}
        return json.loads(self.path.read_text())

    def find(self, dataset: str, seed: int, mode: str, settings: Settings) -> dict | None:
        """Return the result of these, if there is one."""
        key = _key(dataset, seed, mode, settings)
        for record in self.read()["records"]:
            if record["key"] == key and record["date"] >= self.since:
                return record
        return None

    def add(self, dataset: str, seed: int, mode: str, settings: Settings, **result) -> None:
        """Add a result, in the place of an older one of the same settings."""
        key, run = _key(dataset, seed, mode, settings), f"{self.run['date']} {os.getpid()}"
        with self.lock():
            results = self.read()
            results["runs"][run] = self.run
            kept = [record for record in results["records"] if record["key"] != key]
            results["records"] = [*kept, {"key": key, "date": now(), "run": run, **result}]
            write_json(self.path, results)


def _key(dataset: str, seed: int, mode: str, settings: Settings) -> dict:
    key = {"dataset": dataset, "seed": seed, "mode": mode}
    return key | {"settings": settings.that_matter(mode)}


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


# -- running ---------------------------------------------------------------------------------------


def modes_of(dataset: str, wanted: list[str]) -> list[str]:
    return [mode for mode in MODES_OF.get(dataset, MODES_OF_OTHERS) if mode in wanted]


@functools.cache
def windows_of(data: str, dataset: str, max_segments: int) -> Windows:
    return bench_real.draw_windows(load_windows(data, dataset), max_segments, 0)


def split(windows: Windows, seed: int) -> tuple[Windows, Windows]:
    """Return the windows of the training subjects and of those held out."""
    folds = bench_real.subject_folds(windows)
    return tuple(windows.take(rows) for rows in folds[seed % len(folds)])


class Probe:
    """Judge embeddings: a logistic regression on training subjects, macro-F1 on the others."""

    def __init__(self, train: Windows, test: Windows, n: int, seed: int):
        self.train = bench_real.draw_windows(train.take(train.label != ""), n, seed)
        self.test = test.take(test.label != "")
        self.seed = seed

    def score(self, embed: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return the macro-F1 of what `embed` makes of windows."""
        Z, Z_test = embed(self.train.X), embed(self.test.X)
        return bench_real.probe(Z, self.train.label, Z_test, self.test.label, self.seed)

    def __call__(self, encoder: nn.Module) -> float:
        """Return the macro-F1 of an encoder in evaluation mode."""
        return self.score(partial(embed, encoder))


@torch.inference_mode()
def embed(encoder: nn.Module, X: np.ndarray) -> np.ndarray:
    parts = torch.from_numpy(X).split(256)
    return torch.cat([encoder(part.transpose(1, 2)) for part in parts]).numpy()


def baselines(train: Windows, probe: Probe, settings: Settings, seed: int) -> dict[str, float]:
    untrained = bench_real.untrained_embedder(train, settings.of_real(), seed)
    scores = {"untrained_cold": probe(untrained.encoder_)}
    bench_real.warm_batch_norm(untrained, train.X, seed)
    scores["untrained"] = probe(untrained.encoder_)
    return scores | {"features": probe.score(partial(summary_features, rate=RATE))}


def pretrain(
    mode: str,
    train: Windows,
    distance: LearnedMotifDistance,
    settings: Settings,
    seed: int,
    budget: Budget,
) -> None:
    """Train an encoder in one of the modes; `budget` ends it and keeps the record."""
    real, groups = settings.of_real(), bench_real.pretraining_groups(train)
    if mode == "paper_literal":
        # What an embedder of the same random_state starts from and sees.
        encoder = bench_real.untrained_embedder(train, real, seed).encoder_
        drawn = int(check_random_state(seed).randint(np.iinfo(np.int32).max))
        index = GroupIndex.from_labels(groups)
        array = SegmentArray(train.X)
        batches = Batches(array, index, settings.batch_size, drawn, settings.n_within)
        train_literal(encoder, distance, batches, settings.temperature, budget)
        return
    embedder = bench_real.make_embedder(real, seed, FrozenEstimator(distance), max_epochs=0)
    embedder.set_params(**LIBRARY[mode])
    if is_shared(mode) and settings.n_sets:
        embedder.set_params(batch_size=settings.n_sets)
    train_library(embedder, train.X, groups, budget)


def checkpoint_times(settings: Settings) -> np.ndarray:
    first = settings.seconds * (FIRST_CHECKPOINT if settings.checkpoints > 1 else 1)
    return np.geomspace(first, settings.seconds, settings.checkpoints)


def run_job(dataset: str, seed: int, modes: list[str], args, settings: Settings, results: Results):
    """Make the results of a data set and a seed, `modes` in turn."""
    windows = windows_of(args.data, dataset, settings.max_segments)
    train, test = split(windows, seed)
    probe = Probe(train, test, settings.probe_windows, seed)
    train = bench_real.draw_windows(train, settings.pretraining_windows, seed)
    if "baselines" in modes:
        scores = baselines(train, probe, settings, seed)
        counts = {
            "data": windows.describe(),
            "n_pretraining": len(train.X),
            "n_probe_train": len(probe.train.X),
            "n_probe_test": len(probe.test.X),
            "test_subjects": np.unique(test.subject).tolist(),
        }
        results.add(dataset, seed, "baselines", settings, scores=scores, **counts)
        say(f"{dataset}, seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    modes = [mode for mode in modes if mode != "baselines"]
    if not modes:
        return
    distance, distance_seconds = bench_real.fit_distance(train, settings.of_real(), seed)
    say(f"{dataset}, seed {seed}: distance trained in {distance_seconds:.0f} s")
    for i in range(len(modes)):
        mode = modes[(i + seed) % len(modes)]  # nobody is always the first
        job = partial(pretrain, mode, train, distance, settings, seed)
        # One step to warm up: inner loops are compiled at their first call.
        job(Budget([1e-9], settings.lr, lambda module: float("nan")))
        budget = Budget(checkpoint_times(settings), settings.lr, probe)
        job(budget)
        result = {"points": budget.points, "distance_seconds": distance_seconds}
        results.add(dataset, seed, mode, settings, **result)
        last = budget.points[-1]
        curve = " ".join(f"{point['f1']:.3f}" for point in budget.points)
        say(
            f"{dataset}, seed {seed}, {mode}: macro-F1 {curve}; {last['anchors']} anchors in "
            f"{last['seconds']:.1f} s, {last['steps']} steps"
        )


def run_all(args, settings: Settings, results: Results) -> None:
    for dataset in args.datasets:
        for seed in args.seeds:
            try:
                with results.lock(f"{dataset}_{seed}", timeout=0):
                    missing = [
                        mode
                        for mode in ["baselines", *modes_of(dataset, args.modes)]
                        if results.find(dataset, seed, mode, settings) is None
                    ]
                    if missing:
                        run_job(dataset, seed, missing, args, settings, results)
            except Timeout:
                say(f"{dataset}, seed {seed}: left to another process")


# -- telling ---------------------------------------------------------------------------------------


def curves_of(dataset: str, args, settings: Settings, results: Results) -> Curves | None:
    found = {
        mode: {
            seed: record
            for seed in args.seeds
            if (record := results.find(dataset, seed, mode, settings)) is not None
        }
        for mode in ["baselines", *modes_of(dataset, args.modes)]
    }
    baselines = found.pop("baselines")
    found = {mode: records for mode, records in found.items() if records}
    seeds = [s for s in args.seeds if all(s in records for records in [baselines, *found.values()])]
    if not (found and seeds):
        return None
    modes = {mode: [records[seed] for seed in seeds] for mode, records in found.items()}
    seconds = np.append(0, checkpoint_times(settings))
    return Curves(dataset, seeds, [baselines[seed] for seed in seeds], modes, seconds)


def report_all(args, settings: Settings, results: Results) -> None:
    for dataset in args.datasets:
        curves = curves_of(dataset, args, settings, results)
        if curves is None:
            say(f"\n## {dataset}: no seed has results of all modes yet")
            continue
        say(f"\n## {dataset}\n\n{report(curves)}")
        library = [mode for mode in curves.modes if mode != "paper_literal"]
        files = {dataset: library}
        if "paper_literal" in curves.modes:
            files[f"{dataset}_literal"] = list(curves.modes)
        for name, modes in files.items():
            path = args.plots / f"{args.output.stem}_{name}.png"
            if modes and plot(curves, modes, path):
                say(f"\nplot: {path}")


# -- the command line ------------------------------------------------------------------------------


def parse_args(argv: list[str] | None) -> tuple[argparse.Namespace, Settings]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default=os.environ.get("RELCON_DATA"), help="or RELCON_DATA")
    add("--datasets", "--only", nargs="+", choices=SOURCES, default=list(SOURCES))
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--modes", nargs="+", choices=MODES, default=list(MODES))
    add("--smoke", action="store_true", help="tiny settings and one seed: does it run?")
    add("--again", action="store_true", help="make results anew that are in the file already")
    add("--report", action="store_true", help="run nothing, print what is in the file")
    add("--output", type=Path, help="JSON file of results (default results/pretraining.json)")
    add("--plots", type=Path, help="folder for plots (default: that of the JSON file)")
    tuning = parser.add_argument_group("settings")
    for field in fields(Settings):
        option = "--" + field.name.replace("_", "-")
        tuning.add_argument(option, type=type(field.default), help=f"default {field.default}")
    args = parser.parse_args(argv)
    if args.data is None and not args.report:
        parser.error("where are the recordings? Pass --data FOLDER or set RELCON_DATA.")
    if args.output is None:
        name = "pretraining_smoke.json" if args.smoke else "pretraining.json"
        args.output = Path(__file__).parent / "results" / name
    if args.plots is None:
        args.plots = args.output.parent / "cache" if args.smoke else args.output.parent
    if args.smoke:
        args.seeds = args.seeds[:1]
    given = {f.name: getattr(args, f.name) for f in fields(Settings)}
    given = {name: value for name, value in given.items() if value is not None}
    return args, Settings(**(SMOKE if args.smoke else {}) | given)


def main(argv: list[str] | None = None) -> None:
    args, settings = parse_args(argv)
    torch.set_num_threads(settings.threads)
    results = Results(args.output, since=now() if args.again else "")
    if not args.report:
        for key, value in results.run.items():
            say(f"{key}: {value}")
    say("settings: " + ", ".join(f"{k}={v}" for k, v in asdict(settings).items()))
    say(f"results: {args.output}")
    if not args.report:
        with threadpool_limits(settings.threads):
            run_all(args, settings, results)
    report_all(args, settings, results)


if __name__ == "__main__":
    main()
