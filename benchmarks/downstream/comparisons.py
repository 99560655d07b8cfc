"""Comparisons of methods over the people that they predict."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.downstream.classic import CLASSIC
from benchmarks.downstream.evaluation import compare
from benchmarks.downstream.objectives import MAIN
from benchmarks.downstream.results import (
    FIVE,
    RELCON,
    SCRATCH,
    TUNED,
    UNION,
    DownstreamResults,
    ResultRow,
    classic,
    transfer,
)

# Each method with those that it is compared with. Holm's correction is for their number.
COMPARISONS = {
    RELCON: [*(transfer(name) for name in MAIN if name != "relcon"), *map(classic, CLASSIC)],
    UNION: [classic("features_linear"), classic("minirocket")],
    TUNED: [SCRATCH],
}
BEYOND_CHANCE = 0.05  # p-values below it are called beyond chance


def compare_over_people(
    results: DownstreamResults,
    reference: ResultRow,
    others: Sequence[ResultRow],
    tasks: Sequence[str] = FIVE,
) -> dict[ResultRow, dict]:
    """Return the tests of :func:`compare` over the people of all `tasks` together.

    Methods without results on a task are left out.
    """
    scores = results.people(reference, tasks)
    found = {row: results.people(row, tasks) for row in others}
    return compare(scores, {row: s for row, s in found.items() if s}) if scores else {}


def is_above(means: Sequence[float], test: dict) -> bool:
    """Return whether a method is above another one: in the mean, and beyond chance over people.

    `means` are those of both methods, and `test` is as :func:`compare` returns it.
    """
    return means[0] > means[1] and test["difference"] > 0 and test["p_holm"] < BEYOND_CHANCE


def people_text(test: dict) -> str:
    """Return for how many people a method is ahead, and of how many."""
    return f"{test['ahead']} of {test['n_subjects']}"


def p_text(p: float) -> str:
    """Return a p-value as text."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
