"""The tables of retrieval have the costs and the order that they claim."""

import pytest

pytest.importorskip("tslearn")
from benchmarks.pretraining import retrieval_tables as tables
from benchmarks.pretraining.motif_scores import PUBLISHED, SCORES


def training(scores, steps=1):
    score = {"hapt": {"mean": 0.5}, "wisdm": {"mean": 0.7}}
    found = {"steps": steps, "segments": 64_000 * steps, "us_per_pair": 60.0}
    return found | {"scores": dict.fromkeys(scores, score)}


@pytest.fixture
def results():
    return {
        "sets": {"hapt": {"chance": 0.25}, "wisdm": {"chance": 0.35}},
        "baselines": {
            "DTW": {"us_per_pair": 83.25, "scores": {"hapt": {"mean": 0.8}, "wisdm": {"mean": 0.6}}}
        },
        "trainings": {
            "16 features, 100 s, seed 0": training(SCORES),
            "64 features, 25 s, seed 0": training([PUBLISHED]),
            "16 features, 25 s, seed 1": training([PUBLISHED]),
            "16 features, 0 s, seed 0": training(SCORES, steps=0),
        },
    }


def rows_of(table):
    """Return the cells of the rows by the first cell, without the header."""
    split = (line.replace(r"\|", "/").strip("|").split("|") for line in table.splitlines()[2:])
    return {first.strip(): [cell.strip() for cell in cells] for first, *cells in split}


def test_distances_have_chance_and_the_trained_networks(results):
    rows = rows_of(tables.distances(results))
    assert rows["chance"] == ["0.250", "0.350", "0.300", "-"]
    assert rows["DTW (tslearn)"] == ["0.800", "0.600", "0.700", "83.2"]
    assert rows["learned, as published, 16 features, 100 s, seed 0"][-1] == "60"
    assert len(rows) == 3


def test_both_ways_cost_two_passes(results):
    rows = rows_of(tables.scores(results))
    assert len(rows) == 2 * len(SCORES)
    assert rows["`d(A/B)`, as published, 16 features, 100 s, seed 0"][-1] == "60"
    assert rows["`d(A/B)` + `d(B/A)`, 16 features, 0 s, seed 0"][-1] == "120"


def test_trainings_of_a_network_are_together_and_the_shortest_is_first(results):
    rows = rows_of(tables.networks(results))
    assert list(rows) == [
        "16 features, 0 s, seed 0",
        "16 features, 25 s, seed 1",
        "16 features, 100 s, seed 0",
        "64 features, 25 s, seed 0",
    ]
    assert rows["16 features, 100 s, seed 0"] == ["0.500", "0.700", "0.600", "64,000"]
