"""Data: a week of a device to segments, and random rows of a store."""

from __future__ import annotations

import json
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from benchmarks.common.processes import run_module
from benchmarks.speed.bench_store import N_CHANNELS, N_TIMESTEPS, write_store
from benchmarks.speed.device_file import DEVICE_RATE, TARGET_RATE, WINDOW
from benchmarks.speed.generated_cwa import RATE, write_cwa
from benchmarks.speed.table_settings import Answer, TablePart, TableSettings
from benchmarks.speed.turns import TurnRow, in_turns
from relcon_sklearn import open_segments, segment_recordings
from relcon_sklearn.recordings import read_recording
from relcon_sklearn.segments._array import SegmentArray
from relcon_sklearn.segments._file_rows import FileRows
from relcon_sklearn.segments._mapped import MappedRows, Residency

# -- a week ----------------------------------------------------------------------------------------

STAMPS, REGULAR, SCIPY = (
    "segment_recordings, with time stamps",
    "segment_recordings, without",
    "scipy's resample_poly",
)


def measure_week(settings: TableSettings) -> tuple[list[dict], dict]:
    """Return the records of a week, and the memory that segmentation adds in another process."""
    path = settings.folder / "recording.cwa"
    write_cwa(path, 0.5 if settings.smoke else 168, DEVICE_RATE)
    memory = run_module("benchmarks.speed.bench_recordings", "--process-of", path, check=True)
    recording = read_recording(path)
    signal = recording[["x", "y", "z"]].to_numpy()
    options = {"window": WINDOW, "target_rate": TARGET_RATE}
    regular = partial(segment_recordings, signal, sampling_rate=RATE, units="g", **options)
    calls = {
        SCIPY: partial(resample_poly, signal, TARGET_RATE, RATE, axis=0),
        REGULAR: regular,
        STAMPS: partial(segment_recordings, recording, **options),
    }
    rows = [TurnRow(name, call, len(signal) / 1e6) for name, call in calls.items()]
    return in_turns(rows, settings.turns(3), warm_up=False), json.loads(memory.stdout)


WEEK = TablePart(
    measure_week,
    "A week of 59.7 million samples of three axes to windows of 10 s at 50 Hz. Without time "
    "stamps, the samples are taken to have 100 Hz, as for `scipy.signal.resample_poly`, which "
    "resamples all of them at once and does not cut. The time stamps are those of a device that "
    "runs 1.3 % too slow, so that every sample is interpolated.",
    "million samples",
    (
        Answer("week to segments, regular", REGULAR),
        Answer("week to segments, with time stamps", STAMPS, 1.3),
    ),
)


# -- rows of a store -------------------------------------------------------------------------------

MEMMAP, STORED, SEGMENTS, LARGE, RELEASED = (
    "np.memmap",
    "rows of a store, as stored",
    "rows of a store, checked float32 segments",
    "rows of a store larger than a quarter of the memory",
    "rows of another file larger than a quarter of the memory",
)
N_ROWS = 1344  # of a read: a batch of the published setting
N_READS = 20  # of different rows
# Three sevenths of the rate of np.memmap: 3,000 of the 7,006 MB/s where the goal was set.
SLOWEST = 7006 / 3000


class DoesNotFit(Residency):
    """An account of a file that does not fit in memory, whose pages are released."""

    fits = False


def measure_rows(settings: TableSettings) -> list[dict]:
    """Return the records of reading random rows of a file in the page cache."""
    path = settings.folder / "store"
    n = 5000 if settings.smoke else 400_000
    write_store(path, n)
    rng = np.random.default_rng(0)
    # Each reader has the same rows in the same order.
    some = [rng.permutation(n)[:N_ROWS] for _ in range(N_READS)]
    store = open_segments(path)
    shape = (n, N_TIMESTEPS, N_CHANNELS)
    plain = _mapping(path, shape)
    readers = {
        MEMMAP: plain.__getitem__,
        STORED: MappedRows(_mapping(path, shape)).read,
        SEGMENTS: SegmentArray(store.X).read,
        LARGE: FileRows(path / "segments.raw", "<i2", shape).read,
        RELEASED: MappedRows(_mapping(path, shape), DoesNotFit()).read,
    }
    megabytes = N_ROWS * N_TIMESTEPS * N_CHANNELS * 2 / 1e6
    rows = [
        TurnRow(name, partial(_read_next, read, cycle(some)), megabytes)
        for name, read in readers.items()
    ]
    # The warm-up reads all pages of the file.
    np.add.reduce(plain.reshape(-1)[:: 2**10])
    return in_turns(rows, settings.turns(10), n_calls=2 if settings.smoke else N_READS)


def _mapping(path: Path, shape: tuple[int, ...]) -> np.memmap:
    return np.memmap(path / "segments.raw", "<i2", "r", shape=shape)


def _read_next(read, batches) -> None:
    read(next(batches))


ROWS = TablePart(
    measure_rows,
    "1,344 random rows at a time of a memory-mapped file of 307 MB (int16, 128 x 3) in the page "
    "cache. A training reads checked segments. Larger stores are read by system calls. Pages of "
    "other large files are released, so that each row is mapped anew.",
    "MB",
    (
        Answer("random rows of a store, as stored", STORED, SLOWEST),
        Answer("random rows of a store, checked", SEGMENTS),
    ),
)
