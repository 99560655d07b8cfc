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
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _cells import Cell, CellFile
from _classic import CLASSIC, linear_probe, mlp_probe
from _cost import cost_cells
from _downstream_data import TASKS, Windows, draw, source_of
from _downstream_report import render
from _downstream_results import FOUR
from _encoders import WINDOW, Data, as_embedder, pretrained
from _evaluation import classification_scores, regression_scores
from _features import classic_features
from _fetching import fetch_missing
from _objectives import ABLATIONS, BY_SUBJECT, LONGER, OBJECTIVES, Common
from _report import environment
from filelock import FileLock, Timeout
from sklearn.frozen import FrozenEstimator
from threadpoolctl import threadpool_limits

from relcon_sklearn import RelConClassifier, RelConRegressor

HERE = Path(__file__).parent
MARK = "<!-- below: written by bench_downstream.py --report -->"
WINDOWS = (1.0, 2.56, 5.0, 10.0)
BATCH_SIZE = 64  # of fine-tuning
FEWEST_TO_SPARE = 5  # subjects, of which one is held out to choose the epoch
SHARES = (0.01, 0.05, 0.1, 1.0)
ABLATIONS_BY_METHOD = {f"relcon:{name}": objective for name, objective in ABLATIONS.items()}

say = partial(print, flush=True)


@dataclass(frozen=True)
class Settings:
    """What can be tuned; every field is a command-line option of the same name."""

    seconds: float = 24.0  # of pretraining
    in_domain_seconds: float = 6.0  # likewise, in each fold
    encoder: str = "resnet14-half"
    n_folds: int = 5
    n_seeds: int = 3
    n_windows: int = 2500  # labelled windows of a task, drawn at random
    pretraining_windows: int = 8000  # of a data set, likewise
    fine_tuning_steps: int = 320  # in whole epochs

    def common(self, setting: str) -> Common:
        """Return what objectives share in a setting."""
        seconds = self.seconds if setting == "transfer" else self.in_domain_seconds
        return Common(encoder=self.encoder, seconds=seconds)


SMOKE = Settings(
    1.0, 0.5, n_folds=2, n_seeds=1, n_windows=200, pretraining_windows=300, fine_tuning_steps=4
)


# -- what is to be done ----------------------------------------------------------------------------


