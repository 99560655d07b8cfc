"""Tables of the card of a model, of other conditions: changes, placements, ages, the paper."""

from __future__ import annotations

from benchmarks.common.report import table
from benchmarks.downstream.comparisons import p_text, people_text
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
        "(`bench_subgroups`): 1,000 windows of each placement. The placements of a set have the "
        "same people and activities, and the sets have others, so that only placements of one set "
        "can be compared. The encoder has seen windows of the sets with a star, without labels. "
        "Activities of the hands are left out. The differences were not tested:",
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


def paper_table(paper: dict) -> str:
    """Return macro-F1 in the protocol of the paper, next to that in the paper."""
    if not paper:
        return ""
    number = f"{paper['n_windows']:,}"
    used = f"all {number} are used" if paper["all_windows"] else f"{number} are drawn by chance"
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
        f"of which {used}. An untrained encoder has "
        f"{paper['scores']['untrained']['macro_f1']:.3f} here, so that rows of the paper and of "
        "here can be compared only roughly.",
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
                people_text(test),
                p_text(test["p_holm"]),
            ]
            for name, found in tests.items()
            for other, test in found.items()
        ],
    )
