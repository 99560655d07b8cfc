"""Recordings in little memory, against the DataFrames of read_recording."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

pd = pytest.importorskip("pandas")
pytest.importorskip("actfast")

from relcon_sklearn._recordings._compact import (  # noqa: E402
    BlockTimes,
    CompactRecording,
    CompactSignal,
)
from relcon_sklearn.exceptions import DamagedFileError  # noqa: E402
from relcon_sklearn.recordings import _axivity, calibrate, read_recording  # noqa: E402
from relcon_sklearn.recordings._calibrate import calibrate_compact  # noqa: E402
from relcon_sklearn.recordings._read_recording import read_in_little_memory  # noqa: E402
from relcon_sklearn.timelines import predict_timeline  # noqa: E402
from tests.support.device_files import write_cwa  # noqa: E402

N_BLOCKS, PER_BLOCK = 60, 80
# A device that is 1 % slow, and whose clock is rounded to 10 ms.
STARTS = np.datetime64("2024-03-05T22:00:00.00") + np.rint(
    np.arange(N_BLOCKS) * PER_BLOCK / 0.99
).astype(int) * np.timedelta64(10, "ms")
# The acceleration that each number of 1/256 g stands for.
VALUES = np.tile(np.arange(2**16).astype(np.int16) / np.float32(256), (3, 1))
GAP = np.timedelta64(7, "s") * (np.arange(N_BLOCKS) >= 20)


class Mean(RegressorMixin, BaseEstimator):
    """A regressor of segments whose value is their mean."""

    def fit(self, X=None, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X.mean(axis=(1, 2))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file, which is read in parts of seven blocks."""
    monkeypatch.setattr(_axivity, "_BLOCKS_AT_ONCE", 7)

    def write(starts=STARTS, still=0, **kwargs):
        g = np.random.default_rng(0).normal([0, 0, 1], 0.3, (N_BLOCKS * PER_BLOCK, 3))
        g[: still * PER_BLOCK] = [0, 0, 1]
        path = tmp_path / "a.cwa"
        write_cwa(path, g, starts, **kwargs)
        return path

    return write


def assert_same(compact, frame):
    assert isinstance(compact, CompactRecording)
    assert compact.attrs == frame.attrs
    assert compact.has_zone == (frame.index.tz is not None)
    np.testing.assert_array_equal(compact.signal[:], frame[["x", "y", "z"]])
    np.testing.assert_array_equal(compact.stamps[:], frame.index.to_numpy("M8[ns]"))


@pytest.mark.parametrize("starts", [STARTS, STARTS + GAP], ids=["regular", "gap"])
@pytest.mark.parametrize("at_once", [1, 7, 10**6])
def test_parts_of_a_file(starts, at_once, write, monkeypatch):
    path = write(starts)
    monkeypatch.setattr(_axivity, "_BLOCKS_AT_ONCE", at_once)
    frame = read_recording(path)
    assert_same(read_in_little_memory(path), frame)
    monkeypatch.setattr(_axivity, "_BLOCKS_AT_ONCE", 2**14)
    pd.testing.assert_frame_equal(frame, read_recording(path), check_exact=True)


@pytest.mark.parametrize("damaged", [[3], [20, 21], range(14, 21)], ids=str)
def test_damage_is_named_by_its_place_in_the_file(damaged, write):
    path = write(damaged=damaged)
    first = f"sector {damaged[0]} .byte offset {1024 + 512 * damaged[0]}. failed checksum"
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError, match=f"record {damaged[0]}, .*{first}"):
            read(path)
        with pytest.warns(UserWarning, match=f"damaged parts were left out.*{first}"):
            read(path, errors="skip")


@pytest.mark.filterwarnings("ignore:.*damaged parts were left out")
def test_a_file_of_which_all_is_damaged(write):
    path = write(damaged=range(N_BLOCKS))
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError, match="no samples"):
            read(path, errors="skip")


@pytest.mark.filterwarnings("ignore:.*damaged parts were left out")
def test_damaged_blocks_are_gaps(write):
    path = write(damaged=[3, *range(14, 21)])
    compact = read_in_little_memory(path, errors="skip")
    assert len(compact.signal) == (N_BLOCKS - 8) * PER_BLOCK
    assert_same(compact, read_recording(path, errors="skip"))


def test_a_clock_that_was_set_back(write):
    path = write(STARTS - np.timedelta64(1, "h") * (np.arange(N_BLOCKS) >= 30))
    for read in (read_recording, read_in_little_memory):
        with pytest.warns(UserWarning, match=f"set back: sample {30 * PER_BLOCK} has 2024-03"):
            read(path)
    with (
        pytest.warns(UserWarning, match="set back"),
        pytest.raises(ValueError, match="steps back in time by about an hour"),
    ):
        predict_timeline(Mean().fit(), read_in_little_memory(path), window=1, target_rate=50)


