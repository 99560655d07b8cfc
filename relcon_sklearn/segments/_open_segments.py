"""open_segments: open one store, or several stores as one."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np

from ._joined_stores import JoinedStores
from ._runs import Runs
from ._store import SegmentStore
from ._store_format import HEADER, Header, read_runs, read_subjects
from ._subjects import joined_names


def open_segments(path, *, join_subjects: bool | None = None) -> SegmentStore:
    """Open a store of segments written by a :class:`SegmentWriter`, or several stores as one.

    Only the header and the index are read and compared with their checksums.
    :meth:`~relcon_sklearn.segments.SegmentStore.verify` compares those of all files. The size of
    the index depends on the number of subjects and hours (16 bytes for each hour of a subject), not
    on the number of segments. Only committed segments count. A store may be opened while it is
    being written. It then shows the segments committed at that moment.

    Parameters
    ----------
    path : path-like or list of path-like
        Folder of the store. A leading ``~`` is the home folder. A folder of stores, and a list, are
        opened as one store, with the segments of one store after the other. The stores of a folder
        are in the order of their names, and hidden folders are not opened. The stores may differ
        in their dtype only.
    join_subjects : bool or None, default=None
        Whether subjects that have the same name in several stores are one subject. If False, they
        are kept apart: each gets the folder of its store before its name, such as ``"day1/ann"``,
        with as many of the folders above as make it unique. Names that only one store has do not
        change. If None, they are kept apart, and a warning names them.

    Returns
    -------
    store : SegmentStore
        The opened store. Pass ``store.X`` to `fit` as X, and ``store.groups`` or
        ``store.hour_groups`` as groups.

    Raises
    ------
    FileNotFoundError
        If there is no store at `path`, or if a folder of stores has a folder that is not a store.
    ValueError
        If a store is of another version, or has no segments yet. If a store is given twice, or if
        stores differ, for example in their sampling rate. If subjects cannot be kept apart by
        their names.
    DamagedFileError
        If a store is damaged or truncated. :class:`~relcon_sklearn.exceptions.DamagedFileError`
        is a ValueError and an OSError.

    Warns
    -----
    UserWarning
        If several stores have subjects of the same name, and `join_subjects` is None.

    See Also
    --------
    SegmentWriter : Write a store.
    relcon_sklearn.recordings.convert_recordings : Write a store for each of many files.

    Examples
    --------
    >>> import tempfile
    >>> from relcon_sklearn import open_segments
    >>> from relcon_sklearn.datasets import make_motion_store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = make_motion_store(folder, 60, 3, n_timesteps=64, random_state=0).path
    ...     store = open_segments(path)
    ...     print(store.X.shape, store.subjects)
    (60, 64, 3) ['s0' 's1' 's2']
    """
    given = [path] if isinstance(path, (str, os.PathLike)) else path
    folders = [folder for each in given for folder in _stores_at(each)]
    if not folders:
        raise ValueError("path is empty. Pass at least one store.")
    if twice := [folder for folder, n in Counter(folders).items() if n > 1]:
        raise ValueError(f"path has the store {twice[0]} twice. Pass each store once.")
    stores = [_open(folder) for folder in folders]
    if len(stores) == 1:
        return stores[0]
    names = joined_names(folders, [store._names for store in stores], join_subjects)
    return JoinedStores(stores, names)


def _stores_at(path: str | os.PathLike) -> list[Path]:
    """Return the folder of a store, or the stores in a folder of stores."""
    # Absolute, so that files opened later, here or in a worker, do not depend on the working
    # directory.
    folder = Path(os.path.expanduser(path)).resolve()
    if (folder / HEADER).is_file() or not folder.is_dir():
        return [folder]
    inner = sorted(each for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")
    foreign = [each for each in inner if not (each / HEADER).is_file()]
    if len(foreign) == len(inner):
        return [folder]
    if foreign:
        raise FileNotFoundError(
            f"{foreign[0]} is not a segment store: it has no {HEADER}, but {folder} has stores. "
            "Move it to another place, or pass the list of stores."
        )
    return inner


def _open(folder: Path) -> SegmentStore:
    header = Header.read(folder)
    if header.n_segments == 0:
        raise ValueError(
            f"{folder} holds no segments: nothing has been committed yet. Append segments with a "
            "SegmentWriter."
        )
    records = read_runs(folder, header)
    runs = Runs(records["start"], np.diff(records["start"], append=header.n_segments))
    names = np.array(read_subjects(folder, header))
    return SegmentStore(folder, header, names, records, runs)
