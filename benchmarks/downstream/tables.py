"""The downstream results as tables in Markdown: sections of the report that have no figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

import numpy as np
from _cells import Cell
from _downstream_data import TASKS
from _downstream_results import (
    CLASSIC,
    CLASSIFICATION,
    FOUR,
    PLANNED,
    REGRESSION,
    RELCON,
    SCRATCH,
    SCRATCH_LONGER,
    TUNED,
    TUNED_LONGER,
    Measure,
    Results,
    Row,
    classic,
    kappa,
    macro_f1,
    method_title,
    of_target,
)
from _evaluation import compare
from _report import table

MEAN = "mean of four"
SIZES = {"parameters": "parameters", "macs": "MACs"}
SETTINGS = {
    "transfer": "pretrained on all other data sets (transfer)",
    "in_domain": "pretrained on the training subjects of the same data set (in-domain)",
}


def spread(values: Sequence[float]) -> str:
    """Return mean and, of several, standard deviation (of n - 1)."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def seed_table(
    corner: str,
    columns: dict[str, dict[str, dict[int, float]]],
    lowest: Sequence[str] = (),
) -> str:
    """Return a table of means over seeds, the best of each column in bold.

    The last column is the number of seeds; cells that have fewer say how many.

    Parameters
    ----------
    corner : str
        Title of the first column.
    columns : dict
        By title of the column and title of the row, the values by seed.
    lowest : sequence of str
        Columns in which the lowest is the best.
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
    """Return the texts of a column; None where nothing was measured."""
    means = {name: f"{np.mean([*v.values()]):.3f}" for name, v in column.items() if v}
    best = better(means.values(), key=float, default=None)
    texts = []
    for name, values in column.items():
        text = spread([*values.values()]) if values else None
        if values and means[name] == best:
            text = f"**{text}**"
        if values and len(values) < n_seeds[name]:
            text += f" ({len(values)})"
        texts.append(text)
    return texts


def join(*parts: str) -> str:
    """Return prose, wrapped, and tables, lists and figures below each other; none that is empty."""
    return "\n\n".join(
        part if part.startswith(("|", "!", "- ")) else fill(part, 100, break_on_hyphens=False)
        for part in parts
        if part
    )


def main_tables(results: Results, setting: str) -> str:
    """Return macro-F1, kappa and the scores of regression of all methods in a setting."""
    rows = results.rows(setting)
    parts = [
        f"Encoders {SETTINGS[setting]}, next to training from scratch and to methods without deep "
        "learning, on held-out subjects: macro-F1 (mean over folds and seeds, ± standard deviation "
        "over seeds). The best of each column is bold; numbers in brackets are of fewer seeds.",
        seed_table("macro-F1", _columns(results, rows, macro_f1)),
        "The same by Cohen's kappa, which takes out what guessing by the frequencies would get.",
        seed_table("kappa", _columns(results, rows, kappa)),
        "The regression tasks, over the predictions of all folds together: mean absolute error "
        "(in the unit of the target; less is better), R2 and correlation.",
    ]
    # What was asked of the classification tasks only has no rows here.
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


def _columns(results: Results, rows: list[Row], measure: Measure) -> dict[str, dict]:
    columns = {
        TASKS[task].title: {row.title: results.values(row, task, measure) for row in rows}
        for task in CLASSIFICATION
    }
    return columns | {MEAN: {row.title: results.over(row, FOUR, measure) for row in rows}}


def paired_tests(results: Results) -> str:
    """Return the tests of RelCon against every rival on every task."""
    encoders = [
        row
        for row in results.rows("transfer")
        if row.protocol == "linear" and row.method in PLANNED and row != RELCON
    ]
    rivals = [*encoders, *map(classic, CLASSIC)]
    parts = [
        "RelCon (transfer, linear probe) against every rival, and fine-tuned RelCon against "
        "training from scratch, by the scores of held-out subjects averaged over seeds: macro-F1, "
        "or the mean absolute error with its sign turned, so that positive differences are "
        "RelCon's lead. p is of Wilcoxon's signed-rank test, two-sided; Holm p is corrected for "
        "the number of rivals of the task (training from scratch is a question of its own)."
    ]
    for task in TASKS:
        tests = {
            **_tests(results, RELCON, rivals, task),
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


def _tests(results: Results, reference: Row, rivals: list[Row], task: str) -> dict[str, dict]:
    there = [row for row in rivals if results.scores(row, task)]
    if not results.scores(reference, task) or not there:
        return {}
    scores = {f"{reference.title} - {row.title}": results.subjects(row, task) for row in there}
    return compare(results.subjects(reference, task), scores)


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def ablations(results: Results) -> str:
    """Return by how much macro-F1 changes with what is changed in RelCon."""
    rows = []
    for row in results.ablations():
        by_set = [results.differences(row, RELCON, task, macro_f1) for task in FOUR]
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
        "Variants of RelCon (`_objectives.py` says what each is) against RelCon with the same "
        "seeds (transfer, linear probe): difference in macro-F1, mean ± standard deviation over "
        "seeds. Negative is worse than RelCon. The last columns are in how many (set, seed) pairs "
        "the variant is better, and how many seeds all four sets have.",
        table(header, rows),
    )


def _signed(values: list[float]) -> str | None:
    if not values:
        return None
    return spread(values) if np.mean(values) < 0 else f"+{spread(values)}"


def costs(cells: dict[Cell, dict]) -> str:
    """Return what a segment costs, and what pretraining did."""
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
        "What a method costs once it is trained: parameters, multiply-adds (MACs) of a segment, "
        "and time per segment in a batch (median, smallest to largest of several).",
        table(header, rows) if rows else "Not measured.",
        "What pretraining did in the same CPU time, mean over data sets, seeds and folds. The "
        "time of RelCon's distance is included; its steps are counted apart.",
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


def per_fold(results: Results) -> str:
    """Return the macro-F1 of each fold."""
    parts = ["Macro-F1 of each fold of subjects, which are the same for all methods (seed 0)."]
    for task in CLASSIFICATION:
        rows = []
        for row in [*results.rows("transfer"), Row("in_domain", "relcon", "linear")]:
            scores = results.scores(row, task).get(0)
            if scores:
                rows.append([row.title, *scores["folds"]["macro_f1"], scores["macro_f1"]])
        if rows:
            folds = [f"fold {i}" for i in range(len(rows[0]) - 2)]
            parts.append(table([TASKS[task].title, *folds, "mean"], rows))
    return join(*parts)
