"""bench_subgroups: which people and activities are compared."""

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.windows import Windows
from benchmarks.downstream import bench_subgroups
from benchmarks.downstream.bench_subgroups import (
    by_age,
    by_placement,
    shared_by_ages,
    shared_by_placements,
)
from benchmarks.downstream.plan import SMOKE
from relcon_sklearn.datasets import save_npz_recordings

# Only a watch measures clapping. Eating is a posture that the authors do not name.
ACTIVITIES = ["walking", "sitting", "clapping", "eating soup"]


@pytest.fixture
def paths(tmp_path):
    """Return the files of a set, of three people, one of whom wore only the watch."""
    people = {"wisdm51_watch.npz": ["a", "b", "c"], "wisdm51_phone.npz": ["b", "c"]}
    rng = np.random.default_rng(0)
    for name, subjects in people.items():
        entries = {
            "recordings": [rng.normal([0, 0.6, 0.8], 0.2, (1200, 3)) for _ in subjects],
            "subjects": subjects,
            "sampling_rate": 20.0,
            "labels": [np.repeat(ACTIVITIES, 300)] * len(subjects),
        }
        save_npz_recordings(tmp_path / name, entries)
    return {name: tmp_path / name for name in people}


def test_placements_have_the_same_people_and_activities(paths):
    for windows in shared_by_placements(paths).values():
        assert set(windows.subject) == {"b", "c"}
        assert set(windows.y) == {"walking", "sitting"}


def test_a_row_for_each_placement(paths, monkeypatch):
    monkeypatch.setattr(bench_subgroups, "probe_all", scores_of_people)
    rows = by_placement("model", paths, SMOKE)
    assert [row["title"] for row in rows] == ["WISDM, wrist", "WISDM, pocket"]
    for row in rows:
        assert (row["people"], row["activities"], row["seen"]) == (2, 2, False)
        assert row["macro_f1"] == {"model": 0.5}


def ages():
    """Return windows of people of two ages; the older ones do not jump, but for one."""
    rows = [(f"SA{i}", activity) for i in range(4) for activity in ("walk", "jump", "bend")]
    rows += [(f"SE{i}", activity) for i in range(3) for activity in ("walk", "bend")]
    rows += [("SE0", "jump")]
    subject, y = map(np.array, zip(*rows, strict=True))
    return Windows(np.zeros((len(y), 8, 3), "f4"), y, subject, subject)


def scores_of_people(model, windows, n_folds, strength):
    scores = {name: 0.5 + 0.1 * name.startswith("SA") for name in windows.subject.tolist()}
    return {model: {"subjects": scores, "macro_f1": 0.5}}


def test_ages_have_the_same_activities():
    windows = shared_by_ages(ages())
    assert set(windows.y) == {"walk", "bend"}
    assert len(set(windows.subject)) == 7


def test_a_row_for_each_age(monkeypatch):
    monkeypatch.setattr(bench_subgroups, "probe_all", scores_of_people)
    young, old = by_age("model", ages(), SMOKE)
    assert (young["title"], young["people"], young["activities"]) == ("19 to 30 years", 4, 2)
    assert young["macro_f1"]["model"] == pytest.approx(0.6)
    assert (old["people"], old["macro_f1"]["model"]) == (3, pytest.approx(0.5))
