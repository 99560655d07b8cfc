"""Scores of methods if only some of the training people have labels."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.report import table
from benchmarks.downstream.plan import SHARES, DownstreamSettings
from benchmarks.downstream.results import FIVE, DownstreamResults, Measure, ResultRow, macro_f1

MEAN = "mean of five"
ALL_SHARES = sorted(SHARES)
FEW = ALL_SHARES[:-1]  # the last is everybody


def mean_at(
    results: DownstreamResults,
    row: ResultRow,
    share: float,
    tasks: Sequence[str] = FIVE,
    measure: Measure = macro_f1,
) -> float | None:
    """Return the mean macro-F1 with labels of a share of the people; None if not measured.

    It is of the first seed, which all methods have.
    """
    values = results.means(row._replace(labelled=share), tasks, measure)
    return values[0] if values else None


def of_first_draw(scores: dict) -> float:
    """Return macro-F1 with the first draw of the people with labels."""
    return scores["draws"][0] if "draws" in scores else scores["macro_f1"]


def label_tables(results: DownstreamResults, rows: Sequence[ResultRow]) -> list[str]:
    """Return prose and tables of macro-F1 by the share of people with labels.

    Rows without results for shares below one are left out. Empty if there are none.
    """
    rows = [row for row in rows if any(mean_at(results, row, share) for share in FEW)]
    if not rows:
        return []
    probes = [row for row in rows if row.protocol != "fine_tune"]
    return [
        "Macro-F1 if only some of the training people have labels (seed 0). Shares are rounded to "
        "whole people, and at least one: of 24 people, 1 % and 5 % are one person. Below 100 %, "
        f"the scores are means over {DownstreamSettings.n_draws} draws of the people with labels:",
        _table(results, probes, MEAN, macro_f1),
        "Training an encoder with the labels takes a minute, so that this is measured for the "
        "first of these draws only:",
        _table(results, rows, f"{MEAN}, first draw", of_first_draw),
    ]


def _table(
    results: DownstreamResults, rows: Sequence[ResultRow], title: str, measure: Measure
) -> str:
    lines = [
        [row.title, *(mean_at(results, row, share, measure=measure) for share in ALL_SHARES)]
        for row in rows
    ]
    return table([f"{title}: macro-F1", *(f"{100 * share:.0f} %" for share in ALL_SHARES)], lines)