@pytest.mark.parametrize(("per_g", "compact"), [((64, 256), True), ((64,), False), ((2**15,), 0)])
def test_acceleration_that_does_not_fit_is_read_as_a_frame(per_g, compact, write, monkeypatch):
    path = write()
    frame = read_recording(path)
    monkeypatch.setattr(_axivity, "_COUNTS_PER_G", per_g)
    found = read_in_little_memory(path)
    if compact:
        assert_same(found, frame)
    else:
        pd.testing.assert_frame_equal(found, frame, check_exact=True)


def test_blocks_that_cannot_be_told_have_the_nominal_rate(write, monkeypatch):
    path = write()
    monkeypatch.setattr(_axivity, "sizes_of_blocks", lambda stamps, starts: None)
    frame = read_in_little_memory(path)
    assert set(np.diff(frame.index.to_numpy())[:79]) == {np.timedelta64(10, "ms")}
    assert frame.index[80] == pd.Timestamp(STARTS[1])


@pytest.mark.parametrize("starts", [STARTS, STARTS + GAP], ids=["regular", "gap"])
@pytest.mark.parametrize("still", [0, 30, N_BLOCKS])
@pytest.mark.parametrize("more", [{}, {"max_gap": 0.5}, {"step": 0.4}], ids=str)
def test_timelines_are_equal(starts, still, more, write):
    path = write(starts, still)
    settings = {"window": 1, "target_rate": 50, "nonwear": 0.2} | more
    timelines = [
        predict_timeline(Mean().fit(), read(path), **settings)
        for read in (read_recording, read_in_little_memory)
    ]
    assert timelines[0]["wear"].all() == (still == 0)
    pd.testing.assert_frame_equal(*timelines, check_exact=True)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    """What is added to the recording itself are blocks of windows and of samples."""
    added = []
    for n_blocks in (2_000, 6_000):
        rng = np.random.default_rng(0)
        counts = rng.normal([0, 0, 256], 80, (n_blocks * PER_BLOCK, 3)).astype(np.int16)
        starts = np.arange(n_blocks) * 810_000_000
        recording = CompactRecording(
            CompactSignal(counts, VALUES),
            BlockTimes.between(starts, np.full(n_blocks, PER_BLOCK), 100.0),
            {"units": "g", "sampling_rate": 100.0, "channels": ["x", "y", "z"]},
        )
        tracemalloc.start()
        predict_timeline(Mean().fit(), recording, window=10, target_rate=5)
        added.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    n_more = 4_000 * PER_BLOCK
    assert added[1] < added[0] + 4 * n_more  # the times of the samples would need twice as much


# ---------------------------------------------------------------- times of blocks

SIZES = np.array([3, 1, 4, 2])
TIMES = BlockTimes.between(np.array([0, 30, 40, 95]) * 10**9, SIZES, 0.1)


@pytest.mark.parametrize(
    "which",
    [slice(None), slice(2, 9), slice(3, 3), slice(9, 2), slice(4, 99), slice(None, None, 3),
     slice(-2, None), slice(8, 1, -2), 5, -1, np.int64(0), [7, 0, -1], np.array([[1, 2], [9, 4]]),
     np.arange(0)],
    ids=str,
)  # fmt: skip
def test_times_are_as_those_of_an_array(which):
    expected = np.datetime64(0, "ns") + np.array(
        [0, 10, 20, 30, 40, 50, 60, 70, 95, 105]
    ) * np.timedelta64(10**9, "ns")
    np.testing.assert_array_equal(TIMES[which], expected[which])
    assert TIMES.shape == expected.shape
    moved = TIMES.moved(np.timedelta64(-90, "m"))
    np.testing.assert_array_equal(moved[which], expected[which] - np.timedelta64(90, "m"))


# ---------------------------------------------------------------- calibration


def test_calibration_is_equal():
    pytest.importorskip("skdh")
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(380, 3))
    directions[:185, 0] = 0  # so that more than 12 h are needed
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    g = directions.repeat(4 * 60 * 4, axis=0) * [1.05, 1, 1] + [0, 0.04, 0]
    g[::1000] = 0
    counts = np.rint(g * 256).astype(np.int16)
    attrs = {"units": "g", "sampling_rate": 4.0, "channels": ["x", "y", "z"]}
    stamps = BlockTimes.between(np.zeros(1, dtype=np.int64), np.array([len(counts)]), 4.0)
    compact = CompactRecording(CompactSignal(counts, VALUES), stamps, attrs)
    frame = pd.DataFrame(counts / np.float32(256), columns=["x", "y", "z"])
    frame.attrs = attrs
    expected, found = calibrate(frame), calibrate_compact(compact)
    assert found.attrs == expected.attrs
    assert found.attrs["calibration"]["error_after"] < found.attrs["calibration"]["error_before"]
    np.testing.assert_array_equal(found.signal[:], expected[["x", "y", "z"]])
    with pytest.raises(ValueError, match="calibrated already"):
        calibrate_compact(found)
