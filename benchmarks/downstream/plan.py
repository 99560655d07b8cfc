"""The plan of the downstream benchmark: its settings, and all results that it makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.common.datasets import TASKS
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.classic import CLASSIC
from benchmarks.downstream.objectives import ABLATIONS, BUDGETS, MAIN, SharedTerms
from benchmarks.downstream.results import CLASSIFICATION

LONG_WINDOW = 10.0  # s
WINDOWS = (Cell.window, LONG_WINDOW)
SHARES = (0.01, 0.05, 0.1, 1.0)  # of the training subjects that have labels
IN_DOMAIN = ("hapt", "sisfall", "smartfallmm", "wisdm")
WITH_FEATURES = "relcon_features"  # the union of RelCon's embedding and the features
SHIPPED = "motion-small"  # the model that comes with the package
LARGER = "larger"  # the same with a larger encoder, which is not in the package


@dataclass(frozen=True)
class DownstreamSettings:
    """The settings of the downstream benchmark."""

    seconds: float = 600.0  # of pretraining
    in_domain_seconds: float = 240.0
    encoder: str = "resnet14-half"
    n_folds: int = 5
    n_seeds: int = 3
    n_windows: int = 2500  # labelled windows of a task, drawn at random
    fine_tuning_steps: int = 320  # rounded to whole epochs
    n_draws: int = 6  # of the people who have labels, if not all have; one for fine-tuning

    def draws(self, cell: Cell) -> int:
        """Return the number of draws of the people who have labels. A cell has their mean."""
        few = cell.labelled < 1 and cell.protocol != "fine_tune"
        return self.n_draws if few else 1

    def terms(self, setting: str) -> SharedTerms:
        """Return the terms that objectives share in a setting."""
        seconds = self.seconds if setting == "transfer" else self.in_domain_seconds
        return SharedTerms(encoder=self.encoder, seconds=seconds)


SMOKE = DownstreamSettings(
    2.0, 2.0, n_folds=2, n_seeds=1, n_windows=200, fine_tuning_steps=4, n_draws=2
)


def plan_cells(settings: DownstreamSettings) -> list[list[Cell]]:
    """Return all cells in stages, the most important ones first."""
    main = [
        _linear("transfer", TASKS, [*MAIN, WITH_FEATURES], seed) for seed in range(settings.n_seeds)
    ]
    classic = [Cell("none", task, method, "own") for task in TASKS for method in CLASSIC]
    shipped = [
        cell
        for name in (SHIPPED, LARGER)
        for window in WINDOWS
        for cell in _linear("shipped", TASKS, [name, f"{name}_features"], window=window)
    ]
    in_domain = _linear("in_domain", IN_DOMAIN, ["relcon", "simclr", "untrained"])
    ablations = _linear("transfer", TASKS, [f"relcon:{name}" for name in ABLATIONS])
    budgets = _linear("transfer", TASKS, BUDGETS)
    long_windows = [
        _linear("transfer", TASKS, ["relcon", WITH_FEATURES], window=LONG_WINDOW),
        [
            Cell("none", task, method, "own", window=LONG_WINDOW)
            for task in TASKS
            for method in CLASSIC
            if method != "nearest_dtw"
        ],
        _linear("transfer", TASKS, [name for name in MAIN if name != "relcon"], window=LONG_WINDOW),
    ]
    few_labels = [
        Cell(setting, task, method, protocol, labelled=share)
        for share, task in itertools.product(SHARES[::-1], CLASSIFICATION)
        for setting, method, protocol in (
            ("transfer", "relcon", "linear"),
            ("transfer", WITH_FEATURES, "linear"),
            ("transfer", "simclr", "linear"),
            ("transfer", "untrained", "linear"),
            ("none", "features_linear", "own"),
            ("transfer", "relcon", "fine_tune"),
            ("shipped", SHIPPED, "linear"),
            ("shipped", f"{SHIPPED}_features", "linear"),
            ("shipped", SHIPPED, "fine_tune"),
            ("none", "scratch", "fine_tune"),
        )
        if share < 1 or protocol == "fine_tune"
    ]
    return [
        main[0],
        classic,
        shipped,
        in_domain,
        *main[1:],
        ablations,
        *long_windows,
        few_labels,
        budgets,
    ]


def _linear(
    setting: str, tasks: Iterable[str], methods: Iterable[str], seed: int = 0, **fields
) -> list[Cell]:
    return [
        Cell(setting, task, method, "linear", seed, **fields)
        for method in methods
        for task in tasks
    ]


def job_of(cell: Cell) -> str:
    """Return the name of the job of a cell. A process does a job as a whole: it has one encoder."""
    method = cell.method.removesuffix("_features")
    data = "pool" if cell.setting == "transfer" else cell.task
    name = f"{cell.setting}-{data}-{method}-{cell.window:g}-{cell.seed}"
    return "".join(c if c.isalnum() or c in "-._" else "_" for c in name)
