"""The sections of the downstream report without figures: tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import table
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.evaluation import compare
from benchmarks.downstream.results import (
    CLASSIC_TITLES,
    CLASSIFICATION,
    FOUR,
    PLANNED,
    REGRESSION,
    RELCON,
    SCRATCH,
    SCRATCH_LONGER,
    TUNED,
    TUNED_LONGER,
    DownstreamResults,
    Measure,
    ResultRow,
    classic,
    mean_kappa,
    mean_macro_f1,
    method_title,
    of_target,
)

MEAN = "mean of four"
SIZES = {"parameters": "parameters", "macs": "MACs"}
SETTING_TITLES = {
    "transfer": "pretrained on all other data sets (transfer)",
    "in_domain": "pretrained on the training subjects of the same data set (in-domain)",
}


def mean_and_sd(values: Sequence[float]) -> str:
    """Return the mean and, if there are several values, their standard deviation (n - 1)."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def seed_table(
    corner: str,
    columns: dict[str, dict[str, dict[int, float]]],
    lowest: Sequence[str] = (),
) -> str:
    """Return a table of means over seeds, with the best of each column in bold.

    The last column is the number of seeds. Cells with fewer seeds give their number in parentheses.

    Parameters
    ----------
    corner : str
        Title of the first column.
    columns : dict
        The values by seed, by title of the column and title of the row.
    lowest : sequence of str
        Titles of the columns in which the lowest value is the best.
    """
    names = list(next(iter(columns.values())))
    n_seeds = {name: max(len(column[name]) for column in columns.values()) for name in names}
    written = [
        _written(column, n_seeds, min if title in lowest else max)
        for title, column in columns.items()
    ]
    rows = [
        [name, *texts, n_seeds[name] or None] for name, *texts in zip(names, *written, strict=True)
    ]
    return table([corner, *columns, "seeds"], rows)


def _written(column: dict[str, dict], n_seeds: dict[str, int], better: Callable) -> list:
    """Return the texts of a column; None for cells without results."""
    means = {name: f"{np.mean([*v.values()]):.3f}" for name, v in column.items() if v}
    best = better(means.values(), key=float, default=None)
    texts = []
    for name, values in column.items():
        text = mean_and_sd([*values.values()]) if values else None
        if values and means[name] == best:
            text = f"**{text}**"
        if values and len(values) < n_seeds[name]:
            text += f" ({len(values)})"
        texts.append(text)
    return texts


def join(*parts: str) -> str:
    """Return wrapped prose, tables, lists and figures as one text, without empty parts."""
    return "\n\n".join(
        part if part.startswith(("|", "!", "- ")) else fill(part, 100, break_on_hyphens=False)
        for part in parts
        if part
    )


def main_tables(results: DownstreamResults, setting: str) -> str:
    """Return macro-F1, kappa and the regression scores of all methods in a setting."""
    rows = results.rows(setting)
    parts = [
        f"Encoders {SETTING_TITLES[setting]}, training from scratch and methods without deep "
        "learning, on held-out subjects: macro-F1 (mean over folds and seeds, ± standard deviation "
        "over seeds). The best value of each column is bold. A number in parentheses is the number "
        "of seeds, if a cell has fewer than the row.",
        seed_table("macro-F1", _columns(results, rows, mean_macro_f1)),
        "The same methods by Cohen's kappa, which corrects for agreement by chance.",
        seed_table("kappa", _columns(results, rows, mean_kappa)),
        "The regression tasks: mean absolute error (in the unit of the target; lower is better), "
        "R2 and correlation, over the predictions of all folds together.",
    ]
    # This protocol was run on classification tasks only.
    rows = [row for row in rows if row.protocol != SCRATCH_LONGER.protocol]
    for task in REGRESSION:
        for target in TASKS[task].targets:
            columns = {
                title: {
                    row.title: results.values(row, task, of_target(target, name)) for row in rows
                }
                for title, name in (("MAE", "mae"), ("R2", "r2"), ("correlation", "correlation"))
            }
            parts.append(seed_table(f"{TASKS[task].title}: {target}", columns, lowest=["MAE"]))
    return join(*parts)


def _columns(
    results: DownstreamResults, rows: list[ResultRow], measure: Measure
) -> dict[str, dict]:
    columns = {
        TASKS[task].title: {row.title: results.values(row, task, measure) for row in rows}
        for task in CLASSIFICATION
    }
    return columns | {MEAN: {row.title: results.over(row, FOUR, measure) for row in rows}}


