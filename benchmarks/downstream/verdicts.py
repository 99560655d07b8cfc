"""Claims about RelCon, and whether the downstream results support them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.downstream.comparisons import (
    BEYOND_CHANCE,
    COMPARISONS,
    compare_over_people,
    is_above,
    p_text,
)
from benchmarks.downstream.objectives import MAIN
from benchmarks.downstream.plan import IN_DOMAIN
from benchmarks.downstream.results import (
    FIVE,
    RELCON,
    UNION,
    DownstreamResults,
    ResultRow,
    classic,
    macro_f1,
    method_title,
    transfer,
)

MINIROCKET = classic("minirocket")
# RelCon's embedding alone is claimed to be above these.
BELOW_RELCON = [*(transfer(name) for name in MAIN if name != "relcon"), classic("features_linear")]


class Verdict(NamedTuple):
    """A claim, whether it holds (None if not measured), and the numbers."""

    claim: str
    holds: bool | None
    numbers: str = ""

    @property
    def word(self) -> str:
        """The verdict in words."""
        return {True: "holds", False: "does not hold", None: "not measured"}[self.holds]


def verdicts(results: DownstreamResults) -> list[Verdict]:
    """Return the verdict on every claim: first those that do not hold, last those not measured."""
    found = [
        *(_above(results, RELCON, row) for row in BELOW_RELCON),
        _level(results),
        _above(results, UNION, MINIROCKET),
        *(_in_domain(results, task) for task in IN_DOMAIN),
    ]
    return sorted(found, key=lambda verdict: [False, True, None].index(verdict.holds))


def _above(results: DownstreamResults, one: ResultRow, other: ResultRow) -> Verdict:
    """Judge whether a method is above another one in the mean, and over people beyond chance."""
    claim = f"{one.title} above {other.title}, beyond chance"
    test = compare_over_people(results, one, COMPARISONS[one]).get(other)
    if test is None:
        return Verdict(claim, None)
    holds = is_above((_mean(results, one), _mean(results, other)), test)
    return Verdict(claim, holds, _numbers(results, one, other, test, "p_holm"))


def _level(results: DownstreamResults) -> Verdict:
    """Judge whether RelCon is not below MiniRocket beyond chance."""
    claim = f"{RELCON.title} level with {MINIROCKET.title}: not below it beyond chance"
    test = compare_over_people(results, RELCON, [MINIROCKET]).get(MINIROCKET)
    if test is None:
        return Verdict(claim, None)
    # Without Holm's correction, which would make this claim easier.
    below = test["difference"] < 0 and test["p"] < BEYOND_CHANCE
    return Verdict(claim, not below, _numbers(results, RELCON, MINIROCKET, test, "p"))


def _in_domain(results: DownstreamResults, task: str) -> Verdict:
    one, other = (ResultRow("in_domain", method) for method in ("relcon", "untrained"))
    claim = f"RelCon above {method_title('untrained')}, both in domain: {TASKS[task].title}"
    test = compare_over_people(results, one, [other], [task]).get(other)
    if test is None:
        return Verdict(claim, None)
    holds = _mean(results, one, [task]) > _mean(results, other, [task])
    return Verdict(claim, holds, _numbers(results, one, other, test, "p", [task]))


def _mean(results: DownstreamResults, row: ResultRow, tasks=FIVE) -> float:
    return float(np.mean(results.means(row, tasks, macro_f1)))


def _numbers(results, one, other, test: dict, p: str, tasks=FIVE) -> str:
    means = [_mean(results, row, tasks) for row in (one, other)]
    return (
        f"{means[0]:.3f} against {means[1]:.3f}; "
        f"{test['difference']:+.3f} for a person, higher in {test['ahead']} of "
        f"{test['n_subjects']} people, {'Holm p' if p == 'p_holm' else 'p'} {p_text(test[p])}"
    )
