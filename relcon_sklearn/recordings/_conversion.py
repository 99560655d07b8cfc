"""Conversion of one file into one store, which is complete or does not exist."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock

from .._recordings import Segments, segment_recordings
from .._recordings._times import has_dates
from .._utils._atomic import write_atomically
from .._utils._json_object import read_json_object
from .._utils._warnings import kept_warnings
from ..segments import SegmentWriter, open_segments

# In the folder of a store: what it was made from.
SOURCE = "source.json"

# In the folder of all stores: those that are being written, and their locks.
UNFINISHED = ".unfinished"

_KINDS = {"file": str, "size": int, "modified": int, "subject": str, "settings": dict}

CONVERTED, KEPT, FAILED = "converted", "kept", "failed"


class Job(NamedTuple):
    """A file to convert into the store ``out / name``.

    `segmentation` are the arguments of segment_recordings. `settings` describes these, `read` and
    `dtype` as JSON: a store that was made with other settings is made again.
    """

    file: str
    name: str
    subject: str
    out: Path
    read: Callable
    segmentation: dict[str, Any]
    dtype: str
    settings: dict[str, Any]

    @property
    def store(self) -> Path:
        """Folder of the store."""
        return self.out / self.name


def find_kept(job: Job) -> dict[str, Any] | None:
    """Return the row of a file whose store is complete and up to date, or else None.

    Raises
    ------
    OSError
        If the file cannot be accessed.
    FileExistsError
        If the folder of the store has something else, which must not be removed.
    """
    source = _describe(job)
    if not job.store.exists():
        return None
    if not (job.store / SOURCE).is_file():
        raise FileExistsError(
            f"{job.store} exists, and convert_recordings did not write it. Move it away, or choose "
            "another folder in out."
        )
    try:
        record = read_json_object(job.store / SOURCE, _KINDS)
        open_segments(job.store)
    except (OSError, ValueError):  # damaged
        return None
    same_content = all(record[key] == source[key] for key in ("size", "modified"))
    if record["file"] != source["file"] and not same_content:
        raise FileExistsError(
            f"{job.store} was made from another file, {record['file']}. Choose another folder in "
            "out, or pass a dict in paths, with another name for this file. If the other file is "
            f"obsolete, remove {job.store}."
        )
    if same_content and all(record[key] == source[key] for key in ("subject", "settings")):
        return _row(job, KEPT, record)
    return None


def convert(job: Job) -> dict[str, Any]:
    """Convert a file, unless its store is complete; return its row of the table.

    Errors are in the row. The store is written in another folder, which gets its name at the end.
    A process that was left by a killed call may still be writing it, and is waited for.
    """
    unfinished = job.out / UNFINISHED
    new, old = unfinished / job.name, unfinished / f"{job.name}.old"
    try:
        with FileLock(unfinished / f"{job.name}.lock"):
            kept = find_kept(job)
            if kept is not None:
                return kept
            try:
                _remove(new, old)
                record = _write(job, new)
                if job.store.exists():
                    os.rename(job.store, old)
                os.rename(new, job.store)
            finally:
                _remove(new, old)
        return _row(job, CONVERTED, record)
    except Exception as error:
        return failed_row(job, error)


def failed_row(job: Job, error: Exception) -> dict[str, Any]:
    """Return the row of a file that was not converted."""
    text = str(error)
    where = "" if job.file in text else f"{job.file}: "
    return _row(job, FAILED, {}) | {"reason": f"{where}{type(error).__name__}: {text}"}


def _write(job: Job, folder: Path) -> dict[str, Any]:
    """Write the store of a file and the record of its source; return the record."""
    source = _describe(job)  # before it is read: a file that grows is converted again
    with kept_warnings() as kept:
        segments = segment_recordings(
            job.read(job.file), subjects=[job.subject], **job.segmentation
        )
    rate = job.segmentation["target_rate"]
    with SegmentWriter(
        folder,
        n_timesteps=segments.X.shape[1],
        n_channels=segments.X.shape[2],
        sampling_rate=rate,
        dtype=job.dtype,
        channels=job.segmentation.get("channels"),
    ) as writer:
        writer.append(segments.X, job.subject, times=segments.start_times)
    record = source | _measure(segments, rate) | {"warnings": [message for message, _ in kept]}
    write_atomically(folder / SOURCE, (json.dumps(record, indent=1) + "\n").encode())
    return record


def _describe(job: Job) -> dict[str, Any]:
    """Return what a store depends on."""
    status = os.stat(job.file)
    return {
        "file": os.path.realpath(job.file),
        "size": status.st_size,
        "modified": status.st_mtime_ns,
        "subject": job.subject,
        "settings": job.settings,
    }


def _measure(segments: Segments, rate: float) -> dict[str, Any]:
    """Return the number of segments, the hours that they cover, and their times if known."""
    length, times = segments.X.shape[1] / rate, segments.start_times
    if not has_dates(times):
        apart, start, stop = np.diff(times), None, None
    else:
        apart = np.diff(times) / np.timedelta64(1, "s")
        start = str(times[0])
        stop = str(times[-1] + np.timedelta64(round(length * 1e9), "ns"))
    hours = (np.minimum(apart, length).sum() + length) / 3600
    return {"n_segments": len(times), "hours": float(hours), "start": start, "stop": stop}


def _row(job: Job, status: str, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": job.name,
        "file": job.file,
        "subject": job.subject,
        "status": status,
        "n_segments": record.get("n_segments", 0),
        "hours": record.get("hours", 0.0),
        "start": record.get("start"),
        "stop": record.get("stop"),
        "reason": "",
        "warnings": "\n".join(record.get("warnings", ())),
        "store": None if status == FAILED else str(job.store),
    }


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
