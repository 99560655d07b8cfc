"""LazyWindows: windows over recordings without a copy."""

import multiprocessing
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import LazyWindows
from relcon_sklearn.segments import _mapped, _open_files
from relcon_sklearn.segments._array import SegmentArray
from tests.support.estimators import tiny_distance, tiny_embedder


def a_recording(n, n_channels=3, seed=0, dtype="f4"):
    return (10 * np.random.default_rng(seed).normal(size=(n, n_channels))).astype(dtype)


def cut(recordings, n_timesteps, stride):
    """Windows, one after the other."""
    return np.array(
        [
            recording[i : i + n_timesteps]
            for recording in recordings
            for i in range(0, len(recording) - n_timesteps + 1, stride)
        ],
        dtype=np.float32,
    )


def saved(folder, recordings):
    paths = []
    for i, recording in enumerate(recordings):
        paths.append(folder / f"{i}.npy")
        np.save(paths[-1], recording)
    return paths


RECORDINGS = [a_recording(n, seed=i) for i, n in enumerate([50, 7, 23, 3, 31])]


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    n_timesteps=st.integers(1, 9),
    stride=st.integers(1, 12),
)
def test_windows_against_cutting(lengths, n_timesteps, stride):
    recordings = [a_recording(n, seed=n) for n in lengths]
    if max(lengths) < n_timesteps:
        with pytest.raises(ValueError, match=f"No window of n_timesteps={n_timesteps} fits"):
            LazyWindows(recordings, n_timesteps, stride_samples=stride)
        return
    windows = LazyWindows(recordings, n_timesteps, stride_samples=stride)
    expected = cut(recordings, n_timesteps, stride)
    assert windows.shape == expected.shape
    assert_array_equal(windows[:], expected)
    number, sample = windows.locate(np.arange(len(windows)))
    assert_array_equal(windows.groups[:], number)
    for window, i, start in zip(expected, number, sample, strict=True):
        assert_array_equal(window, recordings[i][start : start + n_timesteps])


SOURCES = {
    "arrays": lambda folder: RECORDINGS,
    "paths": lambda folder: saved(folder, RECORDINGS),
    "strings": lambda folder: [str(path) for path in saved(folder, RECORDINGS)],
    "maps": lambda folder: [np.load(p, mmap_mode="r") for p in saved(folder, RECORDINGS)],
    "copy on write": lambda folder: [np.load(p, mmap_mode="c") for p in saved(folder, RECORDINGS)],
    "slices of one map": lambda folder: slices_of_one(folder),
    "a map at an offset": lambda folder: maps_at_offsets(folder),
    "columns of a wider map": lambda folder: columns_of_wider(folder),
    "Fortran order": lambda folder: [
        np.load(p, mmap_mode="r") for p in saved(folder, [np.asfortranarray(r) for r in RECORDINGS])
    ],
    "reversed": lambda folder: [
        np.load(p, mmap_mode="r")[::-1] for p in saved(folder, [r[::-1].copy() for r in RECORDINGS])
    ],
    "nested lists": lambda folder: [r.tolist() for r in RECORDINGS],
}
BY_PATH = [name for name in SOURCES if name not in ("arrays", "copy on write", "reversed")][:-1]


def slices_of_one(folder):
    np.save(folder / "all.npy", np.concatenate(RECORDINGS))
    signal = np.load(folder / "all.npy", mmap_mode="r")
    ends = np.cumsum([len(r) for r in RECORDINGS])
    return [signal[end - len(r) : end] for end, r in zip(ends, RECORDINGS, strict=True)]


def maps_at_offsets(folder):
    """Raw files with a header of more than one page, so that NumPy maps from its middle."""
    maps = []
    for i, recording in enumerate(RECORDINGS):
        path = folder / f"{i}.raw"
        path.write_bytes(bytes(70_001) + recording.tobytes())
        maps.append(np.memmap(path, "f4", "r", offset=70_001, shape=recording.shape))
    return maps


def columns_of_wider(folder):
    wide = [np.hstack([np.full((len(r), 1), 99, "f4"), r]) for r in RECORDINGS]
    return [np.load(p, mmap_mode="r")[:, 1:] for p in saved(folder, wide)]


@pytest.mark.parametrize("source", SOURCES)
def test_recordings_of_every_source(source, tmp_path):
    windows = LazyWindows(SOURCES[source](tmp_path), 6, stride_samples=4)
    expected = cut(RECORDINGS, 6, 4)
    assert windows.dtype == windows[:2].dtype == np.float32
    assert_array_equal(windows[:], expected)
    rows = np.array([9, 0, 9, len(expected) - 1])
    assert_array_equal(windows[rows], expected[rows])
    assert_array_equal(SegmentArray(windows).read(rows), expected[rows])
    assert_array_equal(pickle.loads(pickle.dumps(windows))[:], expected)


@pytest.mark.parametrize("source", BY_PATH)
def test_pickles_as_paths(source, tmp_path, monkeypatch):
    large = [np.tile(r, (400, 1)) for r in RECORDINGS]
    monkeypatch.setitem(globals(), "RECORDINGS", large)
    windows = LazyWindows(SOURCES[source](tmp_path), 6)
    windows[:3]  # opens files, which must not be pickled either
    assert len(pickle.dumps(windows)) < 4000


def first_values(windows):
    return windows[[0, 7], 0]


def test_a_spawned_worker_opens_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, RECORDINGS)
    windows = LazyWindows([f"{i}.npy" for i in range(5)], 6)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert_array_equal(pool.apply(first_values, (windows,)), windows[[0, 7], 0])


