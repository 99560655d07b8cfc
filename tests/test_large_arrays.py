"""Arrays larger than memory: read a few rows at a time, with the same results as in memory."""

import gc
import hashlib
import weakref

import h5py
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from skorch.callbacks import Callback

from relcon_sklearn import _motif_pairs
from relcon_sklearn._training import _blocks
from relcon_sklearn.segments import _mapped
from tests.support import peak_memory
from tests.support.estimators import score_of, tiny_distance, tiny_embedder

SHAPE = N_ROWS, N_TIMESTEPS, N_CHANNELS = 100, 64, 8
MOST_EMBEDDED, MOST_COMPARED = 32, 48
BATCH_SIZE = 16
GROUPS = np.arange(N_ROWS) // 10


def euclidean(anchors, candidates):
    return np.sqrt(np.square(anchors[:, None] - candidates[None]).sum(axis=(2, 3)))


def distance(**kwargs):
    settings = {"embed_dim": 4, "n_layers": 0, "max_epochs": 1, "n_references": 2}
    return tiny_distance(**(settings | {"batch_size": BATCH_SIZE} | kwargs))


def embedder(**kwargs):
    settings = {"distance": euclidean, "n_within": 1, "max_epochs": 1, "batch_size": BATCH_SIZE}
    return tiny_embedder(**(settings | kwargs))


ESTIMATORS = {
    "LearnedMotifDistance": distance(),
    "RelConEmbedder": embedder(),
    "RelConEmbedder, learned distance": embedder(distance=distance()),
}
BY_NAME = pytest.mark.parametrize("name", ESTIMATORS)


def small_integers(shape):
    """Values that float16, bfloat16 and int16 hold exactly, so that all give the same results."""
    return np.random.default_rng(0).integers(-40, 41, size=shape).astype(np.float32)


class Minimal:
    """An array with only what is documented as enough: shape, dtype and row indexing.

    Anything else fails. Row numbers must increase, as h5py requires, and at most `most` rows may be
    read at once.
    """

    def __init__(self, values, most=MOST_COMPARED):
        self._values = values
        self.shape = values.shape
        self.dtype = values.dtype
        self.most = most
        self.forget()

    def forget(self):
        self.n_reads = np.zeros(len(self._values), dtype=int)
        self.largest = 0

    def __getitem__(self, rows):
        assert isinstance(rows, np.ndarray), rows
        assert rows.ndim == 1
        assert rows.dtype.kind == "i"
        assert (np.diff(rows) > 0).all(), rows
        assert rows[0] >= 0
        self.largest = max(self.largest, len(rows))
        assert self.largest <= self.most, f"{len(rows)} rows at once"
        self.n_reads[rows] += 1
        return self._values[rows]

    def __array__(self, *args, **kwargs):
        raise AssertionError("asked for the whole array")

    def __iter__(self):
        raise AssertionError("asked for all rows, one by one")


def as_memmap(values, folder, mode="r"):
    path = folder / "X.npy"
    np.save(path, values)
    if mode == "r":
        path.chmod(0o444)
    return np.load(path, mmap_mode=mode)


def as_dataset(values, folder, **kwargs):
    h5py.File(folder / "X.h5", "w").create_dataset("X", data=values, **kwargs).file.close()
    return h5py.File(folder / "X.h5", "r")["X"]


def rows_of_a_larger_memmap(values, folder):
    larger = np.full((len(values) + 5, *values.shape[1:]), np.nan, dtype=np.float32)
    larger[2:-3] = values
    return as_memmap(larger, folder)[2:-3]


def every_other_row_of_a_memmap(values, folder):
    return as_memmap(np.repeat(values, 2, axis=0), folder)[::2]


def reversed_memmap(values, folder):
    return as_memmap(values[::-1, ::-1], folder)[::-1, ::-1]


