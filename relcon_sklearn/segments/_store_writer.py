"""SegmentWriter: write segments into a store, subject by subject."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from .._utils._atomic import unfinished
from ._runs import run_starts
from ._store_folder import check_folder, create_or_continue, lock_folder
from ._store_format import (
    HEADER,
    RUN,
    RUNS,
    SEGMENTS,
    SUBJECTS,
    TIMES,
    Header,
    column_file,
    make_header,
    read_runs,
    read_subjects,
)
from ._store_times import check_hours, check_times
from ._store_values import check_columns, check_shape, encode_segments

# Segments are cast, checked and written in blocks of about this many bytes.
_BLOCK_BYTES = 2**24


class SegmentWriter:
    """Writer of a segment store: a directory with one array that can be memory-mapped.

    Segments are appended subject by subject. Each :meth:`append` is one commit. To commit several
    appends together, use :meth:`transaction`. When a commit returns, its segments are safely on
    disk. If it fails, or if the process or the machine dies during it, the store is as it was
    before. A writer opened on an existing store continues it. Memory stays bounded: segments are
    copied in blocks, so that memory-mapped and lazy arrays can be appended.

    Several threads may share a writer: one appends while the others wait. Only the process that
    opened a writer may use it.

    Parameters
    ----------
    path : str or path-like
        Directory of the store. It is created if it does not exist. An existing directory must be
        empty or hold a store. A leading ``~`` is the home folder. A relative path refers to the
        working directory at the time of opening.
    n_timesteps, n_channels : int
        Shape of a segment.
    sampling_rate : float
        Sampling rate in Hz.
    dtype : {"float32", "float16", "int16"}, default="float32"
        How values are stored. "float16" and "int16" take half the space of "float32". "float16"
        resolves 1 mg from 1 to 2 g, finer below, 2 mg up to 4 g and 8 mg at 16 g. "int16" resolves
        `scale` everywhere, which suits sensors with integer output.
    scale : float or None, default=None
        For "int16" only: the value of one integer step, in `units`. If None, 1/2048, for a range
        from -16 to 16 g. Values out of range raise an error.
    columns : mapping of str to dtype or None, default=None
        Further values stored for each segment, with a dtype of fixed size, for example
        ``{"activity": "U16", "speed": "float32"}``.
    channels : sequence of str or None, default=None
        Names of the channels. If None, x, y, z for three channels and c0, c1, ... otherwise.
    units : str, default="g"
        Unit of the values, for information only. The estimators expect g.

    Attributes
    ----------
    subjects : dict of str to int
        Names of the subjects with committed segments, in order of first appearance, and their
        numbers.
    n_segments : int
        Number of committed segments.

    Raises
    ------
    ValueError
        If a parameter is not valid, if the store at `path` has another description, or if another
        writer has it open.
    FileExistsError
        If `path` holds something other than a store.
    DamagedFileError
        If the store at `path` is damaged.

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
    ...         if subject not in writer.subjects:  # skip those written before a crash
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
        # Absolute, because the working directory can change while the writer is open.
        self.path = Path(os.path.expanduser(path)).resolve()
        wanted = make_header(
            n_timesteps, n_channels, sampling_rate, dtype, scale, columns, channels, units
        )
        self._files: dict = {}
        self._process = os.getpid()
        # Held by one thread for the whole of a transaction.
        self._mutex = threading.RLock()
        self._appending = False
        # The innermost transaction block that is open.
        self._block: object | None = None
        self.subjects: dict[str, int] = {}
        # Whether files or the index may hold more than `_pending` counts.
        self._torn = False
        check_folder(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self.path)
        try:
            for left in unfinished(self.path, HEADER):
                left.unlink()
            create_or_continue(self.path, wanted)
            for name in wanted.file_sizes():
                self._files[name] = open(self.path / name, "ab", buffering=0)
            self._header = self._pending = Header.read(self.path)
            # Remove what the last writer did not commit.
            self._roll_back()
        except BaseException:
            self.close()
            raise

    # -- public methods --------------------------------------------------------------------

    def append(self, X, subject: str, *, times=None, hours=None, **columns) -> None:
        """Append segments of one subject.

        Consecutive segments of the same subject and hour form a run, and the index has one entry
        for each run. Pass segments in order of time: any other order works, but makes the index
        larger.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in the units of the store. Any object with ``shape`` and row indexing, such as
            a memory-mapped array, is copied in blocks.
        subject : str
            Name of the subject the segments belong to. A subject may be appended several times.
        times : array-like of shape (n_segments,) or None, default=None
            Start time of each segment, as datetime64 (UTC) or in seconds. Times with a time zone or
            UTC offsets are converted to UTC. Local times must have a time zone. Either all segments
            of a store have times of one kind, or none has times.
        hours : array-like of int of shape (n_segments,) or None, default=None
            Number of the hour of each segment. Segments with the same number belong to the same
            hour of the subject. If None, hours are computed from `times`. Dates give calendar
            hours. Seconds give hours that differ from the hours of earlier appends. Without times,
            all segments belong to one hour.
        **columns : array-like of shape (n_segments,)
            Values of each column of the store. All columns are required. Columns of text require a
            str for each segment, for example "" where it is missing. Columns of floats require
            integers that they represent exactly.

        Raises
        ------
        ValueError
            If a shape does not fit, if a value of `X` is NaN or infinite, if a value is masked or
            outside the range of its dtype, if a value in a column of text is missing or a number,
            or if text is longer than its column is wide. If `times` are dates outside 1678 to 2262,
            or numbers above 1e11, which are milliseconds or finer.
        TypeError
            If `subject` is not a str.
        RuntimeError
            If called during another :meth:`append` of the same thread, for example while `X` is
            read, or in a signal handler. Or if called in another process than the one that opened
            the writer.
        OSError
            If the disk is full or fails. If the message says that the append is committed, only the
            last sync failed: the segments count, and must not be appended again.

        Warns
        -----
        UserWarning
            If one to three `times` are dates without a time zone that step back by about an hour or
            30 minutes, as local times do when daylight saving ends. Times with a time zone, such as
            UTC, are not checked.

        Notes
        -----
        After an error, `subjects` and `n_segments` tell what is committed. If the roll back was
        interrupted too, for example by a second Ctrl-C, they can lag behind until the next append.
        Open the writer again to be sure.
        """
        self._check_process()
        with self._mutex:
            outer = self._block
            try:
                with self.transaction():
                    self._appending = True
                    try:
                        self._append(X, subject, times, hours, columns)
                    finally:
                        self._appending = False
            finally:
                # An interrupt may have kept the block from ending.
                self._block = outer

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all appends in the block together: either all are kept or none.

        An append that fails within the block leaves nothing behind, so that its error can be caught
        there. The same holds for a block within the block.

        Raises
        ------
        ValueError
            If the writer is closed.
        RuntimeError
            If called during an :meth:`append` of the same thread, or in another process than the
            one that opened the writer. Also at the end of a block that is left in a fork.

        Notes
        -----
        Other threads that append wait until the block ends. Do not wait for them inside the block.

        Examples
        --------
        ::

            with writer.transaction():
                for chunk in chunks_of_one_subject:
                    writer.append(chunk, "ann")
        """
        # Before the lock, which a thread that does not exist in this process may hold.
        self._check_process()
        with self._mutex:
            self._check_usable()
            outer, block = self._block, object()
            nested = outer is not None
            if not nested and (self._torn or self._pending != self._header):
                # The last roll back failed, or did not begin.
                self._roll_back()
            before = self._pending
            self._block, self._pending = block, dataclasses.replace(before)
            try:
                yield
                if not nested:
                    self._commit()
            except BaseException:
                # An interrupted exit from a block may end it when later appends are committed.
                current = self._block is block
                # After a commit that was only not synced, nothing is left to roll back, which could
                # fail and hide that it is committed.
                is_left = nested or self._torn or self._pending != self._header
                if current and is_left and self._lock is not None and self._process == os.getpid():
                    self._roll_back(before if nested else None)
                raise
            finally:
                if self._block is block:
                    self._block = outer

    def close(self) -> None:
        """Close the files. What is not committed, within a :meth:`transaction`, is dropped."""
        # In a fork, the lock may be held by a thread that does not exist there.
        with self._mutex if self._process == os.getpid() else contextlib.nullcontext():
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

    def __reduce__(self):
        raise TypeError(
            "A SegmentWriter cannot be copied or pickled. Return the segments to the process that "
            "opened it, and append them there."
        )

    @property
    def n_segments(self) -> int:
        """Number of committed segments."""
        return self._header.n_segments

    # -- files and counts ------------------------------------------------------------------

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise RuntimeError(
                f"The SegmentWriter of {self.path} was opened by process {self._process} and used "
                f"by process {os.getpid()}. Return the segments to the process that opened it, and "
                "append them there."
            )

    def _check_usable(self) -> None:
        if self._lock is None:
            raise ValueError(f"The SegmentWriter of {self.path} is closed. Open a new one.")
        if self._appending:
            raise RuntimeError(
                f"The SegmentWriter of {self.path} was used while it was appending, for example by "
                "the X that it was reading, or by a signal handler. Wait until append returns."
            )
        if self._block is not None and self._torn:
            raise RuntimeError(
                f"An append to {self.path} in this transaction failed and could not be undone. "
                "Leave the block. The whole transaction is then rolled back."
            )

    def _append(self, X, subject, times, hours, columns) -> None:
        n = check_shape(X, self._header)
        if not isinstance(subject, str):
            raise TypeError(f"subject={subject!r} has type {type(subject).__name__}. Pass a str.")
        times = check_times(times, n, self._pending)
        first_free = self._next_hour.get(self.subjects.get(subject, -1), 0)
        hours = check_hours(hours, times, n, first_free)
        arrays = check_columns(columns, n, self._header.columns)
        self._torn = True
        code = self._subject_code(subject)
        for i in range(0, n, self._block_rows()):
            stop = min(i + self._block_rows(), n)
            rows = np.arange(i, stop)
            self._write(SEGMENTS, encode_segments(X[i:stop], rows, self._header))
        for name, values in arrays.items():
            self._write(column_file(name), values)
        if times is not None:
            self._write(TIMES, times)
            self._pending.times = "datetime" if times.dtype.kind == "M" else "seconds"
        self._write_runs(code, hours)
        self._pending.n_segments += n
        # Last, so that the name of a failed append is never listed.
        self.subjects.setdefault(subject, code)
        self._torn = False

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
        if subject in self.subjects:
            return self.subjects[subject]
        line = (json.dumps(subject) + "\n").encode()
        self._write(SUBJECTS, np.frombuffer(line, np.uint8))
        self._pending.n_subjects += 1
        self._pending.subjects_bytes += len(line)
        return len(self.subjects)

    def _write(self, name: str, values: np.ndarray) -> None:
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        if name in (checksums := self._pending.checksums):
            # A new dict, because the one of the committed header must not change.
            self._pending.checksums = checksums | {name: zlib.crc32(data, checksums[name])}
        while len(data):
            data = data[self._files[name].write(data) :]

    def _commit(self) -> None:
        self._check_process()
        self._check_usable()
        if self._pending == self._header:
            return
        for file in self._files.values():
            os.fsync(file.fileno())
        try:
            self._pending.write(self.path)
        except OSError as error:
            if Header.read(self.path) != self._pending:
                raise
            self._header = dataclasses.replace(self._pending)
            raise OSError(
                error.errno,
                f"{error.strerror or error}: the directory of the store could not be synced, but "
                f"the append or transaction is committed ({self._pending.n_segments} segments). "
                "It may be lost if the machine fails now. Do not append it again",
                str(self.path),
            ) from error
        self._header = dataclasses.replace(self._pending)

    def _roll_back(self, before: Header | None = None) -> None:
        """Reset the files and the state of this writer to what `before` or the disk counts."""
        self._torn = True
        # In memory first, in case that a file cannot be read or truncated.
        kept = (before or self._header).n_subjects
        self.subjects = dict(itertools.islice(self.subjects.items(), kept))
        if before is None:
            before = self._header = Header.read(self.path)
        for name, size in before.file_sizes().items():
            self._files[name].truncate(size)
        self._pending = dataclasses.replace(before)
        self.subjects = {name: i for i, name in enumerate(read_subjects(self.path, before))}
        runs = read_runs(self.path, before)
        self._next_hour = {}
        if len(runs):
            highest = np.full(len(self.subjects), np.iinfo(np.int64).min)
            np.maximum.at(highest, runs["subject"], runs["hour"].astype(np.int64))
            self._next_hour = dict(enumerate((highest + 1).tolist()))
        self._last_run = (int(runs["subject"][-1]), int(runs["hour"][-1])) if len(runs) else None
        self._torn = False

    def _block_rows(self) -> int:
        return max(1, _BLOCK_BYTES // (4 * self._header.n_timesteps * self._header.n_channels))
