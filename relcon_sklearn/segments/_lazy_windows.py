"""LazyWindows: continuous recordings as segments that take no memory of their own."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from ._lazy import LazyArray
from ._mapped import MappedRows, Residency
from ._runs import RunLabels, Runs

# Every mapping takes a file descriptor, of which a process may have no more than a thousand.
_MAX_OPEN_FILES = 128

_SECONDS_PER_HOUR = 3600


class LazyWindows(LazyArray):
    """Windows of continuous recordings, cut when they are read.

    An array-like of shape (n_windows, n_timesteps, n_channels) over recordings that stay where
    they are, mostly in memory-mapped files. Windows that overlap, and views of several window
    lengths over the same files, therefore cost no copy and no disk. `fit` and `transform` take it
    as X. It pickles as the paths of the files, which a worker opens anew; recordings in memory are
    pickled with their data.

    There is nothing here to find holes, units or labels: recordings must be regularly sampled and
    free of gaps (pass the stretches between gaps as recordings of their own, slices of one memmap
    will do). :func:`segment_recordings` does all that, for a copy.

    Parameters
    ----------
    recordings : sequence of array-like or path
        Recordings of shape (n_samples, n_channels): memory maps or slices of them, paths of
        ``.npy`` files, or arrays. Recordings shorter than a window have none.
    n_timesteps : int
        Samples in a window.
    stride_samples : int or None, default=None
        Samples from the start of one window to that of the next. None is `n_timesteps`: windows
        follow each other without overlap.
    subjects : sequence or None, default=None
        Subject of each recording, of any sortable type. None makes each recording its own.
    sampling_rate : float or None, default=None
        In Hz; needed for `hour_groups` only.
    scale : float, default=1.0
        What one unit of the files is in g: 1 / 9.80665 for m/s^2, or the value of one step for
        integers.

    Attributes
    ----------
    shape : tuple of int
        (n_windows, n_timesteps, n_channels).
    dtype : dtype
        float32, whatever the files have.
    sampling_rate : float or None
        In Hz, as given.
    groups : array-like of shape (n_windows,)
        Subject of each window. Kept by runs of equal neighbours; indexed, and compared, as an array
        is.
    hour_groups : array-like of int of shape (n_windows,)
        Number of each window's recording and hour in it: the groups from which RelCon draws its
        within-subject candidates where recordings are long.

    Raises
    ------
    ValueError
        If recordings have different numbers of channels, or no window fits into any.

    See Also
    --------
    segment_recordings : Windows as an array, after resampling, with labels and without gaps.
    SegmentWriter : Keep windows on disk.

    Examples
    --------
    >>> import numpy as np
    >>> recording = np.arange(30.0).reshape(10, 3)
    >>> X = LazyWindows([recording, recording[:7]], n_timesteps=4, stride_samples=2)
    >>> X.shape
    (6, 4, 3)
    >>> X[1, :, 0].tolist()
    [6.0, 9.0, 12.0, 15.0]
    >>> X.groups[:].tolist()
    [0, 0, 0, 0, 1, 1]
    """

    def __init__(
        self,
        recordings: Sequence,
        n_timesteps: int,
        *,
        stride_samples: int | None = None,
        subjects: Sequence | None = None,
        sampling_rate: float | None = None,
        scale: float = 1.0,
    ):
        stride_samples = n_timesteps if stride_samples is None else stride_samples
        for name, value in (("n_timesteps", n_timesteps), ("stride_samples", stride_samples)):
            if not (isinstance(value, Integral) and value >= 1):
                raise ValueError(f"{name}={value!r}; pass a number of samples of at least 1.")
        if not (isinstance(scale, Real) and np.isfinite(scale) and scale != 0):
            raise ValueError(f"scale={scale!r}; pass the value of one unit of the files in g.")
        if isinstance(recordings, (str, os.PathLike)) or hasattr(recordings, "shape"):
            raise ValueError("recordings is a single recording; pass a list of recordings.")
        self._recordings = [
            _locate_recording(recording, i) for i, recording in enumerate(recordings)
        ]
        if subjects is not None and len(subjects) != len(self._recordings):
            raise ValueError(
                f"subjects has {len(subjects)} entries for {len(self._recordings)} recordings."
            )
        channels = sorted({recording.shape[1] for recording in self._recordings})
        if len(channels) > 1:
            raise ValueError(f"recordings have different numbers of channels: {channels}.")
        lengths = np.array([len(recording) for recording in self._recordings], dtype=np.int64)
        counts = np.maximum(lengths - n_timesteps + stride_samples, 0) // stride_samples
        if counts.sum() == 0:
            raise ValueError(
                f"No window of n_timesteps={n_timesteps} fits into any of {len(lengths)} "
                f"recordings; the longest has {lengths.max(initial=0)} samples."
            )
        self._stride_samples, self._scale = int(stride_samples), float(scale)
        self.sampling_rate = sampling_rate
        self._numbers = np.flatnonzero(counts)
        self._counts = counts[self._numbers]
        self._runs = Runs(np.zeros(len(self._numbers)), self._counts)
        names = np.arange(len(lengths)) if subjects is None else np.asarray(subjects)
        self._subjects = names[self._numbers]
        self.shape = (int(counts.sum()), int(n_timesteps), channels[0])
        self.dtype = np.dtype(np.float32)
        self._reset_open_files()

    @property
    def groups(self) -> RunLabels:
        """Subject of each window."""
        return RunLabels(self._subjects, self._counts)

    @property
    def hour_groups(self) -> RunLabels:
        """Number of each window's recording and hour in it."""
        if self.sampling_rate is None:
            raise ValueError("sampling_rate is None; hours need the rate, in Hz.")
        per_hour = _SECONDS_PER_HOUR * self.sampling_rate / self._stride_samples
        sizes = []
        for count in self._counts.tolist():
            hours = np.arange(int((count - 1) / per_hour) + 1)
            # The first window that starts in the hour or later.
            sizes.append(np.diff(np.ceil(hours * per_hour).astype(np.int64), append=count))
        sizes = np.concatenate(sizes)
        sizes = sizes[sizes > 0]  # of hours in which no window starts
        return RunLabels(np.arange(len(sizes)), sizes)

    def locate(self, rows) -> tuple[np.ndarray, np.ndarray]:
        """Return where windows come from, for instance to look up their labels.

        Parameters
        ----------
        rows : array-like of int of shape (n,)
            Row numbers.

        Returns
        -------
        recordings, samples : ndarray of int of shape (n,)
            The number of each window's recording, and of its first sample in it.
        """
        rows = self._row_numbers(np.asarray(rows))
        run = self._runs.run_at(rows)
        return self._numbers[run], self._runs.rows_at(rows) * self._stride_samples

    def _read(self, rows: np.ndarray) -> np.ndarray:
        values = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        run, window = self._runs.run_at(rows), self._runs.rows_at(rows)
        for number in np.unique(run):
            there = np.flatnonzero(run == number)
            values[there] = self._windows_of(self._numbers[number])(window[there])
        if self._scale != 1:
            values *= np.float32(self._scale)
        return values

    def _windows_of(self, number: int):
        """Return a function that reads windows of one recording."""
        if number not in self._open:
            recording = self._recordings[number]
            array = recording.open() if isinstance(recording, _File) else recording
            view = sliding_window_view(array, self.shape[1], axis=0, subok=True)
            view = view[:: self._stride_samples].transpose(0, 2, 1)
            if len(self._open) >= _MAX_OPEN_FILES:
                # The one that was opened first: candidates come from the same few recordings only
                # within a batch.
                self._open.pop(next(iter(self._open)))
            if isinstance(recording, _File):
                self._open[number] = MappedRows(view, self._residency).read
            else:
                self._open[number] = view.__getitem__
        return self._open[number]

    def _reset_open_files(self) -> None:
        self._open, self._residency = {}, Residency()

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["_open"], state["_residency"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._reset_open_files()


class _File(NamedTuple):
    """An array in a file, to be memory-mapped when it is needed."""

    path: str
    offset: int  # of the first value, in bytes
    shape: tuple[int, int]
    strides: tuple[int, int]
    dtype: np.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def open(self) -> np.memmap:
        """Map the array, read-only."""
        n_bytes = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        file = np.memmap(self.path, np.uint8, "r")
        values = file[self.offset : self.offset + n_bytes + self.dtype.itemsize]
        if len(values) != n_bytes + self.dtype.itemsize:
            raise ValueError(f"{self.path} has become shorter since it was opened first.")
        return as_strided(values.view(self.dtype), self.shape, self.strides, subok=True)


def _locate_recording(recording, number: int) -> _File | np.ndarray:
    """Return where a recording lies, if that is in a file, else the array."""
    if isinstance(recording, (str, os.PathLike)):
        recording = np.load(recording, mmap_mode="r", allow_pickle=False)
    recording = recording if isinstance(recording, np.ndarray) else np.asarray(recording)
    if recording.ndim != 2 or recording.shape[1] == 0 or recording.dtype.kind not in "biuf":
        raise ValueError(
            f"recordings[{number}] has shape {recording.shape} and dtype {recording.dtype}; "
            "expected real numbers of shape (n_samples, n_channels)."
        )
    # Changes to a copy-on-write map are in no file.
    in_file = isinstance(recording, np.memmap) and recording.mode in ("r", "r+", "w+")
    if not in_file or not len(recording) or min(recording.strides) < 0:
        return recording
    # NumPy maps from the last granule before the offset, and views keep the offset of the whole.
    mapped_from = recording.offset - recording.offset % mmap.ALLOCATIONGRANULARITY
    start = np.frombuffer(recording._mmap, np.uint8).ctypes.data
    return _File(
        str(Path(recording.filename).resolve()),
        recording.ctypes.data - start + mapped_from,
        recording.shape,
        recording.strides,
        recording.dtype,
    )
