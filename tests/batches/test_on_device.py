"""DeviceSegments: the same batches, from a copy of the segments in device memory."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from relcon_sklearn._batches import (
    Batches,
    DeviceSegments,
    GroupIndex,
    SharedBatches,
    _on_device,
    hold_out_groups,
    on_device,
)
from relcon_sklearn._batches._on_device import fits
from relcon_sklearn.segments._array import SegmentArray
from tests.support.estimators import tiny_embedder
from tests.support.reference import euclidean

CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.cuda),
]
on_each = pytest.mark.parametrize("device", DEVICES)
N = 30


def noise(dtype="f4", shape=(N, 5, 3)):
    """Return values that are rounded when cast, or integers of the full range of the dtype."""
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind in "iu":
        # Only values that are small enough to be accepted.
        low, high = np.clip([np.iinfo(dtype).min, np.iinfo(dtype).max], -(10**12), 10**12)
        return rng.integers(low, high, size=shape, endpoint=True).astype(dtype)
    return (30 * rng.normal(size=shape)).astype(dtype)


def kept(X, device=CPU):
    return DeviceSegments(SegmentArray(X), torch.device(device))


def assert_same_batches(found, expected, device):
    found, expected = list(found), list(expected)
    assert len(found) == len(expected) >= 1
    for batch, expected_batch in zip(found, expected, strict=True):
        assert batch.segments.device.type == device
        assert batch.seed == expected_batch.seed
        for x, y in zip(batch[:3], expected_batch[:3], strict=True):
            torch.testing.assert_close(x.cpu(), y, rtol=0, atol=0)


@pytest.fixture
def small_pieces(monkeypatch):
    """Copy 7 rows at a time. The number of rows is not a multiple of 7."""
    monkeypatch.setattr(_on_device, "_COPY_BYTES", 7 * 5 * 3 * 4)


# ---------------------------------------------------------------- reading

NARROW = {
    "f2": torch.float16,
    ">f2": torch.float16,
    "i2": torch.int16,
    ">i2": torch.int16,
    "i1": torch.int8,
    "u1": torch.uint8,
    "?": torch.bool,
}
WIDE = ["f4", "f8", ">f8", "i4", "i8", "u2"]


@on_each
@pytest.mark.parametrize("dtype", [*NARROW, *WIDE])
def test_same_rows_for_every_dtype(dtype, device, small_pieces):
    X = noise(dtype)
    segments, rows = kept(X, device), np.array([29, 0, 13, 13, 6, 7])
    found = segments.read(rows)
    assert found.dtype == torch.float32
    assert found.device.type == device
    assert_array_equal(found.cpu().numpy(), SegmentArray(X).read(rows))
    # Narrow dtypes are kept. All others become float32.
    assert segments._segments.dtype == NARROW.get(dtype, torch.float32)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int16, torch.float64])
def test_torch_tensors(dtype):
    X = torch.from_numpy(noise()).to(dtype)
    segments = kept(X)
    assert segments._segments.dtype == (torch.float32 if dtype == torch.float64 else dtype)
    assert torch.equal(segments.read(np.arange(N)), X.float())


def test_shape_and_length():
    assert (kept(noise()).shape, len(kept(noise()))) == ((N, 5, 3), N)
    one_channel = noise(shape=(N, 5))
    assert kept(one_channel).shape == (N, 5, 1)
    assert_array_equal(kept(one_channel).read(np.array([3]))[0, :, 0], one_channel[3])


@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_read_returns_a_copy(dtype):
    X = noise(dtype)
    expected, segments = X.copy(), kept(X)
    segments.read(np.arange(N)).zero_()
    assert_array_equal(segments.read(np.arange(N)), expected.astype(np.float32))
    assert_array_equal(X, expected)


def test_memory_mapped_rows_are_read_once(tmp_path, small_pieces):
    class Counting(SegmentArray):
        rows = []

        def read(self, rows):
            self.rows.extend(rows.tolist())
            return super().read(rows)

    np.save(tmp_path / "X.npy", noise("f2"))
    array = Counting(np.load(tmp_path / "X.npy", mmap_mode="r"))
    segments = DeviceSegments(array, CPU)
    assert_array_equal(segments.read(np.arange(N)), noise("f2").astype(np.float32))
    assert array.rows == list(range(N))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e13])
@pytest.mark.parametrize("row", [0, 16, N - 1])
def test_bad_values_are_errors_that_name_the_row(value, row, small_pieces):
    X = noise("f8")
    X[row, 2, 1] = value
    with pytest.raises(ValueError, match=rf"recordings contains .* in row {row}\b"):
        DeviceSegments(SegmentArray(X, "recordings"), CPU)


# ---------------------------------------------------------------- batches


@on_each
@pytest.mark.parametrize("kind", [Batches, SharedBatches])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_same_batches_of_both_parts_of_a_split(kind, dtype, device):
    X = noise(dtype)
    segments, rng = kept(X, device), np.random.default_rng(0)
    index = GroupIndex.from_labels(np.arange(N) % 7)
    for part in hold_out_groups(index, 0.3, rng):
        expected = kind(SegmentArray(X), part, 3, 5, n_within=1)
        found = kind(segments, part, 3, 5, n_within=1)
        for expected.epoch in range(2):
            found.epoch = expected.epoch
            assert_same_batches(found, expected, device)


def test_only_tensors_on_the_host_are_pinned_and_moved():
    # The meta device, whose tensors have no contents, replaces a GPU.
    segments = kept(noise(), "meta")
    batch = next(iter(Batches(segments, GroupIndex.from_labels(np.arange(N) % 3), 4, 0, 2)))
    assert [x.device.type for x in batch[:3]] == ["meta", "cpu", "cpu"]
    moved = batch.to("meta")
    assert moved.segments is batch.segments
    assert {x.device.type for x in moved[:3]} == {"meta"}
    assert moved.pin_memory()[:3] == moved[:3]


def test_a_batch_on_the_device_is_not_copied():
    batch = next(iter(Batches(kept(noise()), GroupIndex.from_labels(np.arange(N)), 4, 0)))
    assert batch.to("cpu") is batch
    assert batch.to(CPU) is batch


# ---------------------------------------------------------------- where segments are kept


def test_a_quarter_of_the_free_memory_is_used():
    assert fits(250, 1000)
    assert not fits(251, 1000)
    assert not fits(1, 0)
    # On a GPU of 8 GB with 7 GB free, the 5 GB that the default settings need stay free.
    assert not any(fits(n, 7 * 2**30) for n in range(2 * 2**30, 7 * 2**30, 2**28))


@pytest.mark.parametrize(("dtype", "itemsize"), [("f2", 2), ("i2", 2), ("f4", 4), ("f8", 4)])
def test_kept_if_the_copy_fits(dtype, itemsize):
    array = SegmentArray(noise(dtype))
    n_bytes = N * 5 * 3 * itemsize
    asked = []

    def free(n):
        return lambda device: asked.append(device) or n

    meta = torch.device("meta")
    assert isinstance(on_device(array, meta, free(4 * n_bytes)), DeviceSegments)
    assert on_device(array, meta, free(4 * n_bytes - 1)) is array
    assert asked == [meta, meta]


def test_larger_than_any_memory():
    # 12 PB. The number of bytes does not fit into 32 bits, and no row is read.
    X = np.broadcast_to(np.float32(0), (2**40, 1000, 3))
    array = SegmentArray(X)
    assert on_device(array, torch.device("meta"), lambda device: 2**40) is array


def test_nothing_changes_on_the_cpu():
    array = SegmentArray(noise())
    assert on_device(array, CPU) is array


def free_everywhere(n, monkeypatch):
    """Make all devices, also the CPU, report `n` free bytes. Return the list of queried devices."""
    asked = []
    monkeypatch.setattr(_on_device, "_free_bytes", lambda device: asked.append(device) or n)
    return asked


@on_each
@pytest.mark.parametrize("distance", [None, euclidean])
def test_an_estimator_learns_the_same_from_the_copy(distance, device, motion, monkeypatch):
    X, _, subjects = motion
    settings = {} if distance is None else {"distance": distance}
    found = []
    for n_bytes in (0, 2**30):
        asked = free_everywhere(n_bytes, monkeypatch)
        embedder = tiny_embedder(device=device, max_epochs=1, **settings)
        found.append(embedder.fit(X.astype(np.float16), groups=subjects).transform(X))
        # Once for each module that is trained.
        assert len(asked) == (2 if distance is None else 1)
    tolerance = {} if device == "cuda" else {"rtol": 0, "atol": 0}
    torch.testing.assert_close(*map(torch.from_numpy, found), **tolerance)


def test_nothing_is_copied_without_epochs(motion, monkeypatch):
    asked = free_everywhere(2**30, monkeypatch)
    tiny_embedder(distance=euclidean, max_epochs=0).fit(motion[0])
    assert asked == []


@pytest.mark.cuda
def test_kept_on_a_gpu():
    device = torch.device("cuda")
    before = torch.cuda.memory_allocated()
    X = noise("f2", shape=(2**14, 16, 3))
    segments = on_device(SegmentArray(X), device)
    assert isinstance(segments, DeviceSegments)
    assert X.nbytes <= torch.cuda.memory_allocated() - before < 1.1 * X.nbytes
    del segments
    assert torch.cuda.memory_allocated() == before


@pytest.mark.cuda
def test_memory_reserved_by_torch_counts_as_free():
    device = torch.device("cuda")
    before = _on_device._free_bytes(device)
    block = torch.empty(2**28, dtype=torch.uint8, device=device)
    assert _on_device._free_bytes(device) < before - 2**27
    del block  # torch keeps the memory in its cache
    assert abs(_on_device._free_bytes(device) - before) < 2**26


@pytest.mark.cuda
def test_the_host_does_not_wait_for_a_gpu():
    segments = kept(noise(shape=(2**12, 64, 3)), "cuda")
    segments.read(np.arange(1000))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        segments.read(np.arange(1000)[::-1].copy())
    finally:
        torch.cuda.set_sync_debug_mode("default")
