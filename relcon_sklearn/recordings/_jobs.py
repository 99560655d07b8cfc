"""From one file to one folder, which is complete or does not exist."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from .._utils._atomic import write_atomically
from .._utils._json_object import read_json_object
from .._utils._warnings import kept_warnings

# In the folder of a file: what it was made from.
SOURCE = "source.json"

# In the folder of all folders: those that are being written, and their locks.
UNFINISHED = ".unfinished"

_KINDS = {"file": str, "size": int, "modified": int, "subject": str, "settings": dict}

MADE, KEPT, FAILED = "made", "kept", "failed"


class Job(NamedTuple):
    """A file from which to make the folder ``out / name``.

    ``write(job, folder)`` makes a new folder, and returns what the record of the folder says about
    it, as JSON. ``check(folder)`` raises OSError or ValueError if a folder is damaged. `settings`
    describes both as JSON: a folder that was made with other settings is made again. `maker` is
    what to call the maker in errors.
    """

    file: str
    name: str
    subject: str
    out: Path
    settings: dict[str, Any]
    write: Callable[[Job, Path], dict[str, Any]]
    check: Callable[[Path], Any]
    maker: str

    @property
    def folder(self) -> Path:
        """Folder of the file."""
        return self.out / self.name


class Outcome(NamedTuple):
    """What became of a job: its record, which is empty if it failed, and why it failed."""

    job: Job
    status: str
    record: dict[str, Any]
    reason: str = ""

    @property
    def warnings(self) -> str:
        """What was warned of while the folder was made."""
        return "\n".join(self.record.get("warnings", ()))


def stem_of(path) -> str:
    """Return the name of a file without its extension, and without .gz."""
    name = Path(path).name
    return Path(name[:-3] if name.lower().endswith(".gz") else name).stem


def as_json(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they are after they were written as JSON and read."""
    return json.loads(json.dumps(settings, default=str))


def prepare(out: Path) -> None:
    """Make the folder of all folders."""
    (out / UNFINISHED).mkdir(parents=True, exist_ok=True)


def folders_made(out: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield all folders that are complete, with their records, also those of earlier calls."""
    for folder in sorted(out.iterdir()):
        try:
            yield folder, read_json_object(folder / SOURCE, _KINDS)
        except (OSError, ValueError):  # another folder, or damaged
            continue


def without_work(job: Job) -> Outcome | None:
    """Return the outcome of a job that has nothing to do, or else None."""
    try:
        return _find_kept(job)
    except OSError as error:
        return _failed(job, error)


def make(job: Job) -> Outcome:
    """Make the folder of a file, unless it is complete.

    Errors are in the outcome. The content is written in another folder, which gets its name at the
    end. A process that was left by a killed call may still be writing it, and is waited for.
    """
    unfinished = job.out / UNFINISHED
    # A suffix for each, so that files such as ann.cwa and ann.old.cwa do not share a path.
    new, old = unfinished / f"{job.name}.new", unfinished / f"{job.name}.old"
    try:
        with FileLock(unfinished / f"{job.name}.lock"):
            kept = _find_kept(job)
            if kept is not None:
                return kept
            try:
                _remove(new, old)
                record = _write(job, new)
                if job.folder.exists():
                    os.rename(job.folder, old)
                os.rename(new, job.folder)
            finally:
                _remove(new, old)
        return Outcome(job, MADE, record)
    except Exception as error:
        return _failed(job, error)


def _find_kept(job: Job) -> Outcome | None:
    """Return the outcome of a job whose folder is complete and up to date, or else None.

    Raises
    ------
    OSError
        If the file cannot be accessed.
    FileExistsError
        If the folder has something else, which must not be removed.
    """
    source = _describe(job)
    if not job.folder.exists():
        return None
    if not (job.folder / SOURCE).is_file():
        raise FileExistsError(
            f"{job.folder} exists, and {job.maker} did not write it. Move it away, or choose "
            "another folder in out."
        )
    try:
        record = read_json_object(job.folder / SOURCE, _KINDS)
        job.check(job.folder)
    except (OSError, ValueError):  # damaged
        return None
    same_content = all(record[key] == source[key] for key in ("size", "modified"))
    if record["file"] != source["file"] and not same_content:
        raise FileExistsError(
            f"{job.folder} was made from another file, {record['file']}. Choose another folder in "
            "out, or another name for this file. If the other file is obsolete, remove "
            f"{job.folder}."
        )
    if same_content and all(record[key] == source[key] for key in ("subject", "settings")):
        return Outcome(job, KEPT, record)
    return None


def _failed(job: Job, error: Exception) -> Outcome:
    text = str(error)
    where = "" if job.file in text else f"{job.file}: "
    return Outcome(job, FAILED, {}, f"{where}{type(error).__name__}: {text}")


def _write(job: Job, folder: Path) -> dict[str, Any]:
    """Write the content of a folder, and the record of its source; return the record."""
    source = _describe(job)  # before it is read: a file that grows is read again
    with kept_warnings() as kept:
        content = job.write(job, folder)
    record = source | content | {"warnings": [message for message, _ in kept]}
    write_atomically(folder / SOURCE, (json.dumps(record, indent=1) + "\n").encode())
    return record


def _describe(job: Job) -> dict[str, Any]:
    """Return what a folder depends on."""
    status = os.stat(job.file)
    return {
        "file": os.path.realpath(job.file),
        "size": status.st_size,
        "modified": status.st_mtime_ns,
        "subject": job.subject,
        "settings": job.settings,
    }


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
