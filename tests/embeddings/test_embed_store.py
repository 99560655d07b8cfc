"""embed_store: the embeddings of transform, in shards that are complete or do not exist."""

import errno
import multiprocessing
import os
import re
import shutil
import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import MotionFeatures, RelConEmbedder, SegmentWriter, open_segments
from relcon_sklearn._utils import _atomic
from relcon_sklearn.embeddings import _embed_store, embed_store, open_embeddings
from relcon_sklearn.embeddings._format import INDEX
from tests.support.break_off import Broken
from tests.support.estimators import tiny_distance, tiny_embedder
from tests.support.forked import in_another_process, needs_fork
from tests.support.shifted_means import ShiftedMeans

SUBJECTS = ["carl", "ann", "bob", "ann"]


def write(path, n=5, seed=0, rate=50.0, subjects=SUBJECTS):
    rng = np.random.default_rng(seed)
    shape = {"n_timesteps": 16, "n_channels": 3, "sampling_rate": rate}
    with SegmentWriter(path, **shape) as writer:
        for subject in subjects:
            writer.append(rng.normal(size=(n, 16, 3)), subject)
    return open_segments(path)


@pytest.fixture
def store(tmp_path):
    """A store of 20 segments."""
    return write(tmp_path / "store")


@pytest.fixture
def means(store):
    return ShiftedMeans().fit(store.X)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Two segments a block."""
    monkeypatch.setattr(_embed_store, "_BLOCK_BYTES", 2 * 16 * 3 * 4)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".locks")


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize(
    "make",
    [
        lambda X: tiny_embedder(max_epochs=0).fit(X),
        lambda X: tiny_distance(max_epochs=0).fit(X),
        lambda X: MotionFeatures().fit(X),
        lambda X: make_pipeline(MotionFeatures(), StandardScaler()).fit(X),
        lambda X: make_pipeline(MotionFeatures(), StandardScaler().set_output(transform="pandas")),
    ],
    ids=["embedder", "distance", "features", "pipeline", "data frame"],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_embeddings_are_those_of_transform(make, store, tmp_path):
    transformer = make(store.X)
    transformer.fit(store.X)
    expected = np.asarray(transformer.transform(store.X))
    exact = embed_store(transformer, store, tmp_path / "exact", dtype="float32", shard_rows=7)
    assert_allclose(exact.X[:], expected, rtol=1e-4, atol=1e-5)
    half = embed_store(transformer, store, tmp_path / "half", shard_rows=7)
    assert_array_equal(half.X[:], exact.X[:].astype(np.float16))
    assert half.X.dtype == np.float32
    assert_array_equal(half.groups[:], store.groups[:])


@pytest.mark.parametrize("shard_rows", [1, 7, 10, 20, 1000])
def test_shards_are_npy_files(shard_rows, store, means, tmp_path):
    embed_store(means, store, tmp_path / "out", shard_rows=np.int64(shard_rows))
    sizes = [min(shard_rows, 20 - i) for i in range(0, 20, shard_rows)]
    files = [f"shard-{i:06d}.npy" for i in range(len(sizes))]
    assert names(tmp_path / "out") == ["index.json", *files]
    shards = [np.load(tmp_path / "out" / file) for file in files]
    assert [len(shard) for shard in shards] == sizes
    expected = means.transform(store.X).astype(np.float16)
    assert_array_equal(np.concatenate(shards), expected)
    assert shards[0].dtype == np.float16
    assert list((tmp_path / "out" / ".locks").glob("0*")) == []


def test_one_segment(tmp_path, means):
    store = write(tmp_path / "one", n=1, subjects=["ann"])
    assert_array_equal(
        embed_store(means, store, tmp_path / "out", dtype="float32").X[:], means.transform(store.X)
    )


def test_several_stores_and_selected_subjects(tmp_path, means):
    for i in range(2):
        write(tmp_path / "stores" / str(i), seed=i)
    store = open_segments(tmp_path / "stores", join_subjects=False).select(["1/bob", "0/ann"])
    embeddings = embed_store(means, store, tmp_path / "out", dtype="float32", shard_rows=4)
    assert_array_equal(embeddings.X[:], means.transform(store.X))
    assert_array_equal(embeddings.groups[:], ["0/ann"] * 10 + ["1/bob"] * 5)


def test_memory_is_bounded_by_blocks(store, means, tmp_path):
    embed_store(means, store, tmp_path / "out", shard_rows=7)
    assert means.calls_ == [20, *[2, 2, 2, 1] * 2, *[2, 2, 2]]  # after a sample


def test_the_bar_counts_segments_once(store, means, tmp_path, capsys):
    embedder = tiny_embedder(max_epochs=0, verbose=1).fit(store.X)
    capsys.readouterr()
    embed_store(embedder, store, tmp_path / "out", shard_rows=7)
    assert capsys.readouterr().err == ""
    embed_store(means, store, tmp_path / "means", shard_rows=7)
    (tmp_path / "means" / "shard-000001.npy").unlink()
    embed_store(means, store, tmp_path / "means", shard_rows=7, verbose=1)
    printed = capsys.readouterr().err
    assert printed.count("embed") >= 1
    assert "20/20" in printed


def test_units_are_warned_of_once(store, tmp_path):
    embedder = tiny_embedder(max_epochs=0).fit(store.X[:] * 10)
    with pytest.warns(UserWarning, match="The median magnitude of") as caught:
        embed_store(embedder, store, tmp_path / "out", shard_rows=7)
    assert len(caught) == 1


# ---------------------------------------------------------------- what is refused


def test_values_outside_of_float16(store, means, tmp_path):
    means.weights_ = np.float32([0, 0, 70_000])
    with pytest.raises(
        ValueError, match=r"segment \d+ has [67]\d+\.?\d* in column 2.*Choose 'float32'"
    ):
        embed_store(means, store, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    embeddings = embed_store(means, store, tmp_path / "out", dtype="float32")
    assert_array_equal(embeddings.X[:], means.transform(store.X))


def test_values_outside_of_float16_beyond_the_sample(store, means, tmp_path, monkeypatch):
    def grow(n_calls):
        means.weights_ = np.float32([0, 0, 1e6 if n_calls == 4 else 0])

    means.act = grow
    with pytest.raises(ValueError, match=r"segment 4 has 1e\+06 in column 2"):
        embed_store(means, store, tmp_path / "out", shard_rows=4)
    assert names(tmp_path / "out") == ["index.json", "shard-000000.npy"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value, store, means, tmp_path):
    means.weights_ = np.float32([0, value, 0])
    with pytest.raises(ValueError, match=f"segment 0 has {value} in column 1. Check the"):
        embed_store(means, store, tmp_path / "out", dtype="float32")


def test_outputs_that_are_not_embeddings(store, means, tmp_path):
    means.transform = lambda X: X[:]
    with pytest.raises(ValueError, match=r"shape \(20, 16, 3\) and dtype float32 for 20 segments"):
        embed_store(means, store, tmp_path / "out")
    means.transform = lambda X: np.zeros((len(X), len(X)))
    with pytest.raises(ValueError, match="returned 2 features for segments 0 to 1, and 20 for"):
        embed_store(means, store, tmp_path / "out")


def test_parameters(store, means, tmp_path):
    with pytest.raises(NotFittedError):
        embed_store(RelConEmbedder(), store, tmp_path / "out")
    for not_open in (store.X, str(store.path)):
        with pytest.raises(TypeError, match=r"store is of type .* open_segments\(path\)"):
            embed_store(means, not_open, tmp_path / "out")
    for bad in (
        {"transformer": object()},
        {"dtype": "int8"},
        {"shard_rows": 0},
    ):
        arguments = {"transformer": means, "store": store, "out": tmp_path / "out"} | bad
        with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter of embed_store"):
            embed_store(**arguments)


def test_an_empty_store_cannot_be_opened(tmp_path):
    with SegmentWriter(tmp_path / "s", n_timesteps=16, n_channels=3, sampling_rate=50):
        pass
    with pytest.raises(ValueError, match="holds no segments"):
        open_segments(tmp_path / "s")


# ---------------------------------------------------------------- folders of something else


def test_a_folder_of_other_files(store, means, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    for path in (tmp_path / "out", tmp_path / "out" / "thesis.txt", store.path):
        with pytest.raises(FileExistsError, match="is neither an empty folder nor one of"):
            embed_store(means, store, path)
    assert names(tmp_path / "out") == ["thesis.txt"]


def test_another_process_begins_to_write_the_index(store, means, tmp_path, monkeypatch):
    left = tmp_path / "out" / f".{INDEX}-{'0' * 16}.tmp"
    left.parent.mkdir()

    def unfinished(*args):
        found = _atomic.unfinished(*args)
        left.touch()  # as it is for the time of a sync to the disk
        return found

    monkeypatch.setattr(_embed_store, "unfinished", unfinished)
    embed_store(means, store, tmp_path / "out")


def other_weights(means, store, tmp_path):
    means.weights_ += 1e-3
    return means, store


def other_class(means, store, tmp_path):
    return MotionFeatures().fit(store.X), store


def other_pipeline(means, store, tmp_path):
    scaler = StandardScaler().fit(means.transform(store.X) + 0.1)
    return make_pipeline(means, scaler), store


def other_values(means, store, tmp_path):
    return means, write(tmp_path / "other", seed=1)


def other_rate(means, store, tmp_path):
    return means, write(tmp_path / "other", rate=100.0)


def other_subjects(means, store, tmp_path):
    return means, write(tmp_path / "other", subjects=["carl", "ann", "eve", "ann"])


def fewer_subjects(means, store, tmp_path):
    return means, store.select(["ann"])


def grown(means, store, tmp_path):
    shape = {"n_timesteps": 16, "n_channels": 3, "sampling_rate": 50}
    with SegmentWriter(store.path, **shape) as writer:
        writer.append(store.X[:1], "dora")
    return means, open_segments(store.path)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (other_weights, "transformer.weights was"),
        (other_class, "transformer.class was .*ShiftedMeans.* and is .*MotionFeatures"),
        (other_pipeline, "transformer.class was"),
        (other_values, "store.values was"),
        (other_rate, "store.sampling_rate was 50.0 and is 100.0"),
        (other_subjects, "store.groups was"),
        (fewer_subjects, "n_rows was 20 and is 10"),
        (grown, "n_rows was 20 and is 21"),
    ],
)
def test_embeddings_of_something_else_are_kept(change, difference, store, means, tmp_path):
    out = tmp_path / "out"
    embed_store(means, store, out, shard_rows=7)
    before = [(out / name).read_bytes() for name in names(out)]
    with pytest.raises(ValueError, match=f"has other embeddings: .*{difference}"):
        embed_store(*change(means, store, tmp_path), out, shard_rows=7)
    assert [(out / name).read_bytes() for name in names(out)] == before


@pytest.mark.parametrize("settings", [{"dtype": "float32"}, {"shard_rows": 10}])
def test_other_settings(settings, store, means, tmp_path):
    embed_store(means, store, tmp_path / "out", shard_rows=7)
    with pytest.raises(ValueError, match=f"{next(iter(settings))} was"):
        embed_store(means, store, tmp_path / "out", **({"shard_rows": 7} | settings))


def test_a_transformer_that_differs_in_something_unknown(store, means, tmp_path):
    """A number is neither a class nor weights, but the embeddings differ."""
    embed_store(means, store, tmp_path / "out", shard_rows=7)
    (tmp_path / "out" / "shard-000000.npy").unlink()
    means.offset_ = 0.001  # within the tolerance
    embed_store(means, store, tmp_path / "out", shard_rows=7)
    means.offset_ = 0.1
    with pytest.raises(ValueError, match="with a relative difference of up"):
        embed_store(means, store, tmp_path / "out", shard_rows=7)


def test_a_saved_embedder_and_a_moved_store_are_the_same(store, tmp_path):
    embedder = tiny_embedder(max_epochs=0).fit(store.X)
    expected = embed_store(embedder, store, tmp_path / "out", shard_rows=7).X[:]
    embedder.save(tmp_path / "model.safetensors")
    shutil.move(store.path, tmp_path / "moved")
    (tmp_path / "out" / "shard-000001.npy").unlink()
    loaded = RelConEmbedder.load(tmp_path / "model.safetensors")
    moved = open_segments(tmp_path / "moved")
    again = embed_store(loaded, moved, tmp_path / "out", shard_rows=7)
    assert_array_equal(again.X[:], expected)


# ---------------------------------------------------------------- interruptions


def test_complete_shards_are_not_computed_again(store, means, tmp_path):
    expected = embed_store(means, store, tmp_path / "out", shard_rows=7).X[:]
    path = tmp_path / "out" / "shard-000001.npy"
    path.write_bytes(path.read_bytes()[:-2])  # truncated
    means.calls_ = []
    again = embed_store(means, store, tmp_path / "out", shard_rows=7)
    assert means.calls_ == [20, 2, 2, 2, 1]
    assert_array_equal(again.X[:], expected)


def test_failures_of_every_write(store, means, tmp_path, monkeypatch):
    """The disk fails at each sync and each renaming in turn."""
    expected = embed_store(means, store, tmp_path / "whole", shard_rows=7).X[:]
    moments = []

    def failing(function, at):
        def call(*args):
            moments.append(None)
            if len(moments) == at:
                raise OSError(errno.EIO, "oh")
            return function(*args)

        return call

    for at in range(1, 100):
        moments.clear()
        out = tmp_path / str(at)
        with monkeypatch.context() as patch:
            for name in ("fsync", "replace"):
                patch.setattr(os, name, failing(getattr(os, name), at))
            try:
                embed_store(means, store, out, shard_rows=7)
                break
            except OSError:
                assert not list(out.glob(".*.tmp"))
        assert_array_equal(embed_store(means, store, out, shard_rows=7).X[:], expected)
    # An index and three shards: two syncs and a renaming each.
    assert at == 4 * 3 + 1


def test_errors_of_every_call_of_the_transformer(store, means, tmp_path):
    expected = embed_store(means, store, tmp_path / "whole", shard_rows=7).X[:]

    def act(n_calls):
        if n_calls == at:
            raise Broken

    for at in range(1, 13):
        out = tmp_path / str(at)
        means.calls_, means.act = [], act
        with pytest.raises(Broken):
            embed_store(means, store, out, shard_rows=7)
        if out.exists():
            with pytest.raises(OSError, match="is missing"):
                open_embeddings(out)
        means.act = None
        assert_array_equal(embed_store(means, store, out, shard_rows=7).X[:], expected)


@needs_fork
@pytest.mark.parametrize("at", [1, 2, 4, 8])
def test_killed(at, store, means, tmp_path):
    def act(n_calls):
        if n_calls == at:
            os.kill(os.getpid(), signal.SIGKILL)

    out = tmp_path / "out"
    killed = ShiftedMeans(act).fit(store.X)
    code = in_another_process(embed_store, killed, store, out)
    assert code == -signal.SIGKILL
    embeddings = embed_store(means, store, out)
    assert_array_equal(embeddings.X[:], means.transform(store.X).astype(np.float16))
    assert names(out) == ["index.json", "shard-000000.npy"]  # and nothing half-written


# ---------------------------------------------------------------- several processes


@needs_fork
def test_two_processes_compute_different_shards(store, tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, calls = context.Barrier(2), context.SimpleQueue()

    def act(n_calls):
        if n_calls <= 2:  # the sample, and the first block, of both at the same time
            barrier.wait(60)
        calls.put(n_calls)

    transformer = ShiftedMeans(act).fit(store.X)
    out = tmp_path / "out"
    workers = [
        context.Process(
            target=embed_store, args=(transformer, store, out), kwargs={"shard_rows": 2}
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    n_calls = 0
    while not calls.empty():
        n_calls += calls.get() > 1  # without samples
    assert n_calls == 10  # each shard once
    expected = ShiftedMeans().fit(store.X).transform(store.X).astype(np.float16)
    assert_array_equal(open_embeddings(out).X[:], expected)


@needs_fork
def test_shards_of_a_killed_process_are_taken_over(store, means, tmp_path):
    context = multiprocessing.get_context("fork")
    has_locked, is_waiting = context.Event(), context.Event()

    def act(n_calls):
        if n_calls == 2:  # holds the lock of the first shard
            has_locked.set()
            is_waiting.wait(60)
            os.kill(os.getpid(), signal.SIGKILL)

    killed = ShiftedMeans(act).fit(store.X)
    out = tmp_path / "out"
    worker = context.Process(
        target=embed_store, args=(killed, store, out), kwargs={"shard_rows": 7}
    )
    worker.start()
    assert has_locked.wait(60)
    # After the second and the third shard, the first one is left, and is locked.
    means.act = lambda n_calls: is_waiting.set() if n_calls == 8 else None
    embeddings = embed_store(means, store, out, shard_rows=7)
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert means.calls_ == [20, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
    means.act = None
    assert_array_equal(embeddings.X[:], means.transform(store.X).astype(np.float16))


def test_text_of_the_error_of_another_transformer(store, means, tmp_path):
    embed_store(means, store, tmp_path / "out")
    means.weights_ = means.weights_ + 1
    with pytest.raises(ValueError, match=re.escape("Choose another folder, or embed with the")):
        embed_store(means, store, tmp_path / "out")