def plan(settings: Settings) -> list[list[Cell]]:
    """Return all cells in stages, those first that matter most."""
    seeds = range(settings.n_seeds)
    encoders = [*OBJECTIVES, "untrained"]
    main = [
        [Cell("transfer", task, method, "linear", seed) for task in TASKS for method in encoders]
        for seed in seeds
    ]
    classic = [Cell("none", task, method, "own") for task in TASKS for method in CLASSIC]
    fine_tuned = [
        Cell(setting, task, method, "fine_tune")
        for task in TASKS
        for setting, method in (("transfer", "relcon"), ("none", "scratch"))
    ]
    ablations = [
        [
            Cell("transfer", task, f"relcon:{name}", "linear", seed)
            for name in ABLATIONS
            for task in FOUR
        ]
        for seed in seeds[:2]
    ]
    few_labels = [
        Cell(setting, task, method, protocol, labelled=share)
        for task, share in itertools.product(FOUR, SHARES[:-1])
        for setting, method, protocol in (
            ("transfer", "relcon", "linear"),
            ("transfer", "simclr", "linear"),
            ("transfer", "untrained", "linear"),
            ("transfer", "relcon", "fine_tune"),
            ("none", "scratch", "fine_tune"),
            ("none", "features_forest", "own"),
        )
    ]
    in_domain = [Cell("in_domain", task, method, "linear") for task in TASKS for method in encoders]
    other_protocols = [
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
    other_windows = [
        Cell(setting, task, method, protocol, window=window)
        for window, task in itertools.product(WINDOWS, TASKS)
        if window != WINDOW
        for setting, method, protocol in (
            ("transfer", "relcon", "linear"),
            ("transfer", "simclr", "linear"),
            ("transfer", "untrained", "linear"),
            ("none", "features_forest", "own"),
        )
    ]
    by_subject = [
        Cell("transfer", task, method, "linear", seed)
        for seed in seeds[:2]
        for task in FOUR
        for method in BY_SUBJECT
    ]
    longer = [Cell("transfer", task, method, "linear") for task in FOUR for method in LONGER]
    tuned_longer = [
        Cell(setting, task, method, "fine_tune_longer", labelled=share)
        for task, share in itertools.product(FOUR, (1.0, 0.1))
        for setting, method in (("transfer", "relcon"), ("none", "scratch"))
    ]
    return [
        *main[:2],
        classic,
        fine_tuned,
        ablations[0],
        few_labels,
        in_domain,
        other_protocols,
        other_windows,
        by_subject,
        tuned_longer,
        longer,
        *main[2:],
        *ablations[1:],
    ]


def job_of(cell: Cell) -> str:
    """Return the name of what one process should do in one go: it shares an encoder."""
    method = cell.method.removesuffix("_features")
    what = cell.task if cell.setting == "none" else source_of(cell.task)
    return f"{cell.setting}-{what}-{method}-{cell.seed}".replace(":", "_")


# -- doing it --------------------------------------------------------------------------------------


def folds_of(
    windows: Windows, subjects: np.ndarray, n_folds: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give the rows to train on, those to test on, and all who are held out.

    Who is held out does not depend on the windows, of which `subjects` are everybody's.
    """
    order = np.random.default_rng(0).permutation(np.unique(subjects))
    for fold in range(n_folds):
        held_out = order[fold::n_folds]
        test = np.isin(windows.subject, held_out)
        yield np.flatnonzero(~test), np.flatnonzero(test), held_out


def some_subjects(windows: Windows, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the rows of a share of the subjects; at least one."""
    subjects = np.unique(windows.subject[rows])
    n = max(1, round(share * len(subjects)))
    order = np.random.default_rng(seed).permutation(subjects)
    return rows[np.isin(windows.subject[rows], order[:n])]


def run_cell(cell: Cell, data: Data, settings: Settings) -> dict:
    """Return the record of a cell."""
    task = TASKS[cell.task]
    windows = data.task(cell.task, cell.window)
    subjects = data.task(source_of(cell.task)).subject
    windows = windows.take(np.flatnonzero(windows.known))
    windows = draw(windows, settings.n_windows, 0)
    predicted, fold_of = np.empty_like(windows.y), np.empty(len(windows), dtype=int)
    chosen, training, probing = [], [], 0.0
    folds = folds_of(windows, subjects, settings.n_folds)
    for fold, (train, test, held_out) in enumerate(folds):
        train = some_subjects(windows, train, cell.labelled, 100 * cell.seed + fold)
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
    objective = {
        **OBJECTIVES,
        **BY_SUBJECT,
        **LONGER,
        **ABLATIONS_BY_METHOD,
        "untrained": None,
    }[method]
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
    """Return the mean time of pretraining, the distance's included; none without pretraining."""
    spent = [
        record["seconds"] + record.get("distance", {}).get("seconds", 0)
        for record in training
        if "seconds" in record
    ]
    return {"pretraining": float(np.mean(spent))} if spent else {}


def predict(cell: Cell, train: Windows, test: Windows, encoder, settings: Settings):
    """Fit on `train`; return predictions of `test`, and what was chosen on the way."""
    rate = train.X.shape[1] / cell.window
    if cell.protocol == "own":
        fitted = CLASSIC[cell.method](
            train.X, train.y, train.subject, test.X, rate=rate, seed=cell.seed
        )
        return fitted.predictions, fitted.chosen
    if cell.protocol.startswith("fine_tune"):
        factor = 3 if cell.protocol == "fine_tune_longer" else 1
        n_steps = factor * settings.fine_tuning_steps
        return fine_tune(cell, train, test, encoder, settings.encoder, n_steps)
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


def fine_tune(cell: Cell, train: Windows, test: Windows, encoder, name: str, n_steps: int):
    """Train encoder and head on `train`; the best epoch is chosen on subjects held out of it.

    Of few subjects none is to spare, and one or two would choose badly: the last epoch is taken.
    """
    start = name
    if encoder is not None:
        start = FrozenEstimator(as_embedder(encoder, name, train.X))
    regression = train.y.dtype.kind == "f"
    epoch = max(1, len(train) // BATCH_SIZE)
    model = (RelConRegressor if regression else RelConClassifier)(
        start,
        batch_size=BATCH_SIZE,
        max_epochs=max(1, round(n_steps / epoch)),
        n_iter_no_change=None,
        validation_fraction=0.2 if len(np.unique(train.subject)) >= FEWEST_TO_SPARE else 0.0,
        random_state=cell.seed,
    )
    model.fit(train.X, train.y, groups=train.subject)
    best = min(model.history_, key=lambda row: row.get("valid_loss", row["train_loss"]))
    return model.predict(test.X).reshape(test.y.shape), {"best_epoch": best["epoch"]}


def run(args, settings: Settings, file: CellFile) -> None:
    """Do every job that nobody has done or taken."""
    data = Data(args.data, args.cache)
    where = environment()
    for stage in plan(settings):
        # Not sorted by name: jobs come in the order of the plan.
        jobs: dict[str, list[Cell]] = {}
        for cell in stage:
            if selected(cell, args):
                jobs.setdefault(job_of(cell), []).append(cell)
        for name, cells in jobs.items():
            lock = FileLock(args.cache / f"{args.output.stem}-{name}.lock")
            with suppress(Timeout), lock.acquire(timeout=0):
                run_job(cells, data, settings, file, where)
    if "cost" in args.parts:
        done = file.read()
        for cell, record in cost_cells(data, settings.encoder, settings.n_windows):
            if cell not in done:
                file.add(cell, record | {"run": where, "settings": asdict(settings)})


def run_job(cells: list[Cell], data: Data, settings: Settings, file: CellFile, where: dict) -> None:
    """Make and write what is not there yet."""
    done = file.read()
    for cell in cells:
        if cell not in done:
            record = run_cell(cell, data, settings)
            file.add(cell, record | {"run": where})
            score = record["scores"].get("macro_f1", record["scores"].get("r2"))
            say(f"{cell}: {score:.3f}; {record['seconds']}")


def selected(cell: Cell, args) -> bool:
    return (
        cell.setting in args.parts
        and cell.task in args.tasks
        and (not args.methods or cell.method in args.methods)
    )


def write_report(cells: dict[Cell, dict], source: Path) -> None:
    """Write the page of results: what people wrote stays, tables and figures are made anew."""
    page = HERE.parent / "docs" / "downstream.md"
    text = page.read_text() if page.is_file() else f"# Does it help?\n\n{MARK}\n"
    head, mark, _ = text.partition(MARK)
    if not mark:
        raise SystemExit(f"{page} has no line {MARK!r} to put the results after.")
    body = render(cells, page.parent / "figures")
    page.write_text(f"{head}{MARK}\n\nFrom `{source.name}`.\n\n{body}\n")
    say(f"wrote {page}")


def is_there(task: str, folder: Path) -> bool:
    """Return whether the data of a task are there, and say so if not."""
    there = (folder / TASKS[task].file).is_file()
    if not there:
        say(f"{task} is left out: no file {TASKS[task].file} in {folder}")
    return there


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("RELCON_DATA"), help="or RELCON_DATA"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="fetch HAPT and SisFall first, if not in --data"
    )
    parser.add_argument("--parts", nargs="+", default=["transfer", "none", "in_domain", "cost"])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--methods", nargs="+", help="all if not given")
    parser.add_argument("--smoke", action="store_true", help="tiny settings: does it run?")
    parser.add_argument("--report", action="store_true", help="write docs/downstream.md only")
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
    if args.fetch:
        say(f"fetched: {fetch_missing(args.data)}")
    args.tasks = [name for name in args.tasks if is_there(name, args.data)]
    torch.set_num_threads(1)
    args.cache.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        run(args, SMOKE if args.smoke else Settings(), file)


if __name__ == "__main__":
    main()
