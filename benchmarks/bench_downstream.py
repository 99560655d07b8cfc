"""Does RelCon help? Rivals on equal terms, on people that nothing was trained on.

    python benchmarks/bench_downstream.py --data FOLDER            # the full table: hours
    python benchmarks/bench_downstream.py --data FOLDER --smoke    # does it run? minutes
    python benchmarks/bench_downstream.py --report                 # tables and figures into docs/

FOLDER (or the environment variable RELCON_DATA) holds the npz files of `_downstream_data.py`.

Objectives of pretraining share encoder, data, optimiser, batch size and time (CPU time of one
thread, so that what else the machine does makes no difference; that of RelCon's distance is
included). Settings: "transfer" pretrains on all data sets but the one that is probed, "in_domain"
on the training subjects of each fold. Folds are by subject, and whatever is chosen (penalties,
epochs) is chosen on training subjects.

The same command may be started several times, to run side by side: each process takes the next
job that nobody has taken. Results are a line each in a file of JSON lines; what is there is not
made again. Encoders and windows are kept in the cache.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _cells import Cell, CellFile
from _classic import CLASSIC, linear_probe, mlp_probe
from _cost import cost_cells
from _downstream_data import TASKS, Windows, draw, source_of
from _encoders import Data, as_embedder, pretrained
from _evaluation import classification_scores, regression_scores
from _features import classic_features
from _objectives import ABLATIONS, OBJECTIVES, Common
from _report import environment
from filelock import FileLock, Timeout
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from relcon_sklearn import RelConClassifier, RelConRegressor

HERE = Path(__file__).parent
WINDOWS = (1.0, 2.56, 5.0, 10.0)
SHARES = (0.01, 0.05, 0.1, 1.0)
CLASSIFICATION = [name for name in TASKS if not TASKS[name].targets]
FOUR = ("hapt", "sisfall", "smartfallmm", "wisdm")

say = partial(print, flush=True)


@dataclass(frozen=True)
class Settings:
    """What can be tuned; every field is a command-line option of the same name."""

    seconds: float = 30.0  # of pretraining
    in_domain_seconds: float = 15.0  # likewise, in each fold
    encoder: str = "resnet14-half"
    n_folds: int = 5
    n_seeds: int = 3
    n_windows: int = 3000  # labelled windows of a task, drawn at random
    pretraining_windows: int = 8000  # of a data set, likewise
    fine_tuning_epochs: int = 20

    def common(self, setting: str) -> Common:
        """Return what objectives share in a setting."""
        seconds = self.seconds if setting == "transfer" else self.in_domain_seconds
        return Common(encoder=self.encoder, seconds=seconds)


SMOKE = Settings(
    1.0, 0.5, n_folds=2, n_seeds=1, n_windows=200, pretraining_windows=300, fine_tuning_epochs=1
)


# -- what is to be done ----------------------------------------------------------------------------


def plan(settings: Settings) -> list[Cell]:
    """Return all cells, those first that matter most."""
    seeds = range(settings.n_seeds)
    rivals = [name for name in OBJECTIVES if name != "relcon"]
    encoders = ["relcon", *rivals, "untrained"]
    cells = [
        Cell("transfer", task, method, "linear", seed)
        for seed in seeds
        for task in TASKS
        for method in encoders
    ]
    cells += [Cell("none", task, method, "own") for task in TASKS for method in CLASSIC]
    cells += [Cell("transfer", task, "relcon", "fine_tune") for task in TASKS]
    cells += [Cell("none", task, "scratch", "fine_tune") for task in TASKS]
    cells += [
        Cell("transfer", task, f"relcon:{name}", "linear", seed)
        for seed in seeds
        for task in FOUR
        for name in ABLATIONS
    ]
    for task, share in itertools.product(FOUR, SHARES[:-1]):
        for method, protocol in (
            ("relcon", "linear"),
            ("simclr", "linear"),
            ("untrained", "linear"),
            ("relcon", "fine_tune"),
        ):
            cells.append(Cell("transfer", task, method, protocol, labelled=share))
        cells.append(Cell("none", task, "scratch", "fine_tune", labelled=share))
        cells.append(Cell("none", task, "features_forest", "own", labelled=share))
    cells += [
        Cell("transfer", task, method, protocol)
        for task in TASKS
        for method, protocol in (
            ("relcon", "mlp"),
            ("simclr", "mlp"),
            ("untrained", "mlp"),
            ("relcon_features", "linear"),
            ("simclr", "fine_tune"),
        )
    ]
    cells += [Cell("in_domain", task, method, "linear") for task in TASKS for method in encoders]
    for window, task in itertools.product(WINDOWS, TASKS):
        if window != 2.56:
            cells += [
                Cell("transfer", task, method, "linear", window=window)
                for method in ("relcon", "simclr", "untrained")
            ]
            cells.append(Cell("none", task, "features_forest", "own", window=window))
    return cells


def job_of(cell: Cell) -> str:
    """Return the name of what one process should do in one go: it shares an encoder."""
    method = cell.method.removesuffix("_features")
    what = source_of(cell.task) if cell.setting == "transfer" else cell.task
    return f"{cell.setting}-{what}-{method}-{cell.seed}".replace(":", "_")


# -- doing it --------------------------------------------------------------------------------------


def folds_of(windows: Windows, n_folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return GroupKFold(n_folds).split(windows.X, groups=windows.subject)


def some_subjects(windows: Windows, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the rows of a share of the subjects; of one that has two labels, at least."""
    subjects = np.unique(windows.subject[rows])
    n = max(1, round(share * len(subjects)))
    order = np.random.default_rng(seed).permutation(subjects)
    chosen = rows[np.isin(windows.subject[rows], order[:n])]
    return chosen


