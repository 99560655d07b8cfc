"""Files from publishers' servers: continued after a break, checked, never half-written."""

import json
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ..._utils._atomic import write_atomically
from ._resume import ResumingDownloader


class Source(NamedTuple):
    """A file at a publisher's.

    Attributes
    ----------
    name : str
        The data set's short name: the folder of its files below the data home.

    url : str
        Where the publisher serves the file.

    filename : str
        Its name on disk.

    sha256 : str or None, default=None
        Its checksum where known beforehand. Otherwise the checksum of the first download is
        recorded beside the file and holds from then on.

    note : str, default=""
        What to tell the user when the download fails.
    """

    name: str
    url: str
    filename: str
    sha256: str | None = None
    note: str = ""


def download(
    source, folder, *, download_if_missing=True, n_retries=3, delay=1.0, progressbar=False
):
    """Return the path of a source's file, downloaded if it is not there yet.

    What has arrived is kept in `FILENAME.part`, so that a download that broke, in this process or
    a former one, goes on where it stopped: with a range request that the server may only answer
    if the file is still the same one. The file gets its name when it is complete and its checksum
    is right. A second process that wants the same file waits for the first. A file put there by
    hand is taken as if it had been downloaded.

    Parameters
    ----------
    source : Source
        What to download.

    folder : str or path-like
        Where to keep it; made if it is not there.

    download_if_missing : bool, default=True
        If False, a file that is not there is an error.

    n_retries : int, default=3
        How often to try again after a broken connection, a timeout, a truncated answer or an
        error of the server. What the server refuses (404 and the like) is not tried again.

    delay : float, default=1.0
        Seconds between tries.

    progressbar : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    OSError
        If the file is not there and may not be downloaded, if the download fails, if the disk is
        full, or if the checksum of the file is not the known one, be it pinned or recorded.
        Nothing is left under the file's name then, and a file that was there before is not
        touched.
    """
    from filelock import FileLock

    path = Path(folder) / source.filename
    if not path.exists():
        if not download_if_missing:
            raise OSError(
                f"Data not found and `download_if_missing` is False: there is no {path}. "
                f"Pass download_if_missing=True, or put {source.url} there."
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
    """Download by pooch, which checks the checksum before the file gets its name."""
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
    except ValueError as error:  # pooch's way to say that the checksum is wrong
        raise OSError(
            f"{source.url} has not the SHA256 checksum that is known for it: {error} Nothing was "
            "kept. The download may have been damaged: call again. If it stays, the publisher has "
            "changed the file: please report it."
        ) from error


def _check_sha256(source, path, fresh):
    """Compare a file with its pinned or recorded checksum; record the first one seen."""
    import pooch

    record = Path(f"{path}.json")
    found = pooch.file_hash(str(path))
    known = json.loads(record.read_text()) if record.exists() else None
    if source.sha256 is not None:
        if found != source.sha256:
            raise OSError(
                f"{path} has the SHA256 checksum {found}, and {source.sha256} is expected: it is "
                f"not the file that {source.url} serves. Delete it and call again to download it."
            )
    elif known is None or (fresh and known["sha256"] != found):
        if known is not None:
            warnings.warn(
                f"{source.url} is not the file that was downloaded on {known['recorded']}: its "
                f"SHA256 checksum was {known['sha256']} and is {found} now. Results may change.",
                stacklevel=2,
            )
        content = {
            "url": source.url,
            "sha256": found,
            "size": path.stat().st_size,
            "recorded": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        text = json.dumps(content, indent=2)
        write_atomically(record, text.encode())
    elif known["sha256"] != found:
        raise OSError(
            f"{path} has changed: its SHA256 checksum is {found}, and was {known['sha256']} on "
            f"{known['recorded']}. Delete it and call again to download it anew; or, if the change "
            f"is wanted, delete {record.name} beside it."
        )
