"""SegmentWriter: segments into a store, a subject at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # Windows: there, two writers on one store are the user's to avoid
    fcntl = None

from .._utils._atomic import unfinished
from ._array import check_values
from ._runs import run_starts
from ._store_format import (
    DTYPES,
    HEADER,
    LOCK,
    RUN,
    RUNS,
    SEGMENTS,
    SUBJECTS,
    TIME_DTYPES,
    TIMES,
    Header,
    check_column,
    column_file,
    read_runs,
    read_subjects,
)

logger = logging.getLogger("relcon_sklearn")

# Segments are cast, checked and written in blocks of about this many bytes.
_BLOCK_BYTES = 2**24

_NS_PER_HOUR = 3_600_000_000_000


class SegmentWriter:
    """Write segments into a store: a directory with one array that can be memory-mapped.

    Segments are appended subject by subject. Each :meth:`append` is one commit (or each
    :meth:`transaction`, where several belong together): when it has returned, its segments are
    safely on disk; if it fails, or the process or the machine dies in the middle of it, the store
    is as it was before. A writer opened on a store that exists continues it. Memory stays bounded:
    what is appended may itself be memory-mapped or lazy, and is copied in blocks.

    Parameters
    ----------
    path : str or path-like
        Directory of the store. Made if it is not there; must be empty or a store if it is.
    n_timesteps, n_channels : int
        Shape of a segment.
    sampling_rate : float
        In Hz.
    dtype : {"float32", "float16", "int16"}, default="float32"
        How values are stored. Half precision takes half the space and resolves 1 mg from
        1 to 2 g, finer below, 2 mg up to 4 g, 8 mg at 16 g;
        "int16" takes half the space and resolves `scale` everywhere, which suits sensors that give
        integers.
    scale : float or None, default=None
        For "int16" only: the value of one integer step, in `units`. None is 1/2048 g, for a range
        of 16 g; wider values are refused.
    columns : mapping of str to dtype or None, default=None
        Further values kept for each segment, with a dtype of fixed size, for instance
        ``{"activity": "U16", "speed": "float32"}``.
    channels : sequence of str or None, default=None
        Names of the channels. None is x, y, z for three and c0, c1, ... for other numbers.
    units : str, default="g"
        Unit of the values, for the record; the estimators expect g.

    Attributes
    ----------
    subjects : dict of str to int
        Names of the subjects with committed segments, in order of their first, and their numbers.
    n_segments : int
        Number of committed segments.

    Raises
    ------
    ValueError
        If there is a store at `path` of another description, or another writer at work on it.
    FileExistsError
        If there are other things at `path`.

    See Also
    --------
    open_segments : Open a store for reading.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from relcon_sklearn import SegmentWriter, open_segments
    >>> folder = tempfile.TemporaryDirectory()
    >>> shape = dict(n_timesteps=128, n_channels=3, sampling_rate=50.0)
    >>> with SegmentWriter(folder.name, **shape) as writer:
    ...     for subject in ["ann", "bob"]:
    ...         if subject not in writer.subjects:  # written before a crash, that is
    ...             writer.append(np.ones((10, 128, 3)), subject, times=np.arange(10) * 2.56)
    >>> open_segments(folder.name).X.shape
    (20, 128, 3)
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        n_timesteps: int,
        n_channels: int,
        sampling_rate: float,
        dtype: str = "float32",
        scale: float | None = None,
        columns: Mapping[str, str] | None = None,
        channels: Sequence[str] | None = None,
        units: str = "g",
    ):
        self.path = Path(path)
        wanted = _make_header(
            n_timesteps, n_channels, sampling_rate, dtype, scale, columns, channels, units
        )
        self._files: dict = {}
        self._in_transaction = False
        _check_folder(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.path)
        try:
            for left in unfinished(self.path, HEADER):
                left.unlink()
            _create_or_continue(self.path, wanted)
            for name in wanted.file_sizes():
                self._files[name] = open(self.path / name, "ab", buffering=0)
            # What the last writer had not committed is of no use.
            self._roll_back()
        except BaseException:
            self.close()
            raise

    # -- use -------------------------------------------------------------------------------

    def append(self, X, subject: str, *, times=None, hours=None, **columns) -> None:
        """Append segments of one subject.

        Segments of the same subject and hour that follow each other make a run, by which readers
        know them. Give them in order of time, then; any other order works, with a larger index.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in the units of the store. Anything with shape and row indexing, such as a
            memory-mapped array, is copied in blocks.
        subject : str
            Whose they are. A subject may come again later.
        times : array-like of shape (n_segments,) or None, default=None
            When each segment starts, as datetime64 (UTC) or in seconds. All segments of a store
            have times of one kind, or none has.
        hours : array-like of int of shape (n_segments,) or None, default=None
            Which segments belong to the same hour of the subject: those of equal number. None
            takes the hours of `times`: of the calendar for dates; counted from zero and apart
            from those of earlier appends for seconds. Without times all are of one hour.
        **columns : array-like of shape (n_segments,)
            Values of the store's columns; each must be given.

        Raises
        ------
        ValueError
            If shapes do not fit, values are NaN, infinite or outside the range of the dtype, or
            text is longer than its column is wide.
        TypeError
            If `subject` is not a str.
        OSError
            If the disk is full or fails.
        """
        with self.transaction():
            self._append(X, subject, times, hours, columns)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all appends in the block one commit: all are kept, or none.

        Examples
        --------
        ::

            with writer.transaction():
                for chunk in chunks_of_one_subject:
                    writer.append(chunk, "ann")
        """
        if self._lock is None:
            raise ValueError(f"The SegmentWriter of {self.path} is closed.")
        if self._in_transaction:
            yield
            return
        self._in_transaction = True
        try:
            yield
            self._commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    def close(self) -> None:
        """Close the files. Nothing is pending: appends are committed as they are made."""
        for file in self._files.values():
            file.close()
        self._files = {}
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def n_segments(self) -> int:
        """Number of committed segments."""
        return self._header.n_segments

    # -- work ------------------------------------------------------------------------------

    def _append(self, X, subject, times, hours, columns) -> None:
        n = self._check_shape(X)
        if not isinstance(subject, str):
            raise TypeError(f"subject={subject!r} is a {type(subject).__name__}; pass a str.")
        times = self._check_times(times, n)
        hours = self._check_hours(hours, times, subject, n)
        arrays = self._check_columns(columns, n)
        code = self._subject_code(subject)
        for i in range(0, n, self._block_rows()):
            stop = min(i + self._block_rows(), n)
            self._write(SEGMENTS, self._encode(np.asarray(X[i:stop]), np.arange(i, stop)))
        for name, values in arrays.items():
            self._write(column_file(name), values)
        if times is not None:
            self._write(TIMES, times)
            self._pending.times = "datetime" if times.dtype.kind == "M" else "seconds"
        self._write_runs(code, hours)
        self._pending.n_segments += n

    def _write_runs(self, code: int, hours: np.ndarray) -> None:
        new = run_starts(hours)
        if (code, hours[0]) == self._last_run:
            new = new[1:]
        runs = np.empty(len(new), dtype=RUN)
        runs["start"] = self._pending.n_segments + new
        runs["subject"] = code
        runs["hour"] = hours[new]
        self._write(RUNS, runs)
        self._pending.n_runs += len(runs)
        self._last_run = (code, int(hours[-1]))
        self._next_hour[code] = max(self._next_hour.get(code, 0), int(hours.max()) + 1)

    def _subject_code(self, subject: str) -> int:
        if subject not in self.subjects:
            self.subjects[subject] = len(self.subjects)
            line = (json.dumps(subject) + "\n").encode()
            self._write(SUBJECTS, np.frombuffer(line, np.uint8))
            self._pending.n_subjects += 1
            self._pending.subjects_bytes += len(line)
        return self.subjects[subject]

    def _write(self, name: str, values: np.ndarray) -> None:
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        while len(data):
            data = data[self._files[name].write(data) :]

    def _commit(self) -> None:
        if self._pending == self._header:
            return
        for file in self._files.values():
            os.fsync(file.fileno())
        self._pending.write(self.path)
        self._header = dataclasses.replace(self._pending)

    def _roll_back(self) -> None:
        """Return files and memory to what the header on disk counts."""
        self._header = Header.read(self.path)
        for name, size in self._header.file_sizes().items():
            self._files[name].truncate(size)
        self._pending = dataclasses.replace(self._header)
        self.subjects = {name: i for i, name in enumerate(read_subjects(self.path, self._header))}
        runs = read_runs(self.path, self._header)
        self._next_hour = {}
        if len(runs):
            highest = np.full(len(self.subjects), np.iinfo(np.int64).min)
            np.maximum.at(highest, runs["subject"], runs["hour"].astype(np.int64))
            self._next_hour = dict(enumerate((highest + 1).tolist()))
        self._last_run = (int(runs["subject"][-1]), int(runs["hour"][-1])) if len(runs) else None

    # -- checks ----------------------------------------------------------------------------

    def _block_rows(self) -> int:
        return max(1, _BLOCK_BYTES // (4 * self._header.n_timesteps * self._header.n_channels))

    def _check_shape(self, X) -> int:
        shape = np.shape(X) if not hasattr(X, "shape") else tuple(X.shape)
        expected = (self._header.n_timesteps, self._header.n_channels)
        if len(shape) != 3 or shape[1:] != expected:
            raise ValueError(
                f"X has shape {shape}; this store takes (n_segments, {expected[0]}, {expected[1]})."
            )
        if shape[0] == 0:
            raise ValueError("X has no segments.")
        return shape[0]

    def _encode(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Cast a block of segments to the dtype of the store."""
        if values.dtype.kind not in "biuf":
            raise ValueError(f"X has dtype {values.dtype}; expected real numbers.")
        check_values(values, rows)
        header = self._header
        if header.scale is not None:
            values = np.rint(values / header.scale)
            limit = np.iinfo(np.int16)
        else:
            limit = np.finfo(DTYPES[header.dtype])
        outside = (values < float(limit.min)) | (values > float(limit.max))
        if outside.any():
            step = header.scale or 1.0
            row = rows[outside.reshape(len(rows), -1).any(axis=1)][0]
            raise ValueError(
                f"X contains {values[outside][0] * step:.4g} in row {row}, outside of what dtype "
                f"{header.dtype!r} holds here ({limit.min * step:.4g} to {limit.max * step:.4g} "
                f"{header.units}). Store float32, or choose a larger scale."
            )
        return values.astype(DTYPES[header.dtype])

    def _check_times(self, times, n: int) -> np.ndarray | None:
        kind = self._pending.times
        if times is None:
            if kind is not None:
                raise ValueError(f"times is None, but earlier segments have times ({kind}).")
            return None
        times = _check_one_per_segment(times, n, "times")
        if times.dtype.kind not in "Miuf":
            raise ValueError(f"times has dtype {times.dtype}; pass datetime64 or seconds.")
        given = "datetime" if times.dtype.kind == "M" else "seconds"
        if given != kind and self._pending.n_segments > 0:
            raise ValueError(
                f"times are {given}, but those of earlier segments are {kind or 'not known'}: all "
                "segments of a store have times of one kind."
            )
        times = times.astype(TIME_DTYPES[given])
        missing = np.isnat(times) if given == "datetime" else ~np.isfinite(times)
        if missing.any():
            raise ValueError(f"times has no value at {np.flatnonzero(missing)[0]}.")
        return times

    def _check_hours(self, hours, times, subject: str, n: int) -> np.ndarray:
        if hours is not None:
            hours = _check_one_per_segment(hours, n, "hours")
            if hours.dtype.kind not in "iu":
                raise ValueError(f"hours has dtype {hours.dtype}; pass integers.")
        elif times is None:
            hours = np.zeros(n, dtype=np.int64)
        elif times.dtype.kind == "M":
            hours = times.astype(np.int64) // _NS_PER_HOUR
        else:
            hours = np.floor(times / 3600).astype(np.int64)
            # Seconds start anew with each recording: its hours must not meet those before.
            first = self._next_hour.get(self.subjects.get(subject, -1), 0)
            hours = hours - hours.min() + first
        limit = np.iinfo(np.int32)
        if not (limit.min <= hours.min() and hours.max() < limit.max):
            raise ValueError(
                f"hours run from {hours.min()} to {hours.max()}; they must fit into 32 bits."
            )
        return hours.astype(np.int64)

    def _check_columns(self, columns: Mapping, n: int) -> dict[str, np.ndarray]:
        expected = self._header.columns
        if set(columns) != set(expected):
            raise ValueError(
                f"columns {sorted(columns)} were given, but the store has {sorted(expected)}: give "
                "each of them with every append."
            )
        return {
            name: _cast(_check_one_per_segment(columns[name], n, name), name, expected[name])
            for name in expected
        }


