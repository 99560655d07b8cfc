"""The script of the downstream benchmark makes each planned result once."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

from benchmarks.common.datasets import TASKS
from benchmarks.downstream import cells
from benchmarks.downstream.cells import Cell
from tests.support.benchmark_data import N_SUBJECTS

pytest.importorskip("tslearn")
from benchmarks.downstream import bench_downstream as bench
from benchmarks.downstream import classic, plan, pretrained, running


@pytest.fixture
def benchmark(data, tmp_path, monkeypatch, ticks):
    """Run a part of the plan on small data, with one method that needs no pretraining."""

    def commonest(X_train, y, groups, X_test, *, rate, seed):
        assert rate == 50
        assert X_train.shape[1:] == X_test.shape[1:]
        if y.dtype.kind == "f":
            predicted = np.tile(y.mean(axis=0), (len(X_test), 1))
        else:
            names, counts = np.unique(y, return_counts=True)
            predicted = np.full(len(X_test), names[counts.argmax()])
        return classic.Fitted(predicted, {"n_subjects": len(set(groups))}, 0.0)

    for module in (classic, running, plan):
        monkeypatch.setattr(module, "CLASSIC", {"features_forest": commonest})
    monkeypatch.setattr(classic, "LOGISTIC_GRID", {"logisticregression__C": [0.1]})
    monkeypatch.setattr(classic, "RIDGE_GRID", {"ridge__alpha": [1.0]})
    monkeypatch.setattr(classic, "MLP_MAX_ITER", 3)
    data.cache.mkdir()
    settings = replace(
        plan.SMOKE, seconds=8.0, in_domain_seconds=8.0, n_windows=60, pretraining_windows=20
    )
    args = SimpleNamespace(
        data=data.folder,
        cache=data.cache,
        output=tmp_path / "results.jsonl",
        parts=["transfer", "none", "in_domain"],
        tasks=["hapt", "ipol"],
        methods=None,
    )
    file = cells.CellFile(args.output)

    def run(**changes):
        for name, value in changes.items():
            setattr(args, name, value)
        bench.run(args, settings, file)
        return file.read()

    return SimpleNamespace(run=run, settings=settings, args=args)


METHODS = ["relcon", "simclr", "untrained", "relcon_features", "scratch", "features_forest"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_planned_cell_is_made_once(benchmark, monkeypatch, capsys):
    methods = [*METHODS, "relcon:hard"]
    found = benchmark.run(methods=methods)
    wanted = [
        cell
        for stage in plan.plan_cells(benchmark.settings)
        for cell in stage
        if cell.task in benchmark.args.tasks and cell.method in methods
    ]
    assert len(wanted) > 40
    assert set(found) == set(wanted)
    assert len(benchmark.args.output.read_text().splitlines()) == len(wanted)
    assert len(capsys.readouterr().out.splitlines()) == len(wanted)
    for cell, record in found.items():
        scores = record["scores"]
        if cell.task == "ipol":
            assert scores["mae"] > 0
            assert list(scores["targets"]) == list(TASKS["ipol"].targets)
            assert len(scores["targets"]["speed (m/s)"]["subjects"]) == N_SUBJECTS
        else:
            assert 0 <= scores["macro_f1"] <= 1
            assert len(scores["subjects"]) == N_SUBJECTS
            assert np.sum(scores["confusion"]) == record["n_windows"]
        assert len(record["chosen"]) == benchmark.settings.n_folds
        if cell.method == "features_forest":
            # Each of two folds has three training subjects, and a hundredth of them is one.
            n = 3 if cell.labelled == 1 else 1
            assert record["chosen"] == [{"n_subjects": n}] * 2
        with_time = cell.setting != "none" and cell.method != "untrained"
        assert ("pretraining" in record["seconds"]) == with_time
        n_trained = benchmark.settings.n_folds if cell.setting == "in_domain" else 1
        assert len(record["training"]) == n_trained
    windows = {cell.window: r["n_windows"] for cell, r in found.items() if cell.task == "hapt"}
    assert list(windows) == [2.56, 1.0, 5.0, 10.0]

    before = benchmark.args.output.read_bytes()
    monkeypatch.setattr(bench, "run_cell", None)
    benchmark.run()
    assert benchmark.args.output.read_bytes() == before


def test_jobs_of_other_processes_are_not_done(benchmark):
    benchmark.args.parts = ["transfer", "none"]
    taken = plan.job_of(Cell("none", "hapt", "features_forest", "own"))
    with FileLock(benchmark.args.cache / f"results-{taken}.lock"):
        found = benchmark.run(methods=["features_forest"])
    assert {cell.task for cell in found} == {"ipol"}
    assert {cell.task for cell in benchmark.run()} == {"hapt", "ipol"}


def test_the_same_cell_gives_the_same_scores(benchmark, tmp_path):
    cell = Cell("in_domain", "hapt", "relcon", "linear")
    first, second = (
        running.run_cell(
            cell, pretrained.Data(benchmark.args.data, tmp_path / name), benchmark.settings
        )
        for name in ("one", "two")
    )
    assert first["scores"] == second["scores"]
    assert first["training"] == second["training"]


def test_a_task_without_its_file_is_left_out(tmp_path, capsys):
    (tmp_path / "hapt.npz").touch()
    assert bench.has_file("hapt", tmp_path)
    assert not bench.has_file("wisdm", tmp_path)
    told = capsys.readouterr().out
    assert "wisdm is left out: " in told
    assert "has no file wisdm51_watch_reduced.npz" in told
    assert pretrained.Data(tmp_path, tmp_path).sources() == ["hapt"]
