"""The downstream results by what is asked of them: rows of tables, seeds, means over sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from _cells import Cell
from _downstream_data import TASKS

FOUR = ("hapt", "sisfall", "smartfallmm", "wisdm")
CLASSIFICATION = tuple(name for name, task in TASKS.items() if not task.targets)
REGRESSION = tuple(name for name, task in TASKS.items() if task.targets)

PRETRAINED = {
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
PLANNED = list(PRETRAINED)[: list(PRETRAINED).index("relcon_features")]
CLASSIC = {
    "features_forest": "features, random forest",
    "features_linear": "features, linear",
    "minirocket": "MiniRocket",
    "nearest_dtw": "nearest neighbour, DTW",
}
METHODS = {**PRETRAINED, "scratch": "supervised from scratch", **CLASSIC}
THREE_TIMES = "three times as long"
PROTOCOLS = {
    "linear": "linear probe",
    "mlp": "MLP probe",
    "fine_tune": "fine-tuned",
    "fine_tune_longer": f"fine-tuned {THREE_TIMES}",
}

# SisFall's activities, short enough for an axis; in full they are in fetch_sisfall's result.
_SISFALL = (
    "walk slow,walk fast,jog slow,jog fast,stairs slow,stairs fast,mid chair slow,mid chair fast,"
    "low chair slow,low chair fast,collapse on chair,lie down slow,lie down fast,turn lying,"
    "bend knees,bend down,car in and out,stumble,jump"
).split(",")
CLASS_TITLES = {f"D{i:02}": f"D{i:02} {name}" for i, name in enumerate(_SISFALL, start=1)}

Measure = Callable[[dict], float]  # a number of a record's scores


def method_title(method: str) -> str:
    """Return the name of a method for people."""
    return METHODS.get(method, method.replace("relcon:", "RelCon: "))


class Row(NamedTuple):
    """What a row of a table, or a line of a figure, is about."""

    setting: str
    method: str
    protocol: str

    @property
    def title(self) -> str:
        """For people."""
        method = method_title(self.method)
        if self.setting == "none":
            return f"{method}, {THREE_TIMES}" if self.protocol == "fine_tune_longer" else method
        title = f"{method}, {PROTOCOLS[self.protocol]}"
        return f"{title}, in-domain" if self.setting == "in_domain" else title


RELCON = Row("transfer", "relcon", "linear")
TUNED = Row("transfer", "relcon", "fine_tune")
SCRATCH = Row("none", "scratch", "fine_tune")
TUNED_LONGER, SCRATCH_LONGER = (
    row._replace(protocol="fine_tune_longer") for row in (TUNED, SCRATCH)
)


def classic(method: str) -> Row:
    """Return the row of a method without deep learning."""
    return Row("none", method, "own")


class Results:
    """Records by row, task and seed."""

    def __init__(self, cells: dict[Cell, dict]):
        self.cells = cells
        self._scores = defaultdict(dict)
        for cell, record in sorted(cells.items(), key=lambda item: item[0].seed):
            row = Row(cell.setting, cell.method, cell.protocol)
            self._scores[row, cell.task, cell.window, cell.labelled][cell.seed] = record["scores"]

    def scores(
        self,
        row: Row,
        task: str,
        window: float = Cell.window,
        labelled: float = Cell.labelled,
    ) -> dict[int, dict]:
        """Return the scores by seed."""
        return self._scores.get((row, task, window, labelled), {})

    def values(self, row: Row, task: str, measure: Measure, **where) -> dict[int, float]:
        """Return a number of the scores by seed."""
        return {seed: measure(scores) for seed, scores in self.scores(row, task, **where).items()}

    def mean(self, row: Row, task: str, measure: Measure) -> float | None:
        """Return the mean over the seeds."""
        values = self.values(row, task, measure)
        return float(np.mean(list(values.values()))) if values else None

    def over(self, row: Row, tasks: Sequence[str], measure: Measure, **where) -> dict[int, float]:
        """Return the mean over tasks by seed, of seeds that all tasks have."""
        values = [self.values(row, task, measure, **where) for task in tasks]
        seeds = sorted(set.intersection(*map(set, values)))
        return {seed: float(np.mean([v[seed] for v in values])) for seed in seeds}

    def differences(
        self, one: Row, other: Row, task: str, measure: Measure, **where
    ) -> dict[int, float]:
        """Return how much one is above the other, by seed that both have."""
        a, b = (self.values(row, task, measure, **where) for row in (one, other))
        return {seed: a[seed] - b[seed] for seed in a if seed in b}

    def rows(self, setting: str) -> list[Row]:
        """Return the rows of the main tables: those of the plan, and others that are there."""
        planned = [Row(setting, method, "linear") for method in PLANNED]
        possible = [
            Row(setting, method, protocol) for protocol in PROTOCOLS for method in PRETRAINED
        ]
        rows = [row for row in possible if row in planned or self._has(row)]
        longer = [SCRATCH_LONGER] if self._has(SCRATCH_LONGER) else []
        return [*rows, SCRATCH, *longer, *map(classic, CLASSIC)]

    def _has(self, row: Row) -> bool:
        return any(self.scores(row, task) for task in TASKS)

    def ablations(self) -> list[Row]:
        """Return RelCon as published, which some ablations start from, and what is ablated."""
        names = [cell.method for cell in self.cells if cell.method.startswith("relcon:")]
        return [
            Row("transfer", name, "linear") for name in dict.fromkeys(["relcon_published", *names])
        ]

    def series(self, field: str) -> list[Row]:
        """Return the rows of which there is more than the default window or share of labels."""
        found = {
            Row(cell.setting, cell.method, cell.protocol)
            for cell in self.cells
            if getattr(cell, field) != getattr(Cell, field)
        }
        return [
            row
            for setting in ("transfer", "none")
            for protocol in (*PROTOCOLS, "own")
            for method in METHODS
            if (row := Row(setting, method, protocol)) in found
        ]

    def curve(self, row: Row, task: str, measure: Measure, field: str) -> dict[float, float]:
        """Return the means by window or share of labels, over the seeds that all of them have."""
        xs = sorted({getattr(cell, field) for cell in self.cells if cell.task == task})
        points = {x: self.values(row, task, measure, **{field: x}) for x in xs}
        points = {x: values for x, values in points.items() if values}
        seeds = set.intersection(*map(set, points.values())) if points else set()
        if not seeds:
            return {}
        return {x: float(np.mean([v[s] for s in sorted(seeds)])) for x, v in points.items()}

    def subjects(self, row: Row, task: str) -> dict[str, float]:
        """Return the score of each subject, the higher the better, averaged over the seeds."""
        first = TASKS[task].targets[:1]
        collected = defaultdict(list)
        for scores in self.scores(row, task).values():
            # A mean absolute error is better where it is smaller.
            by_subject = scores["targets"][first[0]]["subjects"] if first else scores["subjects"]
            for subject, score in by_subject.items():
                collected[subject].append(-score if first else score)
        return {subject: float(np.mean(scores)) for subject, scores in collected.items()}


def macro_f1(scores: dict) -> float:
    """Return the mean macro-F1 over the folds."""
    return scores["macro_f1"]


def kappa(scores: dict) -> float:
    """Return the mean Cohen's kappa over the folds."""
    return scores["kappa"]


def of_target(target: str, name: str) -> Measure:
    """Return the measure `name` ("mae", "r2" or "correlation") of a target."""
    return lambda scores: scores["targets"][target][name]


def headline(task: str) -> Measure:
    """Return macro-F1, or R2 of the first target."""
    return (lambda scores: scores["r2"]) if TASKS[task].targets else macro_f1


def headline_title(task: str) -> str:
    """Return what `headline` is, for tables and axes."""
    targets = TASKS[task].targets
    return f"R2 of {targets[0].partition(' (')[0]}" if targets else "macro-F1"


def class_title(name: str) -> str:
    """Return the name of a class for people."""
    if name in CLASS_TITLES:
        return CLASS_TITLES[name]
    return name.replace("_", " ").lower() if name.isupper() else name
