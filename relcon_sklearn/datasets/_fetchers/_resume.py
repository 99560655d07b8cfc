"""Downloads that resume where an earlier attempt stopped."""

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
from ..._utils._json_object import read_json_object
from ..._utils._progress import Bar
from ...exceptions import DamagedFileError

logger = logging.getLogger("relcon_sklearn")

_TIMEOUT = (30, 60)  # seconds to connect, and between two pieces of a response
_CHUNK = 1 << 14  # bytes; at most one chunk is lost when a connection breaks
_DISK_FULL_ERRNOS = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_RANGE_STATUSES = (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
_RETRIED_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

# Types of the values in the state of an incomplete download. It is not resumed if one differs.
_STATE = {"url": str, "total": (int, type(None)), "validator": str}


class _Interrupted(Exception):
    """A download was interrupted and may be retried."""


class _Part(NamedTuple):
    """State of an incomplete download."""

    size: int = 0  # received bytes
    total: int | None = None  # bytes of the whole file
    validator: str | None = None  # version of the file, for the header If-Range


class ResumingDownloader:
    """A downloader for pooch, for one file.

    Received data are written to `PATH.part`, and the size and version of the whole file to
    `PATH.part.json`. Both are kept when the download is interrupted, so that the next attempt, in
    this process or another, requests only the rest.

    Only a file with a validator (a strong ETag or Last-Modified) is resumed, and only if the
    response with the rest repeats it. Without one, the whole file is requested again: the
    publisher may have replaced it by another file of the same size.

    Parameters
    ----------
    path : Path
        Final path of the file.

    note : str
        Advice for the user that is added to error messages of a failed download.

    n_retries : int
        Number of times to retry.

    delay : float
        Seconds to wait between attempts.

    progressbar : bool
        Whether to show a progress bar.
    """

    def __init__(self, path, note, n_retries, delay, progressbar):
        self.path = path
        self.advice = f"You may also download it manually to {path}. {note}".strip()
        self.part = Path(f"{path}.part")
        self.state = Path(f"{path}.part.json")
        self.n_retries = n_retries
        self.delay = delay
        self.progressbar = progressbar

    def __call__(self, url, output_file, pooch):
        """Download `url` to the path `output_file`."""
        for retries_left in range(self.n_retries, -1, -1):
            try:
                self._attempt(url)
                break
            except _Interrupted as error:
                if not retries_left:
                    later = self._discard_unless_resumable(url)
                    raise OSError(
                        f"{url} could not be downloaded in {self.n_retries + 1} attempts. The last "
                        f"error was: {error}. Call again later{later}. {self.advice}"
                    ) from error
                logger.warning("%s: %s; retrying in %g s", url, error, self.delay)
                time.sleep(self.delay)
        if self.path.suffix == ".zip" and not zipfile.is_zipfile(self.part):
            with open(self.part, "rb") as file:
                start = file.read(40)
            self._discard()
            raise DamagedFileError(
                f"{url} did not return a zip archive. The response starts with {start!r}, and may "
                f"be a damaged file or a web page. {self.advice}"
            )
        os.replace(self.part, output_file)
        self._discard()

    def _attempt(self, url):
        """Download the file, or the rest of it, to the part file."""
        import requests

        part = self._load_part(url)
        headers = {"Accept-Encoding": "identity"}
        if part.size:
            headers["Range"] = f"bytes={part.size}-"
            headers["If-Range"] = part.validator
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                continues = _is_continuation(response, part)
                if part.size and not continues and response.status_code in _RANGE_STATUSES:
                    self._discard()  # the server has another version: request the whole file
                    return self._attempt(url)
                response.raise_for_status()
                if not continues and response.status_code != HTTPStatus.OK:
                    raise _Interrupted(f"the server responded with {response.status_code}")
                if not continues:
                    part = self._start_part(url, response)
                self._receive(response, part)
        except requests.HTTPError as error:
            status = error.response.status_code
            if status >= 500 or status in _RETRIED_STATUSES:
                raise _Interrupted(str(error)) from error
            raise OSError(
                f"The server refused the request: {error}. The address may have changed, so please "
                f"report it. {self.advice}"
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
        """Return the state of the part file; an empty state if it cannot be resumed."""
        with suppress(FileNotFoundError, DamagedFileError):
            state = read_json_object(self.state, _STATE)
            if state["url"] == url and _is_header_value(state["validator"]):
                return _Part(self.part.stat().st_size, state["total"], state["validator"])
        return _Part()

    def _discard_unless_resumable(self, url):
        """Discard data that cannot be resumed; return what a later call does."""
        if self._load_part(url).size:
            return ": received data are kept, and the download resumes from there"
        self._discard()
        return ", which downloads the whole file"

    def _start_part(self, url, response):
        """Start an empty part file for the response to a request for the whole file."""
        self._discard()
        total, validator = None, None
        # The length and version of an encoded response differ from those of the file.
        if response.headers.get("Content-Encoding", "identity") == "identity":
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            validator = response.headers.get("ETag", "W/")
            if validator.startswith("W/"):  # If-Range does not accept weak validators
                validator = response.headers.get("Last-Modified")
        state = json.dumps({"url": url, "total": total, "validator": validator})
        write_atomically(self.state, state.encode())
        return _Part(0, total, validator)

    def _receive(self, response, part):
        """Append the body of a response to the part file."""
        try:
            with (
                open(self.part, "ab") as file,
                Bar(
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
                f"The disk is full: {self.path.name}{size} does not fit into its folder. Received "
                "data were deleted. Free some space, or pass another data_home",
                str(self.path),
            ) from error
        size = self.part.stat().st_size
        if part.total is not None and size != part.total:
            if size > part.total:
                self._discard()
            raise _Interrupted(f"{size} of {part.total} bytes were received")

    def _discard(self):
        """Delete the part file and its state."""
        self.part.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)


def _is_continuation(response, part):
    """Return whether a response is the rest of the file that the part belongs to."""
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        return False
    unit, _, content = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = content.partition("/")
    same_start = unit == "bytes" and span.startswith(f"{part.size}-")
    same_total = part.total is None or total in ("*", str(part.total))
    repeated = (response.headers.get("ETag"), response.headers.get("Last-Modified"))
    return part.size > 0 and same_start and same_total and part.validator in repeated


def _is_header_value(text):
    """Return whether a validator can be sent in a request."""
    return text != "" and text.isascii() and text.isprintable()
