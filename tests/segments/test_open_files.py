"""Many files are read with a bounded number of them open at a time."""

import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import LazyWindows, SegmentWriter, open_segments
from relcon_sklearn.embeddings import embed_store
from relcon_sklearn.segments import _open_files
from relcon_sklearn.segments._open_files import OpenFiles
from tests.support.shifted_means import ShiftedMeans

N_FILES = 12


@pytest.fixture(autouse=True)
def three_files(monkeypatch):
    monkeypatch.setattr(_open_files, "_MAX_OPEN_FILES", 3)


def test_the_last_ones_stay_open():
    opened, files = [], OpenFiles()
    for number in (0, 1, 2, 0, 3, 1, 0, 3):
        assert files.get(number, lambda n: opened.append(n) or f"file {n}") == f"file {number}"
        assert len(files) <= 3
    assert opened == [0, 1, 2, 3, 0]


def values():
    return np.random.default_rng(0).normal(size=(N_FILES, 4, 3)).astype(np.float32)


def recordings(folder):
    paths = [folder / f"{number}.npy" for number in range(N_FILES)]
    for path, recording in zip(paths, values(), strict=True):
        np.save(path, recording)
    return lambda: LazyWindows(paths, 4)[:], values()


def stores(folder):
    for number, segment in enumerate(values()):
        shape = {"n_timesteps": 4, "n_channels": 3, "sampling_rate": 50}
        with SegmentWriter(folder / f"{number:02d}", columns={"y": "f4"}, **shape) as writer:
            writer.append(segment[None], f"s{number}", times=[0], y=segment[0, :1])
    return lambda: open_segments(folder).X[:], values()


def columns(folder):
    stores(folder)
    return lambda: open_segments(folder)["y"], values()[:, 0, 0]


def times(folder):
    stores(folder)
    return lambda: open_segments(folder).times, np.zeros(N_FILES)


def embeddings(folder):
    stores(folder / "stores")
    store = open_segments(folder / "stores")
    transformer = ShiftedMeans().fit(store.X)
    opened = embed_store(transformer, store, folder / "out", dtype="float32", shard_rows=1)
    return lambda: opened.X[:], transformer.transform(store.X)


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs /dev/fd")
@pytest.mark.parametrize("make", [recordings, stores, columns, times, embeddings])
def test_files_are_closed(make, tmp_path, monkeypatch):
    read, expected = make(tmp_path)
    counts = []

    class Counted(np.memmap):
        def __new__(cls, *args, **kwargs):
            counts.append(len(os.listdir("/dev/fd")))
            return super().__new__(cls, *args, **kwargs)

    monkeypatch.setattr(np, "memmap", Counted)
    assert_array_equal(read(), expected)
    assert len(counts) >= N_FILES
    assert max(counts) - min(counts) <= 8  # two of each of three stores, and of the next one
