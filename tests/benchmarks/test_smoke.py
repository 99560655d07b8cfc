"""Every script of the benchmarks runs with small arguments."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.common.processes import ROOT, run_module
from tests.support.paths import SHARED

DATA = os.environ.get("RELCON_DATA") or SHARED / "data"
POOL = os.environ.get("RELCON_POOL") or SHARED / "opendata"
# The arguments of each script, without those for data and output files.
SCRIPTS = {
    "downstream.activity_weights": "--smoke",
    "downstream.bench_downstream": "--smoke --tasks hapt --parts transfer --methods simclr",
    "downstream.bench_paper_protocol": "--smoke",
    "downstream.bench_precision": "--smoke",
    "downstream.bench_robustness": "--smoke",
    "downstream.bench_smoothing": "--smoke",
    "downstream.bench_subgroups": "--smoke",
    "downstream.free_living": "--smoke",
    "pretraining.bench_pretraining": "--smoke --seconds 0.5 --datasets hapt",
    "pretraining.bench_distance": "--smoke --datasets hapt",
    "pretraining.bench_retrieval": "--smoke --datasets hapt",
    "pretraining.open_weights": "--smoke",
    "gpu.cuda_tests": "--smoke",
    "gpu.kernel": "--smoke --device cpu",
    "gpu.steps": "--smoke --device cpu",
    "gpu.projection": "",
    "gpu.run": "--smoke --parts tests",
    "speed.bench_speed": "--smoke --threads 1",
    "speed.bench_table": "--smoke --parts limit rows import",
    "speed.bench_loop": "--smoke --threads 1",
    "speed.scale": "--smoke",
    "speed.bench_export": "--smoke",
    "speed.bench_features": "--smoke --repeats 1",
    "speed.bench_latency": "--smoke",
    "speed.bench_days": "--smoke",
    "speed.bench_recordings": "--smoke",
    "speed.bench_tables": "--smoke",
    "speed.bench_store": "--sizes 2e4 --repeats 1",
    "speed.bench_many_stores": "--stores 3 --rows 2e4 --repeats 1",
    "reliability.bench_memory": "--gigabytes 0.05 --seconds 0.5 --cases embedder-fit",
    "reliability.bench_leaks": "--calls 4 --cases classifier-predict",
    "reliability.bench_reliability": "--smoke",
}
NEED_DATA = [
    name
    for name in SCRIPTS
    if name.startswith(("downstream", "pretraining.bench")) and name != "downstream.free_living"
]
NEED_POOL = [
    *("downstream.activity_weights", "downstream.bench_downstream", "downstream.bench_smoothing"),
    "downstream.bench_subgroups",
    *("pretraining.bench_retrieval", "pretraining.open_weights"),
]


def test_scripts_are_all_here():
    found = {
        f"{path.parent.name}.{path.stem}"
        for path in (ROOT / "benchmarks").glob("*/*.py")
        if "__main__" in path.read_text() and path.parent.name != "common"
    }
    # The other environment of MiniRocket runs this one.
    assert found - {"downstream.minirocket_transform"} == set(SCRIPTS)


def _small(pool, folder):
    """Return a folder with the three smallest files of a pool, whose windows are cut in seconds."""
    folder.mkdir()
    for path in sorted(Path(pool).glob("*.npz"), key=lambda path: path.stat().st_size)[:3]:
        (folder / path.name).symlink_to(path.resolve())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_smoke(name, tmp_path):
    if name in NEED_DATA and not Path(DATA, "hapt.npz").is_file():
        pytest.skip(f"needs the public recordings, and {DATA} has no hapt.npz")
    if name in NEED_POOL and not any(Path(POOL).glob("*.npz")):
        pytest.skip(f"needs the open recordings to pretrain on, and {POOL} has no npz files")
    if name == "reliability.bench_reliability" and not hasattr(os, "fork"):
        pytest.skip("needs fork")
    options = [*SCRIPTS[name].split(), "--output", tmp_path / "results.json"]
    if name == "downstream.bench_paper_protocol":
        if not Path(POOL, "motionsense_pocket.npz").is_file():
            pytest.skip(f"needs MotionSense, and {POOL} has no motionsense_pocket.npz")
        options += ["--data", POOL]
    if name == "downstream.free_living":
        if not Path(POOL, "nurse_wrist.npz").is_file():
            pytest.skip(f"needs hospital shifts, and {POOL} has no nurse_wrist.npz")
        options += ["--pool", POOL]
    if name in NEED_POOL:
        options += ["--pool", _small(POOL, tmp_path / "pool"), "--cache", tmp_path / "cache"]
    if name == "gpu.projection":
        steps = {"environment": {"gpu": "a card"}, "rates": {"default": {"anchors": 1, "fit": 1.0}}}
        (tmp_path / "steps.json").write_text(json.dumps(steps))
        options += ["--steps", tmp_path / "steps.json"]
    env = os.environ | ({"RELCON_DATA": str(DATA)} if name in NEED_DATA else {})
    run = run_module(f"benchmarks.{name}", *options, stderr=subprocess.PIPE, env=env)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout


@pytest.mark.slow
def test_archived_results_of_pretraining_can_be_read(tmp_path):
    options = ["--report", "--seconds", 45, "--checkpoints", 5, "--plots", tmp_path]
    run = run_module("benchmarks.pretraining.bench_pretraining", *options)
    assert run.returncode == 0
    assert run.stdout.count("| macro-F1 at the end ") == 3
