"""Learning curves: training for a given wall time, probed on the way, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paper_literal as literal
import torch
from _report import table
from skorch.callbacks import LRScheduler
from torch import nn

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._batches import Batch, Batches
from relcon_sklearn._training._callbacks import warmup_cosine

ENDLESS = 10**6  # epochs: time decides when training ends


class BudgetSpent(Exception):
    """Training has had its time."""


class Budget:
    """The wall time of one training: the learning rate it asks for, and what was done in it.

    The clock runs from :meth:`start`, and stands still while the module is probed. Training ends,
    by an exception, with the first step that ends past the last checkpoint.

    Parameters
    ----------
    checkpoints : sequence of float
        Seconds after which to probe, ascending. The last is the budget.
    lr : float
        Peak learning rate. The schedule is the library's, along time instead of steps.
    probe : callable
        ``probe(module)`` gives the score of a module in evaluation mode.
    clock : callable, default=time.perf_counter
        Gives the time in seconds.

    Attributes
    ----------
    points : list of dict
        One record per probe: what was done until then, the mean loss since the last one, and the
        score.
    """

    def __init__(
        self,
        checkpoints: Sequence[float],
        lr: float,
        probe: Callable[[nn.Module], float],
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.checkpoints = list(checkpoints)
        self.lr = lr
        self.probe = probe
        self.clock = clock
        self.points: list[dict] = []

    def start(self) -> None:
        """Start the clock."""
        self._done = {"steps": 0, "anchors": 0, "segments": 0, "pairs": 0}
        self._losses: list[float] = []
        self._zero = self.clock()

    def rate(self) -> float:
        """Return the learning rate of the step about to be taken."""
        progress = (self.clock() - self._zero) / self.checkpoints[-1]
        return self.lr * warmup_cosine(min(1.0, progress))

    def after_step(self, module: nn.Module, batch: Batch, loss: float) -> None:
        """Count a step; probe if it is time to, and raise BudgetSpent if there is none left."""
        now = self.clock()
        seconds = now - self._zero
        self._losses.append(loss)
        self._done["steps"] += 1
        self._done["anchors"] += len(batch.anchors)
        self._done["segments"] += len(batch.segments)
        self._done["pairs"] += int((batch.candidates >= 0).sum())
        last = self.points[-1]["seconds"] if self.points else 0.0
        # A step that takes longer than a checkpoint is away passes several: they are one point.
        if not any(last < checkpoint <= seconds for checkpoint in self.checkpoints):
            return
        training = module.training
        score = self.probe(module.eval())
        module.train(training)
        loss = float(np.mean(self._losses))
        self.points.append({"seconds": seconds, **self._done, "train_loss": loss, "f1": score})
        self._losses = []
        probed = self.clock() - now
        self.points[-1]["probe_seconds"] = probed
        self._zero += probed
        if seconds >= self.checkpoints[-1]:
            raise BudgetSpent


class BudgetSchedule(LRScheduler):
    """Train by a budget. Being a scheduler, it takes the place of the library's own."""

    def __init__(self, budget: Budget):
        self.budget = budget

    def initialize(self):
        """Do without a policy of skorch's."""
        return self

    def on_train_begin(self, net, **kwargs):
        """Start the clock."""
        self.budget.start()

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Set the rate of the step about to be taken."""
        set_rate(net.optimizer_, self.budget.rate())

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        """Count it, and probe or end training where it is time to."""
        self.budget.after_step(net.module_, batch, float(loss))

    def on_epoch_end(self, net, **kwargs):
        """Leave the rate alone."""


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def train_library(embedder: RelConEmbedder, X: np.ndarray, groups, budget: Budget) -> None:
    """Fit `embedder` for as long as `budget` has; it must not hold out any groups."""
    embedder.set_params(callbacks=[BudgetSchedule(budget)], max_epochs=ENDLESS)
    with suppress(BudgetSpent):
        embedder.fit(X, groups=groups)


def train_literal(
    encoder: nn.Module,
    distance: LearnedMotifDistance,
    batches: Batches,
    temperature: float,
    budget: Budget,
) -> None:
    """Train `encoder` by `paper_literal.py` for as long as `budget` has."""
    optimizer = torch.optim.Adam(encoder.parameters(), lr=budget.lr)
    encoder.train()
    budget.start()
    with suppress(BudgetSpent):
        for epoch in range(ENDLESS):
            batches.epoch = epoch
            for batch in batches:
                set_rate(optimizer, budget.rate())
                loss = literal.step(
                    encoder, distance.net_, batch, optimizer, temperature=temperature
                )
                budget.after_step(encoder, batch, float(loss))


# -- telling what curves say -----------------------------------------------------------------------

BASELINES = {
    "features": "summary features",
    "untrained": "untrained, batch norm warmed",
    "untrained_cold": "untrained, as initialised",
}


@dataclass(frozen=True)
class Curves:
    """The results of a data set, of the seeds that all of its modes have."""

    dataset: str
    seeds: list[int]
    baselines: list[dict]  # one record for each seed
    modes: dict[str, list[dict]]  # likewise
    seconds: np.ndarray  # 0 and the checkpoints

    def baseline(self, name: str) -> list[float]:
        """Return the score of one of `BASELINES` for each seed."""
        return [record["scores"][name] for record in self.baselines]

    def final(self, mode: str) -> list[float]:
        """Return the score of each seed when its time was up."""
        return [record["points"][-1]["f1"] for record in self.modes[mode]]

    def scores(self, mode: str) -> np.ndarray:
        """Return the curve of each seed at `seconds`, from the encoder as initialised."""
        curves = []
        for start, record in zip(self.baseline("untrained_cold"), self.modes[mode], strict=True):
            # The last step ends a little late; its score is that of the end.
            times = [min(point["seconds"], self.seconds[-1]) for point in record["points"]]
            scores = [point["f1"] for point in record["points"]]
            curves.append(np.interp(self.seconds, [0, *times], [start, *scores]))
        return np.array(curves)


def report(curves: Curves) -> str:
    """Return all tables of a data set."""
    header = [*(f"seed {seed}" for seed in curves.seeds), "mean", "min", "max"]
    scores = [_with_spread(title, curves.baseline(name)) for name, title in BASELINES.items()]
    scores += [_with_spread(mode, curves.final(mode)) for mode in curves.modes]
    values = {mode: curves.final(mode) for mode in curves.modes}
    values["untrained, warmed"] = curves.baseline("untrained")
    differences = [
        _with_spread(f"{one} - {other}", np.subtract(values[one], values[other]).tolist())
        for one, other in (
            ("shared", "independent"),
            ("fast", "independent"),
            ("fast", "shared"),
            ("independent", "float32"),
            ("independent", "paper_literal"),
            ("fast", "paper_literal"),
            *((mode, "untrained, warmed") for mode in curves.modes),
        )
        if one in values and other in values
    ]
    times = [f"{seconds:.3g} s" for seconds in curves.seconds]
    means = {mode: curves.scores(mode).mean(axis=0) for mode in curves.modes}
    return "\n\n".join(
        [
            _describe(curves),
            table(["macro-F1 at the end", *header], scores),
            table(["paired difference", *header], differences),
            "Mean curves. The learning rate comes down towards the end: scores before it are of "
            "encoders in motion.",
            table(["mean macro-F1 after", *times], [[m, *mean] for m, mean in means.items()]),
            "Seconds until the mean curve first is where another one ends:",
            table(["mode", *(f"end of {mode}" for mode in means)], _time_to_level(curves, means)),
            "Work done, mean over the seeds; the clock does not count the last two columns:",
            _work(curves),
        ]
    )


def _with_spread(name: str, values: list[float]) -> list:
    return [name, *values, float(np.mean(values)), min(values), max(values)]


def _describe(curves: Curves) -> str:
    first = curves.baselines[0]
    return (
        f"{first['data']}. The first seed's fold: {first['n_pretraining']} windows to pretrain on; "
        f"probe on {first['n_probe_train']} labelled windows, judged on {first['n_probe_test']} "
        f"of {len(first['test_subjects'])} held-out subjects."
    )


def _time_to_level(curves: Curves, means: dict[str, np.ndarray]) -> list[list]:
    rows = []
    for mode, mean in means.items():
        times = [first_reached(curves.seconds, mean, other[-1]) for other in means.values()]
        rows.append([mode, *("never" if time is None else f"{time:.1f}" for time in times)])
    return rows


def first_reached(seconds: np.ndarray, scores: np.ndarray, level: float) -> float | None:
    """Return when a curve is at `level` for the first time; None if it never is."""
    above = np.flatnonzero(scores >= level)
    if len(above) == 0:
        return None
    i = above[0]
    if i == 0:
        return float(seconds[0])
    return float(np.interp(level, scores[i - 1 : i + 1], seconds[i - 1 : i + 1]))


def _work(curves: Curves) -> str:
    rows = []
    for mode, records in curves.modes.items():
        last = [record["points"][-1] for record in records]
        row = [mode, f"{np.mean([point['seconds'] for point in last]):.1f}"]
        for unit in ("steps", "anchors", "segments", "pairs"):
            done = np.mean([point[unit] for point in last])
            rate = np.mean([point[unit] / point["seconds"] for point in last])
            row += [f"{done:.0f}", f"{rate:.0f}" if rate >= 10 else f"{rate:.2f}"]
        row.append(f"{np.mean([point['train_loss'] for point in last]):.1f}")
        probes = [p["probe_seconds"] for record in records for p in record["points"]]
        row.append(f"{np.mean(probes):.1f}")
        row.append(f"{np.mean([record['distance_seconds'] for record in records]):.0f}")
        rows.append(row)
    header = ["mode", "seconds"]
    for unit in ("steps", "anchors", "segments", "pairs"):
        header += [unit, f"{unit}/s"]
    return table([*header, "last loss", "probe s", "distance s"], rows)


# Okabe and Ito's colours, and markers for those who see none.
STYLES = {
    "independent": ("library, independent candidates", "#0072B2", "o"),
    "shared": ("library, shared candidates", "#D55E00", "s"),
    "fast": ("library, shared candidates, query_stride=4", "#CC79A7", "D"),
    "float32": ("library, independent candidates, float32", "#56B4E9", "v"),
    "paper_literal": ("as published, written plainly", "#009E73", "^"),
}
LINES = {
    "untrained": ("untrained encoder, batch norm warmed", "--"),
    "features": ("summary features", ":"),
}
TITLES = {"hapt": "HAPT, waist", "wisdm": "WISDM, watch", "smartfallmm": "SmartFallMM, wrist"}


def plot(curves: Curves, modes: list[str], path: Path) -> bool:
    """Draw the curves of `modes`; return whether matplotlib is there to do it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    n = len(curves.seeds)
    figure = Figure(figsize=(10, 5), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    _plot_scores(curves, modes, left)
    _plot_gains(curves, modes, right)
    seconds = curves.seconds[1:]
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(seconds, [f"{s:.0f}" if s >= 10 else f"{s:.2g}" for s in seconds])
        axes.minorticks_off()
        axes.set_xlabel("wall time of pretraining (s)")
        axes.grid(alpha=0.3)
    figure.suptitle(f"{TITLES[curves.dataset]}: {n} seed{'s' if n > 1 else ''}")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    figure.savefig(path)
    return True


def _plot_scores(curves: Curves, modes: list[str], axes) -> None:
    """Draw the scores: a thin line for each seed, a thick one for their mean."""
    seconds = curves.seconds[1:]
    for mode in modes:
        title, colour, marker = STYLES[mode]
        scores = curves.scores(mode)[:, 1:]
        axes.plot(seconds, scores.T, color=colour, lw=0.8, alpha=0.45)
        axes.plot(seconds, scores.mean(axis=0), color=colour, lw=2, marker=marker, label=title)
    for name, (title, style) in LINES.items():
        level = np.mean(curves.baseline(name))
        axes.axhline(level, color="0.35", linestyle=style, label=title)
    axes.set_ylabel("macro-F1 on held-out subjects")
    axes.set_title("mean (thick) and each seed (thin)", fontsize="medium")


def _plot_gains(curves: Curves, modes: list[str], axes) -> None:
    """Draw how far the scores are above those of the untrained encoder of the same seed.

    Seeds differ in whom they hold out, and some people are harder than others. This takes it out.
    """
    untrained = np.array(curves.baseline("untrained"))
    for i, mode in enumerate(modes):
        _, colour, marker = STYLES[mode]
        gains = curves.scores(mode)[:, 1:] - untrained[:, None]
        mean = gains.mean(axis=0)
        seconds = curves.seconds[1:] * 1.06 ** (i - (len(modes) - 1) / 2)  # side by side
        spread = [mean - gains.min(axis=0), gains.max(axis=0) - mean]
        axes.errorbar(seconds, mean, spread, color=colour, marker=marker, lw=2, elinewidth=1)
    axes.axhline(0, color="0.35", linestyle=LINES["untrained"][1])
    gain = np.mean(curves.baseline("features") - untrained)
    axes.axhline(gain, color="0.35", linestyle=LINES["features"][1])
    axes.set_ylabel("gain in macro-F1 over untrained")
    axes.set_title("within a seed: mean, min and max", fontsize="medium")
