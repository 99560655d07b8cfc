"""The pool to pretrain on has no probed set, and a fair share of each of the others."""

import numpy as np
import pytest

from benchmarks.common import open_pool
from benchmarks.common.datasets import TASKS
from benchmarks.common.open_pool import load_pool, motion_weights, pool_files, some_people
from relcon_sklearn.datasets import save_npz_recordings
from tests.support.benchmark_data import save_pool, signal
from tests.support.paths import SHARED

OPEN_DATA = SHARED / "opendata"


def load(folder, window=1.0, **options):
    return load_pool(folder, 50.0, window, folder / "cache", **options)


def test_no_probed_set_is_in_the_pool(tmp_path):
    probed = ("motionsense_pocket.npz", "wisdm51_watch.npz")
    assert set(probed) < {task.file for task in TASKS.values()}
    for name in (*probed, "wisdm51_phone.npz", "harlab_wrist.npz", "README.md"):
        (tmp_path / name).touch()
    assert [path.name for path in pool_files(tmp_path)] == ["harlab_wrist.npz"]


@pytest.mark.skipif(not OPEN_DATA.is_dir(), reason=f"needs the recordings of {OPEN_DATA}")
def test_the_maintainers_pool_has_no_probed_set():
    names = {path.name for path in pool_files(OPEN_DATA)}
    assert len(names) > 20
    assert not names & {task.file for task in TASKS.values()}
    assert not any(name.startswith(("wisdm", "motionsense")) for name in names)


def test_windows_and_groups(tmp_path):
    save_pool(tmp_path)
    X, groups = load(tmp_path)
    # Windows of 1 s overlap by half in 20 s.
    assert X.shape == (5 * 39, 50, 3)
    assert X.dtype == np.float32
    people, counts = np.unique(groups, return_counts=True)
    assert people.tolist() == ["one_wrist/a", "one_wrist/b"] + [f"two_waist/{s}" for s in "cde"]
    assert set(counts) == {39}
    assert load(tmp_path, window=2.0)[0].shape == (5 * 19, 100, 3)


def test_a_set_gives_the_square_root_of_its_windows(tmp_path):
    save_pool(tmp_path)
    _, groups = load(tmp_path, per_root=2)
    of_set = np.char.partition(groups, "/")[:, 0]
    assert (of_set == "one_wrist").sum() == int(2 * np.sqrt(2 * 39))
    assert (of_set == "two_waist").sum() == int(2 * np.sqrt(3 * 39))
    assert len(set(groups)) == 5  # drawn from all people


def test_recordings_far_from_1_g_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    far = [signal(rng, 200) * factor for factor in (1, 10, 0.1)]
    entries = {"recordings": far, "subjects": ["a", "b", "c"], "sampling_rate": 50.0}
    save_npz_recordings(tmp_path / "mixed.npz", entries)
    assert set(load(tmp_path)[1]) == {"mixed/a"}


def test_the_cache_gives_what_a_fresh_cut_does(tmp_path, monkeypatch):
    save_pool(tmp_path)
    X, groups = load(tmp_path)
    cuts, cut = [], open_pool._windows
    monkeypatch.setattr(open_pool, "_windows", lambda *args: cuts.append(args) or cut(*args))
    again, same = load(tmp_path)
    assert isinstance(again, np.memmap)
    assert not cuts
    np.testing.assert_array_equal(again, X)
    np.testing.assert_array_equal(same, groups)
    save_pool(tmp_path, seconds=21)
    assert len(load(tmp_path)[0]) == 5 * 41
    assert len(cuts) == 2
    assert not list(tmp_path.glob("cache/*.tmp"))


def test_a_folder_without_files_is_refused(tmp_path):
    (tmp_path / "wisdm51_watch.npz").touch()
    with pytest.raises(FileNotFoundError, match="has no npz files to pretrain on"):
        load(tmp_path)


def test_shares_of_people_are_of_each_set():
    groups = np.array([f"big/{i}" for i in range(20)] * 3 + ["small/a", "small/b"])
    kept = set(groups[some_people(groups, 0.1)])
    assert sum(person.startswith("big/") for person in kept) == 2
    assert sum(person.startswith("small/") for person in kept) == 1
    # All windows of a person are kept, and more people are added to the same ones.
    assert some_people(groups, 0.1).sum() == 2 * 3 + 1
    assert kept < set(groups[some_people(groups, 0.5)])
    assert some_people(groups, 1.0).all()


def test_motion_weights_grow_with_the_standard_deviation():
    rng = np.random.default_rng(0)
    scales = np.array([0.0, 0.01, 0.1, 0.3, 1.0])
    X = (scales[:, None, None] * rng.normal(size=(5, 400, 3))).astype(np.float32)
    wanted = np.array([np.clip(np.mean([c.std() for c in x.T]), 0.02, 0.5) for x in X])
    weights = motion_weights(X)
    np.testing.assert_allclose(weights, wanted / wanted.sum(), rtol=1e-5)
    assert weights.sum() == pytest.approx(1)
    many = np.tile(X, (2000, 1, 1))[:, :8]  # in several chunks
    np.testing.assert_allclose(motion_weights(many)[:5], motion_weights(many)[5:10])
