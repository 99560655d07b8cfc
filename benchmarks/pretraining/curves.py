"""Learning curves of pretraining: their scores at common times, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import table

BASELINES = {
    "features": "summary features",
    "untrained": "untrained, batch norm warmed",
    "untrained_cold": "untrained, as initialised",
}


@dataclass(frozen=True)
class Curves:
    """The results of a data set, for the seeds that all of its modes have."""

    dataset: str
    seeds: list[int]
    baselines: list[dict]  # one record for each seed
    modes: dict[str, list[dict]]  # by mode, one record for each seed
    seconds: np.ndarray  # 0 and the checkpoints

    def baseline(self, name: str) -> list[float]:
        """Return the score of one of `BASELINES` for each seed."""
        return [record["scores"][name] for record in self.baselines]

    def final(self, mode: str) -> list[float]:
        """Return the score of each seed at the end of its time."""
        return [record["points"][-1]["f1"] for record in self.modes[mode]]

    def scores(self, mode: str) -> np.ndarray:
        """Return the curve of each seed at `seconds`. It starts with the untrained encoder."""
        curves = []
        for start, record in zip(self.baseline("untrained_cold"), self.modes[mode], strict=True):
            # The last step ends a little late. Its score counts as that of the end.
            times = [min(point["seconds"], self.seconds[-1]) for point in record["points"]]
            scores = [point["f1"] for point in record["points"]]
            curves.append(np.interp(self.seconds, [0, *times], [start, *scores]))
        return np.array(curves)


def report(curves: Curves) -> str:
    """Return all tables of a data set."""
    header = [*(f"seed {seed}" for seed in curves.seeds), "mean", "min", "max"]
    scores = [
        _with_mean_and_range(title, curves.baseline(name)) for name, title in BASELINES.items()
    ]
    scores += [_with_mean_and_range(mode, curves.final(mode)) for mode in curves.modes]
    values = {mode: curves.final(mode) for mode in curves.modes}
    values["untrained, warmed"] = curves.baseline("untrained")
    differences = [
        _with_mean_and_range(f"{one} - {other}", np.subtract(values[one], values[other]).tolist())
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
            _counts(curves),
            table(["macro-F1 at the end", *header], scores),
            table(["paired difference", *header], differences),
            "Mean curves. The learning rate decreases towards the end, so that earlier scores are "
            "not those of an annealed encoder.",
            table(["mean macro-F1 after", *times], [[m, *mean] for m, mean in means.items()]),
            "Seconds until the mean curve first reaches the end of another curve:",
            table(["mode", *(f"end of {mode}" for mode in means)], _time_to_level(curves, means)),
            "Work done, mean over the seeds. The clock does not include the last two columns:",
            _work(curves),
        ]
    )


def _with_mean_and_range(name: str, values: list[float]) -> list:
    return [name, *values, float(np.mean(values)), min(values), max(values)]


def _counts(curves: Curves) -> str:
    first = curves.baselines[0]
    return (
        f"{first['data']}. Fold of the first seed: {first['n_pretraining']} windows for "
        f"pretraining, {first['n_probe_train']} labelled windows for the probe, and "
        f"{first['n_probe_test']} test windows of {len(first['test_subjects'])} held-out subjects."
    )


def _time_to_level(curves: Curves, means: dict[str, np.ndarray]) -> list[list]:
    rows = []
    for mode, mean in means.items():
        times = [first_reached(curves.seconds, mean, other[-1]) for other in means.values()]
        rows.append([mode, *("never" if time is None else f"{time:.1f}" for time in times)])
    return rows


def first_reached(seconds: np.ndarray, scores: np.ndarray, level: float) -> float | None:
    """Return the time when a curve first reaches `level`; None if it never does."""
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


# The colours of Okabe and Ito. Markers identify the lines without colour.
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


def plot(curves: Curves, path: Path) -> bool:
    """Draw the curves of all modes; return False if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    n = len(curves.seeds)
    figure = Figure(figsize=(10, 5), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    _plot_scores(curves, left)
    _plot_gains(curves, right)
    seconds = curves.seconds[1:]
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(seconds, [f"{s:.0f}" if s >= 10 else f"{s:.2g}" for s in seconds])
        axes.minorticks_off()
        axes.set_xlabel("wall time of pretraining (s)")
        axes.grid(alpha=0.3)
    figure.suptitle(f"{TASKS[curves.dataset].title}: {n} seed{'s' if n > 1 else ''}")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return True


def _plot_scores(curves: Curves, axes) -> None:
    """Draw the scores: a thin line for each seed, and a thick line for their mean."""
    seconds = curves.seconds[1:]
    for mode in curves.modes:
        title, colour, marker = STYLES[mode]
        scores = curves.scores(mode)[:, 1:]
        axes.plot(seconds, scores.T, color=colour, lw=0.8, alpha=0.45)
        axes.plot(seconds, scores.mean(axis=0), color=colour, lw=2, marker=marker, label=title)
    for name, (title, style) in LINES.items():
        level = np.mean(curves.baseline(name))
        axes.axhline(level, color="0.35", linestyle=style, label=title)
    axes.set_ylabel("macro-F1 on held-out subjects")
    axes.set_title("mean (thick) and each seed (thin)", fontsize="medium")


def _plot_gains(curves: Curves, axes) -> None:
    """Draw the differences of the scores from the untrained encoder of the same seed.

    Seeds differ in the held-out subjects, some of which are harder than others. The difference
    removes this effect.
    """
    untrained = np.array(curves.baseline("untrained"))
    for i, mode in enumerate(curves.modes):
        _, colour, marker = STYLES[mode]
        gains = curves.scores(mode)[:, 1:] - untrained[:, None]
        mean = gains.mean(axis=0)
        seconds = curves.seconds[1:] * 1.06 ** (i - (len(curves.modes) - 1) / 2)  # side by side
        errors = [mean - gains.min(axis=0), gains.max(axis=0) - mean]
        axes.errorbar(seconds, mean, errors, color=colour, marker=marker, lw=2, elinewidth=1)
    axes.axhline(0, color="0.35", linestyle=LINES["untrained"][1])
    gain = np.mean(curves.baseline("features") - untrained)
    axes.axhline(gain, color="0.35", linestyle=LINES["features"][1])
    axes.set_ylabel("gain in macro-F1 over untrained")
    axes.set_title("within a seed: mean, min and max", fontsize="medium")
