"""The script of the downstream benchmark makes each planned result once."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

from benchmarks.common.datasets import TASKS
from benchmarks.common.report import END_MARK
from benchmarks.downstream import cells
from benchmarks.downstream.cells import Cell
from tests.support.benchmark_data import N_SUBJECTS

pytest.importorskip("tslearn")
from benchmarks.downstream import bench_downstream as bench
from benchmarks.downstream import classic, page, plan, pretrained, running


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
    data.cache.mkdir()
    settings = replace(plan.SMOKE, seconds=8.0, in_domain_seconds=8.0, n_windows=60)
    args = SimpleNamespace(
        data=data.folder,
        pool=data.pool,
        cache=data.cache,
        output=tmp_path / "results.jsonl",
        parts=["transfer", "none", "in_domain"],
        tasks=["hapt", "ipol"],
        methods=None,
        has_larger=False,
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
def test_every_planned_cell_is_made_once(benchmark, monkeypatch, capsys, tmp_path):
    methods = [*METHODS, "relcon:mean readout", "relcon, a tenth of the time"]
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
        n_draws = benchmark.settings.draws(cell)
        assert len(record["chosen"]) == n_draws * benchmark.settings.n_folds
        if cell.method == "features_forest":
            # Each of two folds has three training subjects, and a hundredth of them is one.
            n = 3 if cell.labelled == 1 else 1
            assert record["chosen"] == [{"n_subjects": n}] * 2 * n_draws
        with_time = cell.setting != "none" and cell.method != "untrained"
        assert ("pretraining" in record["seconds"]) == with_time
        assert ("steps" in record["training"]) == with_time
    assert {cell.window for cell in found} == {2.56, plan.LONG_WINDOW}

    assert "nan" not in page.render(found, tmp_path / "figures")

    before = benchmark.args.output.read_bytes()
    monkeypatch.setattr(bench, "run_cell", None)
    benchmark.run()
    assert benchmark.args.output.read_bytes() == before


def test_jobs_of_other_processes_are_not_done(benchmark):
    benchmark.args.parts = ["transfer", "none"]
    taken = plan.job_of(Cell("none", "hapt", "features_forest", "own"))
    with FileLock(benchmark.args.cache / f"results-{taken}.lock"):
        found = benchmark.run(methods=["features_forest"])
    jobs = {(task, window) for task in ("hapt", "ipol") for window in (2.56, plan.LONG_WINDOW)}
    assert {(cell.task, cell.window) for cell in found} == jobs - {("hapt", 2.56)}
    assert {(cell.task, cell.window) for cell in benchmark.run()} == jobs


def test_a_result_of_another_pool_is_made_again(benchmark, monkeypatch):
    made = []

    def run_cell(cell, data, settings):
        made.append(cell)
        by = running.made_by(cell, data, settings)
        return {"scores": {"macro_f1": 0.5}, "seconds": {}, "made_by": by}

    monkeypatch.setattr(bench, "run_cell", run_cell)
    data = pretrained.Data(benchmark.args.data, benchmark.args.pool, benchmark.args.cache)
    wanted = [
        Cell("transfer", "hapt", "relcon", "linear"),
        Cell("in_domain", "hapt", "relcon", "linear"),
        Cell("none", "hapt", "features_linear", "own"),
    ]
    file = cells.CellFile(benchmark.args.output)
    for _ in range(2):
        bench.run_job(wanted, data, benchmark.settings, file, {})
    assert made == wanted
    monkeypatch.setattr(pretrained, "pool_key", lambda *args: "another")
    bench.run_job(wanted, data, benchmark.settings, file, {})
    assert made == [*wanted, wanted[0]]


def test_a_result_of_another_number_of_draws_is_made_again(benchmark):
    few = Cell("none", "hapt", "features_linear", "own", labelled=0.05)
    data = pretrained.Data(benchmark.args.data, benchmark.args.pool, benchmark.args.cache)
    record = {"scores": {"macro_f1": 0.5}, "made_by": None}
    assert not running.is_current(record, few, data, plan.SMOKE)
    assert running.is_current(record, replace(few, labelled=1.0), data, plan.SMOKE)
    record["scores"]["draws"] = [0.4, 0.6]
    assert running.is_current(record, few, data, plan.SMOKE)


def test_the_same_cell_gives_the_same_scores(benchmark, tmp_path):
    cell = Cell("in_domain", "hapt", "relcon", "linear")
    first, second = (
        running.run_cell(
            cell,
            pretrained.Data(benchmark.args.data, benchmark.args.pool, tmp_path / name),
            benchmark.settings,
        )
        for name in ("one", "two")
    )
    assert first["scores"] == second["scores"]
    assert first["training"] == second["training"]


def test_a_task_without_its_file_is_left_out(tmp_path, capsys):
    data, pool = tmp_path / "data", tmp_path / "pool"
    for folder, name in ((data, "hapt"), (pool, "motionsense")):
        folder.mkdir()
        (folder / TASKS[name].file).touch()
    assert bench.has_file("hapt", data, pool)
    assert bench.has_file("motionsense", data, pool)
    assert not capsys.readouterr().out
    assert not bench.has_file("wisdm", data, pool)
    told = capsys.readouterr().out
    assert told == "wisdm is left out: there is no file wisdm51_watch_reduced.npz\n"


@pytest.mark.parametrize("missing", ["data", "pool"])
def test_a_missing_folder_is_named(monkeypatch, tmp_path, missing):
    for name in ("RELCON_DATA", "RELCON_POOL"):
        monkeypatch.delenv(name, raising=False)
    there = {"data": "pool", "pool": "data"}[missing]
    monkeypatch.setattr(sys, "argv", ["bench", f"--{there}", str(tmp_path)])
    with pytest.raises(SystemExit, match=f"--{missing} is missing.*RELCON_{missing.upper()}"):
        bench.main()


def test_a_report_keeps_the_handwritten_parts(monkeypatch, tmp_path):
    page = tmp_path / "downstream.md"
    monkeypatch.setattr(bench, "PAGE", page)
    page.write_text(f"# Ours\n\nText.\n\n{bench.MARK}\n\nold results\n\n{END_MARK}\n\nMore.\n")
    bench.write_report({}, tmp_path / "results.jsonl")
    head, _, rest = page.read_text().partition(bench.MARK)
    body, _, tail = rest.partition(END_MARK)
    assert head == "# Ours\n\nText.\n\n"
    assert body.startswith("\n\nOf 14 [claims]")
    assert tail == "\n\nMore.\n"
    assert "old results" not in body
    written = sorted(path.name for path in (tmp_path / "downstream").iterdir())
    assert written == ["ablations.md", "classes.md", "comparisons.md", "scores.md"]
    assert "From `results.jsonl`" in (tmp_path / "downstream" / "scores.md").read_text()
    page.write_text("# Ours\n")
    with pytest.raises(SystemExit, match="must have the line"):
        bench.write_report({}, tmp_path / "results.jsonl")