KINDS = {
    "memmap float32": as_memmap,
    "memmap float16": lambda values, folder: as_memmap(values.astype(np.float16), folder),
    "memmap int16": lambda values, folder: as_memmap(values.astype(np.int16), folder),
    "memmap big-endian int16": lambda values, folder: as_memmap(values.astype(">i2"), folder),
    "memmap float64": lambda values, folder: as_memmap(values.astype(np.float64), folder),
    "memmap Fortran order": lambda values, folder: as_memmap(np.asfortranarray(values), folder),
    "memmap r+": lambda values, folder: as_memmap(values, folder, "r+"),
    "memmap c": lambda values, folder: as_memmap(values, folder, "c"),
    "rows of a memmap": rows_of_a_larger_memmap,
    "every other row": every_other_row_of_a_memmap,
    "reversed memmap": reversed_memmap,
    "h5py float32": as_dataset,
    "h5py float16, compressed": lambda values, folder: as_dataset(
        values.astype(np.float16), folder, compression="gzip", chunks=(7, *values.shape[1:])
    ),
    "h5py int16": lambda values, folder: as_dataset(values.astype(np.int16), folder),
    "torch float32": lambda values, folder: torch.from_numpy(values.copy()),
    "torch float16": lambda values, folder: torch.from_numpy(values).half(),
    "torch bfloat16": lambda values, folder: torch.from_numpy(values).bfloat16(),
    "torch int16": lambda values, folder: torch.from_numpy(values).short(),
    "minimal float32": lambda values, folder: Minimal(values),
    "minimal float16": lambda values, folder: Minimal(values.astype(np.float16)),
    "minimal int16": lambda values, folder: Minimal(values.astype(np.int16)),
}


# All estimators read arrays with the same code, which has its own tests. A few kinds are enough.
MAIN_KINDS = ["memmap float32", "memmap float16", "memmap int16"]
MAIN_KINDS += ["h5py float32", "torch float32", "minimal float32"]


def results(estimator, X, groups=GROUPS):
    """Return all outputs of an estimator that is fitted to X."""
    fitted = clone(estimator).fit(X, groups=groups)
    found = {
        "transform": fitted.transform(X),
        "score": score_of(fitted, X, groups),
        "train_loss": [record["train_loss"] for record in fitted.history_],
        "valid_loss": [record["valid_loss"] for record in fitted.history_],
    }
    if hasattr(fitted, "references_"):
        found["references"] = fitted.references_
    return found


