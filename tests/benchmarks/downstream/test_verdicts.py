"""Verdicts follow from the results, and compare people."""

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream import comparisons, evaluation, plan, verdicts
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.results import FIVE, RELCON, DownstreamResults, classic, transfer
from tests.support.downstream_cells import N_PEOPLE, with_skill


def verdict(cells, claim):
    found = [v for v in verdicts.verdicts(DownstreamResults(cells)) if v.claim.startswith(claim)]
    assert len(found) == 1, claim
    return found[0]


def test_every_claim_of_the_plan_is_judged(cells):
    found = verdicts.verdicts(DownstreamResults(cells))
    comparisons = [v.claim for v in found if v.claim.startswith("RelCon above")]
    # Six other objectives, the untrained encoder and linear features; four sets in domain.
    assert len(comparisons) == 8 + len(plan.IN_DOMAIN)
    assert len(found) == 8 + 1 + 1 + 4
    assert {v.holds for v in found} == {True}


ABOVE = [
    ("RelCon above SimCLR, beyond chance", "simclr", {}),
    ("RelCon above masked reconstruction, beyond chance", "masked", {}),
    ("RelCon above features, linear, beyond chance", "features_linear", {}),
    ("RelCon + features above MiniRocket, beyond chance", "minirocket", {}),
    (
        "RelCon above untrained encoder, both in domain: WISDM",
        "untrained",
        {"setting": "in_domain", "task": "wisdm"},
    ),
]


@pytest.mark.parametrize(("claim", "method", "where"), ABOVE)
def test_claims_flip_with_the_numbers(cells, claim, method, where):
    assert verdict(with_skill(cells, 0.3, method, **where), claim).holds is True
    better = with_skill(cells, 0.95, method, **where)
    found = verdict(better, claim)
    assert found.holds is False
    assert found.word == "does not hold"
    first = verdicts.verdicts(DownstreamResults(better))[0]
    assert first.holds is False
    gone = {cell: record for cell, record in cells.items() if cell.method != method}
    assert verdict(gone, claim) == (found.claim, None, "")


@pytest.mark.parametrize(("claim", "method", "where"), ABOVE[:4])
def test_a_lead_within_chance_is_not_enough(cells, claim, method, where):
    relcon = 0.86 if "+" in claim else 0.8
    found = verdict(with_skill(cells, relcon, method), claim)
    assert found.holds is False
    # A small lead that most people share is beyond chance.
    assert verdict(with_skill(cells, relcon - 0.02, method), claim).holds is True


def test_level_is_not_below_beyond_chance(cells):
    claim = "RelCon level with MiniRocket"
    for skill, holds in ((0.5, True), (0.8, True), (0.815, False), (0.95, False)):
        assert verdict(with_skill(cells, skill, "minirocket"), claim).holds is holds
    # A small lead of MiniRocket may be chance.
    slightly = verdict(with_skill(cells, 0.802, "minirocket"), claim)
    assert "; -0.00" in slightly.numbers
    assert slightly.holds is True


def test_numbers_are_those_of_the_five_sets(cells):
    results = DownstreamResults(cells)
    found = verdict(cells, "RelCon above SimCLR").numbers
    means = [
        np.mean([results.values(transfer(name), task, lambda s: s["macro_f1"]) for task in FIVE])
        for name in ("relcon", "simclr")
    ]
    assert found.startswith(f"{means[0]:.3f} against {means[1]:.3f}; +0.0")
    assert found.endswith(f"of {5 * N_PEOPLE} people, Holm p <0.001")


def test_numbers_in_domain_are_of_one_set(cells):
    found = verdict(cells, "RelCon above untrained encoder, both in domain: SisFall").numbers
    means = [
        cells[Cell("in_domain", "sisfall", name, "linear")]["scores"]["macro_f1"]
        for name in ("relcon", "untrained")
    ]
    assert found.startswith(f"{means[0]:.3f} against {means[1]:.3f}; ")
    assert f"of {N_PEOPLE} people, p <" in found


def test_claims_that_do_not_hold_are_first_and_missing_ones_last(cells):
    cells = with_skill(cells, 0.95, "rebar")
    cells = {cell: record for cell, record in cells.items() if cell.method != "simclr"}
    order = [v.holds for v in verdicts.verdicts(DownstreamResults(cells))]
    assert order == [False] + [True] * 12 + [None]
    assert {v.holds for v in verdicts.verdicts(DownstreamResults({}))} == {None}


# -- comparisons -----------------------------------------------------------------------------------


def test_people_of_the_five_sets_are_compared_together(cells):
    results = DownstreamResults(cells)
    others = comparisons.COMPARISONS[RELCON]
    tests = comparisons.compare_over_people(results, RELCON, others)
    wanted = evaluation.compare(
        results.people(RELCON, FIVE), {row: results.people(row, FIVE) for row in others}
    )
    assert tests == wanted
    assert {test["n_subjects"] for test in tests.values()} == {5 * N_PEOPLE}
    assert len(others) == 7 + 4
    alone = comparisons.compare_over_people(results, RELCON, others, ["troika"])
    assert {test["n_subjects"] for test in alone.values()} == {N_PEOPLE}
    # Errors count with a minus.
    assert alone[transfer("simclr")]["difference"] > 0


def test_methods_without_results_are_left_out(cells):
    cells = {
        cell: record
        for cell, record in cells.items()
        if not (cell.task == "hapt" and cell.method == "simclr")
    }
    results = DownstreamResults(cells)
    rows = [transfer("simclr"), classic("minirocket")]
    assert list(comparisons.compare_over_people(results, RELCON, rows)) == rows[1:]
    assert list(comparisons.compare_over_people(results, RELCON, rows, ["wisdm"])) == rows
    assert comparisons.compare_over_people(results, rows[0], rows[1:]) == {}


@pytest.mark.parametrize(("p", "text"), [(0.00099, "<0.001"), (0.001, "0.001"), (1.0, "1.000")])
def test_p_values_as_text(p, text):
    assert comparisons.p_text(p) == text
