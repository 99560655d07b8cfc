"""What a model of the package is claimed to be above, and whether it is."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.downstream.comparisons import is_above, p_text
from benchmarks.downstream.plan import SHARES
from benchmarks.downstream.results import DownstreamResults
from benchmarks.pretraining.model_conditions import FEATURES, SUPERVISED
from benchmarks.pretraining.model_tables import FEATURES_ROW, Comparison, mean_at, shipped


class Claim(NamedTuple):
    """A claim that the model is above something.

    Attributes
    ----------
    where : str
        The data, and whether features are added to the embedding.
    other : str
        What the model is claimed to be above.
    numbers : str
        The scores of both and, if there is a test, its p-value.
    holds : bool
        Whether the model is above.
    """

    where: str
    other: str
    numbers: str
    holds: bool


def with_few_labels(name: str, results: DownstreamResults) -> list[Claim]:
    """Return the claims with labels of some people that do not hold: they have no test."""
    found = []
    for share in sorted(SHARES):
        ours, features = (mean_at(results, row, share) for row in (shipped(name), FEATURES_ROW))
        if ours is not None and features is not None and ours <= features:
            where = f"with labels of {100 * share:.0f} % of the people"
            found.append(Claim(where, FEATURES, _numbers(ours, features), False))
    return found


def over_people(comparisons: list[Comparison]) -> list[Claim]:
    """Return the claims on the five sets."""
    return [
        Claim(
            _together(f"on windows of {c.one.window:g} s", c.one.method.endswith("_features")),
            c.other.title,
            _numbers(*c.means, c.test),
            is_above(c.means, c.test),
        )
        for c in comparisons
    ]


def in_paper(paper: dict) -> list[Claim]:
    """Return the claims on MotionSense in the protocol of the paper; none if not measured."""
    found = []
    for name, tests in paper.get("tests", {}).items():
        where = "on MotionSense in the protocol of the paper"
        where = _together(where, name.endswith(f"+ {FEATURES}"))
        ours, features = (paper["scores"][key]["macro_f1"] for key in (name, FEATURES))
        best, test = paper["paper"][SUPERVISED], tests[FEATURES]
        network = "the best supervised network of the paper"
        found += [
            Claim(
                where, FEATURES, _numbers(ours, features, test), is_above((ours, features), test)
            ),
            Claim(where, network, _numbers(ours, best), ours > best),
        ]
    return found


def _together(where: str, with_features: bool) -> str:
    return f"{where}, together with features" if with_features else where


def _numbers(ours: float, other: float, test: dict | None = None) -> str:
    means = f"{ours:.3f} and {other:.3f}"
    return means if test is None else f"{means}, Holm p {p_text(test['p_holm'])}"
