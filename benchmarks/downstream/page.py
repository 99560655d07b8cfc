"""The page of downstream results: tables and figures, in Markdown.

Missing results are "-" in tables, so that a report can be made before all results are there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common.datasets import TASKS, class_title
from benchmarks.common.report import table
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.results import (
    CLASSIC_TITLES,
    CLASSIFICATION,
    FOUR,
    RELCON,
    TUNED,
    DownstreamResults,
    ResultRow,
    classic,
    headline,
    headline_title,
    mean_macro_f1,
)
from benchmarks.downstream.tables import (
    MEAN,
    ablations,
    costs,
    join,
    main_tables,
    paired_tests,
    per_fold,
)
from benchmarks.downstream.verdicts import verdicts

try:
    from benchmarks.downstream import plots
except ImportError:  # without matplotlib, the report has only tables
    plots = None

PER_CLASS = (
    RELCON,
    ResultRow("transfer", "simclr", "linear"),
    ResultRow("transfer", "untrained", "linear"),
    classic("features_forest"),
    classic("minirocket"),
    TUNED,
)
FIELDS = {
    "labelled": ("labelled subjects (% of the training subjects)", lambda x: f"{100 * x:.0f} %"),
    "window": ("window (s)", lambda x: f"{x:g} s"),
}
INTROS = {
    "labelled": "Scores if fewer of the training subjects have labels. Shares are rounded to whole "
    "subjects, and at least one: of 24 subjects, 1 % and 5 % are the same subject.",
    "window": "Scores on shorter and longer windows. The encoders were pretrained on windows of "
    "2.56 s.",
}


def render(cells: dict[Cell, dict], figures: Path) -> str:
    """Return all sections, and draw the figures into the folder `figures`."""
    return "\n\n".join(f"## {title}\n\n{body}" for title, body in sections(cells, figures).items())


def sections(cells: dict[Cell, dict], figures: Path) -> dict[str, str]:
    """Return the sections by title, and draw the figures into the folder `figures`."""
    results = DownstreamResults(cells)
    return {
        "Claims": claims(cells),
        "Transfer": main_tables(results, "transfer"),
        "In-domain": main_tables(results, "in_domain"),
        "Tests over subjects": paired_tests(results),
        "Classes": per_class(results, figures),
        "Ablations": ablations(results),
        "Few labels": by_field(results, "labelled", figures),
        "Window lengths": by_field(results, "window", figures),
        "Cost": costs(cells),
        "Folds": per_fold(results),
    }


def claims(cells: dict[Cell, dict]) -> str:
    """Return each claim, whether it holds, and the numbers."""
    items = [
        f"- {v.claim}: **{v.word}**{'.' if v.holds is None else f'; {v.numbers}.'}"
        for v in verdicts(cells)
    ]
    return join(
        "Claims about RelCon in transfer, and whether the results support them. (a) to (c) use "
        "macro-F1 on HAPT, SisFall, SmartFallMM and WISDM; (a) and (c) use the same seeds for both "
        "methods. A claim holds if the mean is higher, even by a small amount. Significance is "
        "tested under [Tests over subjects](#tests-over-subjects).",
        "\n".join(items),
    )


def per_class(results: DownstreamResults, figures: Path) -> str:
    """Return F1 of each class, and figures of the confusions."""
    parts = [
        "F1 of each class over the predictions of all folds together (transfer, mean over seeds). "
        "The best value of each class is bold. Figures compare the confusion matrices of RelCon's "
        "linear probe and of the best method without deep learning."
    ]
    for task in CLASSIFICATION:
        rows = [row for row in PER_CLASS if results.scores(row, task)]
        if rows:
            parts += [_class_table(results, rows, task), _confusion_figure(results, task, figures)]
    return join(*parts)


def _class_table(results: DownstreamResults, rows: list[ResultRow], task: str) -> str:
    first = next(iter(results.scores(rows[0], task).values()))
    n_windows = np.sum(first["confusion"], axis=1)
    lines = []
    for name, n in zip(first["f1"], n_windows, strict=True):
        values = [f"{results.mean(row, task, lambda s, c=name: s['f1'][c]):.3f}" for row in rows]
        bold = [f"**{value}**" if value == max(values) else value for value in values]
        lines.append([class_title(name), int(n), *bold])
    return table([TASKS[task].title, "windows", *(row.title for row in rows)], lines)


def _confusion_figure(results: DownstreamResults, task: str, figures: Path) -> str:
    measured = [row for row in map(classic, CLASSIC_TITLES) if results.scores(row, task)]
    best = max(measured, key=lambda row: results.mean(row, task, mean_macro_f1), default=None)
    shown = [row for row in (RELCON, best) if row and results.scores(row, task)]
    if not shown:
        return ""
    matrices = {
        row.title: np.sum([s["confusion"] for s in results.scores(row, task).values()], axis=0)
        for row in shown
    }
    names = [*next(iter(results.scores(shown[0], task).values()))["f1"]]
    alt = f"{TASKS[task].title}: confusion matrices of {' and of '.join(matrices)}"
    return _picture(
        figures,
        f"confusion-{task}",
        alt,
        lambda: plots.confusions(matrices, [class_title(name) for name in names]),
    )


def _picture(figures: Path, name: str, alt: str, draw: Callable) -> str:
    """Draw a figure and return its Markdown; "" if matplotlib is not installed."""
    if plots is None:
        return ""
    figures.mkdir(parents=True, exist_ok=True)
    draw().savefig(figures / f"downstream-{name}.png")
    return f"![{alt}]({figures.name}/downstream-{name}.png)"


def by_field(results: DownstreamResults, field: str, figures: Path) -> str:
    """Return curves and tables by share of labels or by length of windows."""
    axis, write = FIELDS[field]
    rows = results.series(field)
    curves = {
        task: {
            row: curve
            for row in rows
            if len(curve := results.curve(row, task, headline(task), field)) > 1
        }
        for task in TASKS
    }
    curves = {task: lines for task, lines in curves.items() if lines}
    intro = (
        f"{INTROS[field]} Each point is the mean over the seeds that all points of its line have."
    )
    if not curves:
        return join(intro, "Not measured.")
    xs = sorted({x for lines in curves.values() for curve in lines.values() for x in curve})
    titles = "; ".join(TASKS[task].title for task in curves)
    picture = _picture(
        figures,
        {"labelled": "labels", "window": "windows"}[field],
        f"Scores over {axis}, one panel for each task: {titles}",
        lambda: plots.curves(
            {
                TASKS[task].title: {r: c for r, c in lines.items() if r.protocol in plots.LINES}
                for task, lines in curves.items()
            },
            axis,
            [headline_title(task) for task in curves],
            {x: write(x).removesuffix(" s").removesuffix(" %") for x in xs},
        ),
    )
    tables = [
        table(
            [f"{TASKS[task].title}: {headline_title(task)}", *map(write, xs)],
            [[row.title, *map(curve.get, xs)] for row, curve in lines.items()],
        )
        for task, lines in curves.items()
    ]
    return join(intro, picture, _mean_table(curves, rows, xs, write), *tables)


def _mean_table(
    curves: dict[str, dict], rows: list[ResultRow], xs: list[float], write: Callable
) -> str:
    """Return the means over the four sets, for points that all of them have."""
    lines = []
    for row in rows:
        points = [curves.get(task, {}).get(row, {}) for task in FOUR]
        means = [
            float(np.mean([curve[x] for curve in points]))
            if all(x in curve for curve in points)
            else None
            for x in xs
        ]
        lines.append([row.title, *means])
    return table([f"{MEAN}: macro-F1", *map(write, xs)], lines)
