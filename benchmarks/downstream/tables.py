"""The sections of the downstream report without figures: tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import table
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.classic import CLASSIC
from benchmarks.downstream.comparisons import (
    BEYOND_CHANCE,
    COMPARISONS,
    compare_over_people,
    p_text,
)
from benchmarks.downstream.few_labels import MEAN
from benchmarks.downstream.objectives import ABLATIONS, BUDGETS, MAIN
from benchmarks.downstream.plan import IN_DOMAIN, LONG_WINDOW, SHIPPED
from benchmarks.downstream.results import (
    CLASSIFICATION,
    FIVE,
    REGRESSION,
    RELCON,
    SCRATCH,
    TUNED,
    UNION,
    DownstreamResults,
    ResultRow,
    classic,
    macro_f1,
    method_title,
    of_target,
    transfer,
)

LINEAR = [RELCON, UNION, *(transfer(name) for name in MAIN if name != "relcon")]
SIZES = {"parameters": "parameters", "macs": "MACs"}

Column = Callable[[ResultRow], list[float]]  # maps a row to its values, by seed


def join(*parts: str) -> str:
    """Return wrapped prose, tables, lists and figures as one text, without empty parts."""
    return "\n\n".join(
        part if part.startswith(("|", "!", "- ")) else fill(part, 100, break_on_hyphens=False)
        for part in parts
        if part
    )


# -- scores ----------------------------------------------------------------------------------------


def summary_table(results: DownstreamResults) -> str:
    """Return the mean scores of all methods, by setting."""
    shipped = [ResultRow("shipped", f"{SHIPPED}_features"), ResultRow("shipped", SHIPPED)]
    without_dtw = [classic(name) for name in CLASSIC if name != "nearest_dtw"]

    def in_domain(row: ResultRow) -> list[float]:
        if row.setting == "shipped":
            return []
        setting = "in_domain" if row.setting == "transfer" else row.setting
        return results.means(row._replace(setting=setting), IN_DOMAIN, macro_f1)

    columns: dict[str, Column] = {
        "2.56 s": lambda row: results.means(row, FIVE, macro_f1),
        "10 s": lambda row: results.means(row._replace(window=LONG_WINDOW), FIVE, macro_f1),
        "10 % of the labels": lambda row: results.means(row._replace(labelled=0.1), FIVE, macro_f1),
        "in domain": in_domain,
        "walking speed": lambda row: results.values(row, "ipol", of_target("speed (m/s)", "r2")),
    }
    return seed_table("method", results, [*shipped, *LINEAR, *without_dtw], columns)


def transfer_tables(results: DownstreamResults) -> str:
    """Return macro-F1, R2 and mean absolute error of all methods in transfer."""
    without_labels = [*LINEAR, *map(classic, CLASSIC)]
    return join(
        "Macro-F1 on people whose data no model was trained on: mean over folds and seeds, ± "
        "standard deviation over seeds. Encoders are pretrained on the pool and have linear probes "
        "unless they are fine-tuned. The best value of each column is bold.",
        score_table("macro-F1", results, [*LINEAR, TUNED, SCRATCH, *map(classic, CLASSIC)]),
        "R2 and mean absolute error of the regressions, over the predictions of all folds.",
        regression_table(results, without_labels),
        regression_table(results, without_labels, "mae"),
    )


def long_window_tables(results: DownstreamResults) -> str:
    """Return the scores of windows of 10 s."""
    rows = [*LINEAR, *(classic(name) for name in CLASSIC if name != "nearest_dtw")]
    rows = [row._replace(window=LONG_WINDOW) for row in rows]
    return join(
        f"The same with windows of {LONG_WINDOW:g} s, also for pretraining (seed 0).",
        score_table("macro-F1", results.first_seed(), rows),
        regression_table(results.first_seed(), rows),
    )


def budget_tables(results: DownstreamResults) -> str:
    """Return the scores of trainings of several lengths."""
    rows = [
        transfer(name)
        for method in ("relcon", "simclr")
        for name in [method, *(name for name in BUDGETS if name.startswith(method))]
    ]
    return join(
        "Pretraining for a tenth of the time and for six times the time (transfer, linear probes, "
        "seed 0).",
        score_table("macro-F1", results.first_seed(), rows),
        regression_table(results.first_seed(), rows),
    )


def in_domain_table(results: DownstreamResults) -> str:
    """Return macro-F1 of encoders pretrained on the data set of the task."""
    rows = [ResultRow("in_domain", method) for method in ("relcon", "simclr", "untrained")]
    rows += [RELCON, classic("features_linear"), classic("minirocket")]
    return join(
        "Encoders pretrained on all windows of one data set, without labels, with a linear probe "
        "on held-out people (seed 0). The windows of the held-out people are among those of "
        "pretraining. The last rows are for comparison: RelCon pretrained on the pool, and methods "
        "without pretraining.",
        score_table("macro-F1", results.first_seed(), rows, IN_DOMAIN, "mean of four"),
    )


def score_table(
    corner: str,
    results: DownstreamResults,
    rows: Sequence[ResultRow],
    tasks: Sequence[str] = CLASSIFICATION,
    mean_title: str = MEAN,
) -> str:
    """Return a table of macro-F1 by row and task, with means over `FIVE` or over fewer tasks."""
    columns: dict[str, Column] = {
        TASKS[task].title: lambda row, task=task: results.values(row, task, macro_f1)
        for task in tasks
    }
    averaged = [task for task in tasks if task in FIVE]
    columns[mean_title] = lambda row: results.means(row, averaged, macro_f1)
    return seed_table(corner, results, rows, columns)


def regression_table(
    results: DownstreamResults, rows: Sequence[ResultRow], measure: str = "r2"
) -> str:
    """Return a table of "r2" or "mae" by row and target."""
    columns: dict[str, Column] = {
        f"{task.upper()}: {target}": lambda row, task=task, target=target: results.values(
            row, task, of_target(target, measure)
        )
        for task in REGRESSION
        for target in TASKS[task].targets
    }
    corner, better = {"r2": ("R2", max), "mae": ("mean absolute error", min)}[measure]
    return seed_table(corner, results, rows, columns, better)


def seed_table(
    corner: str,
    results: DownstreamResults,
    rows: Sequence[ResultRow],
    columns: dict[str, Column],
    better: Callable = max,
) -> str:
    """Return a table of means over seeds, with the best of each column in bold.

    The last column is the number of seeds, if any row has more than one. Rows and columns without
    any result are left out.
    """
    values = {title: [column(row) for row in rows] for title, column in columns.items()}
    values = {title: column for title, column in values.items() if any(column)}
    kept = [i for i in range(len(rows)) if any(column[i] for column in values.values())]
    if not kept:
        return "Not measured."
    header = [corner, *values]
    written = [_written([column[i] for i in kept], better) for column in values.values()]
    seeds = [results.n_seeds(rows[i]) or None for i in kept]
    if any(n and n > 1 for n in seeds):
        header.append("seeds")
        written.append(seeds)
    titles = [rows[i].title for i in kept]
    return table(header, [list(line) for line in zip(titles, *written, strict=True)])


def _written(column: list[list[float]], better: Callable) -> list[str | None]:
    """Return the texts of a column; None for cells without results."""
    means = [f"{np.mean(values):.3f}" if values else None for values in column]
    best = better(filter(None, means), key=float, default=None)
    texts = [mean_and_sd(values) if values else None for values in column]
    return [
        f"**{text}**" if text and mean == best else text
        for text, mean in zip(texts, means, strict=True)
    ]


def mean_and_sd(values: Sequence[float]) -> str:
    """Return the mean and, if there are several values, their standard deviation (n - 1)."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


