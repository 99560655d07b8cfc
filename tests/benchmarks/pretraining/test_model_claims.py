"""Claims about a model: which hold."""

import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.comparisons import compare_over_people, p_text
from benchmarks.downstream.evaluation import holm
from benchmarks.downstream.results import FIVE, DownstreamResults
from benchmarks.pretraining.model_claims import (
    Claim,
    failures,
    in_paper,
    over_people,
    successes,
    with_few_labels,
)
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
    assert claim.where == "on windows of 10 s"
    assert claim.together
    assert claim.other == "MiniRocket"
    assert claim.numbers == f"{means[0]:.3f} and {means[1]:.3f}, Holm p {p:.3f}"


def test_claims_of_few_labels_have_a_test():
    skill = {"motion-small": 0.5, "motion-small_features": 0.7, "features_linear": 0.6}
    some = {
        cell: fake_record(cell, skill[cell.method])
        for task in FIVE
        for share in (0.05, 1.0)
        for cell in (
            Cell("shipped", task, "motion-small", "linear", labelled=share),
            Cell("shipped", task, "motion-small_features", "linear", labelled=share),
            Cell("none", task, "features_linear", "own", labelled=share),
        )
    }
    alone, together = with_few_labels("motion-small", DownstreamResults(some))
    assert alone.where == together.where == "with labels of 5 % of the people"
    assert (alone.holds, alone.together) == (False, False)
    assert (together.holds, together.together) == (True, True)
    # Corrected by Holm's method for both.
    rows = [shipped(f"motion-small{more}")._replace(labelled=0.05) for more in ("", "_features")]
    other = classic("features_linear")._replace(labelled=0.05)
    found = DownstreamResults(some)
    p = [compare_over_people(found, row, [other])[other]["p"] for row in rows]
    for claim, corrected in zip((alone, together), holm(p), strict=True):
        assert claim.numbers.endswith(f"Holm p {p_text(corrected)}")
    del some[Cell("none", "hapt", "features_linear", "own", labelled=0.05)]
    assert with_few_labels("motion-small", DownstreamResults(some)) == []


def test_claims_of_the_paper():
    assert [claim.holds for claim in in_paper(fake_paper())] == [True] * 4
    features, network, together, _ = in_paper(fake_paper(ours=0.89, p=0.2))
    assert (network.holds, network.numbers) == (False, "0.890 and 0.900")
    assert (features.holds, features.numbers) == (False, "0.890 and 0.930, Holm p 0.200")
    assert not together.holds
    assert [claim.together for claim in in_paper(fake_paper())] == [False, False, True, True]
    assert in_paper({}) == []


def test_a_mean_that_is_higher_is_not_enough():
    claims = in_paper(fake_paper(difference=-0.01))
    assert [claim.holds for claim in claims] == [False, True, False, True]


def test_what_the_model_is_not_better_than_in_sentences():
    claims = [
        Claim("here", "features", "0.5 and 0.6", False),
        Claim("here", "untrained encoder", "0.6 and 0.7", False),
        Claim("there", "features", "0.6 and 0.7", False),
        Claim("here", "MiniRocket", "0.7 and 0.8", False, together=True),
        Claim("here", "SimCLR", "0.7 and 0.6", True),
    ]
    assert failures(claims) == (
        "Alone, it is **not better** here than linear models of hand-made features (0.5 and 0.6) "
        "and an untrained encoder (0.6 and 0.7). Alone, it is **not better** there than linear "
        "models of hand-made features (0.6 and 0.7). Together with hand-made features, it is **not "
        "better** here than MiniRocket (0.7 and 0.8)."
    )
    assert failures(claims[4:]) == ""


def test_what_the_model_is_better_than_with_features_and_alone():
    def held(other, where, together):
        return Claim(where, other, "0.7 and 0.6", True, together)

    claims = [
        held("MiniRocket", "here", False),
        held("MiniRocket", "here", True),
        held("SimCLR", "here", True),
        held("SimCLR", "there", True),
        held("untrained encoder", "here", False),
        Claim("there", "MiniRocket", "0.5 and 0.6", False),
    ]
    simclr = "a SimCLR training of ten minutes"
    assert successes(claims) == [
        "With and without hand-made features, it is **better**",
        "- here: than MiniRocket",
        "Together with hand-made features only, it is **better**",
        f"- here: than {simclr}\n- there: than {simclr}",
        "Alone only, it is **better**",
        "- here: than an untrained encoder",
    ]
    assert successes([]) == []
