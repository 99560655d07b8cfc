"""Tables of the card under other conditions."""

import pytest

pytest.importorskip("tslearn")
from benchmarks.pretraining.model_conditions import (
    ages,
    changes,
    paper_table,
    placements,
)
from tests.support.downstream_cells import fake_paper, parse_table


def test_the_table_of_the_paper():
    rows = parse_table(paper_table(fake_paper()), "macro-F1")
    assert rows["small"] == {"MotionSense": "0.950", "measured": "here"}
    assert rows["best supervised network"] == {"MotionSense": "0.900", "measured": "paper"}


@pytest.mark.parametrize("every", [True, False])
def test_the_number_of_windows(every):
    text = paper_table(fake_paper() | {"all_windows": every})
    assert ("all 2,500 are used" if every else "2,500 are drawn by chance") in text


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
