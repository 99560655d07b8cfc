"""Claims about RelCon, and whether the downstream results support them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.common.datasets import TASKS
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.results import (
    FOUR,
    METHOD_TITLES,
    RELCON,
    SCRATCH,
    TUNED,
    DownstreamResults,
    ResultRow,
    classic,
    headline,
    mean_macro_f1,
)

SHARES = (1.0, 0.1, 0.05, 0.01)


class Verdict(NamedTuple):
    """A claim, whether it holds (None if not measured), and the numbers."""

    claim: str
    holds: bool | None
    numbers: str

    @property
    def word(self) -> str:
        """The verdict in words."""
        return {True: "holds", False: "does not hold", None: "not measured"}[self.holds]


def verdicts(cells: dict[Cell, dict]) -> list[Verdict]:
    """Return the verdict on every claim.

    (a) and (c) compare means over the four sets, with the seeds that both methods have. (b) and (d)
    compare the means over all seeds of each method.
    """
    results = DownstreamResults(cells)
    baselines = ("untrained", "simclr", "augmentation_prediction", "rebar", "masked")
    return [
        *(_over_four(results, *_against(method)) for method in baselines),
        _beats_features(results),
        *(_over_four(results, *_tuned(share), labelled=share) for share in SHARES),
        *(_speed(results, task) for task in ("ipol", "troika")),
    ]


def _against(method: str) -> tuple[str, ResultRow, ResultRow]:
    baseline = ResultRow("transfer", method, "linear")
    claim = f"(a) RelCon beats {METHOD_TITLES[method]} in mean macro-F1, linear probes"
    return claim, RELCON, baseline


def _tuned(share: float) -> tuple[str, ResultRow, ResultRow]:
    claim = f"(c) fine-tuned RelCon beats training from scratch with {100 * share:.0f} % labelled"
    return claim, TUNED, SCRATCH


def _over_four(
    results: DownstreamResults, claim: str, one: ResultRow, other: ResultRow, **where
) -> Verdict:
    pairs = [results.differences(one, other, task, mean_macro_f1, **where) for task in FOUR]
    if not all(pairs):
        return Verdict(claim, None, "")
    means = [
        np.mean(
            [
                np.mean([results.values(row, task, mean_macro_f1, **where)[seed] for seed in pair])
                for task, pair in zip(FOUR, pairs, strict=True)
            ]
        )
        for row in (one, other)
    ]
    all_pairs = [difference for pair in pairs for difference in pair.values()]
    ahead = sum(difference > 0 for difference in all_pairs)
    difference = means[0] - means[1]
    return Verdict(
        claim,
        bool(difference > 0),
        f"{means[0]:.3f} against {means[1]:.3f} ({difference:+.3f}); "
        f"ahead in {ahead} of {len(all_pairs)} (set, seed) pairs",
    )


def _beats_features(results: DownstreamResults) -> Verdict:
    claim = "(b) RelCon beats the random forest on features on at least three of the four sets"
    baselines = ("features_forest", "features_linear")
    counts = {name: _sets_ahead(results, classic(name)) for name in baselines}
    forest = counts["features_forest"]
    if forest is None:
        return Verdict(claim, None, "")
    numbers = [
        f"{count[0]} of 4 against {METHOD_TITLES[name]} ({count[1]})"
        for name, count in counts.items()
        if count is not None
    ]
    return Verdict(claim, forest[0] >= 3, "; ".join(numbers))


def _sets_ahead(results: DownstreamResults, baseline: ResultRow) -> tuple[int, str] | None:
    """Return the number of the four sets in which RelCon is ahead, and the differences."""
    pairs = [
        [results.mean(row, task, mean_macro_f1) for row in (RELCON, baseline)] for task in FOUR
    ]
    if any(value is None for pair in pairs for value in pair):
        return None
    differences = [one - other for one, other in pairs]
    text = ", ".join(
        f"{TASKS[task].title.partition(',')[0]} {d:+.3f}"
        for task, d in zip(FOUR, differences, strict=True)
    )
    return sum(d > 0 for d in differences), text


def _speed(results: DownstreamResults, task: str) -> Verdict:
    claim = f"(d) RelCon has a higher R2 of speed than features, {TASKS[task].title}"
    rows = RELCON, classic("features_forest"), classic("features_linear")
    values = [results.mean(row, task, headline(task)) for row in rows]
    if None in values:
        return Verdict(claim, None, "")
    relcon, forest, linear = values
    numbers = f"{relcon:.3f} against {forest:.3f} (forest) and {linear:.3f} (linear)"
    return Verdict(claim, bool(relcon > max(forest, linear)), numbers)