def _make_header(
    n_timesteps, n_channels, sampling_rate, dtype, scale, columns, channels, units
) -> Header:
    """Check the parameters of a writer."""
    for name, value in (("n_timesteps", n_timesteps), ("n_channels", n_channels)):
        if not (isinstance(value, (int, np.integer)) and value >= 1):
            raise ValueError(f"{name}={value!r}; pass an integer of at least 1.")
    if not (0 < sampling_rate < math.inf):
        raise ValueError(f"sampling_rate={sampling_rate!r}; pass a positive number of Hz.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r}; choose one of {list(DTYPES)}.")
    if dtype != "int16" and scale is not None:
        raise ValueError(f"scale={scale!r} is for dtype='int16' only, and dtype is {dtype!r}.")
    if dtype == "int16":
        scale = 1 / 2048 if scale is None else float(scale)
        if not 0 < scale < math.inf:
            raise ValueError(f"scale={scale!r}; pass a positive number of {units} a step.")
    if channels is None:
        channels = ["x", "y", "z"] if n_channels == 3 else [f"c{i}" for i in range(n_channels)]
    elif len(channels) != n_channels:
        raise ValueError(f"channels has {len(channels)} names for n_channels={n_channels}.")
    return Header(
        n_timesteps=int(n_timesteps),
        n_channels=int(n_channels),
        sampling_rate=float(sampling_rate),
        units=units,
        channels=[str(name) for name in channels],
        dtype=dtype,
        scale=scale,
        columns={k: check_column(k, v).str for k, v in (columns or {}).items()},
    )


