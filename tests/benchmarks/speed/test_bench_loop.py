"""The loop benchmark: that what it compares does the same work, and that it counts it rightly."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("bench_loop")


@pytest.fixture
def task(bench, tmp_path):
    return bench.Task(bench.SMOKE["tiny"], tmp_path, torch.device("cpu"))


def test_smoke(tmp_path):
    output = tmp_path / "loop.json"
    command = [sys.executable, FOLDER / "bench_loop.py", "--smoke", "--threads", "1"]
    run = subprocess.run(
        [*command, "--output", output, "--dir", tmp_path], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(output.read_text())
    assert results["versions"]["torch"] == torch.__version__
    assert list(results["sizes"]) == ["released", "tiny"]
    for size in results["sizes"].values():
        assert len(size["rows"]) == 8
        assert all(row["same"] for row in size["rows"])
        assert all(len(row["ms_per_batch"]) == 2 for row in size["rows"])
        assert all(row["row"] in run.stdout for row in size["rows"])
    # The segments it wrote are gone.
    assert list(tmp_path.iterdir()) == [output]


def test_overheads_are_over_the_loop_by_hand_with_the_same_batches(bench, task):
    records = bench.measure(task, bench.ROWS, repeats=3)
    base = {r["place"]: r["ms_per_batch"] for r in records if r["row"].startswith("by hand")}
    assert set(base) == {"ready", "made", "mapped"}
    for record in records:
        extra = np.subtract(record["ms_per_batch"], base[record["place"]])
        np.testing.assert_allclose(record["overhead_us"], 1e3 * extra)
        np.testing.assert_allclose(
            record["overhead_percent"], 100 * extra / base[record["place"]], atol=1e-9
        )


def test_every_place_gives_the_same_batches(task):
    expected = list(task.ready())
    assert len(expected) == len(task.ready()) == task.size.n_steps
    for place in (task.made, task.mapped, task.kept):
        found = list(place())
        assert len(found) == len(expected)
        for batch, other in zip(found, expected, strict=True):
            assert batch.seed == other.seed
            assert all(torch.equal(x, y) for x, y in zip(batch[:3], other[:3], strict=True))


def test_other_weights_are_noticed(bench, task):
    def lazy(encoder, batches, device):
        bench.ROWS[0].train(encoder, list(batches)[:1], device)

    rows = [*bench.ROWS[:3], bench.Row("does less", lazy, "ready")]
    assert [r["same"] for r in bench.measure(task, rows, 1)] == [True, True, True, False]
    # And training did something, or all would be the same.
    start = torch.nn.utils.parameters_to_vector(task.new_encoder().parameters())
    assert not torch.equal(bench.run(task, rows[0])[1], start)
