"""Scores of methods if only some of the training people have labels."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.common.report import table
from benchmarks.downstream.plan import SHARES, DownstreamSettings
from benchmarks.downstream.results import FIVE, DownstreamResults, ResultRow, macro_f1

MEAN = "mean of five"
FEW = sorted(SHARES)[:-1]  # the last is everybody


def mean_at(
    results: DownstreamResults, row: ResultRow, share: float, tasks: Sequence[str] = FIVE
) -> float | None:
    """Return the mean macro-F1 with labels of a share of the people; None if not measured.

    It is of the first seed, which all methods have.
    """
    values = results.means(row._replace(labelled=share), tasks, macro_f1)
    return values[0] if values else None


def label_tables(results: DownstreamResults, rows: Sequence[ResultRow]) -> list[str]:
    """Return prose and tables of macro-F1 by the share of people with labels.

    They are of linear models, and of encoders that are trained with the labels. Empty without
    results for shares below one.
    """
    if not any(mean_at(results, row, share) for row in rows for share in FEW):
        return []
    linear = [row for row in rows if row.protocol != "fine_tune"]
    trained = [row for row in rows if row.protocol == "fine_tune"]
    return [
        "Macro-F1 if only some of the training people have labels (seed 0). Shares are rounded to "
        "whole people, and at least one: of 24 people, 1 % and 5 % are one person. Below 100 %, "
        f"the scores are means over {DownstreamSettings.n_draws} draws of the people with labels:",
        _table(results, linear, MEAN),
        "Training an encoder with the labels takes a minute, so that people are drawn once. "
        "Compare these scores with each other, not with those above:",
        _table(results, trained, f"{MEAN}, one draw"),
    ]


def _table(results: DownstreamResults, rows: Sequence[ResultRow], title: str) -> str:
    shares = [*FEW, 1.0]
    lines = [[row.title, *(mean_at(results, row, share) for share in shares)] for row in rows]
    return table([f"{title}: macro-F1", *(f"{100 * share:.0f} %" for share in shares)], lines)
