"""SegmentArray: rows of every kind of array, as checked float32 copies."""

import warnings

import h5py
import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from relcon_sklearn.segments import _array
from relcon_sklearn.segments._array import SegmentArray, check_values

properties = settings(derandomize=True, max_examples=60, deadline=None)

N_ROWS, N_TIMESTEPS, N_CHANNELS = 7, 5, 3
SHAPES = {"3d": (N_ROWS, N_TIMESTEPS, N_CHANNELS), "2d": (N_ROWS, N_TIMESTEPS)}
DTYPES = ["f8", "f4", "f2", "i1", "i2", "i4", "i8", "u1", "u8", "?", ">f8", ">f4", ">f2", ">i4"]
ROWS = {
    "unsorted": [6, 0, 3],
    "repeated": [2, 6, 2, 0, 2],
    "all": list(range(N_ROWS)),
    "one": [4],
    "none": [],
}
ALL_ROWS = np.arange(N_ROWS)


def integers(shape, dtype="f8"):
    """Values that are distinct and that every dtype except bool can hold."""
    values = np.arange(np.prod(shape)).reshape(shape)
    if np.dtype(dtype).kind in "fi":
        values = values - 52
    return (values % 2 if dtype == "?" else values).astype(dtype)


class Minimal:
    """An array with only what SegmentArray needs: shape, dtype and row indexing."""

    def __init__(self, values):
        self._values = values
        self.shape = values.shape
        self.dtype = values.dtype

    def __getitem__(self, rows):
        return self._values[rows]


def as_memmap(values, folder, mode):
    np.save(folder / "X.npy", values)
    return np.load(folder / "X.npy", mmap_mode=mode)


def as_memmap_slice(values, folder, mode):
    padded = np.concatenate([values[:2], values, values[:1]])
    return as_memmap(padded, folder, mode)[2:-1]


def as_dataset(values, folder):
    return h5py.File(folder / "X.h5", "w").create_dataset("X", data=values)


def as_read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


def reversed_view(values):
    everything = (slice(None, None, -1),) * values.ndim
    return values[everything].copy()[everything]


SOURCES = {
    "ndarray": lambda values, folder: values.copy(),
    "fortran": lambda values, folder: np.asfortranarray(values),
    "negative strides": lambda values, folder: reversed_view(values),
    "every other row": lambda values, folder: np.repeat(values, 2, axis=0)[::2],
    "read-only": lambda values, folder: as_read_only(values),
    "memmap r": lambda values, folder: as_memmap(values, folder, "r"),
    "memmap r+": lambda values, folder: as_memmap(values, folder, "r+"),
    "memmap c": lambda values, folder: as_memmap(values, folder, "c"),
    "memmap r slice": lambda values, folder: as_memmap_slice(values, folder, "r"),
    "memmap c slice": lambda values, folder: as_memmap_slice(values, folder, "c"),
    "h5py": as_dataset,
    "zarr": lambda values, folder: zarr.array(values),
    "minimal": lambda values, folder: Minimal(values.copy()),
    "torch float32": lambda values, folder: torch.tensor(values, dtype=torch.float32),
    "torch float64": lambda values, folder: torch.tensor(values, dtype=torch.float64),
    "torch bfloat16": lambda values, folder: torch.tensor(values, dtype=torch.bfloat16),
    "torch int16": lambda values, folder: torch.tensor(values, dtype=torch.int16),
    "torch requires_grad": lambda values, folder: torch.tensor(values, requires_grad=True),
    "torch transposed": lambda values, folder: torch.tensor(values.T.copy()).permute(
        *reversed(range(values.ndim))
    ),
}
FLOAT_SOURCES = [kind for kind in SOURCES if kind != "torch int16"]


def contents(X):
    """The values of any source, read without SegmentArray."""
    if isinstance(X, torch.Tensor):
        return X.detach().to(torch.float64).numpy()
    if isinstance(X, Minimal):
        return X._values
    return np.asarray(X[:])


