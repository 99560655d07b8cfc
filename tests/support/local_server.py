"""A web server on this machine whose answers are scripted, to test downloads against."""

import io
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """How the server answers one request: with a file, all of it or a part, or with an error."""

    body: bytes = b""
    status: int = 200
    etag: str | None = None
    last_modified: str | None = None
    ranges: bool = True  # whether requests for a range are understood
    cut: int | None = None  # bytes of the body after which the connection breaks
    length: bool = True  # whether the length is announced
    headers: dict = field(default_factory=dict)

    def send(self, handler):
        status, start, extra = self.status, 0, dict(self.headers)
        asked = handler.headers.get("Range")
        if_range = handler.headers.get("If-Range")
        same = if_range in (None, self.etag, self.last_modified)
        if asked and self.ranges and same and status == 200:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
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
    """Serves what `serve` was given; used in a `with` statement.

    Attributes
    ----------
    requests : list of (path, headers)
        What was asked for, in order.
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
        """Switch the server off: from now on connections are refused."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def serve(self, name, *answers):
        """Answer requests for `name` in turn, the last answer again and again; return the URL.

        An answer is bytes, the file, or an `Answer`.
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
