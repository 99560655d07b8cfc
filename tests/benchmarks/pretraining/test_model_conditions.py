"""Tables of the card under other conditions."""

import pytest

pytest.importorskip("tslearn")
from benchmarks.pretraining.model_conditions import (
    ages,
    changes,
    paper_claims,
    paper_table,
    placements,
)
from tests.support.downstream_cells import parse_table


def paper(ours=0.95, p=0.01, difference=0.02):
    test = {"difference": difference, "ahead": 20, "n_subjects": 24, "p_holm": p}
    scores = {"small": ours, "features": 0.93, "small + features": 0.97}
    return {
        "window": 2.0,
        "n_windows": 2500,
        "paper": {"RelCon": 0.8, "supervised": 0.9},
        "scores": {name: {"macro_f1": value} for name, value in scores.items()},
        "tests": {name: {"features": test} for name in ("small", "small + features")},
    }


def test_claims_of_the_paper():
    assert [claim.holds for claim in paper_claims(paper())] == [True] * 4
    network, features, _, together = paper_claims(paper(ours=0.89, p=0.2))
    assert not network.holds
    assert network.text == (
        "the best supervised network of the paper, on MotionSense in the protocol of the paper "
        "(0.890 and 0.900)"
    )
    assert not features.holds
    assert "(0.890 and 0.930, Holm p 0.200)" in features.text
    assert not together.holds
    assert "together with features" in together.text


def test_a_mean_that_is_higher_is_not_enough():
    claims = paper_claims(paper(difference=-0.01))
    assert [claim.holds for claim in claims] == [True, False, True, False]


def test_the_table_of_the_paper():
    rows = parse_table(paper_table(paper()), "macro-F1")
    assert rows["small"] == {"MotionSense": "0.950", "measured": "here"}
    assert rows["best supervised network"] == {"MotionSense": "0.900", "measured": "paper"}


def test_placements_and_ages():
    row = {"title": "One, wrist", "seen": True, "people": 3, "activities": 5}
    rows = [row | {"macro_f1": {"small": 0.5, "features": 0.4}}]
    found = parse_table(placements({"placements": rows}), "macro-F1")
    assert found["One, wrist *"] == {
        "people": "3", "activities": "5", "small": "0.500", "features": "0.400",
    }  # fmt: skip
    assert "One, wrist" in parse_table(ages({"ages": rows}), "macro-F1 of a person")


def test_what_is_not_measured_is_left_out():
    assert {table({}) for table in (changes, placements, ages, paper_table)} == {""}
    assert paper_claims({}) == []
