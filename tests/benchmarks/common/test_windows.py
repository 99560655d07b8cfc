"""Windows of the public recordings have the right positions, labels and groups."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from benchmarks.common import fetching
from benchmarks.common import windows as windows_module
from benchmarks.common.windows import Windows, balanced_rows, draw, load_windows, shorten
from tests.support.benchmark_data import save_task, signal


def load(folder, task, window=1.0, overlap=None):
    return load_windows(folder, task, 50.0, window, folder / "cache", overlap)


def test_windows_have_the_label_of_most_of_their_samples(tmp_path):
    rng = np.random.default_rng(0)
    names = ["A", "B", "C", "D", "E", "F", "TRANSITION"]
    parts = [
        [("A", 50)],
        [("A", 20), ("B", 30)],
        [("A", 25), ("B", 25)],
        [("TRANSITION", 50)],
        [("TRANSITION", 20), ("F", 30)],
        [("", 30), ("A", 20)],
        [("A", 20), ("B", 15), ("", 15)],
    ]
    labels = [name for part in parts for name, n in part for _ in range(n)] + ["A"] * 10
    save_task(
        tmp_path,
        "hapt",
        recordings=[signal(rng, 360), signal(rng, 20), signal(rng, 50)],
        subjects=["ann", "bob", "bob"],
        labels=[labels, ["A"] * 20, ["C"] * 50],
        label_names=names,
        sampling_rate=50.0,
    )
    windows = load(tmp_path, "hapt")
    assert windows.y.tolist() == ["A", "B", "", "", "F", "", "", "C"]
    assert windows.known.tolist() == [label != "" for label in windows.y]
    assert windows.subject.tolist() == ["ann"] * 7 + ["bob"]
    assert windows.recording.tolist() == [0] * 7 + [2]
    assert windows.X.shape == (8, 50, 3)
    assert windows.X.dtype == np.float32


def test_falls_have_no_label(tmp_path):
    rng = np.random.default_rng(0)
    save_task(
        tmp_path,
        "sisfall",
        recordings=[signal(rng, n) for n in (500, 500, 250)],
        subjects=["SA01", "SA01", "SE02"],
        sampling_rate=100.0,
        recording_is_fall=np.array([False, True, False]),
        recording_code=np.array(["D01", "F05", "D02"]),
    )
    windows = load(tmp_path, "sisfall")
    assert windows.y.tolist() == [*["D01"] * 5, *[""] * 5, "D02", "D02"]
    assert windows.X.shape == (12, 50, 3)  # 100 Hz halved


def test_gait_windows_are_inside_the_walk_only(tmp_path):
    rng = np.random.default_rng(0)
    save_task(
        tmp_path,
        "ipol",
        recordings=[signal(rng, 500), signal(rng, 300)],
        subjects=["a", "b"],
        sampling_rate=100.0,
        recording_speed_m_per_s=np.array([1.25, 0.5]),
        recording_cadence_steps_per_min=np.array([110.0, 90.0]),
        recording_double_support_fraction=np.array([0.25, np.nan]),
        recording_walk_start=np.array([100, 0]),
        recording_walk_stop=np.array([349, 300]),
    )
    windows = load(tmp_path, "ipol")
    # Half-overlapping windows start every 50 samples: those at 100, 150 and 200 end by 349.
    assert np.flatnonzero(windows.known).tolist() == [2, 3, 4]
    np.testing.assert_array_equal(windows.y[2:5], [[1.25, 110, 25]] * 3)
    assert np.isnan(windows.y[~windows.known]).any(axis=1).all()
    assert (windows.recording == 0).sum() == 9
    assert (windows.recording == 1).sum() == 5


def test_speed_is_of_windows_of_one_speed(tmp_path):
    rng = np.random.default_rng(0)
    speeds = np.repeat([0.0, 1.0, 2.0, 1.0], [125, 250, 150, 100])
    save_task(
        tmp_path,
        "troika",
        recordings=[signal(rng, 625)],
        subjects=["a"],
        sampling_rate=125.0,
        sample_speed_m_per_s=[speeds],
    )
    windows = load(tmp_path, "troika")
    np.testing.assert_array_equal(windows.y, [[np.nan], [1], [1], [2], [np.nan]])
    assert windows.known.tolist() == [False, True, True, True, False]


def test_recordings_of_another_rate_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    save_task(
        tmp_path,
        "smartfallmm",
        recordings=[signal(rng, 100) for _ in range(3)],
        subjects=["a", "b", "c"],
        labels=[["x"] * 100, ["y"] * 100, ["y"] * 100],
        sampling_rate=50.0,
        recording_native_rate=np.array([50, 25, 50]),
    )
    windows = load(tmp_path, "smartfallmm")
    assert windows.y.tolist() == ["x", "x", "y", "y"]
    assert windows.subject.tolist() == ["a", "a", "c", "c"]


def test_the_cache_gives_what_a_fresh_cut_does(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    def write():
        save_task(
            tmp_path,
            "wisdm",
            recordings=[signal(rng, 100)],
            subjects=["a"],
            labels=[["x"] * 100],
            sampling_rate=20.0,
        )

    write()
    fresh = load(tmp_path, "wisdm")
    cuts, cut = [], windows_module.cut_windows
    monkeypatch.setattr(
        windows_module, "cut_windows", lambda *args: cuts.append(args) or cut(*args)
    )
    again = load(tmp_path, "wisdm")
    assert not cuts
    for name in ("X", "y", "subject", "recording"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fresh, name))
        assert getattr(again, name).dtype == getattr(fresh, name).dtype
    assert load(tmp_path, "wisdm", window=2.0).X.shape == (2, 100, 3)
    assert load(tmp_path, "wisdm", overlap=0.5).X.shape == (9, 50, 3)
    assert len(cuts) == 2
    write()
    assert not np.array_equal(load(tmp_path, "wisdm").X, fresh.X)
    assert not list(tmp_path.glob("cache/*.tmp*"))
    with pytest.raises(FileNotFoundError, match="the folder of the npz files"):
        load(tmp_path, "hapt")


def some_windows(n, seed=0):
    rng = np.random.default_rng(seed)
    labels, subjects = rng.choice(["", "a"], n), rng.integers(0, 3, n)
    return Windows(signal(rng, n)[:, None], labels, subjects, np.arange(n) // 2)


def test_drawn_windows():
    windows = some_windows(20)
    drawn = draw(windows, 7, seed=1)
    rows = [np.flatnonzero((windows.X == x).all(axis=(1, 2)))[0] for x in drawn.X]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(drawn.y, windows.y[rows])
    np.testing.assert_array_equal(drawn.subject, windows.subject[rows])
    np.testing.assert_array_equal(draw(windows, 7, seed=1).X, drawn.X)
    assert not np.array_equal(draw(windows, 7, seed=2).X, drawn.X)
    assert draw(windows, 20, 0) is windows


def test_balanced_rows_take_labels_and_subjects_in_turn():
    rng = np.random.default_rng(0)
    groups = rng.choice(5, size=1000, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    y = rng.choice(["often", "seldom"], size=1000, p=[0.9, 0.1])
    rows = balanced_rows(y, 50, rng, groups)
    assert len(set(rows)) == 50
    assert (y[rows] == "seldom").sum() == 25
    assert np.bincount(groups[rows][y[rows] == "seldom"]).tolist() == [5] * 5
    rows = balanced_rows(rng.normal(size=1000), 50, rng, groups)
    assert np.bincount(groups[rows]).tolist() == [10] * 5
    assert sorted(balanced_rows(y, 5000, rng, groups)) == list(range(1000))


def test_shortened_segments():
    time = np.arange(128) / 50
    X = 1 + 0.2 * np.sin(2 * np.pi * time + 0.3)[None, :, None].astype(np.float32)
    short = shorten(X, 64)
    assert short.shape == (1, 64, 1)
    np.testing.assert_allclose(short[:, 4:-4], X[:, ::2][:, 4:-4], atol=0.01)
    assert shorten(X[:, :50], 64).shape == (1, 50, 1)


# ---------------------------------------------------------------- fetching


def test_missing_files_are_fetched(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    codes = ["D01", "F02"]
    made = {
        "recordings": [rng.normal(size=(400, 3)).astype(np.float32) for _ in codes],
        "labels": [np.full(400, code) for code in codes],
        "subjects": np.array(["SA01", "SE01"]),
        "sampling_rate": 200.0,
        "units": "g",
    }
    monkeypatch.setattr(fetching, "fetch_sisfall", lambda: Bunch(**made))
    monkeypatch.setitem(fetching.PUBLISHED, "hapt.npz", lambda: Bunch(**made))
    (tmp_path / "hapt.npz").touch()
    assert fetching.fetch_missing(tmp_path) == ["sisfall_100hz.npz"]
    assert (tmp_path / "hapt.npz").stat().st_size == 0
    windows = load(tmp_path, "sisfall")
    assert windows.X.shape == (4, 50, 3)
    assert windows.y.tolist() == ["D01", "D01", "", ""]
    assert fetching.fetch_missing(tmp_path) == []
