"""Downloads from publishers' servers: resumed after interruptions, verified, never incomplete."""

import json
import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ..._utils._atomic import write_atomically
from ..._utils._json_object import read_json_object
from ..._utils._warnings import warn
from ...exceptions import DamagedFileError
from ._data_home import is_read_only
from ._resume import ResumingDownloader

logger = logging.getLogger("relcon_sklearn")


class Source(NamedTuple):
    """A file on a publisher's server.

    Attributes
    ----------
    name : str
        Name of the data set, and of the folder of its files in the data home.

    url : str
        Address of the file.

    filename : str
        Name of the file on disk.

    sha256 : str or None, default=None
        Known checksum of the file. If None, the checksum of the first download is recorded next
        to the file, and later files are compared with it.

    note : str, default=""
        Advice for the user that is added to error messages of a failed download.
    """

    name: str
    url: str
    filename: str
    sha256: str | None = None
    note: str = ""


def download(
    source, folder, *, download_if_missing=True, n_retries=3, delay=1.0, progressbar=False
):
    """Return the path of a source's file; download the file if it is missing.

    Received data are kept in `FILENAME.part`, so that an interrupted download is resumed, by this
    process or a later one. It is resumed only if the server identifies the version of the file and
    it has not changed. The file is renamed to its final name when it is complete and its
    checksum is correct. If a second process requests the same file, it waits for the first one. A
    file that was put into the folder manually is treated like a downloaded file. The folder of an
    existing file need not be writable: its checksum is then not recorded.

    Parameters
    ----------
    source : Source
        The file to download.

    folder : str or path-like
        Folder of the file; created if needed.

    download_if_missing : bool, default=True
        Whether to download a missing file. If False, a missing file raises an OSError.

    n_retries : int, default=3
        Number of times to retry after a broken connection, a timeout, a truncated response or a
        server error. A refused request (such as 404) is not retried.

    delay : float, default=1.0
        Seconds to wait between attempts.

    progressbar : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    OSError
        If the file is missing and `download_if_missing` is False, if the download fails, if the
        disk is full, or if the record of the checksum cannot be read. A
        failed download leaves no file under the final name. An existing file is not changed.
    DamagedFileError
        If the checksum of the file differs from the known or recorded one, if the record of the
        checksum is damaged, or if another file than a zip archive is received in place of one.
    """
    from filelock import FileLock

    path = Path(folder) / source.filename
    if not path.exists():
        if not download_if_missing:
            raise OSError(
                f"Data not found and `download_if_missing` is False: {path} does not exist. Pass "
                f"download_if_missing=True, or download {source.url} to this path."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _retrieve(source, path, n_retries, delay, progressbar)
                _check_sha256(source, path, fresh=True)
                return path
    _check_sha256(source, path, fresh=False)
    return path


def _retrieve(source, path, n_retries, delay, progressbar):
    """Download with pooch, which verifies the checksum before it renames the file."""
    import pooch

    manager = pooch.Pooch(
        path=path.parent,
        base_url="",
        registry={path.name: source.sha256},
        urls={path.name: source.url},
    )
    downloader = ResumingDownloader(path, source.note, n_retries, delay, progressbar)
    try:
        manager.fetch(path.name, downloader=downloader)
    except DamagedFileError:
        raise
    except ValueError as error:  # raised by pooch for a wrong checksum
        raise DamagedFileError(
            f"The download of {source.url} does not have the expected SHA256 checksum, and was "
            f"deleted: {error} The download may be damaged, so call again. If the error persists, "
            "the publisher has changed the file: please report it."
        ) from error


def _check_sha256(source, path, fresh):
    """Compare the checksum of a file with the known or recorded one; record it if there is none."""
    import pooch

    record = Path(f"{path}.json")
    found = pooch.file_hash(str(path))
    if source.sha256 is not None:
        if found != source.sha256:
            raise DamagedFileError(
                f"{path} has an unexpected SHA256 checksum. Expected {source.sha256}. Got {found}. "
                f"It is not the file of {source.url}. Delete it and call again to download it."
            )
        return
    known = _read_record(record)
    if known is None or (fresh and known["sha256"] != found):
        if known is not None:
            warn(
                f"{source.url} has changed since it was downloaded on {known['recorded']}: its "
                f"SHA256 checksum was {known['sha256']} and is now {found}. Results may change."
            )
        content = {
            "url": source.url,
            "sha256": found,
            "size": path.stat().st_size,
            "recorded": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        try:
            write_atomically(record, json.dumps(content, indent=2).encode())
        except OSError as error:
            if not is_read_only(error):
                raise
            logger.warning("The checksum of %s is not recorded: %s", path, error)
    elif known["sha256"] != found:
        raise DamagedFileError(
            f"{path} has changed: its SHA256 checksum is {found}, and was {known['sha256']} on "
            f"{known['recorded']}. Delete it and call again to download it again. If the change is "
            f"intended, delete {record.name} in the same folder."
        )


def _read_record(record):
    """Return the record of the first download; None if there is none."""
    try:
        return read_json_object(record, {"sha256": str, "recorded": str})
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        raise DamagedFileError(
            f"The record of the first download cannot be read: {error} Delete {record} to record "
            "the checksum of the current file."
        ) from error
