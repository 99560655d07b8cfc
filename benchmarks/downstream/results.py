"""Look-ups in the downstream results: rows of tables, their scores by seed, and their people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.downstream.cells import Cell

# The means are over these sets. WISDM with 18 activities has people of WISDM.
FIVE = ("hapt", "sisfall", "smartfallmm", "wisdm", "motionsense")
CLASSIFICATION = tuple(name for name, task in TASKS.items() if not task.targets)
REGRESSION = tuple(name for name, task in TASKS.items() if task.targets)

METHOD_TITLES = {
    "relcon": "RelCon",
    "relcon_features": "RelCon + features",
    "simclr": "SimCLR",
    "features_regression": "regression of the features",
    "relcon_published": "RelCon with the published loss",
    "rebar": "REBAR",
    "masked": "masked reconstruction",
    "augmentation_prediction": "augmentation prediction",
    "untrained": "untrained encoder",
    "motion-small": "motion-small",
    "motion-small_features": "motion-small + features",
    "larger": "larger encoder",
    "larger_features": "larger encoder + features",
    "scratch": "supervised from scratch",
    "features_linear": "features, linear",
    "features_forest": "features, random forest",
    "minirocket": "MiniRocket",
    "nearest_dtw": "nearest neighbour, DTW",
}

Measure = Callable[[dict], float]  # maps the scores of a record to a number


def method_title(method: str) -> str:
    """Return the name of a method in tables."""
    name, comma, rest = method.partition(",")
    return METHOD_TITLES.get(name, name.removeprefix("relcon:")) + comma + rest


class ResultRow(NamedTuple):
    """The identity of a row of a table: a cell without its task and seed."""

    setting: str
    method: str
    protocol: str = "linear"
    window: float = Cell.window
    labelled: float = Cell.labelled

    @property
    def title(self) -> str:
        """The name in tables."""
        title = method_title(self.method)
        if self.protocol == "fine_tune" and self.method != "scratch":
            title = f"{title}, fine-tuned"
        return f"{title}, in domain" if self.setting == "in_domain" else title


def transfer(method: str) -> ResultRow:
    """Return the row of a linear probe of an encoder that was pretrained on the pool."""
    return ResultRow("transfer", method)


def classic(method: str) -> ResultRow:
    """Return the row of a method without deep learning."""
    return ResultRow("none", method, "own")


RELCON = transfer("relcon")
UNION = transfer("relcon_features")
TUNED = ResultRow("transfer", "relcon", "fine_tune")
SCRATCH = ResultRow("none", "scratch", "fine_tune")


class DownstreamResults:
    """Scores by row and task.

    The seeds of a row are those that all its tasks have, of the tasks with results. Means over
    tasks are then of the same seeds.
    """

    def __init__(self, cells: dict[Cell, dict]):
        self._cells = cells
        found: dict = defaultdict(lambda: defaultdict(dict))
        for cell, record in cells.items():
            row = ResultRow(cell.setting, cell.method, cell.protocol, cell.window, cell.labelled)
            found[row][cell.task][cell.seed] = record["scores"]
        self._scores = {row: _of_common_seeds(by_task) for row, by_task in found.items()}

    def first_seed(self) -> DownstreamResults:
        """Return the results of seed 0, which all methods have."""
        return DownstreamResults({cell: r for cell, r in self._cells.items() if cell.seed == 0})

    def scores(self, row: ResultRow, task: str) -> list[dict]:
        """Return the scores, one dict for each seed."""
        return self._scores.get(row, {}).get(task, [])

    def values(self, row: ResultRow, task: str, measure: Measure) -> list[float]:
        """Return a measure of the scores, by seed."""
        return [measure(scores) for scores in self.scores(row, task)]

    def means(self, row: ResultRow, tasks: Sequence[str], measure: Measure) -> list[float]:
        """Return the mean over tasks, by seed; empty if a task has no results."""
        by_seed = zip(*(self.values(row, task, measure) for task in tasks), strict=False)
        return [float(np.mean(values)) for values in by_seed]

    def n_seeds(self, row: ResultRow) -> int:
        """Return the number of seeds of a row."""
        return max(map(len, self._scores.get(row, {}).values()), default=0)

    def people(self, row: ResultRow, tasks: Sequence[str]) -> dict[str, float]:
        """Return the score of each person, averaged over the seeds; empty if a task has no results.

        The score is macro-F1, or minus the mean absolute error of the first target.
        """
        if not all(self.scores(row, task) for task in tasks):
            return {}
        collected = defaultdict(list)
        for task in tasks:
            for scores in self.scores(row, task):
                for person, score in _by_person(scores, TASKS[task].targets).items():
                    collected[f"{task}/{person}"].append(score)
        return {person: float(np.mean(scores)) for person, scores in collected.items()}


def _of_common_seeds(by_task: dict[str, dict[int, dict]]) -> dict[str, list[dict]]:
    seeds = sorted(set.intersection(*map(set, by_task.values())))
    return {task: [by_seed[seed] for seed in seeds] for task, by_seed in by_task.items()}


def _by_person(scores: dict, targets: Sequence[str]) -> dict[str, float]:
    if not targets:
        return scores["subjects"]
    errors = scores["targets"][targets[0]]["subjects"]
    return {person: -error for person, error in errors.items()}


def macro_f1(scores: dict) -> float:
    """Return the mean macro-F1 over the folds."""
    return scores["macro_f1"]


def of_target(target: str, name: str) -> Measure:
    """Return the measure `name` ("mae" or "r2") of a target."""
    return lambda scores: scores["targets"][target][name]
