"""Look-ups in the downstream results: rows of tables, seeds, and means over data sets."""

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

PRETRAINED_TITLES = {
    "relcon": "RelCon",
    "relcon_published": "RelCon as published",
    "simclr": "SimCLR",
    "augmentation_prediction": "augmentation prediction",
    "rebar": "REBAR",
    "masked": "masked reconstruction",
    "untrained": "untrained encoder",
    "relcon_features": "RelCon + features",
    "relcon_by_subject": "RelCon, people as groups",
    "relcon_published_by_subject": "RelCon as published, people as groups",
    "rebar_by_subject": "REBAR, people as groups",
    "relcon_longer": "RelCon, three times as long",
    "simclr_longer": "SimCLR, three times as long",
}
PLANNED = list(PRETRAINED_TITLES)[: list(PRETRAINED_TITLES).index("relcon_features")]
CLASSIC_TITLES = {
    "features_forest": "features, random forest",
    "features_linear": "features, linear",
    "minirocket": "MiniRocket",
    "nearest_dtw": "nearest neighbour, DTW",
}
METHOD_TITLES = {
    **PRETRAINED_TITLES,
    "scratch": "supervised from scratch",
    **CLASSIC_TITLES,
}
THREE_TIMES = "three times as long"
PROTOCOL_TITLES = {
    "linear": "linear probe",
    "mlp": "MLP probe",
    "fine_tune": "fine-tuned",
    "fine_tune_longer": f"fine-tuned {THREE_TIMES}",
}

Measure = Callable[[dict], float]  # maps the scores of a record to a number


def method_title(method: str) -> str:
    """Return the name of a method in tables."""
    return METHOD_TITLES.get(method, method.replace("relcon:", "RelCon: "))


class ResultRow(NamedTuple):
    """The identity of a row of a table, or of a line of a figure."""

    setting: str
    method: str
    protocol: str

    @property
    def title(self) -> str:
        """The name in tables."""
        method = method_title(self.method)
        if self.setting == "none":
            return f"{method}, {THREE_TIMES}" if self.protocol == "fine_tune_longer" else method
        title = f"{method}, {PROTOCOL_TITLES[self.protocol]}"
        return f"{title}, in-domain" if self.setting == "in_domain" else title


RELCON = ResultRow("transfer", "relcon", "linear")
TUNED = ResultRow("transfer", "relcon", "fine_tune")
SCRATCH = ResultRow("none", "scratch", "fine_tune")
TUNED_LONGER, SCRATCH_LONGER = (
    row._replace(protocol="fine_tune_longer") for row in (TUNED, SCRATCH)
)


def classic(method: str) -> ResultRow:
    """Return the row of a method without deep learning."""
    return ResultRow("none", method, "own")