def paired_tests(results: DownstreamResults) -> str:
    """Return the tests of RelCon against every baseline on every task."""
    encoders = [
        row
        for row in results.rows("transfer")
        if row.protocol == "linear" and row.method in PLANNED and row != RELCON
    ]
    baselines = [*encoders, *map(classic, CLASSIC_TITLES)]
    parts = [
        "RelCon (transfer, linear probe) against every baseline, and fine-tuned RelCon against "
        "training from scratch, by the scores of held-out subjects averaged over seeds. The score "
        "is macro-F1, or the negative mean absolute error. Positive differences are in favour of "
        "RelCon. p is that of Wilcoxon's two-sided signed-rank test. Holm p is corrected for the "
        "number of baselines of the task; training from scratch is a separate comparison."
    ]
    for task in TASKS:
        tests = {
            **_tests(results, RELCON, baselines, task),
            **_tests(results, TUNED, [SCRATCH], task),
            **_tests(results, TUNED_LONGER, [SCRATCH_LONGER], task),
        }
        score = f"MAE of {TASKS[task].targets[0]}" if TASKS[task].targets else "macro-F1"
        rows = [
            [
                title,
                f"{test['difference']:+.3f}",
                f"{test['ahead']}/{test['n_subjects']}",
                _p_value(test["p"]),
                _p_value(test["p_holm"]),
            ]
            for title, test in tests.items()
        ]
        header = [f"{TASKS[task].title}: {score}", "difference", "ahead", "p", "Holm p"]
        parts.append(table(header, rows) if rows else f"{TASKS[task].title}: not measured.")
    return join(*parts)


def _tests(
    results: DownstreamResults, reference: ResultRow, baselines: list[ResultRow], task: str
) -> dict[str, dict]:
    there = [row for row in baselines if results.scores(row, task)]
    if not results.scores(reference, task) or not there:
        return {}
    scores = {f"{reference.title} - {row.title}": results.subjects(row, task) for row in there}
    return compare(results.subjects(reference, task), scores)


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def ablations(results: DownstreamResults) -> str:
    """Return the change of macro-F1 by each change of RelCon."""
    rows = []
    for row in results.ablations():
        by_set = [results.differences(row, RELCON, task, mean_macro_f1) for task in FOUR]
        pairs = [value for values in by_set for value in values.values()]
        seeds = set.intersection(*map(set, by_set))
        means = [float(np.mean([values[seed] for values in by_set])) for seed in sorted(seeds)]
        rows.append(
            [
                method_title(row.method),
                *(_signed(list(values.values())) for values in by_set),
                _signed(means),
                f"{sum(value > 0 for value in pairs)}/{len(pairs)}" if pairs else None,
                len(seeds) or None,
            ]
        )
    header = ["variant", *(TASKS[task].title for task in FOUR), MEAN, "better in", "seeds"]
    return join(
        "Variants of RelCon, defined in `objectives.py`, against RelCon with the same seeds "
        "(transfer, linear probe): difference in macro-F1, mean ± standard deviation over seeds. "
        "Negative is worse than RelCon. The last columns are the number of (set, seed) pairs in "
        "which the variant is better, and the number of seeds that all four sets have.",
        table(header, rows),
    )


def _signed(values: list[float]) -> str | None:
    if not values:
        return None
    return mean_and_sd(values) if np.mean(values) < 0 else f"+{mean_and_sd(values)}"


def costs(cells: dict[Cell, dict]) -> str:
    """Return the cost of a segment, and the work done in pretraining."""
    rows = []
    for cell, record in cells.items():
        if cell.setting != "cost":
            continue
        scores = record["scores"]
        times = scores["milliseconds"]
        size = [f"{n:,}" if (n := scores[key]) is not None else None for key in SIZES]
        name = method_title(cell.method)
        range_ = f"{np.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"
        rows.append([name, *size, range_, scores["batch"]])
    header = ["to apply", *SIZES.values(), "ms per segment", "batch"]
    return join(
        "The cost of a trained method: parameters, multiply-adds (MACs) of a segment, and time per "
        "segment in a batch (median, smallest to largest of several).",
        table(header, rows) if rows else "Not measured.",
        "The work done in pretraining in the same CPU time, mean over data sets, seeds and folds. "
        "The time includes RelCon's distance, whose steps have a separate column.",
        _pretraining(cells),
    )


def _pretraining(cells: dict[Cell, dict]) -> str:
    found = {}
    for cell, record in cells.items():
        if cell.protocol == "linear" and cell.labelled == 1 and cell.window == Cell.window:
            trainings = [t for t in record.get("training", []) if "steps" in t]
            if trainings and cell.method != "relcon_features":
                found.setdefault((cell.setting, cell.method), []).append((record, trainings))
    rows = []
    for (setting, method), records in found.items():
        trainings = [training for _, several in records for training in several]
        distances = [t["distance"]["steps"] for t in trainings if "distance" in t]
        rows.append(
            [
                f"{method_title(method)}, {setting.replace('_', '-')}",
                f"{np.mean([record['seconds']['pretraining'] for record, _ in records]):.1f}",
                f"{np.mean([training['steps'] for training in trainings]):.0f}",
                f"{np.mean(distances):.0f}" if distances else None,
            ]
        )
    header = ["to pretrain", "CPU s", "steps", "steps of the distance"]
    return table(header, rows) if rows else "Not measured."


def per_fold(results: DownstreamResults) -> str:
    """Return the macro-F1 of each fold."""
    parts = ["Macro-F1 of each fold (seed 0). The folds are the same for all methods."]
    for task in CLASSIFICATION:
        rows = []
        for row in [*results.rows("transfer"), ResultRow("in_domain", "relcon", "linear")]:
            scores = results.scores(row, task).get(0)
            if scores:
                rows.append([row.title, *scores["folds"]["macro_f1"], scores["macro_f1"]])
        if rows:
            folds = [f"fold {i}" for i in range(len(rows[0]) - 2)]
            parts.append(table([TASKS[task].title, *folds, "mean"], rows))
    return join(*parts)
