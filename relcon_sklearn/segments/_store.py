"""A segment store opened for reading, without reading the segments."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .._utils._text import listed
from ..exceptions import DamagedFileError
from ._file_rows import CAN_READ_AT, FileRows
from ._lazy import LazyArray
from ._mapped import MappedRows, Residency
from ._runs import Runs, label_runs
from ._store_format import (
    DTYPES,
    SEGMENTS,
    TIME_DTYPES,
    TIMES,
    Header,
    column_file,
)
from ._subjects import wanted_subjects


class SegmentStore:
    """One or several segment stores, as returned by :func:`relcon_sklearn.open_segments`.

    Attributes
    ----------
    X : array-like of shape (n_segments, n_timesteps, n_channels)
        The segments. Values are read when they are indexed, and are float32 for every dtype of the
        store. `X` and its rows have the attribute `sampling_rate`. It is pickled as the path of the
        store.
    groups : array-like of shape (n_segments,)
        Name of each segment's subject. Stored as one label for each run of equal neighbours. It
        can be indexed and compared like an array, and be a column of a DataFrame. Where pandas
        requires an array, as in `groupby`, pass ``numpy.asarray(store.groups)``.
    hour_groups : array-like of int of shape (n_segments,)
        Number of each segment's subject and hour. RelCon draws within-subject candidates from these
        groups where recordings are long.
    times : memmap of shape (n_segments,) or ndarray or None
        Start time of each segment, as datetime64[ns] (UTC) or in seconds. None if the store has no
        times. That of several stores is read into memory.
    subjects : ndarray of str
        Names of the subjects.
    sampling_rate : float
        Sampling rate in Hz.
    units : str
        Unit of the values.
    channels : list of str
        Names of the channels.
    columns : list of str
        Names of the further values. ``store[name]`` returns them as a memmap of shape
        (n_segments,).
    """

    def __init__(
        self, folder: Path, header: Header, names: np.ndarray, records: np.ndarray, runs: Runs
    ):
        self.path = folder
        self._header = header
        self._names, self._records, self._runs = names, records, runs
        self.X = StoredSegments(folder, header, runs)
        subject = records["subject"].astype(np.int64)
        self.subjects = names[np.unique(subject)]
        self.groups = label_runs(subject, runs.sizes, names)
        # One number for each pair of subject and hour, which may have several runs.
        hour, codes = np.unique(subject * 2**32 + records["hour"], return_inverse=True)
        self.hour_groups = label_runs(codes, runs.sizes, np.arange(len(hour)))
        self.sampling_rate, self.units = header.sampling_rate, header.units
        self.channels, self.columns = list(header.channels), list(header.columns)

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return (
            f"<SegmentStore {str(self.path)!r}: {len(self)} segments of {self.X.shape[1]} x "
            f"{self.X.shape[2]} at {self.sampling_rate:g} Hz, {len(self.subjects)} subjects>"
        )

    @property
    def times(self) -> np.ndarray | None:
        """Start time of each segment."""
        if self._header.times is None:
            return None
        return self._values(TIMES, TIME_DTYPES[self._header.times])

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._header.columns:
            raise KeyError(f"The store has no column {name!r}. Its columns are {self.columns}.")
        return self._values(column_file(name), self._header.columns[name])

    def select(self, subjects: Iterable[str]) -> SegmentStore:
        """Return the store restricted to the given subjects, for example the training subjects.

        Only the index is copied.

        Parameters
        ----------
        subjects : iterable of str
            Names of the subjects.

        Returns
        -------
        store : SegmentStore
            The segments of these subjects, in the order of the store.

        Raises
        ------
        ValueError
            If a name is not in the store, or if `subjects` is empty or a str.
        """
        wanted = wanted_subjects(subjects, self.subjects)
        keep = np.isin(self._names, wanted)[self._records["subject"]]
        return SegmentStore(
            self.path, self._header, self._names, self._records[keep], self._runs.take(keep)
        )

    def verify(self) -> None:
        """Read the files of the store, or of several, and compare their checksums.

        A byte that a disk or a copy has changed is found. Opening compares the checksums of the
        index only, because all files must be read for the others. Segments that are committed after
        the store was opened are not read.

        Raises
        ------
        DamagedFileError
            If files differ from what was written. The message names them. It is
            :class:`~relcon_sklearn.exceptions.DamagedFileError`.
        ValueError
            If a store was begun by an earlier version, which wrote no checksums of segments, times
            and columns.
        OSError
            If a file cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> from relcon_sklearn.datasets import make_motion_store
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = make_motion_store(folder, 60, 3, n_timesteps=64, random_state=0)
        ...     store.verify()
        """
        stores = self._all_stores()
        damaged = [
            str(path) for store in stores for path in store._header.damaged_files(store.path)
        ]
        if damaged:
            raise DamagedFileError(
                f"Files are damaged: their checksums do not match: {listed(damaged, 10)}. Copy "
                "these stores again, or write them again."
            )
        unknown = [str(s.path) for s in stores if SEGMENTS not in s._header.checksums]
        if unknown:
            raise ValueError(
                "Segments, times and columns have no checksums in stores that an earlier version "
                f"of relcon_sklearn began: {listed(unknown, 10)}. Write these stores again to have "
                "checksums."
            )

    def _all_stores(self) -> list[SegmentStore]:
        return [self]

    def _values(self, file: str, dtype: str) -> np.ndarray:
        values = FileRows(self.path / file, dtype, (self._header.n_segments,)).mapped()
        if len(self) == self._header.n_segments:
            return values
        return values[self._runs.rows_at(np.arange(len(self)))]


class StoredSegments(LazyArray):
    """Segments of a store as an array-like of float32, which is pickled as a path.

    Parameters
    ----------
    folder : Path
        Directory of the store.
    header : Header
        Header of the store.
    runs : Runs
        Rows of the store to include.
    """

    def __init__(self, folder: Path, header: Header, runs: Runs):
        self._folder, self._header, self._runs = folder, header, runs
        self.shape = (runs.n_rows, header.n_timesteps, header.n_channels)
        self.dtype = np.dtype(np.float32)
        self.sampling_rate = header.sampling_rate

    def open(self, residency: Residency | None = None) -> MappedRows:
        """Map the file of the store. Stores can share an account of resident pages."""
        header = self._header
        shape = (header.n_segments, *self.shape[1:])
        file = FileRows(self._folder / SEGMENTS, DTYPES[header.dtype], shape)
        return MappedRows(file.mapped(), residency, file if CAN_READ_AT else None)

    def read_from(self, stored: MappedRows, rows: np.ndarray) -> np.ndarray:
        """Return the given segments, read from the mapped file of the store."""
        values = stored.read(self._runs.rows_at(rows)).astype(np.float32, copy=False)
        if self._header.scale is not None:
            values *= np.float32(self._header.scale)
        return values

    @functools.cached_property
    def _rows(self) -> MappedRows:
        return self.open()

    def __reduce__(self):
        return StoredSegments, (self._folder, self._header, self._runs)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        return self.read_from(self._rows, rows)
