"""The projection of a training on a billion segments, and the simulated one."""

import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.speed import scale, simulated_run
from benchmarks.speed.bench_many_stores import write_sparse_store
from benchmarks.speed.model_costs import checkpoint_costs, feature_costs, saved_per_segment
from relcon_sklearn import FeatureDistance
from relcon_sklearn._batches import SharedBatches
from tests.support.estimators import tiny_embedder

MODEL = {
    "parameters": 10**6,
    "features": 256,
    "saved_kb_per_segment": 1000.0,
    "vector_size": 64,
    "vectors_per_cpu_s": 1e4,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("scale") / "store"
    write_sparse_store(path, 20_000, n_timesteps=8)
    return path


def test_the_arithmetic_of_a_projection():
    found = scale.project(8, MODEL, loader_rows=1e5, n_rows=1e9, gpu_rows=5e4)
    assert found["segments_per_step"] == 8 * 64 * 21
    assert found["steps"] * found["segments_per_step"] == pytest.approx(1e9)
    # Gradients of float32, and the features, embeddings and their gradients of all segments.
    numbers = 64 + 2 * 256
    assert found["all_reduce_mb_per_step"] == pytest.approx(4 + 8 * 64 * 21 * numbers * 4 / 1e6)
    # 1e9 / 1e5 / 3600 is 2.8 hours, and 8 GPUs with 5e4 a second take 0.7 hours. Before each of
    # its steps, 8 processes compute the features of 8e4 segments a second.
    assert found["loader_limit_hours"] == pytest.approx(2.78, abs=0.01)
    assert found["gpu_limit_hours"] == pytest.approx(0.69, abs=0.01)
    assert found["features_hours"] == pytest.approx(3.47, abs=0.01)
    assert found["hours"] == pytest.approx(0.69 + 3.47, abs=0.01)
    slow = scale.project(8, MODEL, loader_rows=1e4, n_rows=1e9, gpu_rows=5e4)
    assert slow["hours"] == slow["loader_limit_hours"]
    # A process reads the segments of its GPU only, in the time of all steps.
    needed = 1e9 / 8 / (3600 * (0.694 + 3.472)) * 256 * 3 * 2 / 1e6
    assert found["loader_mb_per_s_needed"] == pytest.approx(needed, rel=1e-3)
    assert found["loader_limit_mb_per_s"] == pytest.approx(1e5 * 256 * 3 * 2 / 8 / 1e6)
    # The saved activations of a process are those of its share, as are the scores of anchors.
    own, every = 64 * 21, 8 * 64 * 21
    expected = 4 * 4e6 + own * 1024e3 + 4 * every * (256 * 3 + numbers + 2 * own)
    assert found["memory_gb_per_rank"] == pytest.approx(expected / 1e9)


def test_without_the_rate_of_a_gpu_there_are_no_hours_of_it():
    found = scale.project(8, MODEL, loader_rows=1e5, n_rows=1e9, gpu_rows=None)
    assert "hours" not in found
    assert "MB/s that it must read" not in scale.projection_table({"8": found})
    assert "hours, if the loader is the limit" in scale.projection_table({"8": found})


@pytest.mark.parametrize("option", ["--source", "--segments-per-second"])
def test_a_rate_needs_its_source(option, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scale", option, "1"])
    with pytest.raises(SystemExit):
        scale.parse_args()
    assert "belong together" in capsys.readouterr().err


def test_growth_is_that_of_memory_that_is_not_of_files():
    samples = [{"anonymous": a, "rss": 1000 * a} for a in (10.0, 13.0, 12.0)]
    assert scale.growth_mb(samples) == 3.0


def test_each_row_is_drawn_once(store, monkeypatch):
    found = simulated_run.draw_orders(store)
    assert found["rows"] == 20_000
    assert found["complete"]

    class Repeats:
        def __getitem__(self, places):
            numbers = np.arange(*places.indices(20_000))
            return np.where(numbers == 7, 8, numbers)

    monkeypatch.setattr(simulated_run, "random_order", lambda n, seed: Repeats())
    assert not simulated_run.draw_orders(store)["complete"]


def test_batches_everywhere(store):
    found = simulated_run.draw_everywhere(store, 2)
    assert found["published"]["batches"] == 20_000 // 64 + 1
    assert all(
        found[kind][place]["rows_per_cpu_s"] > 0
        for kind in simulated_run.KINDS
        for place in ("begin", "middle", "end")
    )


def test_batches_of_several_processes(store, monkeypatch):
    read = []
    monkeypatch.setattr(
        simulated_run.SegmentArray,
        "read",
        lambda self, rows: read.append(len(rows)) or np.zeros((len(rows), *self.shape[1:])),
    )
    shares = []
    monkeypatch.setattr(
        simulated_run,
        "SharedBatches",
        lambda *args, share: shares.append(share) or SharedBatches(*args, share=share),
    )
    assert simulated_run.draw_share(store, 2, 2)["rows_per_cpu_s"] > 0
    assert len(read) == 2
    assert 0 < max(read) <= 64 * 21
    assert [share(100) for share in shares] == [slice(0, 50)]  # of the anchors


def test_a_simulated_training_is_resumed(store, tmp_path, monkeypatch):
    monkeypatch.setattr(simulated_run, "_WARM_UP", 1)
    first = simulated_run.train(store, tmp_path / "run", 0.0, started=0.0)
    again = simulated_run.train(store, tmp_path / "run", 0.0, started=0.0)
    assert first["steps"] == again["steps"] == 2
    steps = [int(run["last_checkpoint"][5:-5]) for run in (first, again)]
    # The request to stop comes at the end of a step, which is then the last one.
    assert steps == [2, 4]
    assert 2 * 64 <= first["rows"] <= 2 * 64 * 21
    assert len(first["memory"]) == 2


def test_a_task_that_does_not_exist():
    with pytest.raises(ValueError, match="no task 'rest'"):
        scale.run_task("rest", ["store"])


def test_saved_values_are_those_of_each_segment():
    class Squares(nn.Module):
        def forward(self, segments):
            weight = torch.ones(3, requires_grad=True)
            # Of each segment, the product with the weight keeps the 3 x 8 values, in float32.
            return segments.transpose(1, 2) * weight

    assert saved_per_segment(Squares(), torch.zeros(10, 8, 3)) == 3 * 8 * 4


@pytest.mark.parametrize(("dtype", "n_bytes"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_saved_values_have_the_precision_of_the_training(dtype, n_bytes):
    """A convolution keeps its input."""
    saved = saved_per_segment(nn.Conv1d(3, 2, 1), torch.zeros(10, 8, 3), dtype)
    assert saved == 3 * 8 * n_bytes


def test_the_costs_of_features(motion):
    X = motion[0].astype(np.float32)
    found = feature_costs(X, repeats=1)
    assert found["vector_size"] == FeatureDistance(100).fit(X).transform(X[:1]).shape[1]
    assert found["vectors_per_cpu_s"] > 0


def test_the_costs_of_a_checkpoint(motion, tmp_path):
    X, _, subjects = motion
    embedder = tiny_embedder(distance=lambda a, c: np.zeros((len(a), len(c))), max_epochs=1)
    embedder.set_params(checkpoint_dir=tmp_path, validation_fraction=0).fit(X, groups=subjects)
    size = max(path.stat().st_size for path in tmp_path.glob("*.ckpt"))
    found = checkpoint_costs(tmp_path, repeats=1)
    assert found["checkpoint_mb"] == pytest.approx(size / 1e6, rel=0.01)
    assert found["write_s"] > 0


def test_results_are_saved_after_each_part(tmp_path, monkeypatch):
    parts = {
        "everywhere": {"shared candidates": {}},
        "share": {"rows_per_cpu_s": 1e5},
        "train": {"memory": [], "part": 1},
        "order": {"rows": 100},
    }
    monkeypatch.setattr(scale, "in_new_process", lambda task, *arguments: parts[task])
    monkeypatch.setattr(scale, "costs_of", lambda *arguments: MODEL)
    monkeypatch.setattr(scale, "say_training", lambda *arguments: None)
    monkeypatch.setattr(sys, "argv", ["scale", "--rows", "100", "--dir", str(tmp_path)])
    saved = []
    scale.measure(scale.parse_args(), lambda found: saved.append(json.dumps(found)))
    keys = [list(json.loads(text)) for text in saved]
    assert keys[0] == ["store", "model"]
    parts = ["store", "model", "batches", "shares", "training", "resumed training", "order"]
    assert keys[-1] == parts
    assert len(keys) == 6
    assert list(tmp_path.iterdir()) == []  # the store is removed
