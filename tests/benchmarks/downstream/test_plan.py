"""The plan of the downstream benchmark has every cell once, and every cell can be made."""

from collections import Counter, defaultdict

import pytest

from benchmarks.common.datasets import TASKS

pytest.importorskip("tslearn")
from benchmarks.downstream import classic, objectives, plan


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
        assert cell.window in (2.56, plan.LONG_WINDOW)
        if cell.setting == "none":
            assert (cell.method == "scratch") == (cell.protocol == "fine_tune")
            assert cell.method in {*classic.CLASSIC, "scratch"}
        elif cell.setting == "shipped":
            assert cell.method.removesuffix("_features") in (plan.SHIPPED, plan.LARGER)
        else:
            assert cell.setting in ("transfer", "in_domain")
            assert cell.method.removesuffix("_features") in objectives.METHODS
            assert cell.protocol in ("linear", "fine_tune")


def test_every_method_is_planned():
    transfer = {
        (c.task, c.method, c.seed, c.window)
        for c in planned()
        if (c.setting, c.protocol, c.labelled) == ("transfer", "linear", 1)
    }
    for task in TASKS:
        for method in (*objectives.MAIN, plan.WITH_FEATURES):
            assert {(task, method, seed, 2.56) for seed in range(3)} < transfer
            assert (task, method, 0, plan.LONG_WINDOW) in transfer
        for method in objectives.METHODS:
            assert (task, method, 0, 2.56) in transfer
    own = {(c.task, c.method, c.window) for c in planned() if c.protocol == "own"}
    assert {(task, method, 2.56) for task in TASKS for method in classic.CLASSIC} < own
    in_domain = {(c.task, c.method) for c in planned() if c.setting == "in_domain"}
    assert {(task, m) for task in plan.IN_DOMAIN for m in ("relcon", "untrained")} < in_domain


def test_few_labels_compare_all_shares():
    shares = {}
    for cell in planned():
        if cell.seed == 0 and cell.window == 2.56:
            shares.setdefault((cell.task, cell.method, cell.protocol), set()).add(cell.labelled)
    for method, protocol in (
        ("relcon", "linear"),
        ("relcon", "fine_tune"),
        ("scratch", "fine_tune"),
        ("features_linear", "own"),
    ):
        assert shares["wisdm18", method, protocol] == set(plan.SHARES)


def test_a_job_has_one_encoder():
    encoders_of = defaultdict(set)
    for cell in planned():
        data = "pool" if cell.setting == "transfer" else cell.task
        method = cell.method.removesuffix("_features")
        encoder = cell.setting, data, method, cell.window, cell.seed
        encoders_of[plan.job_of(cell)].add(encoder)
    assert {len(found) for found in encoders_of.values()} == {1}
    assert len(set().union(*encoders_of.values())) == len(encoders_of)
    assert not any("/" in name for name in encoders_of)


def test_settings_have_a_time_for_each_setting():
    settings = plan.DownstreamSettings()
    assert settings.terms("transfer").seconds == 600
    assert settings.terms("in_domain").seconds == 240
    assert settings.terms("transfer").encoder == settings.encoder
