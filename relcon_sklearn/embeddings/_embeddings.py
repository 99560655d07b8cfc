"""Embeddings that embed_store wrote, opened for reading."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .._utils._damage import is_damage
from .._utils._text import listed
from ..exceptions import DamagedFileError
from ..segments._lazy import LazyArray, positions_by_part
from ..segments._mapped import MappedRows, Residency
from ..segments._open_files import OpenFiles
from ..segments._runs import RunLabels, Runs
from ..segments._subjects import wanted_subjects
from ._format import DTYPES, Index, Layout

# What to do about shards that are not complete.
_WRITE_AGAIN = "Call embed_store with the same transformer, store and folder to write it again."


class Embeddings:
    """Embeddings of the segments of a store, as :func:`open_embeddings` returns them.

    Attributes
    ----------
    X : array-like of shape (n_segments, n_features)
        The embeddings, in the order of the segments of the store. Values are read from
        memory-mapped files when they are indexed, and are float32 for every dtype of the files. It
        is pickled as a path.
    groups : array-like of shape (n_segments,)
        Name of each segment's subject, as ``store.groups``.
    subjects : ndarray of str
        Names of the subjects.
    path : Path
        Folder of the embeddings.
    shard_rows : int
        Number of embeddings in each file. The last one may have fewer.
    """

    def __init__(self, folder: Path, layout: Layout, groups: RunLabels, runs: Runs):
        self.path, self.shard_rows = folder, layout.shard_rows
        self.groups, self.subjects = groups, np.unique(groups.labels)
        self.X = StoredEmbeddings(folder, layout, runs)
        self._layout, self._runs = layout, runs

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return (
            f"<Embeddings {str(self.path)!r}: {len(self)} segments, {self.X.shape[1]} features, "
            f"{len(self.subjects)} subjects>"
        )

    def select(self, subjects: Iterable[str]) -> Embeddings:
        """Return the embeddings of the given subjects, for example the training subjects.

        Only the index is copied.

        Parameters
        ----------
        subjects : iterable of str
            Names of the subjects.

        Returns
        -------
        embeddings : Embeddings
            The embeddings of their segments, in the order of the store.

        Raises
        ------
        ValueError
            If a name is not in the store, or if `subjects` is empty or a str.
        """
        keep = np.isin(self.groups.labels, wanted_subjects(subjects, self.subjects))
        groups = RunLabels(self.groups.labels[keep], self.groups.runs.sizes[keep])
        return Embeddings(self.path, self._layout, groups, self._runs.take(keep))

    def verify(self) -> None:
        """Read the files that have these embeddings, and compare their checksums.

        A byte that a disk or a copy has changed is found. Opening only compares sizes, because all
        files must be read for checksums.

        Raises
        ------
        DamagedFileError
            If files differ from what was written. The message names them. It is
            :class:`~relcon_sklearn.exceptions.DamagedFileError`.
        OSError
            If a file cannot be read.
        """
        shards, layout = self._shards(), self._layout
        damaged = [layout.file(i) for i in shards if not layout.is_intact(self.path, i)]
        if damaged:
            raise DamagedFileError(
                f"{len(damaged)} of {len(shards)} files in {self.path} are damaged. Their "
                f"checksums do not match: {listed(damaged, 10)}. Remove them. {_WRITE_AGAIN}"
            )

    def _shards(self) -> list[int]:
        """Return the numbers of the shards that have these embeddings."""
        runs, size = self._runs, self.shard_rows
        first, last = runs.starts // size, (runs.starts + runs.sizes - 1) // size
        shards = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
        return np.unique(np.concatenate(shards)).tolist()


class StoredEmbeddings(LazyArray):
    """Embeddings in a folder as an array-like of float32, which is pickled as a path.

    Parameters
    ----------
    folder : Path
        The folder.
    layout : Layout
        Layout of the embeddings.
    runs : Runs
        Rows to include.
    """

    def __init__(self, folder: Path, layout: Layout, runs: Runs):
        self._folder, self._layout, self._runs = folder, layout, runs
        self.shape = (runs.n_rows, layout.n_features)
        self.dtype = np.dtype(np.float32)
        self._shards, self._residency = OpenFiles(), Residency()

    def __reduce__(self):
        return StoredEmbeddings, (self._folder, self._layout, self._runs)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        shard, row = np.divmod(self._runs.rows_at(rows), self._layout.shard_rows)
        values = np.empty((len(rows), self.shape[1]), self.dtype)
        for number, where in positions_by_part(shard):
            values[where] = self._shards.get(number, self._open).read(row[where])
        return values

    def _open(self, number: int) -> MappedRows:
        return MappedRows(_map_shard(self._folder, self._layout, number), self._residency)


def _map_shard(folder: Path, layout: Layout, number: int) -> np.memmap:
    """Map the file of a shard; raise DamagedFileError if it is not complete."""
    path = folder / layout.file(number)
    try:
        shard = np.load(path, mmap_mode="r")
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} is missing. {_WRITE_AGAIN}") from error
    except Exception as error:  # of a damaged file, which can be any
        if not is_damage(error):
            raise
        raise DamagedFileError(f"{path} is damaged ({error}). {_WRITE_AGAIN}") from error
    if shard.shape != layout.shape(number) or shard.dtype.str != DTYPES[layout.dtype]:
        raise DamagedFileError(
            f"{path} is damaged: it has shape {shard.shape} and dtype {shard.dtype}. Expected "
            f"{layout.shape(number)} and {layout.dtype}. Remove it. {_WRITE_AGAIN}"
        )
    return shard


def open_embeddings(path) -> Embeddings:
    """Open the embeddings that :func:`embed_store` wrote.

    The index is read, and that all files are complete is checked by their sizes. The embeddings
    are read when they are indexed. :meth:`Embeddings.verify` compares their checksums.

    Parameters
    ----------
    path : path-like
        Folder of the embeddings. A leading ``~`` is the home folder.

    Returns
    -------
    embeddings : Embeddings
        The opened embeddings.

    Raises
    ------
    FileNotFoundError
        If there are no embeddings at `path`.
    ValueError
        If they have another version.
    DamagedFileError
        If the index is damaged, or if files are missing or have another size:
        :class:`~relcon_sklearn.exceptions.DamagedFileError`. A file that becomes missing or damaged
        later raises it when the embeddings are read.

    See Also
    --------
    embed_store : Compute embeddings.

    Examples
    --------
    >>> import tempfile
    >>> from relcon_sklearn import MotionFeatures
    >>> from relcon_sklearn.datasets import make_motion_store
    >>> from relcon_sklearn.embeddings import embed_store, open_embeddings
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = make_motion_store(folder.name + "/store", 60, 3, n_timesteps=64, random_state=0)
    >>> _ = embed_store(MotionFeatures().fit(store.X), store, folder.name + "/features")
    >>> embeddings = open_embeddings(folder.name + "/features")
    >>> embeddings.X.shape, embeddings.X[[0, 59]].shape
    ((60, 128), (2, 128))
    >>> embeddings.select(["s1"]).X.shape
    (20, 128)
    >>> folder.cleanup()
    """
    folder = Path(os.path.expanduser(path)).resolve()
    layout, groups, _ = Index.read(folder)
    for number in range(layout.n_shards):
        if not layout.is_complete(folder, number):
            file = folder / layout.file(number)
            size = file.stat().st_size if file.is_file() else None
            found = "is missing" if size is None else f"has {size} bytes"
            raise DamagedFileError(
                f"{file} {found}, but should have {layout.size(number)} bytes. {_WRITE_AGAIN}"
            )
    return Embeddings(folder, layout, groups, groups.runs)
