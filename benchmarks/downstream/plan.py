"""The plan of the downstream benchmark: its settings, and all results that it makes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from benchmarks.common.datasets import TASKS, source_of
from benchmarks.common.windows import WINDOW
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.classic import CLASSIC
from benchmarks.downstream.objectives import (
    ABLATIONS,
    BY_SUBJECT,
    LONGER,
    OBJECTIVES,
    SharedTerms,
)
from benchmarks.downstream.results import FOUR

WINDOWS = (1.0, WINDOW, 5.0, 10.0)  # s
SHARES = (0.01, 0.05, 0.1, 1.0)  # of the training subjects that have labels


@dataclass(frozen=True)
class DownstreamSettings:
    """The settings of the downstream benchmark."""

    seconds: float = 24.0  # of pretraining
    in_domain_seconds: float = 6.0  # of pretraining, in each fold
    encoder: str = "resnet14-half"
    n_folds: int = 5
    n_seeds: int = 3
    n_windows: int = 2500  # labelled windows of a task, drawn at random
    pretraining_windows: int = 8000  # of a data set, drawn at random
    fine_tuning_steps: int = 320  # rounded to whole epochs

    def terms(self, setting: str) -> SharedTerms:
        """Return the terms that objectives share in a setting."""
        seconds = self.seconds if setting == "transfer" else self.in_domain_seconds
        return SharedTerms(encoder=self.encoder, seconds=seconds)


SMOKE = DownstreamSettings(
    1.0, 0.5, n_folds=2, n_seeds=1, n_windows=200, pretraining_windows=300, fine_tuning_steps=4
)


def plan_cells(settings: DownstreamSettings) -> list[list[Cell]]:
    """Return all cells in stages, the most important ones first."""
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
    """Return the name of the job of a cell. A process does a job as a whole: it has one encoder."""
    method = cell.method.removesuffix("_features")
    data = cell.task if cell.setting == "none" else source_of(cell.task)
    return f"{cell.setting}-{data}-{method}-{cell.seed}".replace(":", "_")
