"""Look-ups in the results give the right cells, seeds and people."""

import numpy as np
import pytest

from benchmarks.common.datasets import TASKS
from benchmarks.downstream import evaluation
from benchmarks.downstream import results as lookup
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.results import FIVE, RELCON, DownstreamResults, ResultRow
from tests.support.downstream_cells import fake_record


def test_artificial_records_have_the_format_of_real_ones():
    y, guess = np.array(["a", "b", "b", "a"]), np.array(["a", "a", "b", "a"])
    people = np.array(["s0", "s0", "s1", "s1"])
    real = evaluation.classification_scores(y, guess, people, np.array([0, 0, 1, 1]))
    fake = fake_record(Cell("transfer", "wisdm", "relcon", "linear"))["scores"]
    assert set(fake) <= set(real)
    assert np.shape(fake["confusion"]) == (len(fake["f1"]),) * 2
    targets = TASKS["ipol"].targets
    y = np.arange(12.0).reshape(4, 3)
    real = evaluation.regression_scores(y, y + 1, people, np.array([0, 0, 1, 1]), targets)
    fake = fake_record(Cell("transfer", "ipol", "relcon", "linear"))["scores"]
    assert set(fake) <= set(real)
    for name in targets:
        assert set(fake["targets"][name]) <= set(real["targets"][name])


def test_the_five_are_of_different_people():
    assert len(FIVE) == 5
    assert set(lookup.CLASSIFICATION) - set(FIVE) == {"wisdm18"}
    assert set(lookup.REGRESSION) == {"ipol", "troika"}


@pytest.mark.parametrize(
    ("row", "title"),
    [
        (RELCON, "RelCon"),
        (lookup.UNION, "RelCon + features"),
        (lookup.TUNED, "RelCon, fine-tuned"),
        (lookup.SCRATCH, "supervised from scratch"),
        (lookup.classic("minirocket"), "MiniRocket"),
        (ResultRow("in_domain", "untrained"), "untrained encoder, in domain"),
        (lookup.transfer("simclr, six times the time"), "SimCLR, six times the time"),
        (lookup.transfer("relcon:32 candidates, by DTW"), "32 candidates, by DTW"),
    ],
)
def test_titles(row, title):
    assert row.title == title


def test_every_method_has_a_title():
    pytest.importorskip("tslearn")
    from benchmarks.downstream import classic, objectives, plan

    assert set(lookup.METHOD_TITLES) == {
        *objectives.MAIN,
        *classic.CLASSIC,
        plan.WITH_FEATURES,
        *(f"{name}{union}" for name in (plan.SHIPPED, plan.LARGER) for union in ("", "_features")),
        "scratch",
    }


def small(scores):
    """Return results of one row from macro-F1 by task and seed."""
    return DownstreamResults(
        {
            Cell("transfer", task, "relcon", "linear", seed): {
                "scores": {"macro_f1": f1, "subjects": {"a": f1, "b": f1 + 0.1}}
            }
            for task, by_seed in scores.items()
            for seed, f1 in by_seed.items()
        }
    )


def test_values_are_of_the_seeds_that_all_tasks_have():
    results = small({"hapt": {0: 0.1, 1: 0.2, 2: 0.3}, "wisdm": {2: 0.7, 1: 0.6}})
    assert results.values(RELCON, "hapt", lookup.macro_f1) == [0.2, 0.3]
    assert results.values(RELCON, "wisdm", lookup.macro_f1) == [0.6, 0.7]
    assert results.n_seeds(RELCON) == 2
    means = results.means(RELCON, ("hapt", "wisdm"), lookup.macro_f1)
    assert means == pytest.approx([0.4, 0.5])
    assert results.means(RELCON, ("hapt", "sisfall"), lookup.macro_f1) == []


def test_seed_0_has_its_own_results():
    results = small({"hapt": {0: 0.1, 1: 0.2}, "wisdm": {0: 0.3}}).first_seed()
    assert results.values(RELCON, "hapt", lookup.macro_f1) == [0.1]
    assert results.n_seeds(RELCON) == 1


def test_nothing_is_found_in_no_results():
    results = DownstreamResults({})
    assert results.scores(RELCON, "hapt") == []
    assert results.means(RELCON, FIVE, lookup.macro_f1) == []
    assert results.people(RELCON, FIVE) == {}
    assert results.n_seeds(RELCON) == 0


def test_windows_shares_and_settings_are_rows_of_their_own():
    base = Cell("transfer", "hapt", "relcon", "linear")
    others = [
        Cell("transfer", "hapt", "relcon", "linear", window=10.0),
        Cell("transfer", "hapt", "relcon", "linear", labelled=0.1),
        Cell("in_domain", "hapt", "relcon", "linear"),
        Cell("transfer", "hapt", "relcon", "fine_tune"),
        Cell("transfer", "hapt", "simclr", "linear"),
    ]
    cells = {cell: {"scores": {"macro_f1": i}} for i, cell in enumerate([base, *others])}
    results = DownstreamResults(cells)
    rows = [
        RELCON,
        RELCON._replace(window=10.0),
        RELCON._replace(labelled=0.1),
        ResultRow("in_domain", "relcon"),
        lookup.TUNED,
        lookup.transfer("simclr"),
    ]
    for i, row in enumerate(rows):
        assert results.values(row, "hapt", lookup.macro_f1) == [i]


def test_people_of_several_sets_are_apart_and_averaged_over_seeds():
    results = small({"hapt": {0: 0.1, 1: 0.3}, "wisdm": {0: 0.6, 1: 0.6}})
    people = results.people(RELCON, ("hapt", "wisdm"))
    assert people == pytest.approx({"hapt/a": 0.2, "hapt/b": 0.3, "wisdm/a": 0.6, "wisdm/b": 0.7})
    assert results.people(RELCON, ("hapt", "sisfall")) == {}


def test_a_smaller_error_is_a_higher_score():
    targets = {
        name: {"subjects": {"a": 1.0 + i, "b": 2.0 + i}}
        for i, name in enumerate(TASKS["ipol"].targets)
    }
    cell = Cell("transfer", "ipol", "relcon", "linear")
    results = DownstreamResults({cell: {"scores": {"targets": targets}}})
    assert results.people(RELCON, ["ipol"]) == {"ipol/a": -1.0, "ipol/b": -2.0}
