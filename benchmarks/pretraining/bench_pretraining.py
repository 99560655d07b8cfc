"""The gain of pretraining over time: macro-F1 on unseen people by the wall time of training.

    python -m benchmarks.pretraining.bench_pretraining --data FOLDER

FOLDER (or the environment variable RELCON_DATA) has the npz files of HAPT, SmartFallMM and WISDM,
as `benchmarks/common/datasets.py` names them. The ways to pretrain an encoder, called modes, are

- independent: `RelConEmbedder(candidates="independent")`, the published batches;
- shared: `RelConEmbedder(candidates="shared")`, with the same number of segments in a batch;
- fast: "shared" with `query_stride=4`;
- float32 (HAPT only): "independent" in float32, for any precision of the other modes;
- paper_literal (HAPT only): `paper_literal.py` with the batches of "independent", in float32.

A seed determines the held-out subjects (one of five folds) and all random draws. The distance is
trained once for each data set and seed, before the clock starts, and all modes rank by it. The
modes start from the same weights and run in turn, for the same time. The learning rate rises and
falls with the time of a mode, so that it is fully annealed exactly at the end. At checkpoints, a
logistic regression on the frozen encoder is scored on the held-out subjects, while the clock is
stopped.

The same command may be started several times, to run in parallel: each process takes the next data
set and seed that no other process has taken. A result that is in the file with the same settings is
not made again. --report only prints the results in the file.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from benchmarks.common.budget import Budget
from benchmarks.common.encoders import warm_batch_norm
from benchmarks.common.features import summary_features
from benchmarks.common.report import (
    environment,
    results_file,
    say,
    say_all,
    script_parser,
    write_json,
)
from benchmarks.common.windows import Windows, load_windows
from benchmarks.pretraining.curves import Curves, plot, report
from benchmarks.pretraining.data import (
    RATE,
    add_data_options,
    check_data_options,
    draw_at_most,
    split,
)
from benchmarks.pretraining.distances import fit_distance
from benchmarks.pretraining.modes import train_in_mode, untrained_embedder
from benchmarks.pretraining.probe import Probe
from benchmarks.pretraining.settings import MODES, SMOKE, PretrainingSettings

MODES_OF = {"hapt": MODES}
MODES_OF_OTHERS = ("independent", "shared", "fast")
FIRST_CHECKPOINT = 1 / 32  # of the budget


# -- results ---------------------------------------------------------------------------------------


class ResultFile:
    """A JSON file of results. Several processes may add to it."""

    def __init__(self, path: Path, since: str = ""):
        self.path = path
        self.since = since  # older results are ignored
        self.run = environment()
        (path.parent / "cache").mkdir(parents=True, exist_ok=True)

    def lock(self, name: str = "file", **kwargs) -> FileLock:
        """Return the lock of the file, or of one of the jobs."""
        return FileLock(self.path.parent / "cache" / f"{self.path.stem}_{name}.lock", **kwargs)

    def read(self) -> dict:
        """Return the content of the file."""
        if not self.path.is_file():
            return {"runs": {}, "records": []}
        return json.loads(self.path.read_text())

    def find(
        self, dataset: str, seed: int, mode: str, settings: PretrainingSettings
    ) -> dict | None:
        """Return the result of a mode with these settings, or None."""
        key = _key(dataset, seed, mode, settings)
        for record in self.read()["records"]:
            if record["key"] == key and record["date"] >= self.since:
                return record
        return None

    def add(
        self, dataset: str, seed: int, mode: str, settings: PretrainingSettings, **result
    ) -> None:
        """Add a result, replacing an older one with the same settings."""
        key, run = _key(dataset, seed, mode, settings), f"{self.run['date']} {os.getpid()}"
        with self.lock():
            results = self.read()
            results["runs"][run] = self.run
            kept = [record for record in results["records"] if record["key"] != key]
            results["records"] = [*kept, {"key": key, "date": now(), "run": run, **result}]
            write_json(self.path, results)


def _key(dataset: str, seed: int, mode: str, settings: PretrainingSettings) -> dict:
    key = {"dataset": dataset, "seed": seed, "mode": mode}
    return key | {"settings": settings.relevant_to(mode)}


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


# -- running ---------------------------------------------------------------------------------------


def modes_of(dataset: str, wanted: list[str]) -> list[str]:
    return [mode for mode in MODES_OF.get(dataset, MODES_OF_OTHERS) if mode in wanted]


@functools.cache
def windows_of(data: str, dataset: str, max_segments: int) -> Windows:
    return draw_at_most(load_windows(data, dataset, RATE), max_segments, 0)


def baselines(
    train: Windows, probe: Probe, settings: PretrainingSettings, seed: int
) -> dict[str, float]:
    encoder = untrained_embedder(train, settings, seed).encoder_
    scores = {"untrained_cold": probe(encoder)}
    warm_batch_norm(encoder, train.X, seed, len(train), settings.batch_size)
    scores["untrained"] = probe(encoder)
    return scores | {"features": probe.score(partial(summary_features, rate=RATE))}


def checkpoint_times(settings: PretrainingSettings) -> np.ndarray:
    first = settings.seconds * (FIRST_CHECKPOINT if settings.checkpoints > 1 else 1)
    return np.geomspace(first, settings.seconds, settings.checkpoints)


def run_job(
    dataset: str,
    seed: int,
    modes: list[str],
    args,
    settings: PretrainingSettings,
    results: ResultFile,
):
    """Make the results of a data set and a seed, `modes` in turn."""
    windows = windows_of(args.data, dataset, settings.max_segments)
    train, test = split(windows, seed)
    probe = Probe(train, test, settings.probe_windows, seed)
    train = draw_at_most(train, settings.pretraining_windows, seed)
    if "baselines" in modes:
        scores = baselines(train, probe, settings, seed)
        counts = {
            "data": windows.summary(),
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
    distance, distance_seconds = fit_distance(
        train,
        settings.distance_segments,
        seed,
        embed_dim=settings.embed_dim,
        batch_size=64,
        lr=1e-3,
        validation_fraction=0.0,
        device="cpu",
    )
    say(f"{dataset}, seed {seed}: distance trained in {distance_seconds:.0f} s")
    for i in range(len(modes)):
        mode = modes[(i + seed) % len(modes)]  # each mode is the first for some seed
        job = partial(train_in_mode, mode, train, distance, settings, seed)
        # One warm-up step, since inner loops are compiled at their first call.
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


def run_all(args, settings: PretrainingSettings, results: ResultFile) -> None:
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
                say(f"{dataset}, seed {seed}: taken by another process")


# -- report ----------------------------------------------------------------------------------------


def curves_of(
    dataset: str, args, settings: PretrainingSettings, results: ResultFile
) -> Curves | None:
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


def report_all(args, settings: PretrainingSettings, results: ResultFile) -> None:
    for dataset in args.datasets:
        curves = curves_of(dataset, args, settings, results)
        if curves is None:
            say(f"\n## {dataset}: no seed has results of all modes yet")
            continue
        say(f"\n## {dataset}\n\n{report(curves)}")
        path = args.plots / f"{args.output.stem}_{dataset}.png"
        if plot(curves, path):
            say(f"\nplot: {path}")


# -- the command line ------------------------------------------------------------------------------


def parse_args(argv: list[str] | None) -> tuple[argparse.Namespace, PretrainingSettings]:
    parser = script_parser(__doc__)
    add_data_options(parser)
    add = parser.add_argument
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--modes", nargs="+", choices=MODES, default=list(MODES))
    add("--smoke", action="store_true", help="run with tiny settings and one seed, as a test")
    add("--again", action="store_true", help="make all results again, also those in the file")
    add("--report", action="store_true", help="only print the results in the file")
    add("--output", type=Path, help="JSON file of results (default results/pretraining.json)")
    add("--plots", type=Path, help="folder of the plots (default: the folder of the JSON file)")
    group = parser.add_argument_group("settings")
    for field in fields(PretrainingSettings):
        option = "--" + field.name.replace("_", "-")
        group.add_argument(option, type=type(field.default), help=f"default {field.default}")
    args = parser.parse_args(argv)
    if not args.report:
        check_data_options(parser, args)
    if args.output is None:
        args.output = results_file("pretraining", smoke=args.smoke)
    if args.plots is None:
        args.plots = args.output.parent / "cache" if args.smoke else args.output.parent
    if args.smoke:
        args.seeds = args.seeds[:1]
    given = {f.name: getattr(args, f.name) for f in fields(PretrainingSettings)}
    given = {name: value for name, value in given.items() if value is not None}
    return args, PretrainingSettings(**(SMOKE if args.smoke else {}) | given)


def main(argv: list[str] | None = None) -> None:
    args, settings = parse_args(argv)
    torch.set_num_threads(settings.threads)
    results = ResultFile(args.output, since=now() if args.again else "")
    if not args.report:
        say_all(results.run)
    say("settings: " + ", ".join(f"{k}={v}" for k, v in asdict(settings).items()))
    say(f"results: {args.output}")
    if not args.report:
        with threadpool_limits(settings.threads):
            run_all(args, settings, results)
    report_all(args, settings, results)


if __name__ == "__main__":
    main()