# -- comparisons -----------------------------------------------------------------------------------


def paired_tests(results: DownstreamResults) -> str:
    """Return the tests over people: of the five sets together, and of each task."""
    pooled, each = [], []
    for reference, others in COMPARISONS.items():
        tests = compare_over_people(results, reference, others)
        by_task = {t: compare_over_people(results, reference, others, [t]) for t in TASKS}
        for other in others:
            title = f"{reference.title} - {other.title}"
            pooled.append([title, *_test_texts(tests.get(other))])
            each.append([title, *(_short_test(found.get(other)) for found in by_task.values())])
    return join(
        "Differences between two methods over held-out people. The score of a person is macro-F1 "
        "over the person's own labels, or the negative mean absolute error of speed, averaged over "
        "seeds. Positive differences are in favour of the first method. p is of Wilcoxon's "
        "two-sided signed-rank test. Holm p is corrected for the number of comparisons of the "
        "first method.",
        table(
            ["people of the five sets", "difference", "ahead", "people", "p", "Holm p"],
            pooled,
        ),
        "The same for each task: the difference, and Holm p in parentheses. Bold is beyond chance "
        f"(p < {BEYOND_CHANCE}).",
        table(["people of a task", *(task.title for task in TASKS.values())], each),
    )


def _test_texts(test: dict | None) -> list:
    if test is None:
        return [None] * 5
    difference = f"{test['difference']:+.3f}"
    p_values = p_text(test["p"]), p_text(test["p_holm"])
    return [difference, test["ahead"], test["n_subjects"], *p_values]


