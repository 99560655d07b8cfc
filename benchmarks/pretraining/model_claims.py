"""What a model of the package is claimed to be above, and whether it is."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from benchmarks.downstream.comparisons import compare_over_people, is_above, p_text
from benchmarks.downstream.evaluation import holm
from benchmarks.downstream.few_labels import FEW, mean_at
from benchmarks.downstream.results import DownstreamResults
from benchmarks.pretraining.model_conditions import FEATURES, SUPERVISED
from benchmarks.pretraining.model_tables import FEATURES_ROW, OF_AN_HOUR, Comparison, shipped


class Claim(NamedTuple):
    """A claim that the model is above something.

    Attributes
    ----------
    where : str
        The data.
    other : str
        What the model is claimed to be above.
    numbers : str
        The scores of both and, if there is a test, its p-value.
    holds : bool
        Whether the model is above.
    together : bool
        Whether features are added to the embedding of the model.
    """

    where: str
    other: str
    numbers: str
    holds: bool
    together: bool = False


WORDS = {  # for what has a title that needs its table
    "RelCon": "a RelCon training of ten minutes",
    "SimCLR": "a SimCLR training of ten minutes",
    f"RelCon, {OF_AN_HOUR}": "a RelCon training of an hour",
    f"SimCLR, {OF_AN_HOUR}": "a SimCLR training of an hour",
    "untrained encoder": "an untrained encoder",
    "features, linear": "linear models of hand-made features",
    "features, random forest": "random forests of hand-made features",
    FEATURES: "linear models of hand-made features",
}


def failures(claims: list[Claim]) -> str:
    """Return sentences about what the model is not better than, with the numbers."""
    found: dict[str, list[str]] = {}
    for claim in claims:
        if not claim.holds:
            subject = "Together with hand-made features, it" if claim.together else "Alone, it"
            start = f"{subject} is **not better** {claim.where} than"
            found.setdefault(start, []).append(f"{_in_words(claim.other)} ({claim.numbers})")
    return " ".join(f"{start} {_listed(others)}." for start, others in found.items())


def successes(claims: list[Claim]) -> list[str]:
    """Return sentences about what the model is better than, each with a list after it."""
    where_held: dict[tuple[str, str], set[bool]] = {}
    for claim in claims:
        if claim.holds:
            where_held.setdefault((claim.where, claim.other), set()).add(claim.together)
    subjects = {
        "With and without hand-made features, it": {True, False},
        "Together with hand-made features only, it": {True},
        "Alone only, it": {False},
    }
    parts = []
    for subject, together in subjects.items():
        found: dict[str, list[str]] = {}
        for (where, other), held in where_held.items():
            if held == together:
                found.setdefault(where, []).append(_in_words(other))
        if found:
            items = [f"- {where}: than {_listed(others)}" for where, others in found.items()]
            parts += [f"{subject} is **better**", "\n".join(items)]
    return parts


def _in_words(title: str) -> str:
    return WORDS.get(title, title)


def _listed(items: list[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def with_few_labels(name: str, results: DownstreamResults) -> list[Claim]:
    """Return the claims with labels of some people.

    Holm's correction is for all of these comparisons.
    """
    compared = []
    for share, together in itertools.product(FEW, (False, True)):
        ours = shipped(f"{name}_features" if together else name)._replace(labelled=share)
        other = FEATURES_ROW._replace(labelled=share)
        test = compare_over_people(results, ours, [other]).get(other)
        if test is not None:
            means = tuple(mean_at(results, row, share) for row in (ours, other))
            compared.append((share, together, means, test))
    found = []
    corrected = holm([test["p"] for *_, test in compared])
    for (share, together, means, test), p in zip(compared, corrected, strict=True):
        tested = test | {"p_holm": p}
        where = f"with labels of {100 * share:.0f} % of the people"
        holds = is_above(means, tested)
        found.append(Claim(where, FEATURES, _numbers(*means, tested), holds, together))
    return found


def over_people(comparisons: list[Comparison]) -> list[Claim]:
    """Return the claims on the five sets."""
    return [
        Claim(
            f"on windows of {c.one.window:g} s",
            c.other.title,
            _numbers(*c.means, c.test),
            is_above(c.means, c.test),
            c.one.method.endswith("_features"),
        )
        for c in comparisons
    ]


def in_paper(paper: dict) -> list[Claim]:
    """Return the claims on MotionSense in the protocol of the paper; none if not measured."""
    found = []
    for name, tests in paper.get("tests", {}).items():
        where = "on MotionSense in the protocol of the paper"
        together = name.endswith(f"+ {FEATURES}")
        ours, features = (paper["scores"][key]["macro_f1"] for key in (name, FEATURES))
        best, test = paper["paper"][SUPERVISED], tests[FEATURES]
        network = "the best supervised network of the paper"
        found += [
            Claim(
                where,
                FEATURES,
                _numbers(ours, features, test),
                is_above((ours, features), test),
                together,
            ),
            Claim(where, network, _numbers(ours, best), ours > best, together),
        ]
    return found


def _numbers(ours: float, other: float, test: dict | None = None) -> str:
    means = f"{ours:.3f} and {other:.3f}"
    return means if test is None else f"{means}, Holm p {p_text(test['p_holm'])}"
