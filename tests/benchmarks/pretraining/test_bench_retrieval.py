"""The benchmark of retrieval resumes, refuses results of other settings, and writes tables."""

import json

import numpy as np
import pytest

from benchmarks.common.pages import names_of_blocks
from benchmarks.common.report import results_file
from benchmarks.common.windows import Windows

pytest.importorskip("tslearn")
from benchmarks.pretraining import bench_retrieval as bench
from benchmarks.pretraining.motif_scores import SCORES
from benchmarks.pretraining.retrieval import draw_retrieval_task
from relcon_sklearn import FeatureDistance

TABLES = ("distances", "scores", "networks")


@pytest.fixture
def probe():
    """Windows of four subjects: one activity is lively, and one is still."""
    rng = np.random.default_rng(0)
    y = np.tile(["still", "lively"], 20)
    size = np.where(y == "still", 0.01, 0.5)[:, None, None]
    X = (size * rng.normal(size=(40, 32, 3)) + [0, 0, 1]).astype(np.float32)
    windows = Windows(X, y, np.arange(40) // 10, np.arange(40))
    return bench.Probe(windows, draw_retrieval_task(windows, 8, 12, rng))


@pytest.fixture
def features(probe):
    return FeatureDistance(sampling_rate=50).fit(probe.windows.X)


def test_trainings_have_names_of_their_own():
    names = [training.name for training in bench.plan(1, 2, 3)]
    assert len(set(names)) == len(names)


def test_lively_segments_are_nearest_to_still_ones_unless_energies_are_compared(probe):
    # Independent noise is further from other noise than from nothing.
    distances = bench.euclidean(probe.anchors, probe.candidates)
    nearest = np.where(probe.task.allowed, distances, np.inf).argmin(axis=1)
    assert set(probe.windows.y[probe.task.candidates[nearest]]) == {"still"}
    energies = probe.score(bench.mean_and_energy(probe.anchors, probe.candidates))
    assert energies["mean"] == 1


@pytest.mark.slow  # numba compiles DTW
def test_distances_without_a_network_compare_all_pairs(probe, features):
    matrices = {
        name: distance(probe.anchors, probe.candidates)
        for name, distance in bench.baselines(features).items()
    }
    for matrix in matrices.values():
        assert matrix.shape == (len(probe.anchors), 12)
        assert np.isfinite(matrix).all()
    free, banded = matrices["DTW"], matrices["DTW, band of 10%"]
    assert (banded >= free - 1e-6).all()
    assert (banded > free + 1e-6).any()


def test_a_training_is_scored_in_every_way_on_every_set(probe, features):
    training = bench.Training("4 features", 4, 0.0, scores=tuple(SCORES))
    result = bench.measure_training(training, probe.windows.X, {"hapt": probe}, features)
    assert list(result["scores"]) == list(SCORES)
    assert all(0 <= scores["hapt"]["mean"] <= 1 for scores in result["scores"].values())
    assert result["us_per_pair"] > 0


def test_results_of_other_settings_are_refused(tmp_path):
    path = tmp_path / "retrieval.json"
    new = bench.open_results(path, {"seconds": [1]})
    assert new["trainings"] == {}
    path.write_text(json.dumps(new))
    assert bench.open_results(path, {"seconds": [1]}) == new
    with pytest.raises(SystemExit, match="results of other settings"):
        bench.open_results(path, {"seconds": [2]})


def test_the_report_needs_results(tmp_path):
    with pytest.raises(SystemExit, match="Run the script without --report first"):
        bench.write_report(tmp_path / "retrieval.json", [])


def test_the_report_goes_into_the_pages(tmp_path, capsys):
    page = tmp_path / "page.md"
    blocks = [f"<!-- bench_retrieval: {name} -->\n<!-- end -->\n" for name in TABLES]
    page.write_text("".join(blocks))
    bench.write_report(results_file("retrieval"), [page])
    assert "| `FeatureDistance` " in page.read_text()
    assert str(page) in capsys.readouterr().out


def test_the_pages_have_the_committed_results():
    text = "".join(path.read_text() for path in bench.PAGES)
    assert sorted(names_of_blocks(text, "bench_retrieval")) == sorted(TABLES)
    for table in bench.render(json.loads(results_file("retrieval").read_text())).values():
        assert table in text
