"""Tables of the card of a model, of other conditions: changes, placements, ages, the paper."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.common.report import table
from benchmarks.downstream.comparisons import is_above, p_text
from benchmarks.downstream.tables import join

FEATURES = "features"
SUPERVISED = "supervised"


def changes(robustness: dict) -> str:
    """Return macro-F1 after changes of the windows to predict; empty if not measured."""
    parts = []
    for task, by_name in robustness.get("scores", {}).items():
        names = list(next(iter(by_name.values())))
        rows = [[change, *(scores[change] for scores in by_name.values())] for change in names]
        parts.append(table([task.upper(), *by_name], rows))
    if not parts:
        return ""
    return join(
        "Macro-F1 if the devices of the people to predict differ from those of training "
        "(`bench_robustness`):",
        *parts,
    )


# -- placements and ages ---------------------------------------------------------------------------


def placements(subgroups: dict) -> str:
    """Return macro-F1 by placement; empty if not measured."""
    if not (rows := subgroups.get("placements")):
        return ""
    return join(
        "Linear probes of windows of 2.56 s, all with the same penalty, on held-out people "
        "(`bench_subgroups`). The placements of a set have the same people and activities. The "
        "encoder has seen windows of the sets with a star, without labels. Activities of the hands "
        "are left out. The differences were not tested:",
        _group_table(
            "macro-F1",
            [row | {"title": row["title"] + (" *" if row["seen"] else "")} for row in rows],
        ),
    )


def ages(subgroups: dict) -> str:
    """Return macro-F1 by age; empty if not measured."""
    if not (rows := subgroups.get("ages")):
        return ""
    return join(
        "SisFall, waist, measured in the same way: the mean over people of macro-F1. Training "
        "people have both ages. Only activities are used that most people of both ages did, but "
        "older people may do them in another way or leave some out:",
        _group_table("macro-F1 of a person", rows),
    )


def _group_table(corner: str, rows: list[dict]) -> str:
    names = list(rows[0]["macro_f1"])
    return table(
        [corner, "people", "activities", *names],
        [
            [row["title"], row["people"], row["activities"], *row["macro_f1"].values()]
            for row in rows
        ],
    )


# -- the protocol of the paper ---------------------------------------------------------------------


class PaperClaim(NamedTuple):
    """What the model, with or without features, is claimed to be above, and whether it is."""

    text: str
    holds: bool


def paper_claims(paper: dict) -> list[PaperClaim]:
    """Return the claims on MotionSense in the protocol of the paper; none if not measured."""
    found = []
    for name, tests in paper.get("tests", {}).items():
        together = ", together with features" if name.endswith(f"+ {FEATURES}") else ""
        where = f"on MotionSense in the protocol of the paper{together}"
        ours, best = paper["scores"][name]["macro_f1"], paper["paper"][SUPERVISED]
        means = f"{ours:.3f} and {best:.3f}"
        text = f"the best supervised network of the paper, {where} ({means})"
        found.append(PaperClaim(text, ours > best))
        features, test = paper["scores"][FEATURES]["macro_f1"], tests[FEATURES]
        above = is_above((ours, features), test)
        means = f"{ours:.3f} and {features:.3f}, Holm p {p_text(test['p_holm'])}"
        found.append(PaperClaim(f"features, {where} ({means})", above))
    return found


def paper_table(paper: dict) -> str:
    """Return macro-F1 in the protocol of the paper, next to that in the paper."""
    if not paper:
        return ""
    ours = [[name, found["macro_f1"], "here"] for name, found in paper["scores"].items()]
    theirs = [
        ["best supervised network" if name == SUPERVISED else name, value, "paper"]
        for name, value in paper["paper"].items()
    ]
    return join(
        "MotionSense in the protocol of the paper (Xu et al., ICLR 2025): windows of "
        f"{paper['window']:g} s of a phone in the pocket, five folds by subject, linear probes of "
        "six activities (`bench_paper_protocol`). The encoders of the paper are not public, so "
        "that their scores are those of the paper. What differs: the paper resamples the raw "
        "acceleration to 100 Hz, standardises each channel, uses all windows, and has other people "
        "in its folds. Here, windows are the sum of gravity and user acceleration at 50 Hz in g, "
        f"and {paper['n_windows']:,} of them are drawn by chance. The supervised network is the "
        "best one of the paper.",
        table(["macro-F1", "MotionSense", "measured"], [*ours, *theirs]),
        "The model, with and without features, compared over people, and how often it is higher:",
        _paper_tests(paper["tests"]),
    )


def _paper_tests(tests: dict[str, dict]) -> str:
    return table(
        ["model", "other", "difference", "people", "Holm p"],
        [
            [
                name,
                other,
                f"{test['difference']:+.3f}",
                f"{test['ahead']} of {test['n_subjects']}",
                p_text(test["p_holm"]),
            ]
            for name, found in tests.items()
            for other, test in found.items()
        ],
    )
