"""open_segments: open one store, or several stores as one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ._joined_stores import JoinedStores
from ._runs import Runs
from ._store import SegmentStore
from ._store_format import Header, read_runs, read_subjects


def open_segments(path) -> SegmentStore:
    """Open a store of segments written by a :class:`SegmentWriter`, or several stores as one.

    Only the header and the index are read. The size of the index depends on the number of subjects
    and hours (16 bytes for each hour of a subject), not on the number of segments. Only committed
    segments count. A store may be opened while it is being written. It then shows the segments
    committed at that moment.

    Parameters
    ----------
    path : path-like or list of path-like
        Directory of the store. A leading ``~`` is the home folder. A list of directories is opened
        as one store, with the segments of one after the other. Subjects of the same name are one
        subject. The stores may differ in their dtype only.

    Returns
    -------
    store : SegmentStore
        The opened store. Pass ``store.X`` to `fit` as X, and ``store.groups`` or
        ``store.hour_groups`` as groups.

    Raises
    ------
    FileNotFoundError
        If there is no store at `path`.
    ValueError
        If the store is of another version, or has no segments yet. If stores differ, for example
        in their sampling rate.
    DamagedFileError
        If the store is damaged or truncated. :class:`~relcon_sklearn.exceptions.DamagedFileError`
        is a ValueError and an OSError.

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
    if isinstance(path, (str, os.PathLike)):
        return _open(path)
    stores = [_open(each) for each in path]
    if not stores:
        raise ValueError("path is empty. Pass at least one store.")
    return stores[0] if len(stores) == 1 else JoinedStores(stores)


def _open(path: str | os.PathLike) -> SegmentStore:
    # Absolute, so that files opened later, here or in a worker, do not depend on the working
    # directory.
    folder = Path(os.path.expanduser(path)).resolve()
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