def run_cell(cell: Cell, data: Data, settings: Settings) -> dict:
    """Return the record of a cell."""
    task = TASKS[cell.task]
    windows = data.task(cell.task, cell.window)
    windows = windows.take(np.flatnonzero(windows.known))
    windows = draw(windows, settings.n_windows, 0)
    predicted, fold_of = np.empty_like(windows.y), np.empty(len(windows), dtype=int)
    chosen, training, probing = [], [], 0.0
    for fold, (train, test) in enumerate(folds_of(windows, settings.n_folds)):
        train = some_subjects(windows, train, cell.labelled, 100 * cell.seed + fold)
        held_out = np.unique(windows.subject[test])
        encoder, record = encoder_of(cell, data, settings, held_out)
        training.append(record)
        start = time.process_time()
        parts = windows.take(train), windows.take(test)
        predicted[test], choice = predict(cell, *parts, encoder, settings)
        probing += time.process_time() - start
        fold_of[test] = fold
        chosen.append(choice)
    arrays = windows.y, predicted, windows.subject, fold_of
    if task.targets:
        scores = regression_scores(*arrays, task.targets)
    else:
        scores = classification_scores(*arrays)
    # In "transfer" all folds have the same encoder.
    training = training if cell.setting == "in_domain" else training[:1]
    return {
        "scores": scores,
        "chosen": chosen,
        "seconds": {"probing": probing, **pretraining_seconds(training)},
        "training": training,
        "n_windows": len(windows),
        "settings": asdict(settings),
    }


def encoder_of(cell: Cell, data: Data, settings: Settings, held_out: np.ndarray):
    """Return the encoder of a cell (None for methods without one) and a record of its training."""
    if cell.setting == "none":
        return None, {}
    method = cell.method.removesuffix("_features")
    objective = {**OBJECTIVES, **ABLATIONS_BY_METHOD, "untrained": None}[method]
    return pretrained(
        data,
        objective,
        cell.setting,
        cell.task,
        None if cell.setting == "transfer" else held_out,
        settings.pretraining_windows,
        settings.common(cell.setting),
        cell.seed,
    )


def pretraining_seconds(training: list[dict]) -> dict:
    spent = [
        r["seconds"] + r.get("distance", {}).get("seconds", 0) for r in training if r.get("seconds")
    ]
    return {"pretraining": float(np.mean(spent))} if spent else {}


ABLATIONS_BY_METHOD = {f"relcon:{name}": objective for name, objective in ABLATIONS.items()}


