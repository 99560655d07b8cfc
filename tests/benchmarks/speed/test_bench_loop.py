"""The loop benchmark compares loops that do the same work, and its overheads are right."""

import json
import subprocess

import numpy as np
import pytest
import torch

from benchmarks.common.processes import run_module
from benchmarks.speed import bench_loop as bench


@pytest.fixture
def workload(tmp_path):
    return bench.Workload(bench.SMOKE["tiny"], tmp_path, torch.device("cpu"))


@pytest.mark.slow
def test_smoke(tmp_path):
    output = tmp_path / "loop.json"
    options = ["--smoke", "--threads", 1, "--output", output, "--dir", tmp_path]
    run = run_module("benchmarks.speed.bench_loop", *options, stderr=subprocess.PIPE)
    assert run.returncode == 0, run.stderr
    results = json.loads(output.read_text())
    assert results["versions"]["torch"] == torch.__version__
    assert list(results["sizes"]) == ["released", "tiny"]
    for size in results["sizes"].values():
        assert len(size["rows"]) == 8
        assert all(row["same"] for row in size["rows"])
        assert all(len(row["ms_per_batch"]) == 2 for row in size["rows"])
        assert all(row["row"] in run.stdout for row in size["rows"])
    # The file of segments was removed.
    assert list(tmp_path.iterdir()) == [output]


def test_overheads_are_over_the_plain_loop_with_the_same_batches(workload):
    records = bench.measure(workload, bench.ROWS, repeats=3)
    base = {r["place"]: r["ms_per_batch"] for r in records if r["row"].startswith("plain loop")}
    assert set(base) == {"ready", "made", "mapped"}
    for record in records:
        extra = np.subtract(record["ms_per_batch"], base[record["place"]])
        np.testing.assert_allclose(record["overhead_us"], 1e3 * extra)
        np.testing.assert_allclose(
            record["overhead_percent"], 100 * extra / base[record["place"]], atol=1e-9
        )


def test_every_place_gives_the_same_batches(workload):
    expected = list(workload.ready())
    assert len(expected) == len(workload.ready()) == workload.size.n_steps
    for place in (workload.made, workload.mapped, workload.kept):
        found = list(place())
        assert len(found) == len(expected)
        for batch, other in zip(found, expected, strict=True):
            assert batch.seed == other.seed
            assert all(torch.equal(x, y) for x, y in zip(batch[:3], other[:3], strict=True))


def test_other_weights_are_noticed(workload):
    def lazy(encoder, batches, device):
        bench.ROWS[0].train(encoder, list(batches)[:1], device)

    rows = [*bench.ROWS[:3], bench.LoopRow("does less", lazy, "ready")]
    assert [r["same"] for r in bench.measure(workload, rows, 1)] == [True, True, True, False]
    # The training changed the weights. Otherwise all rows would be the same.
    start = torch.nn.utils.parameters_to_vector(workload.new_encoder().parameters())
    assert not torch.equal(bench.run(workload, rows[0])[1], start)