def check_same(actual, expected):
    assert actual.keys() == expected.keys()
    for key, value in actual.items():
        assert_array_equal(value, expected[key], err_msg=key)


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Make the blocks small, so that the arrays of these tests take several of them."""
    row_bytes = 4 * N_TIMESTEPS * N_CHANNELS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_blocks, "_CPU_BLOCK_STEPS", MOST_EMBEDDED * N_TIMESTEPS)
        patch.setattr(_motif_pairs, "_BLOCK_BYTES", MOST_COMPARED * row_bytes)
        yield


@pytest.fixture(scope="module")
def values():
    return small_integers(SHAPE)


@pytest.fixture(scope="module")
def expected(values):
    """Return the results for the same values as an ordinary array in memory."""
    return {name: results(estimator, values) for name, estimator in ESTIMATORS.items()}


@pytest.fixture(scope="module")
def one_channel(values):
    return embedder().fit(values.reshape(N_ROWS, -1), groups=GROUPS)


# ---------------------------------------------------------------- the same results


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("LearnedMotifDistance", kind) for kind in MAIN_KINDS),
        *(("RelConEmbedder", kind) for kind in KINDS),
        ("RelConEmbedder, learned distance", "memmap float32"),
        ("RelConEmbedder, learned distance", "h5py float32"),
    ],
)
def test_results_do_not_depend_on_the_kind_of_array(name, kind, values, expected, tmp_path):
    X = KINDS[kind](values, tmp_path)
    check_same(results(ESTIMATORS[name], X), expected[name])


@pytest.mark.parametrize("kind", KINDS)
def test_two_dimensions_are_one_channel_in_all_kinds_of_arrays(kind, values, one_channel, tmp_path):
    values = values.reshape(N_ROWS, -1)
    in_memory = one_channel
    lazy = embedder().fit(KINDS[kind](values, tmp_path), groups=GROUPS)
    assert lazy.n_features_in_ == in_memory.n_features_in_ == N_TIMESTEPS * N_CHANNELS
    assert lazy.n_channels_in_ == in_memory.n_channels_in_ == 1
    (tmp_path / "again").mkdir()
    again = KINDS[kind](values, tmp_path / "again")
    assert_array_equal(lazy.transform(again), in_memory.transform(values))
    fewer = values[:, :50].copy()
    (tmp_path / "fewer").mkdir()
    with pytest.raises(ValueError, match="50 features, but RelConEmbedder is expecting 512"):
        lazy.transform(KINDS[kind](fewer, tmp_path / "fewer"))


@BY_NAME
def test_fitted_in_memory_and_used_on_a_file(name, values, expected, tmp_path):
    X = as_memmap(values, tmp_path)
    fitted = clone(ESTIMATORS[name]).fit(values, groups=GROUPS)
    assert_array_equal(fitted.transform(X), expected[name]["transform"])


def test_frozen_distance_and_candidates_in_files(values, tmp_path):
    fitted = distance().fit(values, groups=GROUPS)
    X = as_memmap(values, tmp_path)
    # There are more candidates than fit in one block.
    assert_array_equal(fitted.pairwise(X[:3], X), fitted.pairwise(values[:3], values))
    assert_array_equal(fitted.pairwise(Minimal(values), X[:3]), fitted.pairwise(values, values[:3]))


# ---------------------------------------------------------------- nothing is materialised


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16])
@BY_NAME
def test_only_a_few_rows_are_read_at_once(name, dtype, values):
    estimator = clone(ESTIMATORS[name])
    # A batch is its anchors and another segment of the group of each.
    X = Minimal(values.astype(dtype), most=2 * BATCH_SIZE)
    fitted = estimator.fit(X, groups=GROUPS)
    assert (X.n_reads > 0).all()

    X.forget()
    X.most = MOST_COMPARED if name == "LearnedMotifDistance" else MOST_EMBEDDED
    fitted.transform(X)
    assert (X.n_reads == 1).all()

    X.forget()
    X.most = 2 * BATCH_SIZE
    score_of(fitted, X, groups=np.arange(N_ROWS))  # without within-subject candidates
    assert (X.n_reads == 1).all()


def test_all_rows_are_references_only_on_request(values):
    X = Minimal(values, most=N_ROWS)
    fitted = distance(n_references=None).fit(X, groups=GROUPS)
    assert X.largest == N_ROWS
    assert_array_equal(fitted.references_, values)


@BY_NAME
def test_fit_keeps_no_reference_to_the_data(name, values, tmp_path):
    X = as_memmap(values, tmp_path)
    there = weakref.ref(X)
    fitted = clone(ESTIMATORS[name]).fit(X, groups=GROUPS)
    fitted.transform(X)
    del X
    if there() is not None:
        gc.collect()
    assert there() is None


@pytest.mark.skipif(
    not peak_memory.is_measurable(),
    reason="the system does not report the peak memory of a process",
)
def test_peak_memory_stays_well_below_the_size_of_the_file(tmp_path):
    added = peak_memory.measure(tmp_path)
    # Memory that is not released is measured, so the measurement works.
    assert added.pop("reading it all") > 180
    # No more than the result and one block of it.
    assert 90 < added.pop("100 MB of embeddings") < 150
    assert len(added) == 6
    assert max(added.values()) < 60, added


# ---------------------------------------------------------------- files are not changed


@pytest.mark.parametrize("name", ["LearnedMotifDistance", "RelConEmbedder"])
@pytest.mark.parametrize(
    ("mode", "dtype", "resident_bytes"),
    [
        ("r", "float32", 2**28),
        ("r", "float32", 1),
        ("r", "int16", 1),
        ("r+", "float32", 1),
        ("c", "float32", 1),
    ],
)
def test_the_file_is_never_written_to(
    name, mode, dtype, resident_bytes, values, expected, tmp_path, monkeypatch
):
    # With 1, the pages are released after each read.
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 0.25 if resident_bytes > 1 else 0)
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", resident_bytes)
    X = as_memmap(values.astype(dtype), tmp_path, mode)
    before = hashlib.sha256((tmp_path / "X.npy").read_bytes()).digest()
    actual = results(ESTIMATORS[name], X)
    assert hashlib.sha256((tmp_path / "X.npy").read_bytes()).digest() == before
    check_same(actual, expected[name])
    assert_array_equal(X, values)


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_unsaved_changes_of_a_memmap_are_seen_and_kept(
    mode, values, expected, tmp_path, monkeypatch
):
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 0)
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    X = as_memmap(np.zeros_like(values), tmp_path, mode)
    X[:] = values
    name = "RelConEmbedder"
    check_same(results(ESTIMATORS[name], X), expected[name])
    assert_array_equal(X, values)


# ---------------------------------------------------------------- values that cannot be used


class CountEpochs(Callback):
    def __init__(self):
        self.n = 0

    def on_epoch_end(self, net, **kwargs):
        self.n += 1


FLOAT_KINDS = [
    "memmap float32",
    "memmap float16",
    "memmap r+",
    "h5py float32",
    "torch float32",
    "torch bfloat16",
    "minimal float16",
]


@pytest.mark.parametrize(
    ("kind", "row", "value"),
    [
        *((kind, 67, np.nan) for kind in FLOAT_KINDS),
        ("memmap float16", 67, np.inf),
        ("memmap float16", 67, -np.inf),
        *(("memmap float32", row, np.nan) for row in (0, 33, N_ROWS - 1)),
        ("memmap float32", 67, np.inf),
    ],
)
def test_fit_names_a_row_with_nan_within_the_first_epoch(kind, row, value, values, tmp_path):
    values = values.copy()
    values[row, 3, 5] = value
    X = KINDS[kind](values, tmp_path)
    for estimator in (distance(), embedder()):
        epochs = CountEpochs()
        estimator.set_params(callbacks=[epochs], max_epochs=3)
        with pytest.raises(ValueError, match=rf"^X contains NaN or infinity: .* row {row}\b"):
            estimator.fit(X, groups=GROUPS)
        assert epochs.n == 0


@pytest.fixture(scope="module")
def fitted(values):
    return [estimator.fit(values, groups=GROUPS) for estimator in (distance(), embedder())]


@pytest.mark.parametrize("row", [67, N_ROWS - 1])
@pytest.mark.parametrize("kind", FLOAT_KINDS)
def test_transform_names_the_first_row_with_nan(kind, row, values, fitted, tmp_path):
    values = values.copy()
    values[row, 3, 5] = values[-1, 0, 0] = np.nan
    X = KINDS[kind](values, tmp_path)
    for estimator in fitted:
        with pytest.raises(ValueError, match=rf"^X contains NaN or infinity: .* row {row}\b"):
            estimator.transform(X)
        with pytest.raises(ValueError, match=r"^X contains NaN or infinity: "):
            score_of(estimator, X, GROUPS)


def test_rows_of_a_memmap_are_numbered_as_in_the_view(values, fitted, tmp_path):
    values = values.copy()
    values[67, 3, 5] = np.nan
    X = as_memmap(values, tmp_path)
    for estimator in fitted:
        with pytest.raises(ValueError, match=r"row 7\b"):
            estimator.transform(X[60:])
        with pytest.raises(ValueError, match=r"row 22\b"):
            estimator.transform(X[1::3])
        assert np.isfinite(estimator.transform(X[:67])).all()


@pytest.mark.parametrize("kind", ["memmap float32", "h5py float32", "torch float32"])
def test_shapes_and_dtypes_that_cannot_be_used(kind, values, fitted, tmp_path):
    def lazy(values, name):
        (tmp_path / name).mkdir()
        return KINDS[kind](values, tmp_path / name)

    for estimator in fitted:
        folder = type(estimator).__name__
        with pytest.raises(ValueError, match=rf"X has 2 channels, but {folder} was fitted with 8"):
            estimator.transform(lazy(values[:, :, :2].copy(), folder + "channels"))
        with pytest.raises(ValueError, match=r"X has 4 dimensions, shape \(100, 8, 8, 8\)"):
            estimator.transform(lazy(values.reshape(100, 8, 8, 8), folder + "4d"))
        with pytest.raises(ValueError, match=r"X has dtype .*complex64.*; expected real numbers"):
            clone(estimator).fit(lazy(values.astype(np.complex64), folder + "complex"))
        with pytest.raises(ValueError, match="at least 2 segments are needed"):
            clone(estimator).fit(lazy(values[:1].copy(), folder + "one"))