def _short_test(test: dict | None) -> str | None:
    if test is None:
        return None
    text = f"{test['difference']:+.3f} ({p_text(test['p_holm'])})"
    return f"**{text}**" if test["p_holm"] < BEYOND_CHANCE else text


def ablations(results: DownstreamResults) -> str:
    """Return the change of macro-F1 by each change of RelCon."""
    results = results.first_seed()
    rows = {name: transfer(f"relcon:{name}") for name in ABLATIONS}
    tests = compare_over_people(results, RELCON, list(rows.values()))
    lines = []
    for name, row in rows.items():
        if not results.scores(row, FIVE[0]):
            continue
        test = tests.get(row)
        lines.append(
            [
                name,
                *(_change(results, row, [task]) for task in FIVE),
                _change(results, row, FIVE),
                p_text(test["p_holm"]) if test else None,
            ]
        )
    return join(
        "Variants of RelCon against RelCon with the same seed (0): difference in macro-F1 "
        "(transfer, linear probe). Negative is worse than RelCon. RelCon itself takes the own view "
        "and the 7 nearest of all segments of the batch as positives, by distance of features, and "
        "has a second loss, which predicts the features. 'Feature loss of views only' is this loss "
        "alone. A "
        "variant with 32 candidates draws them from the batch, at random for each anchor. The "
        "learned distance and DTW are too slow for all of the batch: compare them with 32 "
        "candidates by features. Changes of views and averaged weights were trained on another "
        "machine, which takes fewer steps in the same time, so that RelCon has an advantage over "
        "them. Holm p is over the people of the five sets. It does not cover the chance of another "
        "seed.",
        table(["variant", *(TASKS[task].title for task in FIVE), MEAN, "Holm p"], lines),
    )


def _change(results: DownstreamResults, row: ResultRow, tasks: Sequence[str]) -> str | None:
    values, reference = (results.means(r, tasks, macro_f1) for r in (row, RELCON))
    return f"{values[0] - reference[0]:+.3f}" if values and reference else None


# -- cost ------------------------------------------------------------------------------------------


def costs(cells: dict[Cell, dict]) -> str:
    """Return the cost of a segment, and the work done in pretraining."""
    return join(
        "The cost of a trained method: parameters, multiply-adds (MACs) of a segment, and time per "
        "segment in a batch on one core (median, smallest to largest of several).",
        _application(cells),
        "The work done in pretraining on the pool in the same CPU time, mean over seeds. The time "
        "includes a learned distance, whose steps have a separate column.",
        _pretraining(cells),
    )


def _application(cells: dict[Cell, dict]) -> str:
    rows = []
    for cell, record in cells.items():
        if cell.setting != "cost":
            continue
        scores = record["scores"]
        times = scores["milliseconds"]
        size = [f"{n:,}" if (n := scores[key]) is not None else None for key in SIZES]
        range_ = f"{np.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"
        rows.append([method_title(cell.method), *size, range_, scores["batch"]])
    header = ["to apply", *SIZES.values(), "ms per segment", "batch"]
    return table(header, rows) if rows else "Not measured."


def _pretraining(cells: dict[Cell, dict]) -> str:
    rows = []
    for method in MAIN:
        # All tasks have the same encoder.
        found = {
            cell.seed: record
            for cell, record in cells.items()
            if cell == Cell("transfer", cell.task, method, "linear", cell.seed)
            and record["training"]
        }
        trainings = [record["training"] for record in found.values()]
        if not trainings:
            continue
        steps, segments = (np.mean([t[name] for t in trainings]) for name in ("steps", "segments"))
        distance = [t["distance"]["steps"] for t in trainings if "distance" in t]
        seconds = np.mean([record["seconds"]["pretraining"] for record in found.values()])
        rows.append(
            [
                method_title(method),
                f"{seconds:.0f}",
                f"{steps:,.0f}",
                f"{segments:,.0f}",
                f"{np.mean(distance):,.0f}" if distance else None,
            ]
        )
    header = ["to pretrain", "CPU s", "steps", "segments", "steps of the distance"]
    return table(header, rows) if rows else "Not measured."