def _check_folder(folder: Path) -> None:
    """Refuse a path where other things are than a store, or the beginnings of one."""
    if not folder.exists() or (folder / HEADER).is_file():
        return
    begun = {folder / LOCK, *unfinished(folder, HEADER)}
    if folder.is_dir() and set(folder.iterdir()) <= begun:
        return
    raise FileExistsError(
        f"{folder} is there, and is neither an empty directory nor a segment store; choose another "
        "path."
    )


def _create_or_continue(folder: Path, wanted: Header) -> None:
    """Write the header of a new store, or check that the one there is of the same description."""
    if not (folder / HEADER).is_file():
        wanted.write(folder)
        return
    old, new = Header.read(folder).description(), wanted.description()
    differences = [f"{k} is {old[k]!r}, not {new[k]!r}" for k in old if old[k] != new[k]]
    if differences:
        raise ValueError(
            f"There is another store at {folder}: {'; '.join(differences)}. Continue it as it is, "
            "or choose another path."
        )


def _lock(folder: Path) -> int:
    """Open the directory's lock file; a second writer is refused while this one lives."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if fcntl is None:
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ValueError(f"Another SegmentWriter is at work on {folder}.") from error
    except OSError:
        logger.info("The file system of %s has no locks; let one writer at a time use it.", folder)
    return descriptor


def _check_one_per_segment(values, n: int, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (n,):
        raise ValueError(
            f"{name} has shape {values.shape}; give one value for each of {n} segments."
        )
    return values


def _cast(values: np.ndarray, name: str, dtype: str) -> np.ndarray:
    """Cast the values of a column if nothing but precision is lost."""
    dtype = np.dtype(dtype)
    if dtype.kind == "U" and values.dtype.kind in "OT":
        values = values.astype(np.str_)
    alike = (values.dtype.kind == "U") == (dtype.kind == "U")
    if not (alike and np.can_cast(values.dtype, dtype, "same_kind")):
        raise ValueError(f"{name} has dtype {values.dtype}, but its column has {dtype}.")
    cast = values.astype(dtype)
    if dtype.kind in "iuU" and (cast != values).any():
        value = values[cast != values][0]
        raise ValueError(f"{name} has {value!r}, which does not fit into its column ({dtype}).")
    return cast
