"""The benchmark of leaks finds a leak, and reports none if there is none."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from benchmarks.common.processes import run_module
from benchmarks.reliability import bench_leaks as bench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.slow
def test_smoke(tmp_path):
    output = tmp_path / "leaks.json"
    options = ["--calls", 4, "--output", output, "--cases", "classifier-predict"]
    run = run_module("benchmarks.reliability.bench_leaks", *options, stderr=subprocess.PIPE)
    assert run.returncode == 0, run.stderr
    results = json.loads(output.read_text())
    assert results["versions"]["torch"] == torch.__version__
    (case,) = results["cases"]
    assert case["verdict"] == "flat"
    assert [sample["done"] for sample in case["samples"]] == [0, 1, 2, 3, 4]
    # The fitted model is among the counted objects.
    assert case["samples"][-1]["modules"] > 5
    assert "RelConClassifier.predict_proba" in run.stdout


def leak_memory(kept):
    kept.append(bytearray(2**20))


def leak_modules(kept):
    kept.append(torch.nn.Linear(1, 1))


def leak_files(kept):
    kept.append(os.open(os.devnull, os.O_RDONLY))


def leak_threads(kept):
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, daemon=True).start()


@pytest.mark.parametrize(
    ("leak", "grown"),
    [
        (leak_memory, ["RSS"]),
        (leak_modules, ["modules", "tensors"]),
        (leak_files, ["files"]),
        (leak_threads, ["threads"]),
        (lambda kept: None, []),
    ],
)
def test_what_leaks_is_named(leak, grown):
    kept = []
    samples = bench.watch(lambda i: leak(kept), 20, n_samples=5)
    try:
        assert [sample["done"] for sample in samples] == [0, 5, 10, 15, 20]
        verdict = bench.verdict(samples, limit_mb=6.0)
        assert all(name in verdict for name in grown)
        assert (verdict == "flat") == (grown == [])
    finally:
        for value in kept:
            if isinstance(value, int):
                os.close(value)
            if isinstance(value, threading.Event):
                value.set()


def test_slope():
    rng = np.random.default_rng(0)
    samples = [
        {"done": i, "rss_mb": 500 + (3 * i + rng.normal()) / 1024} for i in range(0, 200, 10)
    ]
    slope, error = bench.slope_kb(samples)
    assert 0 < error < 0.02
    assert abs(slope - 3) < 4 * error


@pytest.mark.parametrize("name", ["distance-fit", "regressor-predict", "embedder-failed-fit"])
def test_every_case_can_be_repeated(name):
    task = bench.repeated(bench.CASES[name])
    task(0)
    task(1)
