"""MappedRows: rows of memory-mapped files, prefetched from the disk, and pages released."""

import mmap

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_array_equal

from relcon_sklearn.segments import _mapped
from relcon_sklearn.segments._array import SegmentArray
from relcon_sklearn.segments._mapped import MappedRows


class RecordingMap(mmap.mmap):
    """A mapping that remembers the advice it was given."""

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        self.advice = []
        return self

    def madvise(self, *args):
        self.advice.append(args)
        super().madvise(*args)

    def releases(self):
        """How often pages were released."""
        return self.advice.count((mmap.MADV_DONTNEED,))

    def prefetched(self):
        """First byte and number of bytes of each piece that was prefetched."""
        return [rest for kind, *rest in self.advice if kind == mmap.MADV_WILLNEED]


def as_memmap(values, folder, mode):
    np.save(folder / "X.npy", values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmap, "mmap", RecordingMap)
        return np.load(folder / "X.npy", mmap_mode=mode)


def mapped(folder, mode, n_rows=20, view=slice(None)):
    return as_memmap(integers((n_rows, 5, 3)), folder, mode)[view]


def integers(shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.fixture(autouse=True)
def larger_than_memory(monkeypatch):
    """Treat files as larger than memory. The tests of those that fit set the share again."""
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 0)


@pytest.fixture
def fits(monkeypatch):
    """Let files up to 10,000 bytes together fit in memory."""
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 0.5)
    monkeypatch.setattr(_mapped, "_memory_bytes", lambda: 20_000)


needs_madvise = pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="needs madvise")


@pytest.mark.parametrize("view", [slice(None), slice(3, 17)], ids=["whole", "slice"])
@pytest.mark.parametrize("mode", ["r+", "c"])
def test_changes_survive_the_release_of_pages(mode, view, tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    X = mapped(tmp_path, mode, view=view)
    X[5] = 1234
    X[7, 0, 0] = -99
    expected = np.array(X)
    array = SegmentArray(X)
    for row in [*range(len(X)), 5, 7, *range(len(X))]:
        assert_array_equal(array.read(np.array([row])), expected[[row]])
    assert_array_equal(X, expected)
    in_file = np.load(tmp_path / "X.npy")[view]
    assert_array_equal(in_file, expected if mode == "r+" else integers((20, 5, 3))[view])


@needs_madvise
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_pages_are_released_once_the_budget_is_spent(mode, tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 10 * 2**16)
    monkeypatch.setattr(_mapped, "_BYTES_PER_FAULT", 2**16)
    X = mapped(tmp_path, mode)
    array = SegmentArray(X)
    releases = []
    for _ in range(35):
        array.read(np.array([3]))
        releases.append(X._mmap.releases())
    # A row and the page around it: ten go beyond the budget.
    assert_array_equal(np.flatnonzero(np.diff(releases)) + 2, [10, 20, 30])


@needs_madvise
def test_scattered_rows_are_read_a_budget_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 10 * 2**16)
    monkeypatch.setattr(_mapped, "_BYTES_PER_FAULT", 2**16)
    values = np.arange(300 * 2**14, dtype=np.float32).reshape(300, 2**13, 2)
    X = as_memmap(values, tmp_path, "r")
    rows = np.random.default_rng(0).permutation(300)[:100]
    assert_array_equal(SegmentArray(X).read(rows), values[rows])
    assert X._mmap.releases() == 10


@needs_madvise
def test_large_rows_count_in_full(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 3 * 2**18)
    monkeypatch.setattr(_mapped, "_BYTES_PER_FAULT", 2**16)
    X = as_memmap(np.zeros((2, 2**15, 2), dtype=np.float32), tmp_path, "r")  # 256 kB a row
    array = SegmentArray(X)
    for n_reads, n_releases in ((2, 0), (1, 1), (2, 1), (1, 2)):
        for _ in range(n_reads):
            array.read(np.array([1]))
        assert X._mmap.releases() == n_releases


