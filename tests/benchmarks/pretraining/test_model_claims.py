"""Claims about a model: which hold."""

import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.results import FIVE, DownstreamResults
from benchmarks.pretraining.model_claims import in_paper, over_people, with_few_labels
from benchmarks.pretraining.model_tables import Comparison, classic, shipped
from tests.support.downstream_cells import fake_paper, fake_record


@pytest.mark.parametrize(
    ("means", "difference", "p", "holds"),
    [
        ((0.8, 0.7), 0.1, 0.01, True),
        ((0.8, 0.7), 0.1, 0.06, False),
        ((0.8, 0.7), -0.1, 0.01, False),  # lower for most people
        ((0.7, 0.8), 0.1, 0.01, False),
    ],
)
def test_above_is_in_the_mean_and_over_people(means, difference, p, holds):
    test = {"difference": difference, "ahead": 3, "n_subjects": 4, "p_holm": p}
    one = shipped("small_features")._replace(window=10.0)
    (claim,) = over_people([Comparison(one, classic("minirocket"), means, test)])
    assert claim.holds is holds
    assert claim.where == "on windows of 10 s, together with features"
    assert claim.other == "MiniRocket"
    assert claim.numbers == f"{means[0]:.3f} and {means[1]:.3f}, Holm p {p:.3f}"


def test_few_labels_with_which_features_are_better():
    skill = {"motion-small": 0.5, "features_linear": 0.6}
    some = {
        cell: fake_record(cell, skill[cell.method])
        for task in FIVE
        for share in (0.05, 1.0)
        for cell in (
            Cell("shipped", task, "motion-small", "linear", labelled=share),
            Cell("none", task, "features_linear", "own", labelled=share),
        )
    }
    found = with_few_labels("motion-small", DownstreamResults(some))
    assert [claim.where for claim in found] == [
        "with labels of 5 % of the people",
        "with labels of 100 % of the people",
    ]


def test_claims_of_the_paper():
    assert [claim.holds for claim in in_paper(fake_paper())] == [True] * 4
    features, network, together, _ = in_paper(fake_paper(ours=0.89, p=0.2))
    assert (network.holds, network.numbers) == (False, "0.890 and 0.900")
    assert (features.holds, features.numbers) == (False, "0.890 and 0.930, Holm p 0.200")
    assert not together.holds
    assert together.where.endswith(", together with features")
    assert in_paper({}) == []


def test_a_mean_that_is_higher_is_not_enough():
    claims = in_paper(fake_paper(difference=-0.01))
    assert [claim.holds for claim in claims] == [False, True, False, True]