def predict(cell: Cell, train: Windows, test: Windows, encoder, settings: Settings):
    """Fit on `train`; return predictions of `test`, and what was chosen on the way."""
    rate = train.X.shape[1] / cell.window
    if cell.protocol == "own":
        fitted = CLASSIC[cell.method](
            train.X, train.y, train.subject, test.X, rate=rate, seed=cell.seed
        )
        return fitted.predictions, fitted.chosen
    if cell.protocol == "fine_tune":
        return fine_tune(cell, train, test, encoder, settings)
    Z = [embed(encoder, part.X) for part in (train, test)]
    if cell.method.endswith("_features"):
        Z = [
            np.hstack([z, classic_features(part.X, rate)])
            for z, part in zip(Z, (train, test), strict=True)
        ]
    probe = {"linear": linear_probe, "mlp": mlp_probe}[cell.protocol]
    fitted = probe(Z[0], train.y, train.subject, Z[1], rate=rate, seed=cell.seed)
    return fitted.predictions, fitted.chosen


@torch.inference_mode()
def embed(encoder, X: np.ndarray) -> np.ndarray:
    parts = np.array_split(X, max(1, len(X) // 128))
    return np.concatenate([encoder(torch.from_numpy(x).transpose(1, 2)).numpy() for x in parts])


def fine_tune(cell: Cell, train: Windows, test: Windows, encoder, settings: Settings):
    """Train encoder and head on `train`; the best epoch is chosen on subjects held out of it."""
    start = settings.encoder
    if encoder is not None:
        start = FrozenEstimator(as_embedder(encoder, settings.encoder, train.X))
    regression = train.y.dtype.kind == "f"
    model = (RelConRegressor if regression else RelConClassifier)(
        start,
        max_epochs=settings.fine_tuning_epochs,
        # With a single subject there is nobody to hold out.
        validation_fraction=0.1 if len(np.unique(train.subject)) > 1 else 0.0,
        random_state=cell.seed,
    )
    model.fit(train.X, train.y, groups=train.subject)
    best = min(model.history_, key=lambda row: row.get("valid_loss", row["train_loss"]))
    return model.predict(test.X).reshape(test.y.shape), {"best_epoch": best["epoch"]}


def run(args, settings: Settings, file: CellFile) -> None:
    """Do every job that nobody has done or taken."""
    data = Data(args.data, args.cache)
    wanted = [cell for cell in plan(settings) if selected(cell, args)]
    where = environment()
    for name, cells in itertools.groupby(sorted_by_job(wanted), key=job_of):
        cells = list(cells)
        lock = FileLock(args.cache / f"{args.output.stem}-{name}.lock")
        try:
            with lock.acquire(timeout=0):
                done = file.read()
                for cell in cells:
                    if cell in done:
                        continue
                    record = run_cell(cell, data, settings)
                    file.add(cell, record | {"run": where})
                    score = record["scores"].get("macro_f1", record["scores"].get("r2"))
                    say(f"{cell}: {score:.3f}; {record['seconds']}")
        except Timeout:
            continue
    if "cost" in args.parts:
        done = file.read()
        for cell, record in cost_cells(data, settings.encoder, settings.n_windows):
            if cell not in done:
                file.add(cell, record | {"run": where, "settings": asdict(settings)})


def sorted_by_job(cells: list[Cell]) -> list[Cell]:
    """Return cells with those of a job together, jobs in the order of their first cells."""
    first = {}
    for i, cell in enumerate(cells):
        first.setdefault(job_of(cell), i)
    return sorted(cells, key=lambda cell: first[job_of(cell)])


def selected(cell: Cell, args) -> bool:
    return (
        cell.setting in args.parts
        and cell.task in args.tasks
        and (not args.methods or cell.method in args.methods)
    )


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("RELCON_DATA"))
    parser.add_argument("--parts", nargs="+", default=["transfer", "none", "in_domain", "cost"])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--methods", nargs="+", help="all if not given")
    parser.add_argument("--smoke", action="store_true", help="tiny settings: does it run?")
    parser.add_argument(
        "--report", action="store_true", help="write docs/downstream.md; run nothing"
    )
    parser.add_argument("--output", type=Path, help="file of JSON lines")
    parser.add_argument("--cache", type=Path, default=HERE / "results" / "cache")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    suffix = "_smoke" if args.smoke else ""
    args.output = args.output or HERE / "results" / f"downstream{suffix}.jsonl"
    file = CellFile(args.output)
    if args.report:
        write_report(file.read(), args.output)
        return
    if args.data is None:
        raise SystemExit("where are the recordings? Pass --data FOLDER or set RELCON_DATA.")
    torch.set_num_threads(1)
    args.cache.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        run(args, SMOKE if args.smoke else Settings(), file)


if __name__ == "__main__":
    main()