def check_read(X, expected, rows):
    rows = np.asarray(rows, dtype=int)
    array = SegmentArray(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segments = array.read(rows)

    assert type(segments) is np.ndarray
    assert segments.dtype == np.dtype("float32")
    assert segments.dtype.isnative
    assert segments.flags.c_contiguous
    assert segments.flags.writeable
    assert segments.shape == (len(rows), *array.shape[1:])
    assert_array_equal(segments, expected[rows].astype(np.float32).reshape(segments.shape))

    segments[...] = 77
    assert_array_equal(contents(X), expected)
    assert not (isinstance(X, np.ndarray) and np.shares_memory(segments, X))


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("kind", SOURCES)
def test_rows_of_any_source_come_as_a_float32_copy(kind, rows, shape, tmp_path):
    values = integers(shape)
    check_read(SOURCES[kind](values, tmp_path), values, rows)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_any_dtype_come_as_a_float32_copy(dtype, rows):
    values = integers(SHAPES["3d"], dtype)
    check_read(values.copy(), values, rows)


@pytest.mark.parametrize("dtype", ["f2", ">f4", "i2", "?"])
@pytest.mark.parametrize("kind", ["memmap r", "memmap c slice", "h5py", "fortran"])
def test_dtypes_are_cast_for_every_source(kind, dtype, tmp_path):
    values = integers(SHAPES["3d"], dtype)
    check_read(SOURCES[kind](values, tmp_path), values, ROWS["repeated"])


def test_float64_is_rounded_to_the_nearest_float32():
    values = np.random.default_rng(0).normal(size=(4, 6, 2))
    assert_array_equal(SegmentArray(values).read(np.arange(4)), values.astype(np.float32))


@pytest.mark.parametrize("shape", [(3, 1, 5), (1, 5, 3), (3, 5, 1), (1, 1, 1)])
def test_strides_are_those_of_the_shape(shape):
    values = np.zeros(shape, np.float32)
    expected = SegmentArray(values.copy()).read(np.arange(shape[0])).strides
    strides = [0 if size == 1 else stride for size, stride in zip(shape, expected, strict=True)]
    odd = np.lib.stride_tricks.as_strided(values, shape, strides)
    for X in (odd, odd[::-1, ::-1, ::-1], np.asfortranarray(values), torch.from_numpy(odd)):
        assert SegmentArray(X).read(np.arange(shape[0])).strides == expected


@pytest.mark.parametrize("kind", ["ndarray", "minimal"])
def test_masked_values_name_the_smallest_row(kind, tmp_path):
    values = np.ma.array(integers(SHAPES["3d"]), mask=np.zeros(SHAPES["3d"], bool))
    assert SegmentArray(SOURCES[kind](values, tmp_path)).read(ALL_ROWS).shape == SHAPES["3d"]
    values[5, 0, 2] = values[3, 4, 1] = np.ma.masked
    with pytest.raises(ValueError, match=r"^X contains masked values: first in row 3\."):
        SegmentArray(SOURCES[kind](values, tmp_path)).read(np.array([5, 3, 0]))


@pytest.mark.parametrize("n_padded", [1, 4])
def test_padding_is_distinguished_from_other_gaps(n_padded):
    values = integers(SHAPES["3d"])
    values[2, -n_padded:] = np.nan
    message = f"last {n_padded} time steps are padding.*segment_recordings"
    with pytest.raises(ValueError, match=message):
        SegmentArray(values).read(ALL_ROWS)
    for place in [(2, 0, 0), (2, -1, 0)]:
        gaps = values.copy()
        gaps[place] = 1 if np.isnan(gaps[place]) else np.nan
        with pytest.raises(ValueError, match=r"row 2 \(nan\)\. Drop such segments"):
            SegmentArray(gaps).read(ALL_ROWS)


def test_integers_are_cast_without_scaling():
    values = np.array([[[-128], [127]]], dtype=np.int8)
    assert_array_equal(SegmentArray(values).read(np.arange(1))[0, :, 0], [-128.0, 127.0])


@pytest.mark.parametrize("kind", SOURCES)
def test_shape_and_length(kind, tmp_path):
    array = SegmentArray(SOURCES[kind](integers(SHAPES["3d"]), tmp_path))
    assert array.shape == SHAPES["3d"]
    assert len(array) == N_ROWS


@pytest.mark.parametrize("kind", ["ndarray", "minimal", "torch float32"])
def test_two_dimensions_are_one_channel(kind, tmp_path):
    array = SegmentArray(SOURCES[kind](integers(SHAPES["2d"]), tmp_path))
    assert array.shape == (N_ROWS, N_TIMESTEPS, 1)
    assert array.read(np.array([1, 5])).shape == (2, N_TIMESTEPS, 1)


@pytest.mark.parametrize("kind", ["ndarray", "minimal", "h5py", "torch float32"])
def test_no_rows_at_all(kind, tmp_path):
    values = np.empty((0, N_TIMESTEPS, N_CHANNELS))
    array = SegmentArray(SOURCES[kind](values, tmp_path))
    assert len(array) == 0
    assert array.chunks(10**6) == []
    assert array.read(np.arange(0)).shape == (0, N_TIMESTEPS, N_CHANNELS)
    array.check()


def test_rows_that_were_checked_are_read_without_another_check(monkeypatch):
    array = SegmentArray(integers(SHAPES["3d"]))
    array.check()
    monkeypatch.delattr(_array, "check_values")
    assert_array_equal(array.read(ALL_ROWS), array.X)
    with pytest.raises(NameError):
        SegmentArray(array.X).read(ALL_ROWS)


# ---------------------------------------------------------------- values that cannot be used

BAD = [np.nan, np.inf, -np.inf, 1e13, -1e13]


def expected_message(value, row):
    what = "too large" if np.isfinite(value) else "NaN or infinity"
    return rf"^X contains .*{what}.* in row {row}\b"


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("kind", FLOAT_SOURCES)
def test_bad_value_names_the_smallest_row(kind, value, tmp_path):
    values = integers(SHAPES["3d"])
    values[5, 0, 2] = values[3, 4, 1] = value
    array = SegmentArray(SOURCES[kind](values, tmp_path))
    for rows in ([5, 3, 0, 3], [3, 5], [0, 1, 2, 3, 4, 5, 6]):
        with pytest.raises(ValueError, match=expected_message(value, 3)):
            array.read(np.array(rows))
    with pytest.raises(ValueError, match=expected_message(value, 5)):
        array.read(np.array([6, 5]))
    assert len(array.read(np.array([6, 4, 2, 1, 0]))) == 5


@pytest.mark.parametrize("value", BAD[:3])
@pytest.mark.parametrize("dtype", ["f2", ">f2", "f4", ">f4", "f8", ">f8", "g"])
def test_nan_and_infinity_of_every_float(dtype, value):
    values = integers(SHAPES["3d"], dtype)
    values[4, 2, 0] = value
    with pytest.raises(ValueError, match=expected_message(value, 4)):
        SegmentArray(values).read(ALL_ROWS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", BAD[:3])
def test_nan_and_infinity_of_every_tensor(dtype, value):
    values = torch.zeros(SHAPES["3d"], dtype=dtype)
    values[4, 2, 0] = value
    with pytest.raises(ValueError, match=expected_message(value, 4)):
        SegmentArray(values).read(ALL_ROWS)


@pytest.mark.parametrize("dtype", ["i8", "u8", ">i8"])
def test_large_integers(dtype):
    values = integers(SHAPES["3d"], dtype)
    values[2, 0, 0] = 10**13
    with pytest.raises(ValueError, match=expected_message(1e13, 2)):
        SegmentArray(values).read(ALL_ROWS)


def test_most_negative_integer_is_too_large():
    values = integers(SHAPES["3d"], "i8")
    values[2, 0, 0] = np.iinfo(np.int64).min
    with pytest.raises(ValueError, match=expected_message(1e13, 2)):
        SegmentArray(values).read(ALL_ROWS)


def test_the_largest_usable_values():
    values = np.full((2, 3, 1), 1e12)
    values[1] *= -1
    assert_array_equal(SegmentArray(values).read(np.arange(2)), values.astype(np.float32))
    for value in np.nextafter(1e12, np.inf) * np.array([1, -1]):
        values[1, 2, 0] = value
        with pytest.raises(ValueError, match=expected_message(value, 1)):
            SegmentArray(values).read(np.arange(2))


@pytest.mark.parametrize("kind", ["ndarray", "memmap r", "h5py"])
def test_the_smallest_row_decides_what_is_wrong(kind, tmp_path):
    values = integers(SHAPES["3d"])
    values[2, 1, 1], values[4, 0, 0] = 1e13, np.nan
    array = SegmentArray(SOURCES[kind](values, tmp_path))
    with pytest.raises(ValueError, match=expected_message(1e13, 2)):
        array.read(np.array([4, 2]))
    with pytest.raises(ValueError, match=expected_message(np.nan, 4)):
        array.read(np.array([4, 1]))


def test_message_has_the_name_and_the_value():
    values = integers(SHAPES["3d"])
    values[1, 0, 0] = 3e15
    with pytest.raises(ValueError, match=r"^X_anchor contains .*3e\+15 in row 1"):
        SegmentArray(values, "X_anchor").read(ALL_ROWS)


@properties
@given(data=st.data())
def test_errors_agree_with_a_search(data):
    values = np.zeros((6, 4, 2))
    places = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 1))
    bad = data.draw(st.dictionaries(places, st.sampled_from(BAD), max_size=3))
    for place, value in bad.items():
        values[place] = value
    rows = data.draw(st.lists(st.integers(0, 5), max_size=8))
    found = sorted(place for place in bad if place[0] in rows)
    array = SegmentArray(values)
    if not found:
        assert_array_equal(array.read(np.array(rows, dtype=int)), values[rows])
        return
    with pytest.raises(ValueError, match=expected_message(bad[found[0]], found[0][0])):
        array.read(np.array(rows))