def test_copy_on_write_pages_are_never_released(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    X = mapped(tmp_path, "c")
    array = SegmentArray(X)
    for _ in range(5):
        array.read(np.arange(len(X)))
    assert X._mmap.advice == []


def test_reading_works_without_madvise(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    monkeypatch.setattr(_mapped, "_CAN_ADVISE", False)
    X = mapped(tmp_path, "r")
    for _ in range(3):
        assert_array_equal(SegmentArray(X).read(np.arange(len(X))), np.array(X))
    assert X._mmap.advice == []


@pytest.mark.parametrize("mode", ["r", "c"])
def test_a_memmap_without_a_file(mode, tmp_path, monkeypatch):
    # A copy is of the same class, but lies in memory.
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    X = mapped(tmp_path, mode).copy()
    assert isinstance(X, np.memmap)
    assert_array_equal(MappedRows(X).read(np.array([3, 0, 3])), X[[3, 0, 3]])


# ---------------------------------------------------------------- prefetching


LAYOUTS = {
    "whole": lambda X: X,
    "slice": lambda X: X[3:17],
    "every other row": lambda X: X[::2],
    "few timesteps": lambda X: X[:, 1:4],
    "windows": lambda X: sliding_window_view(X.reshape(-1, 3), 40, axis=0, subok=True),
}


def bytes_of(X, row):
    """Offsets, in the mapping, of the bytes of a row."""
    start = np.frombuffer(X._mmap, np.uint8).ctypes.data
    values = X[row]
    axes = zip(values.shape, values.strides, strict=True)
    offsets = sum(np.ix_(*(np.arange(n) * stride for n, stride in axes)))
    return values.ctypes.data - start + offsets.ravel()[:, None] + np.arange(X.itemsize)


@needs_madvise
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("near", [0, 10_000])
def test_what_is_prefetched_is_what_is_read(layout, near, tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_NEAR_BYTES", near)
    X = LAYOUTS[layout](as_memmap(integers((200, 40, 3)), tmp_path, "r"))
    rows = np.array([5, 1, len(X) - 1, 1, 6])
    assert_array_equal(MappedRows(X).read(rows), np.array(X)[rows])
    pieces = X._mmap.prefetched()
    assert all(start % mmap.PAGESIZE == 0 for start, _ in pieces)
    covered = np.zeros(X._mmap.size(), dtype=bool)
    for start, length in pieces:
        covered[start : start + length] = True
    needed = np.zeros_like(covered)
    for row in rows:
        needed[bytes_of(X, row)] = True
    assert covered[needed].all()
    assert covered.sum() <= needed.sum() + len(pieces) * (2 * mmap.PAGESIZE) + 5 * near


@needs_madvise
@pytest.mark.parametrize(("near", "n_pieces"), [(0, 3), (480, 3), (960, 2), (10_000, 1)])
def test_near_rows_are_one_piece(near, n_pieces, tmp_path, monkeypatch):
    # Rows of 480 bytes: between 2 and 5 lie 960, between 6 and 17 many more.
    monkeypatch.setattr(_mapped, "_NEAR_BYTES", near)
    X = as_memmap(integers((200, 40, 3)), tmp_path, "r")
    MappedRows(X).read(np.array([17, 6, 5, 2]))
    assert len(X._mmap.prefetched()) == n_pieces


@needs_madvise
def test_rows_scattered_over_the_whole_file_are_not_prefetched(tmp_path):
    X = as_memmap(np.asfortranarray(integers((200, 40, 3))), tmp_path, "r")
    assert X.flags.f_contiguous
    assert_array_equal(MappedRows(X).read(np.array([7, 3])), np.array(X)[[7, 3]])
    assert X._mmap.prefetched() == []


def test_no_rows(tmp_path):
    assert MappedRows(mapped(tmp_path, "r")).read(np.arange(0)).shape == (0, 5, 3)


# ---------------------------------------------------------------- files that fit in memory


@needs_madvise
@pytest.mark.usefixtures("fits")
def test_a_file_that_fits_is_fetched_once_and_never_released(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    monkeypatch.setattr(_mapped, "_PIECE_BYTES", 2**12)
    X = mapped(tmp_path, "r", n_rows=100)  # 6,000 bytes and a header
    reader = MappedRows(X)
    rows = np.array([3, 90, 3, 0])
    for _ in range(3):
        assert_array_equal(reader.read(rows), np.array(X)[rows])
    assert_array_equal(reader.read(np.arange(100)), np.array(X))
    assert X._mmap.releases() == 0
    (piece,) = X._mmap.prefetched()  # both pieces, which are adjacent
    assert piece == [0, X._mmap.size()]


@needs_madvise
@pytest.mark.usefixtures("fits")
def test_new_rows_of_a_file_that_fits_are_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(_mapped, "_NEAR_BYTES", 0)
    X = mapped(tmp_path, "r", n_rows=100)
    reader = MappedRows(X)
    for n_fetched, row in ((1, 0), (1, 1), (2, 99), (2, 0), (3, 50)):
        reader.read(np.array([row]))
        assert len(X._mmap.prefetched()) == n_fetched
    needed = bytes_of(X, 99)
    start, length = X._mmap.prefetched()[1]
    assert start <= needed.min()
    assert needed.max() < start + length <= X._mmap.size()


@needs_madvise
@pytest.mark.usefixtures("fits")
@pytest.mark.parametrize(("n_files", "are_released"), [(1, False), (2, True)])
def test_files_that_are_read_in_turn_fit_together(n_files, are_released, tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_RESIDENT_BYTES", 1)
    residency = _mapped.Residency()
    files = [mapped(tmp_path, "r", n_rows=100) for _ in range(n_files)]
    for reader in [MappedRows(X, residency) for X in files]:
        assert len(reader.read(np.array([2, 1]))) == 2
    assert [X._mmap.releases() > 0 for X in files] == [are_released] * n_files


def test_no_file_fits_where_the_size_of_the_memory_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "_SHARE_OF_MEMORY", 1)
    monkeypatch.setattr(_mapped, "_memory_bytes", lambda: 0)
    residency = _mapped.Residency()
    MappedRows(mapped(tmp_path, "r"), residency)
    if _mapped._CAN_ADVISE:
        assert not residency.fits
