"""The larger encoder is compared with the model of the package, if it was measured."""

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream import bench_downstream as bench
from benchmarks.downstream import plan, pretrained
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.larger import compared, larger_encoder
from benchmarks.downstream.results import FIVE, DownstreamResults
from relcon_sklearn import RelConEmbedder
from relcon_sklearn.datasets import make_motion
from tests.support.downstream_cells import fake_record, parse_table


@pytest.fixture(scope="module")
def cells():
    skill = {
        "larger": 0.8,
        "larger_features": 0.6,
        "motion-small": 0.7,
        "motion-small_features": 0.7,
    }
    planned = plan._linear("shipped", [*FIVE, "ipol", "troika"], skill)
    planned += plan._linear("shipped", FIVE, skill, window=plan.LONG_WINDOW)
    return {cell: fake_record(cell, skill[cell.method]) for cell in planned}


def test_scores_and_tests_of_both(cells):
    results = DownstreamResults(cells)
    text = larger_encoder(results)
    scores = parse_table(text, "macro-F1")
    made = [cells[Cell("shipped", task, "larger", "linear")] for task in FIVE]
    expected = np.mean([record["scores"]["macro_f1"] for record in made])
    assert scores["larger encoder"]["mean of five"].strip("*") == f"{expected:.3f}"
    alone, together = (compared(results, 2.56, union) for union in ("", "_features"))
    assert alone["difference"] > 0 > together["difference"]
    people = f"{alone['ahead']} of {alone['n_subjects']}"
    assert f"| 2.56 s  |            larger encoder | {people} | <0.001 |" in text


def test_nothing_without_results(cells):
    others = {cell: record for cell, record in cells.items() if "larger" not in cell.method}
    assert larger_encoder(DownstreamResults(others)) == ""


def test_its_weights_are_in_the_cache(tmp_path):
    assert not pretrained.is_there(plan.LARGER, tmp_path)
    assert pretrained.is_there(plan.SHIPPED, tmp_path)
    X = make_motion(8, n_subjects=2, n_timesteps=64, random_state=0)[0]
    embedder = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X)
    embedder.save(tmp_path / "larger.safetensors")
    assert pretrained.is_there(plan.LARGER, tmp_path)
    found = pretrained.shipped(plan.LARGER, tmp_path)
    checksum = pretrained.weights_checksum
    assert checksum(found) == checksum(embedder.encoder_)
    assert checksum(found) != checksum(pretrained.shipped(plan.SHIPPED, tmp_path))


@pytest.mark.parametrize(("has_larger", "chosen"), [(True, True), (False, False)])
def test_it_is_left_out_without_weights(has_larger, chosen):
    class Args:
        parts, tasks, methods = ["shipped"], ["hapt"], None

    Args.has_larger = has_larger
    for method in ("larger", "larger_features"):
        assert bench.selected(Cell("shipped", "hapt", method, "linear"), Args) is chosen
    assert bench.selected(Cell("shipped", "hapt", plan.SHIPPED, "linear"), Args)
