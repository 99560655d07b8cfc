"""LazyWindows: a view of continuous recordings as segments, without a copy."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from .._utils._rates import is_rate
from ._lazy import LazyArray
from ._mapped import MappedRows, Residency
from ._open_files import OpenFiles
from ._runs import RunLabels, Runs

_SECONDS_PER_HOUR = 3600


class LazyWindows(LazyArray):
    """Windows of continuous recordings, cut when they are read.

    An array-like of shape (n_windows, n_timesteps, n_channels) that views the recordings without
    copying them. Recordings are usually memory-mapped files. Overlapping windows, and views with
    several window lengths over the same files, therefore take no memory and no disk space. Pass it
    to `fit` and `transform` as X. It is pickled as the paths of the files, which a worker opens
    again. Recordings in memory are pickled with their data. Several threads may read it at once.

    Gaps, units and labels are not handled: recordings must be sampled regularly and without gaps.
    Pass the stretches between gaps as separate recordings, for example as slices of one memmap.
    :func:`segment_recordings` handles gaps, units and labels, and returns a copy.

    Parameters
    ----------
    recordings : sequence of array-like or path
        Recordings of shape (n_samples, n_channels): memory maps or slices of them, paths of
        ``.npy`` files, or arrays. Recordings shorter than a window have no windows.
    n_timesteps : int
        Number of samples in a window.
    stride_samples : int or None, default=None
        Number of samples from the start of one window to the start of the next. If None,
        `n_timesteps`: windows do not overlap.
    subjects : sequence or None, default=None
        Subject of each recording, of any sortable type. If None, each recording is a separate
        subject.
    sampling_rate : float or None, default=None
        Sampling rate in Hz. It is needed for `hour_groups`. Estimators compare it with the rate of
        their training segments.
    scale : float, default=1.0
        Factor that converts the values of the files to g: 1 / 9.80665 for m/s^2, or the value of
        one step for integers.

    Attributes
    ----------
    shape : tuple of int
        (n_windows, n_timesteps, n_channels).
    dtype : dtype
        float32, for every dtype of the files.
    sampling_rate : float or None
        Sampling rate in Hz, as given. Rows have the attribute too.
    groups : array-like of shape (n_windows,)
        Subject of each window. Stored as one label for each run of equal neighbours. It can be
        indexed and compared like an array.
    hour_groups : array-like of int of shape (n_windows,)
        Number of each window's recording and hour in it. RelCon draws within-subject candidates
        from these groups where recordings are long.

    Raises
    ------
    ValueError
        If a parameter is not valid, if recordings have different numbers of channels, or if no
        window fits into any recording.

    See Also
    --------
    segment_recordings : Cut recordings into an array, with resampling, labels and gap handling.
    SegmentWriter : Store segments on disk.

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
                raise ValueError(
                    f"{name}={value!r} is not valid. Pass a number of samples, an integer of at "
                    "least 1."
                )
        if sampling_rate is not None and not is_rate(sampling_rate):
            raise ValueError(
                f"sampling_rate={sampling_rate!r} is not valid. Pass the rate in Hz, a positive "
                "number, or None."
            )
        if not (isinstance(scale, Real) and np.isfinite(scale) and scale != 0):
            raise ValueError(
                f"scale={scale!r} is not valid. Pass the value of one unit of the files in g, a "
                "finite number other than 0."
            )
        if isinstance(recordings, (str, os.PathLike)) or hasattr(recordings, "shape"):
            raise ValueError("recordings is a single recording. Pass a list of recordings.")
        self._recordings = [
            _locate_recording(recording, i) for i, recording in enumerate(recordings)
        ]
        if subjects is not None and len(subjects) != len(self._recordings):
            raise ValueError(
                f"subjects has {len(subjects)} entries, but there are {len(self._recordings)} "
                "recordings. Pass one subject for each recording."
            )
        channels = sorted({recording.shape[1] for recording in self._recordings})
        if len(channels) > 1:
            raise ValueError(f"recordings have different numbers of channels: {channels}.")
        lengths = np.array([len(recording) for recording in self._recordings], dtype=np.int64)
        counts = np.maximum(lengths - n_timesteps + stride_samples, 0) // stride_samples
        if counts.sum() == 0:
            raise ValueError(
                f"No window of n_timesteps={n_timesteps} fits into any of {len(lengths)} "
                f"recordings. The longest has {lengths.max(initial=0)} samples."
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
            raise ValueError("sampling_rate is None. Pass the rate in Hz to get hour_groups.")
        per_hour = _SECONDS_PER_HOUR * self.sampling_rate / self._stride_samples
        sizes = []
        for count in self._counts.tolist():
            hours = np.arange(int((count - 1) / per_hour) + 1)
            # The first window that starts in the hour or later.
            sizes.append(np.diff(np.ceil(hours * per_hour).astype(np.int64), append=count))
        sizes = np.concatenate(sizes)
        sizes = sizes[sizes > 0]  # drop hours in which no window starts
        return RunLabels(np.arange(len(sizes)), sizes)

    def locate(self, rows) -> tuple[np.ndarray, np.ndarray]:
        """Return the recording and first sample of windows, for example to look up their labels.

        Parameters
        ----------
        rows : array-like of int of shape (n,)
            Row numbers of the windows.

        Returns
        -------
        recordings : ndarray of int of shape (n,)
            Index of each window's recording.
        samples : ndarray of int of shape (n,)
            Index of each window's first sample in its recording.
        """
        rows = self._row_numbers(np.asarray(rows))
        run = self._runs.run_at(rows)
        return self._numbers[run], self._runs.rows_at(rows) * self._stride_samples

    def _read(self, rows: np.ndarray) -> np.ndarray:
        values = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        run, window = self._runs.run_at(rows), self._runs.rows_at(rows)
        for number in np.unique(run):
            there = np.flatnonzero(run == number)
            read = self._files.get(self._numbers[number], self._open)
            values[there] = read(window[there])
        if self._scale != 1:
            values *= np.float32(self._scale)
        return values

    def _open(self, number: int) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function that reads windows of one recording."""
        recording = self._recordings[number]
        array = recording.open() if isinstance(recording, _File) else recording
        view = sliding_window_view(array, self.shape[1], axis=0, subok=True)
        view = view[:: self._stride_samples].transpose(0, 2, 1)
        in_file = isinstance(recording, _File)
        return MappedRows(view, self._residency).read if in_file else view.__getitem__

    def _reset_open_files(self) -> None:
        self._files, self._residency = OpenFiles(), Residency()

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["_files"], state["_residency"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._reset_open_files()


class _File(NamedTuple):
    """Location of an array in a file, which is memory-mapped when it is needed."""

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
            raise ValueError(
                f"{self.path} has become shorter since it was first opened. Create LazyWindows "
                "again."
            )
        return as_strided(values.view(self.dtype), self.shape, self.strides, subok=True)


def _locate_recording(recording, number: int) -> _File | np.ndarray:
    """Return the location of a recording if it is in a file, else the array."""
    if isinstance(recording, (str, os.PathLike)):
        recording = np.load(recording, mmap_mode="r", allow_pickle=False)
    recording = recording if isinstance(recording, np.ndarray) else np.asarray(recording)
    if recording.ndim != 2 or recording.shape[1] == 0 or recording.dtype.kind not in "biuf":
        raise ValueError(
            f"recordings[{number}] has shape {recording.shape} and dtype {recording.dtype}. "
            "Expected real numbers of shape (n_samples, n_channels)."
        )
    # Changes to a copy-on-write map are not in its file.
    in_file = isinstance(recording, np.memmap) and recording.mode in ("r", "r+", "w+")
    if not in_file or not len(recording) or min(recording.strides) < 0:
        return recording
    # NumPy maps from the last granule before the offset, and views keep the offset of their base.
    mapped_from = recording.offset - recording.offset % mmap.ALLOCATIONGRANULARITY
    start = np.frombuffer(recording._mmap, np.uint8).ctypes.data
    return _File(
        str(Path(recording.filename).resolve()),
        recording.ctypes.data - start + mapped_from,
        recording.shape,
        recording.strides,
        recording.dtype,
    )
