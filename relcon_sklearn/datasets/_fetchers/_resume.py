"""Downloads that go on where an earlier one stopped."""

import errno
import json
import logging
import os
import time
import zipfile
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from ..._utils._atomic import write_atomically
from ..._utils._progress import tqdm

logger = logging.getLogger("relcon_sklearn")

_TIMEOUT = (30, 60)  # seconds to connect, and between two pieces of an answer
_CHUNK = 1 << 14  # bytes: as much is lost at most when a connection breaks
_DISK_FULL_ERRNOS = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_RANGE_STATUSES = (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
_RETRIED_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class _Interrupted(Exception):
    """A download that broke and may be tried again."""


class _Part(NamedTuple):
    """What is known of an incomplete download: bytes here, and the whole that they belong to."""

    size: int = 0
    total: int | None = None
    validator: str | None = None  # for If-Range


class ResumingDownloader:
    """A downloader for pooch, for one file.

    What arrives goes to `PATH.part`, and what the server says of the whole file to
    `PATH.part.json`. Both stay when the download breaks, so that the next one, in this process or
    another, asks for the rest only.

    Parameters
    ----------
    path : Path
        What the file will be called in the end.

    note : str
        Advice for the user when the download fails.

    n_retries : int
        How often to try again.

    delay : float
        Seconds between tries.

    progressbar : bool
        Whether to show a progress bar.
    """

    def __init__(self, path, note, n_retries, delay, progressbar):
        self.path = path
        self.advice = f"You may also download it by hand and put it at {path}. {note}".strip()
        self.part = Path(f"{path}.part")
        self.state = Path(f"{path}.part.json")
        self.n_retries = n_retries
        self.delay = delay
        self.progressbar = progressbar

    def __call__(self, url, output_file, pooch):
        """Download `url` to the path `output_file`."""
        for tries_left in range(self.n_retries, -1, -1):
            try:
                self._try(url)
                break
            except _Interrupted as error:
                if not tries_left:
                    raise OSError(
                        f"{url} could not be downloaded in {self.n_retries + 1} tries; the last "
                        f"ended with: {error}. Call again later: what has arrived is kept and the "
                        f"download goes on from there. {self.advice}"
                    ) from error
                logger.warning("%s: %s; trying again in %g s", url, error, self.delay)
                time.sleep(self.delay)
        if self.path.suffix == ".zip" and not zipfile.is_zipfile(self.part):
            with open(self.part, "rb") as file:
                start = file.read(40)
            self._discard()
            raise OSError(
                f"{url} sent no zip archive: what came starts with {start!r} (a damaged file, or a "
                f"page of the server instead). {self.advice}"
            )
        os.replace(self.part, output_file)
        self._discard()

    def _try(self, url):
        """Get the file, or the rest of it, into the part file."""
        import requests

        part = self._load_part(url)
        headers = {"Accept-Encoding": "identity"}
        if part.size:
            headers["Range"] = f"bytes={part.size}-"
            if part.validator:
                headers["If-Range"] = part.validator
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                continues = _is_continuation(response, part)
                if part.size and not continues and response.status_code in _RANGE_STATUSES:
                    self._discard()  # the server has another file by now: once more, for the whole
                    return self._try(url)
                response.raise_for_status()
                if not continues and response.status_code != HTTPStatus.OK:
                    raise _Interrupted(f"the server answered {response.status_code}")
                if not continues:
                    part = self._start_part(url, response)
                self._receive(response, part)
        except requests.HTTPError as error:
            status = error.response.status_code
            if status >= 500 or status in _RETRIED_STATUSES:
                raise _Interrupted(str(error)) from error
            raise OSError(
                f"The server refused: {error}. The address may have changed: please report it. "
                f"{self.advice}"
            ) from error
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _Interrupted(str(error)) from error
        except requests.RequestException as error:
            raise OSError(f"{url} cannot be downloaded: {error}. {self.advice}") from error

    def _load_part(self, url):
        """Read what is known of the part file; an empty one if it cannot be continued."""
        with suppress(FileNotFoundError, ValueError, KeyError):
            state = json.loads(self.state.read_text())
            if state["url"] == url and (state["total"] or state["validator"]):
                return _Part(self.part.stat().st_size, state["total"], state["validator"])
        return _Part()

    def _start_part(self, url, response):
        """Begin an empty part file for the answer to a request for the whole."""
        self._discard()
        total, validator = None, None
        # The length and the version of an encoded answer are not those of the file.
        if response.headers.get("Content-Encoding", "identity") == "identity":
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            validator = response.headers.get("ETag", "W/")
            if validator.startswith("W/"):  # If-Range takes no weak ones
                validator = response.headers.get("Last-Modified")
        state = json.dumps({"url": url, "total": total, "validator": validator})
        write_atomically(self.state, state.encode())
        return _Part(0, total, validator)

    def _receive(self, response, part):
        """Append the body of an answer to the part file."""
        try:
            with (
                open(self.part, "ab") as file,
                tqdm(
                    total=part.total,
                    initial=part.size,
                    desc=self.path.name,
                    unit="B",
                    unit_scale=True,
                    disable=not self.progressbar,
                ) as bar,
            ):
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        except OSError as error:
            if error.errno not in _DISK_FULL_ERRNOS:
                raise
            self._discard()
            size = "" if part.total is None else f" of {part.total / 1e6:.0f} MB"
            raise OSError(
                error.errno,
                f"The disk is full: {self.path.name}{size} does not fit into its folder, and what "
                "had arrived was removed. Make room, or pass another data_home",
                str(self.path),
            ) from error
        size = self.part.stat().st_size
        if part.total is not None and size != part.total:
            if size > part.total:
                self._discard()
            raise _Interrupted(f"{size} of {part.total} bytes arrived")

    def _discard(self):
        """Remove the part file and what is known of it."""
        self.part.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)


def _is_continuation(response, part):
    """Whether an answer is the rest of the part's own file."""
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        return False
    unit, _, content = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = content.partition("/")
    same_start = unit == "bytes" and span.startswith(f"{part.size}-")
    same_total = part.total is None or total in ("*", str(part.total))
    kind = "ETag" if (part.validator or "").startswith('"') else "Last-Modified"
    same_file = part.validator in (None, response.headers.get(kind, part.validator))
    return part.size > 0 and same_start and same_total and same_file
