"""The model of the package compared with a larger encoder, which is not in the package."""

from __future__ import annotations

from benchmarks.common.report import table
from benchmarks.downstream.comparisons import compare_over_people, p_text, people_text
from benchmarks.downstream.plan import LARGER, SHIPPED, WINDOWS
from benchmarks.downstream.results import FIVE, DownstreamResults, ResultRow
from benchmarks.downstream.tables import join, regression_table, score_table

UNIONS = ("", "_features")


def larger_encoder(results: DownstreamResults) -> str:
    """Return scores and tests of both; empty without results of the larger encoder."""
    results = results.first_seed()
    if not results.scores(_row(LARGER), FIVE[0]):
        return ""
    parts = [
        'The model in the package has the encoder "resnet14-half". A larger one, "resnet34-half", '
        "was trained on the same recordings for longer (`larger.json`). It is not in the package.",
    ]
    for window in WINDOWS:
        rows = [_row(f"{name}{union}", window) for union in UNIONS for name in (SHIPPED, LARGER)]
        parts += [
            f"Windows of {window:g} s:",
            score_table("macro-F1", results, rows),
            regression_table(results, rows),
        ]
    lines = [_test(results, window, union) for window in WINDOWS for union in UNIONS]
    return join(
        *parts,
        "People for whom the larger encoder is better, and the p-value of Wilcoxon's signed-rank "
        "test over people, without a correction for the number of tests:",
        table(["windows", "model", "people", "p"], lines),
    )


def compared(results: DownstreamResults, window: float, union: str = "") -> dict:
    """Return the test over people of the larger encoder against the model of the package."""
    small, larger = (_row(f"{name}{union}", window) for name in (SHIPPED, LARGER))
    return compare_over_people(results, larger, [small])[small]


def _test(results: DownstreamResults, window: float, union: str) -> list[str]:
    test = compared(results, window, union)
    title = _row(f"{LARGER}{union}").title
    return [f"{window:g} s", title, people_text(test), p_text(test["p"])]


def _row(method: str, window: float = WINDOWS[0]) -> ResultRow:
    return ResultRow("shipped", method, window=window)
