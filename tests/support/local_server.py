"""A web server on this machine with scripted answers, for tests of downloads."""

import io
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """The answer to one request: a file, a part of it, or an error."""

    body: bytes = b""
    status: int = 200
    etag: str | None = None
    last_modified: str | None = None
    ranges: bool = True  # whether range requests are supported
    cut: int | None = None  # number of bytes of the body after which the connection breaks
    length: bool = True  # whether to send the header Content-Length
    headers: dict = field(default_factory=dict)

    def send(self, handler):
        status, start, extra = self.status, 0, dict(self.headers)
        requested = handler.headers.get("Range")
        if_range = handler.headers.get("If-Range")
        same = if_range in (None, self.etag, self.last_modified)
        if requested and self.ranges and same and status == 200:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(self.body) else 416
            span = f"{start}-{len(self.body) - 1}" if status == 206 else "*"
            extra.setdefault("Content-Range", f"bytes {span}/{len(self.body)}")
        body = self.body[start:] if status != 416 else b""
        handler.send_response(status)
        if self.length:
            handler.send_header("Content-Length", str(len(body)))
        if self.etag:
            handler.send_header("ETag", self.etag)
        if self.last_modified:
            handler.send_header("Last-Modified", self.last_modified)
        for name, value in extra.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body if self.cut is None else body[: self.cut])


class LocalServer:
    """A server of the answers passed to `serve`, for use in a `with` statement.

    Attributes
    ----------
    requests : list of (path, headers)
        All requests, in order.
    """

    def __init__(self):
        self.answers = {}
        self.requests = []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with lock:
                    outer.requests.append((self.path, dict(self.headers)))
                    script = outer.answers.get(self.path, [Answer(status=404)])
                    answer = script.pop(0) if len(script) > 1 else script[0]
                answer.send(self)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def stop(self):
        """Stop the server, which then refuses connections."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def serve(self, name, *answers):
        """Answer requests for `name` with one answer after another, and return the URL.

        The last answer is repeated. An answer is the bytes of a file, or an `Answer`.
        """
        script = [Answer(body=a, etag='"1"') if isinstance(a, bytes) else a for a in answers]
        self.answers[f"/{name}"] = script
        return f"http://127.0.0.1:{self._server.server_port}/{name}"


def make_zip(members):
    """Return the bytes of a zip archive of {name: str or bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
