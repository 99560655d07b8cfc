"""convert_recordings: stores of segments from many files."""

from __future__ import annotations

import inspect
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)

from .._recordings import segment_recordings
from .._recordings._like import window_and_rate
from .._recordings._window_layout import lay_out
from .._utils._warnings import warn
from ..segments import open_segments
from ._conversion import as_row, write_store
from ._jobs import FAILED, Job, as_json, make, prepare, stem_of, without_work
from ._read_recording import read_recording, require_pandas

_SEGMENTATION = inspect.signature(segment_recordings).parameters

# Of segment_recordings: those that are parameters here, and those that differ between files.
_NOT_PASSED_ON = {
    *("recordings", "subjects", "window", "target_rate", "like"),
    *("labels", "timestamps", "purity", "unlabelled"),
}
_SHOWN = 3  # files in a warning


@validate_params(
    {
        "paths": "no_validation",
        "out": [str, os.PathLike],
        "subjects": "no_validation",
        "window": [Interval(Real, 0, None, closed="neither"), None],
        "target_rate": [Interval(Real, 0, None, closed="neither"), None],
        "like": "no_validation",
        "read": [callable],
        "dtype": [StrOptions({"float32", "float16", "int16"})],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def convert_recordings(
    paths,
    out,
    *,
    subjects=None,
    window=None,
    target_rate=None,
    like=None,
    read=read_recording,
    dtype="float32",
    n_jobs=None,
    **segmentation,
):
    """Convert files of devices into stores of segments, one store for each file.

    Each file is read, cut by :func:`~relcon_sklearn.segment_recordings`, and written into a
    separate store. Pass the list of stores to :func:`~relcon_sklearn.open_segments`. A file that
    cannot be converted does not stop the others. The result has the reason. An interrupted call can
    simply be repeated: files whose stores are complete are not read again.

    Parameters
    ----------
    paths : list of path-like, or dict of str to path-like
        The files. The store of a file has its name without extensions: that of ``ann.cwa.gz`` is
        ``out/ann``. If files have the same name, such as ``ACC.csv`` of Empatica, pass a dict from
        the names of the stores to the files.

    out : str or path-like
        Folder of the stores. It is created if it does not exist.

    subjects : list of str of shape (n_files,) or None, default=None
        The subject of each file, in the order of `paths`. Files of one person must have the same
        subject, and their stores are opened with ``join_subjects=True``. If None, each file is a
        separate subject, with the name of its store.

    window : float or None, default=None
        Length of a segment in seconds. If None, that of `like` or, without it, 2.56.

    target_rate : float or None, default=None
        Rate of the segments in Hz. It is required if `like` is None, because devices differ in
        their rates.

    like : estimator or None, default=None
        Fitted estimator whose training segments have the length and rate to use.

    read : callable, default=read_recording
        ``read(path)`` returns what `segment_recordings` takes as one recording. Pass
        ``functools.partial(read_recording, errors="skip")`` to leave out damaged parts, or a
        function that also calibrates the recording or detects non-wear. With ``n_jobs``, it must
        be possible to send it to other processes.

    dtype : {"float32", "float16", "int16"}, default="float32"
        How values are stored, see :class:`~relcon_sklearn.SegmentWriter`.

    n_jobs : int or None, default=None
        Number of files that are converted at the same time, each in a separate process. -1 means
        as many as there are processors. None means 1, unless in a ``joblib.parallel_config``,
        which can also choose another backend, such as dask or ray. Each process needs the memory of
        one recording: 2 to 4 GB for a week at 100 Hz.

    **segmentation
        Further parameters of :func:`~relcon_sklearn.segment_recordings`, such as ``nonwear=60``,
        except for those of labels and timestamps. Without another `read`, `time` is the parameter
        of :func:`~relcon_sklearn.recordings.read_recording`, which names the column of times.

    Returns
    -------
    table : DataFrame of shape (n_files, 10)
        One row for each file, in the order of `paths`. The index has the names of the stores, the
        columns are:

        - `file`: the path as it was passed
        - `subject`: the subject
        - `status`: "converted", "kept" for those that were complete, or "failed"
        - `n_segments`: number of segments in the store
        - `hours`: hours that they cover
        - `start`, `stop`: start of the first segment and end of the last, in UTC; NaT without dates
        - `reason`: why the file failed, otherwise ""
        - `warnings`: what was warned of while it was converted, otherwise ""
        - `store`: path of the store, None if the file failed

    Raises
    ------
    ValueError
        If a parameter is not valid, or if files have the same name. Nothing is converted then.
    TypeError
        If `subjects` are not str, or if there is an unknown parameter.
    ImportError
        If pandas is not installed.

    Warns
    -----
    UserWarning
        If files failed, or if there were warnings about files, such as that the rate of `like` is
        more than 2.5 times that of one.
        If recordings of one subject overlap in time.

    See Also
    --------
    relcon_sklearn.open_segments : Open one or several stores.
    read_recording : Read one file.

    Notes
    -----
    A store is written in ``out/.unfinished`` and is moved when it is complete. ``out`` never has
    half a store, also after a crash. Several processes or machines may convert into one folder at
    the same time, where the file system has locks: one of them converts a file, and the others wait
    for it.

    The file ``source.json`` in a store has the path, size and time of modification of its source,
    its subject, and the settings. If any of them is different, the file is converted again and
    replaces the store. A file that was only moved is not. The settings include the source code of
    `read`, but not of the functions that it calls. Convert into another folder if these change.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np, pandas as pd
    >>> from relcon_sklearn import open_segments
    >>> from relcon_sklearn.recordings import convert_recordings
    >>> times = pd.date_range("2024-03-05", periods=1500, freq="20ms", name="time")
    >>> frame = pd.DataFrame(0.0, times, ["x", "y", "z"]).assign(z=1.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, name) for name in ("ann.csv", "bob.csv")]
    ...     for path in paths:
    ...         frame.rename(columns=lambda name: f"{name} (g)").to_csv(path)
    ...     out = os.path.join(folder, "stores")
    ...     table = convert_recordings(paths, out, window=10, target_rate=25)
    ...     store = open_segments(table["store"])
    ...     print(table["status"].to_dict(), store.X.shape)
    {'ann': 'converted', 'bob': 'converted'} (6, 250, 3)
    """
    require_pandas("convert_recordings")
    segmentation = _check_segmentation(segmentation, like, window, target_rate)
    if read is read_recording and "time" in segmentation:
        read = partial(read_recording, time=segmentation.pop("time"))
    files = _name_files(paths)
    subject_of = _check_subjects(subjects, list(files))
    out = Path(os.path.expanduser(out)).resolve()
    prepare(out)
    settings = as_json({"read": _identify(read), "dtype": dtype, "segmentation": segmentation})
    how = {"read": read, "segmentation": segmentation, "dtype": dtype}
    write = partial(write_store, **how, for_model=like is not None)
    jobs = [
        Job(file, name, subject, out, settings, write, open_segments, "convert_recordings")
        for (name, file), subject in zip(files.items(), subject_of, strict=True)
    ]
    outcomes = {job.name: without_work(job) for job in jobs}
    left = [job for job in jobs if outcomes[job.name] is None]
    for outcome in Parallel(n_jobs=n_jobs)(delayed(make)(job) for job in left):
        outcomes[outcome.job.name] = outcome
    table = _as_table(list(map(as_row, outcomes.values())))
    _warn_about_files(table)
    _warn_about_overlaps(table)
    return table


def _check_segmentation(
    segmentation: dict[str, Any], like, window: float | None, target_rate: float | None
) -> dict[str, Any]:
    """Return the arguments of segment_recordings, without those that have the default."""
    allowed = [name for name in _SEGMENTATION if name not in _NOT_PASSED_ON]
    unknown = [name for name in segmentation if name not in allowed]
    if unknown:
        raise TypeError(
            f"convert_recordings has no parameter {unknown[0]!r}. Of segment_recordings, it takes "
            f"{', '.join(allowed)}."
        )
    constraints = segment_recordings._skl_parameter_constraints
    validate_parameter_constraints(constraints, segmentation, "convert_recordings")
    window, target_rate = window_and_rate(like, window, target_rate)
    if target_rate is None:
        raise ValueError(
            "target_rate is None. Pass the rate in Hz that the segments of all files get, for "
            "example 50."
        )
    given = {k: v for k, v in segmentation.items() if v != _SEGMENTATION[k].default}
    lay_out(window, given.get("stride"), given.get("overlap"), target_rate)
    return given | {"window": window, "target_rate": float(target_rate)}


def _name_files(paths) -> dict[str, str]:
    """Return the file of each store by the name of the store."""
    if isinstance(paths, (str, os.PathLike)):
        raise ValueError(f"paths={str(paths)!r} is one path. Pass a list of paths.")
    if isinstance(paths, Mapping):
        pairs = [(name, os.fspath(path)) for name, path in paths.items()]
    else:
        pairs = [(stem_of(path), os.fspath(path)) for path in paths]
    if not pairs:
        raise ValueError("paths is empty. Pass at least one file.")
    same = defaultdict(list)
    for name, file in pairs:
        if not isinstance(name, str) or name.startswith(".") or Path(name).name != name:
            raise ValueError(
                f"paths has the name {name!r}, which cannot be the name of a folder. Pass a dict "
                "from the names of the stores to the files."
            )
        same[name.casefold()].append(file)  # some file systems do not distinguish A from a
    for name, those in same.items():
        if len(those) > 1:
            raise ValueError(
                f"paths has {len(those)} files of the name {name!r}, which would be one store and "
                f"one subject: {', '.join(those[:_SHOWN])}. Pass a dict from the names of the "
                "stores to the files, for example {path.parent.name: path for path in paths}."
            )
    return dict(pairs)


def _check_subjects(subjects, names: list[str]) -> list[str]:
    """Return the subject of each file."""
    subjects = names if subjects is None else list(subjects)
    if len(subjects) != len(names):
        raise ValueError(
            f"subjects must have one value for each of the {len(names)} files. Got "
            f"{len(subjects)} values."
        )
    for subject in subjects:
        if not isinstance(subject, str):
            raise TypeError(
                f"subjects has {subject!r} of type {type(subject).__name__}. Pass a str."
            )
    return [str(subject) for subject in subjects]


def _identify(function: Callable) -> list:
    """Return the name of a function, its source unless it is of this package, and its arguments."""
    if isinstance(function, partial):
        arguments = [list(function.args), function.keywords]
        return [*_identify(function.func), *arguments]
    own = inspect.unwrap(function)
    named = own if hasattr(own, "__qualname__") else type(own)
    source = 0
    if not named.__module__.startswith(f"{__package__}."):
        try:
            source = zlib.crc32(inspect.getsource(named).encode())
        except (OSError, TypeError):  # built in, or typed at a prompt
            pass
    return [named.__module__, named.__qualname__, source]


def _as_table(rows: list[dict[str, Any]]):
    import pandas

    table = pandas.DataFrame(rows).set_index("name")
    for name in ("start", "stop"):
        table[name] = pandas.to_datetime(table[name]).astype("datetime64[ns]")
    return table


def _warn_about_files(table) -> None:
    """Warn once of the files that failed, and once of warnings about files."""
    failed = table["reason"][table["status"] == FAILED]
    if len(failed):
        warn(
            f"{len(failed)} of {len(table)} files were not converted, see the column 'reason' of "
            f"the result: {_first(failed)}"
        )
    warned = table["warnings"][table["warnings"] != ""]
    if len(warned):
        warn(
            f"Warnings about {len(warned)} of {len(table)} files, see the column 'warnings' of the "
            f"result: {_first(warned)}. If they are right, call warnings.filterwarnings('ignore', "
            "message='Warnings about')."
        )


def _first(texts) -> str:
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(f"{name}: {text}" for name, text in texts[:_SHOWN].items()) + more


def _warn_about_overlaps(table) -> None:
    """Warn if recordings of one subject overlap in time: two people may have its name."""
    dated = table.dropna(subset=["start"]).sort_values("start", kind="stable")
    found = [
        (subject, own.index)
        for subject, own in dated.groupby("subject")
        if (own["start"].to_numpy()[1:] < own["stop"].cummax().to_numpy()[:-1]).any()
    ]
    if found:
        subject, names = found[0]
        more = f", and of {len(found) - 1} other subjects" if len(found) > 1 else ""
        warn(
            f"Recordings of one subject overlap in time: those of {', '.join(names)}, of subject "
            f"{subject!r}{more}. Check subjects. If this is intended, for example because two "
            "devices were worn, call warnings.filterwarnings('ignore', message='Recordings of one "
            "subject overlap')."
        )