class DownstreamResults:
    """Scores by row, task and seed."""

    def __init__(self, cells: dict[Cell, dict]):
        self.cells = cells
        self._scores = defaultdict(dict)
        for cell, record in sorted(cells.items(), key=lambda item: item[0].seed):
            row = ResultRow(cell.setting, cell.method, cell.protocol)
            self._scores[row, cell.task, cell.window, cell.labelled][cell.seed] = record["scores"]

    def scores(
        self,
        row: ResultRow,
        task: str,
        window: float = Cell.window,
        labelled: float = Cell.labelled,
    ) -> dict[int, dict]:
        """Return the scores by seed."""
        return self._scores.get((row, task, window, labelled), {})

    def values(self, row: ResultRow, task: str, measure: Measure, **where) -> dict[int, float]:
        """Return a measure of the scores by seed."""
        return {seed: measure(scores) for seed, scores in self.scores(row, task, **where).items()}

    def mean(self, row: ResultRow, task: str, measure: Measure) -> float | None:
        """Return the mean over the seeds."""
        values = self.values(row, task, measure)
        return float(np.mean(list(values.values()))) if values else None

    def over(
        self, row: ResultRow, tasks: Sequence[str], measure: Measure, **where
    ) -> dict[int, float]:
        """Return the mean over tasks by seed, for the seeds that all tasks have."""
        values = [self.values(row, task, measure, **where) for task in tasks]
        seeds = sorted(set.intersection(*map(set, values)))
        return {seed: float(np.mean([v[seed] for v in values])) for seed in seeds}

    def differences(
        self, one: ResultRow, other: ResultRow, task: str, measure: Measure, **where
    ) -> dict[int, float]:
        """Return the difference of two rows, for the seeds that both have."""
        a, b = (self.values(row, task, measure, **where) for row in (one, other))
        return {seed: a[seed] - b[seed] for seed in a if seed in b}

    def rows(self, setting: str) -> list[ResultRow]:
        """Return the rows of the main tables: the planned rows and others that have results."""
        planned = [ResultRow(setting, method, "linear") for method in PLANNED]
        possible = [
            ResultRow(setting, method, protocol)
            for protocol in PROTOCOL_TITLES
            for method in PRETRAINED_TITLES
        ]
        rows = [row for row in possible if row in planned or self._has(row)]
        longer = [SCRATCH_LONGER] if self._has(SCRATCH_LONGER) else []
        return [*rows, SCRATCH, *longer, *map(classic, CLASSIC_TITLES)]

    def _has(self, row: ResultRow) -> bool:
        return any(self.scores(row, task) for task in TASKS)

    def ablations(self) -> list[ResultRow]:
        """Return the ablations, after RelCon as published, from which several of them start."""
        names = [cell.method for cell in self.cells if cell.method.startswith("relcon:")]
        return [
            ResultRow("transfer", name, "linear")
            for name in dict.fromkeys(["relcon_published", *names])
        ]

    def series(self, field: str) -> list[ResultRow]:
        """Return the rows that have results for other windows or shares of labels."""
        found = {
            ResultRow(cell.setting, cell.method, cell.protocol)
            for cell in self.cells
            if getattr(cell, field) != getattr(Cell, field)
        }
        return [
            row
            for setting in ("transfer", "none")
            for protocol in (*PROTOCOL_TITLES, "own")
            for method in METHOD_TITLES
            if (row := ResultRow(setting, method, protocol)) in found
        ]

    def curve(self, row: ResultRow, task: str, measure: Measure, field: str) -> dict[float, float]:
        """Return the means by window or share of labels, over the seeds that all points have."""
        xs = sorted({getattr(cell, field) for cell in self.cells if cell.task == task})
        points = {x: self.values(row, task, measure, **{field: x}) for x in xs}
        points = {x: values for x, values in points.items() if values}
        seeds = set.intersection(*map(set, points.values())) if points else set()
        if not seeds:
            return {}
        return {x: float(np.mean([v[s] for s in sorted(seeds)])) for x, v in points.items()}

    def subjects(self, row: ResultRow, task: str) -> dict[str, float]:
        """Return the score of each subject, averaged over the seeds. Higher is better."""
        first = TASKS[task].targets[:1]
        collected = defaultdict(list)
        for scores in self.scores(row, task).values():
            # A mean absolute error is better if it is smaller.
            by_subject = scores["targets"][first[0]]["subjects"] if first else scores["subjects"]
            for subject, score in by_subject.items():
                collected[subject].append(-score if first else score)
        return {subject: float(np.mean(scores)) for subject, scores in collected.items()}


def mean_macro_f1(scores: dict) -> float:
    """Return the mean macro-F1 over the folds."""
    return scores["macro_f1"]


def mean_kappa(scores: dict) -> float:
    """Return the mean Cohen's kappa over the folds."""
    return scores["kappa"]


def of_target(target: str, name: str) -> Measure:
    """Return the measure `name` ("mae", "r2" or "correlation") of a target."""
    return lambda scores: scores["targets"][target][name]


def headline(task: str) -> Measure:
    """Return the main measure of a task: macro-F1, or R2 of the first target."""
    return (lambda scores: scores["r2"]) if TASKS[task].targets else mean_macro_f1


def headline_title(task: str) -> str:
    """Return the name of `headline`, for tables and axes."""
    targets = TASKS[task].targets
    return f"R2 of {targets[0].partition(' (')[0]}" if targets else "macro-F1"