def test_few_files_are_open_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(_open_files, "_MAX_OPEN_FILES", 3)
    recordings = [a_recording(8, seed=i) for i in range(20)]
    windows = LazyWindows(saved(tmp_path, recordings), 8)
    rows = np.random.default_rng(0).integers(20, size=200)
    assert_array_equal(windows[rows], np.array(recordings)[rows])
    for row in rows[:30]:
        assert_array_equal(windows[row], recordings[row])
    assert len(windows._files) == 3


@pytest.fixture
def frequent_switches():
    """Let threads take turns as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("frequent_switches")
def test_threads_read_more_files_than_are_open_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(_open_files, "_MAX_OPEN_FILES", 3)
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 0)
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 4 * _mapped._BYTES_PER_FAULT)
    recordings = np.array([a_recording(8, seed=i) for i in range(12)])
    windows = LazyWindows(saved(tmp_path, recordings), 8)
    draws = np.random.default_rng(0).integers(12, size=(8, 25, 6))

    def reads_right_values(rows_of_thread):
        return all(np.array_equal(windows[rows], recordings[rows]) for rows in rows_of_thread)

    with ThreadPoolExecutor(len(draws)) as pool:
        assert all(pool.map(reads_right_values, draws))
    assert len(windows._files) <= 3


def test_pages_are_accounted_for_over_all_files(tmp_path):
    windows = LazyWindows(saved(tmp_path, RECORDINGS), 6)
    windows[:]
    accounts = {id(read.__self__._residency) for read in windows._files._readers.values()}
    assert accounts == {id(windows._residency)}
    assert all(read.__self__._mapping is not None for read in windows._files._readers.values())


def test_scale_and_integers(tmp_path):
    counts = [np.arange(-30, 30, dtype=np.int16).reshape(20, 3)]
    windows = LazyWindows(saved(tmp_path, counts), 5, scale=1 / 256)
    assert_array_equal(windows[:], cut(counts, 5, 5) / 256)
    assert_allclose(
        LazyWindows([a_recording(5)], 5, scale=1 / 9.80665)[0] * 9.80665, a_recording(5)
    )


def test_groups_and_hours():
    # At 1/60 Hz and a window a minute: 60 windows an hour.
    recordings = [a_recording(n) for n in (150, 0, 59, 60, 61)]
    windows = LazyWindows(recordings, 1, subjects=list("ababa"), sampling_rate=1 / 60)
    assert_array_equal(windows.groups[:], np.repeat(list("aaba"), [150, 59, 60, 61]))
    assert_array_equal(windows.hour_groups[:], np.repeat(range(7), [60, 60, 30, 59, 60, 60, 1]))
    with pytest.raises(ValueError, match="sampling_rate is None"):
        _ = LazyWindows(recordings, 1).hour_groups


@given(
    n=st.integers(1, 400),
    stride=st.integers(1, 5),
    rate=st.sampled_from([0.001, 0.01, 1 / 60, 0.3, 7.0]),
)
def test_hours_against_the_start_of_each_window(n, stride, rate):
    windows = LazyWindows([a_recording(n)], 1, stride_samples=stride, sampling_rate=rate)
    starts = np.arange(0, n, stride)
    hours = [int(start / (3600 * rate) + 1e-9) for start in starts]
    assert_array_equal(windows.hour_groups[:], np.unique(hours, return_inverse=True)[1])


def test_fit_and_transform_accept_windows(tmp_path):
    recordings = [a_recording(320, seed=i) for i in range(4)]
    windows = LazyWindows(saved(tmp_path, recordings), 32, stride_samples=16)
    X, groups = windows[:], windows.groups[:]
    for make in (tiny_embedder, tiny_distance):
        lazy = make().fit(windows, groups=windows.groups)
        expected = make().fit(X, groups=groups)
        assert_array_equal(lazy.transform(windows), expected.transform(X))


def test_holes_are_found_when_they_are_read(tmp_path):
    recording = a_recording(100)
    recording[77] = np.nan
    windows = LazyWindows(saved(tmp_path, [recording]), 10)
    with pytest.raises(ValueError, match="NaN or infinity: first in row 7"):
        SegmentArray(windows).read(np.arange(10))


@pytest.mark.parametrize(
    ("recordings", "kwargs", "message"),
    [
        ([a_recording(9, 3), a_recording(9, 2)], {}, r"different numbers of channels: \[2, 3\]"),
        (a_recording(9), {}, "recordings is a single recording. Pass a list"),
        ("x.npy", {}, "recordings is a single recording. Pass a list"),
        ([np.zeros(9)], {}, r"recordings\[0\] has shape \(9,\)"),
        ([a_recording(9), np.full((3, 3), "a")], {}, r"recordings\[1\] has .*dtype <U1"),
        ([], {}, "fits into any of 0 recordings"),
        ([a_recording(3)], {}, "The longest has 3 samples"),
        ([a_recording(9)], {"n_timesteps": 0}, "n_timesteps=0"),
        ([a_recording(9)], {"stride_samples": 0}, "stride_samples=0"),
        ([a_recording(9)], {"stride_samples": 2.5}, "stride_samples=2.5"),
        ([a_recording(9)], {"scale": 0}, "scale=0"),
        ([a_recording(9)], {"subjects": ["a", "b"]}, "subjects has 2 entries, but there are 1"),
    ],
)
def test_refused(recordings, kwargs, message):
    with pytest.raises(ValueError, match=message):
        LazyWindows(recordings, **{"n_timesteps": 5, **kwargs})


def test_a_file_that_became_shorter(tmp_path):
    (path,) = saved(tmp_path, [a_recording(50)])
    windows = LazyWindows([path], 5)
    saved(tmp_path, [a_recording(20)])
    with pytest.raises(ValueError, match="has become shorter"):
        windows[:]


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        LazyWindows([tmp_path / "none.npy"], 5)
