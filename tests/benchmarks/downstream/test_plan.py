"""The plan of the downstream benchmark has every cell once, and every cell can be made."""

from collections import Counter, defaultdict

import pytest

from benchmarks.common.datasets import TASKS, source_of

pytest.importorskip("tslearn")
from benchmarks.downstream import classic, objectives, plan, running


def planned(settings=None):
    return [
        cell for stage in plan.plan_cells(settings or plan.DownstreamSettings()) for cell in stage
    ]


@pytest.mark.parametrize(
    "settings", [plan.DownstreamSettings(), plan.SMOKE, plan.DownstreamSettings(n_seeds=2)]
)
def test_no_cell_is_planned_twice(settings):
    counts = Counter(planned(settings))
    assert max(counts.values()) == 1
    assert {cell.seed for cell in counts} == set(range(settings.n_seeds))


def test_planned_cells_can_be_made():
    for cell in planned():
        assert cell.task in TASKS
        if cell.setting == "none":
            assert (cell.method == "scratch") == cell.protocol.startswith("fine_tune")
            assert cell.method in {*classic.CLASSIC, "scratch"}
        else:
            assert cell.setting in ("transfer", "in_domain")
            assert cell.method.removesuffix("_features") in running.OBJECTIVE_OF
            assert cell.protocol in ("linear", "mlp", "fine_tune", "fine_tune_longer")
    # The main table has every method with every task and seed.
    main = {(c.task, c.method, c.seed) for c in planned() if c.setting == "transfer"}
    for method in (*objectives.OBJECTIVES, "untrained"):
        assert all((task, method, seed) in main for task in TASKS for seed in range(3))


def test_a_job_has_one_encoder():
    encoders_of = defaultdict(set)
    for cell in planned():
        source = cell.task if cell.setting == "none" else source_of(cell.task)
        method = cell.method.removesuffix("_features")
        encoders_of[plan.job_of(cell)].add((cell.setting, source, method, cell.seed))
    assert {len(found) for found in encoders_of.values()} == {1}
    assert len(set().union(*encoders_of.values())) == len(encoders_of)
    assert not any("/" in name for name in encoders_of)
