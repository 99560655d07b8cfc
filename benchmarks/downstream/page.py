"""The pages of downstream results: tables and figures, in Markdown.

Missing results are "-" in tables, so that a report can be made before all results are there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common.datasets import TASKS, class_title
from benchmarks.common.report import table
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.comparisons import BEYOND_CHANCE
from benchmarks.downstream.few_labels import ALL_SHARES, label_tables, mean_at
from benchmarks.downstream.larger import larger_encoder
from benchmarks.downstream.plan import SHIPPED
from benchmarks.downstream.results import (
    CLASSIFICATION,
    RELCON,
    SCRATCH,
    TUNED,
    UNION,
    DownstreamResults,
    ResultRow,
    classic,
    transfer,
)
from benchmarks.downstream.tables import (
    ablations,
    budget_tables,
    costs,
    in_domain_table,
    join,
    long_window_tables,
    paired_tests,
    summary_table,
    transfer_tables,
)
from benchmarks.downstream.verdicts import verdicts

try:
    from benchmarks.downstream import plots
except ImportError:  # without matplotlib, the report has only tables
    plots = None

# Of a waist and of wrists, with six to eighteen classes.
CLASSES_OF = ("hapt", "smartfallmm", "wisdm18")
PER_CLASS = [
    RELCON,
    UNION,
    transfer("simclr"),
    transfer("untrained"),
    classic("features_linear"),
    classic("minirocket"),
]
FEW_LABELS = [
    RELCON,
    UNION,
    transfer("simclr"),
    transfer("untrained"),
    TUNED,
    ResultRow("shipped", SHIPPED),
    ResultRow("shipped", f"{SHIPPED}_features"),
    ResultRow("shipped", SHIPPED, "fine_tune"),
    SCRATCH,
    classic("features_linear"),
]


def render(cells: dict[Cell, dict], figures: Path) -> dict[str, str]:
    """Return the text of each page by its name, and draw the figures into the folder `figures`.

    The page "downstream" is the short one. The others lie in a folder beside it, and have a title.
    """
    results = DownstreamResults(cells)
    return {
        "downstream": summary(results),
        "downstream/scores": _page(
            "Scores of all methods",
            {
                "Transfer": transfer_tables(results),
                "Windows of 10 s": long_window_tables(results),
                "In domain": in_domain_table(results),
                "Few labels": few_labels(results, figures),
            },
        ),
        "downstream/comparisons": _page(
            "Claims and tests",
            {"Claims": claims(results), "Tests over people": paired_tests(results)},
        ),
        "downstream/ablations": _page(
            "Ablations, budgets and costs",
            {
                "Ablations": ablations(results),
                "Budget": budget_tables(results),
                "A larger encoder": larger_encoder(results),
                "Cost": costs(cells),
            },
        ),
        "downstream/classes": _page("Scores by class", {"Classes": classes(results, figures)}),
    }


def _page(title: str, sections: dict[str, str]) -> str:
    parts = [f"## {name}\n\n{body}" for name, body in sections.items() if body]
    return "\n\n".join([f"# {title}", *parts])


def summary(results: DownstreamResults) -> str:
    """Return the means of all methods in one table, and the claims that do not hold."""
    found = verdicts(results)
    failed = [f"- {v.claim}: **{v.word}**; {v.numbers}." for v in found if v.holds is False]
    n_true, n_none = (sum(verdict.holds is holds for verdict in found) for holds in (True, None))
    return join(
        f"Of {len(found)} [claims](downstream/comparisons.md) about RelCon, {n_true} hold and "
        f"{len(failed)} do not" + (f". {n_none} are not measured." if n_none else "."),
        "\n".join(failed),
        summary_table(results),
    )


def claims(results: DownstreamResults) -> str:
    """Return each claim, whether it holds, and the numbers. Those that do not hold are first."""
    found = verdicts(results)
    n_false, n_true, n_none = (
        sum(verdict.holds is holds for verdict in found) for holds in (False, True, None)
    )
    items = [
        f"- {v.claim}: **{v.word}**{'.' if v.holds is None else f'; {v.numbers}.'}" for v in found
    ]
    return join(
        f"Claims about RelCon that do not hold: {n_false}. Claims that hold: {n_true}. Claims not "
        f"measured: {n_none}. Encoders have linear probes. The numbers are macro-F1 of the five "
        "sets, or of one set in domain: the mean, averaged over seeds, and the difference over "
        "people, as in the tests below. Beyond chance means "
        f"p < {BEYOND_CHANCE} over people.",
        "\n".join(items),
    )


# -- few labels ------------------------------------------------------------------------------------


def few_labels(results: DownstreamResults, figures: Path) -> str:
    """Return macro-F1 by the share of people that have labels."""
    results = results.first_seed()
    return join(*label_tables(results, FEW_LABELS), _label_figure(results, figures))


def _label_figure(results: DownstreamResults, figures: Path) -> str:
    # Without fine-tuning, which has one draw of the people.
    rows = [row for row in FEW_LABELS if row not in (UNION, TUNED, SCRATCH)]
    panels, rows = {}, [row for row in rows if row.setting != "shipped"]
    for task in CLASSIFICATION:
        curves = {
            row: {
                share: f1
                for share in ALL_SHARES
                if (f1 := mean_at(results, row, share, [task])) is not None
            }
            for row in rows
        }
        panels[TASKS[task].title] = {row: curve for row, curve in curves.items() if len(curve) > 1}
    panels = {title: curves for title, curves in panels.items() if curves}
    if not panels:
        return ""
    return _picture(
        figures,
        "labels",
        f"Macro-F1 over the share of labelled people, one panel for each of: {'; '.join(panels)}",
        lambda: plots.label_curves(panels),
    )


# -- classes ---------------------------------------------------------------------------------------


def classes(results: DownstreamResults, figures: Path) -> str:
    """Return F1 of each class, and figures of the confusions."""
    parts = [
        "F1 of each class, over the predictions of all folds together (mean over seeds). The best "
        "value of each class is bold. Figures compare the confusions of RelCon's linear probe and "
        "of MiniRocket."
    ]
    for task in CLASSES_OF:
        rows = [row for row in PER_CLASS if results.scores(row, task)]
        if rows:
            parts += [_class_table(results, rows, task), _confusion_figure(results, task, figures)]
    return join(*parts) if len(parts) > 1 else join(*parts, "Not measured.")


def _class_table(results: DownstreamResults, rows: list[ResultRow], task: str) -> str:
    first = results.scores(rows[0], task)[0]
    n_windows = np.sum(first["confusion"], axis=1)
    lines = []
    for name, n in zip(first["f1"], n_windows, strict=True):
        f1 = [results.values(row, task, lambda scores, c=name: scores["f1"][c]) for row in rows]
        values = [f"{np.mean(by_seed):.3f}" for by_seed in f1]
        bold = [f"**{value}**" if value == max(values) else value for value in values]
        lines.append([class_title(name), int(n), *bold])
    return table([TASKS[task].title, "windows", *(row.title for row in rows)], lines)


def _confusion_figure(results: DownstreamResults, task: str, figures: Path) -> str:
    shown = [row for row in (RELCON, classic("minirocket")) if results.scores(row, task)]
    if not shown:
        return ""
    matrices = {
        row.title: np.sum([scores["confusion"] for scores in results.scores(row, task)], axis=0)
        for row in shown
    }
    names = [class_title(name) for name in results.scores(shown[0], task)[0]["f1"]]
    return _picture(
        figures,
        f"confusion-{task}",
        f"{TASKS[task].title}: confusion matrices of {' and of '.join(matrices)}",
        lambda: plots.confusions(matrices, names),
    )


def _picture(figures: Path, name: str, alt: str, draw: Callable) -> str:
    """Draw a figure and return its Markdown; "" if matplotlib is not installed."""
    if plots is None:
        return ""
    figures.mkdir(parents=True, exist_ok=True)
    draw().savefig(figures / f"downstream-{name}.png")
    return f"![{alt}](../{figures.name}/downstream-{name}.png)"