@pytest.mark.parametrize("scan_bytes", [1, 150, 10**6])
@pytest.mark.parametrize("kind", ["ndarray", "memmap r", "h5py", "torch float32"])
def test_check_reads_everything(kind, scan_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(_array, "_SCAN_BYTES", scan_bytes)
    values = integers(SHAPES["3d"])
    SegmentArray(SOURCES[kind](values, tmp_path)).check()
    for row in reversed(range(N_ROWS)):
        values[row, -1, -1] = np.nan
        folder = tmp_path / str(row)
        folder.mkdir()
        with pytest.raises(ValueError, match=expected_message(np.nan, row)):
            SegmentArray(SOURCES[kind](values, folder)).check()


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 0)])
def test_check_values_of_nothing(shape):
    check_values(np.empty(shape), np.arange(shape[0]))


def test_check_values_of_booleans():
    check_values(np.array([[True], [False]]), np.arange(2))


# ---------------------------------------------------------------- chunks


@properties
@given(
    n_rows=st.integers(0, 50),
    n_timesteps=st.integers(1, 20),
    n_channels=st.integers(1, 4),
    n_bytes=st.integers(1, 3000),
)
def test_chunks_cover_every_row_once_within_the_budget(n_rows, n_timesteps, n_channels, n_bytes):
    # A dtype of another width: the budget counts the float32 values read, not those of the source.
    X = np.zeros((n_rows, n_timesteps, n_channels), dtype="i1")
    chunks = SegmentArray(X).chunks(n_bytes)
    assert_array_equal(np.concatenate([*chunks, np.arange(0)]), np.arange(n_rows))
    largest = max(1, n_bytes // (4 * n_timesteps * n_channels))
    sizes = [len(chunk) for chunk in chunks]
    assert all(size == largest for size in sizes[:-1])
    assert all(0 < size <= largest for size in sizes)


@pytest.mark.parametrize("n_rows", [1, 2, 255, 256, 257, 1000])
def test_spread_rows_are_evenly_spaced_and_all_of_few(n_rows):
    rows = SegmentArray(np.zeros((n_rows, 1))).spread_rows()
    assert_array_equal(rows, np.unique(np.linspace(0, n_rows - 1, 256).round().astype(int)))
    assert n_rows > 256 or len(rows) == n_rows
