import errno
import hashlib
import json
import multiprocessing
import os
import threading
import zipfile
from pathlib import Path

import pytest

from relcon_sklearn.datasets import clear_data_home, get_data_home
from relcon_sklearn.datasets._fetchers import _resume
from relcon_sklearn.datasets._fetchers._download import Source, download
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.full_disk import FullDisk
from tests.support.local_server import Answer, make_zip

BODY = bytes(range(256)) * 4000
CUT = 18 * _resume._CHUNK  # whole chunks only: an incomplete chunk is lost
OTHER = BODY[::-1]


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def files_in(folder):
    """Return the names of the files in the folder, without the lock file."""
    return sorted(p.name for p in Path(folder).iterdir() if p.suffix != ".lock")


@pytest.fixture
def source(server):
    """Return a source on the local server; tests script its answers."""
    return Source("toy", server.serve("data.bin", BODY), "data.bin")


def fetch(source, folder, **kwargs):
    return download(source, folder, **({"n_retries": 0, "delay": 0.0} | kwargs))


def ranges(server):
    """Return the Range header of each request."""
    return [headers.get("Range") for _, headers in server.requests]


def test_data_home(monkeypatch, tmp_path):
    given = tmp_path / "given"
    assert get_data_home(given) == str(given)
    assert given.is_dir()
    monkeypatch.setenv("RELCON_DATA_HOME", str(tmp_path / "named"))
    assert get_data_home() == str(tmp_path / "named")
    monkeypatch.delenv("RELCON_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Path(get_data_home()) == tmp_path / "relcon_data"
    assert Path(get_data_home("~/mine")) == tmp_path / "mine"
    monkeypatch.setenv("RELCON_DATA_HOME", "")  # as if it was not set
    assert Path(get_data_home()) == tmp_path / "relcon_data"
    (given / "file").write_text("")
    clear_data_home(given)
    assert not given.exists()
    assert (tmp_path / "named").exists()


@pytest.mark.parametrize("function", [get_data_home, clear_data_home])
def test_an_empty_data_home_is_refused(function):
    with pytest.raises(ValueError, match="data_home is an empty string"):
        function("")


def test_download_and_second_call_without_server(server, source, tmp_path):
    path = fetch(source, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "data.bin"
    assert path.read_bytes() == BODY
    assert files_in(path.parent) == ["data.bin", "data.bin.json"]
    record = json.loads((path.parent / "data.bin.json").read_text())
    assert record["sha256"] == sha256(BODY)
    assert record["size"] == len(BODY)
    assert record["url"] == source.url
    server.stop()
    assert fetch(source, path.parent) == path


def test_download_if_missing_false(server, source, tmp_path):
    with pytest.raises(
        OSError, match=r"`download_if_missing` is False: .*data\.bin does not exist"
    ):
        fetch(source, tmp_path / "none", download_if_missing=False)
    assert not (tmp_path / "none").exists()
    path = fetch(source, tmp_path)
    assert fetch(source, tmp_path, download_if_missing=False) == path
    assert len(server.requests) == 1


def test_file_downloaded_manually_is_used(server, source, tmp_path):
    (tmp_path / "data.bin").write_bytes(OTHER)
    assert fetch(source, tmp_path).read_bytes() == OTHER
    assert not server.requests
    assert json.loads((tmp_path / "data.bin.json").read_text())["sha256"] == sha256(OTHER)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_server_error_then_success(server, source, tmp_path, status, caplog):
    server.serve("data.bin", Answer(status=status), Answer(status=status), BODY)
    assert fetch(source, tmp_path, n_retries=2).read_bytes() == BODY
    assert len(server.requests) == 3
    assert sum("retrying" in record.message for record in caplog.records) == 2


def test_waits_between_attempts(server, source, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(_resume.time, "sleep", waited.append)
    server.serve("data.bin", Answer(status=500), Answer(status=500), BODY)
    fetch(source, tmp_path, n_retries=3, delay=1.5)
    assert waited == [1.5, 1.5]


def test_permanent_server_error(server, source, tmp_path):
    server.serve("data.bin", Answer(status=500))
    source = source._replace(note="Ask the authors.")
    with pytest.raises(
        OSError, match=r"in 3 attempts.*500.*manually to .*data\.bin\. Ask the authors\."
    ):
        fetch(source, tmp_path, n_retries=2)
    assert len(server.requests) == 3
    assert files_in(tmp_path) == []


def test_refused_request_is_not_retried(server, source, tmp_path):
    server.serve("data.bin", Answer(status=404))
    with pytest.raises(OSError, match=r"refused the request: 404.*report it.*manually"):
        fetch(source, tmp_path, n_retries=3)
    assert len(server.requests) == 1
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("url", ["no-address", "gopher://127.0.0.1/data.bin"])
def test_invalid_address(source, tmp_path, url):
    with pytest.raises(OSError, match=rf"{url} cannot be downloaded: .* manually"):
        fetch(source._replace(url=url), tmp_path, n_retries=3)
    assert files_in(tmp_path) == []


def test_no_server(server, source, tmp_path):
    server.stop()
    with pytest.raises(OSError, match="could not be downloaded in 2 attempts"):
        fetch(source, tmp_path, n_retries=1)
    assert files_in(tmp_path) == []


def test_server_that_stops_responding(server, source, tmp_path, monkeypatch):
    silent = threading.Event()

    class Silent(Answer):
        def send(self, handler):
            silent.wait(10)

    monkeypatch.setattr(_resume, "_TIMEOUT", (1, 0.05))
    server.serve("data.bin", Silent(), BODY)
    try:
        assert fetch(source, tmp_path, n_retries=1).read_bytes() == BODY
    finally:
        silent.set()


VERSIONS = [{"etag": '"1"'}, {"last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}]


@pytest.mark.parametrize("version", VERSIONS)
def test_truncated_body_is_resumed(server, source, tmp_path, version):
    server.serve(
        "data.bin",
        Answer(BODY, cut=CUT, **version),
        Answer(BODY, cut=CUT, **version),
        Answer(BODY, **version),
    )
    assert fetch(source, tmp_path, n_retries=2).read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"]
    assert server.requests[1][1]["If-Range"] == next(iter(version.values()))
    assert files_in(tmp_path) == ["data.bin", "data.bin.json"]


@pytest.mark.parametrize("version", [*VERSIONS, {"etag": 'W/"1"'}, {}])
def test_two_files_of_equal_length_are_never_joined(server, source, tmp_path, version):
    """Neither without a validator, nor if the response with the rest does not repeat it."""

    class WithoutValidator(Answer):
        def send(self, handler):
            del handler.headers["If-Range"]
            super().send(handler)

    server.serve("data.bin", Answer(BODY, cut=CUT, **version), WithoutValidator(OTHER))
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == OTHER
    assert json.loads((tmp_path / "data.bin.json").read_text())["sha256"] == sha256(OTHER)


def test_nothing_is_kept_that_cannot_be_resumed(server, source, tmp_path):
    server.serve("data.bin", Answer(BODY, cut=CUT))
    with pytest.raises(OSError, match=r"Call again later, which downloads the whole file\."):
        fetch(source, tmp_path)
    assert files_in(tmp_path) == []


DAMAGED = {
    "another type": "[]",
    "a number": "1",
    "nested too deep": "[" * 100_000,
    "other values": '{"url": 1, "sha256": 1}',
    "not text": "\udcff",
    "empty": "",
}


@pytest.mark.parametrize("state", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_is_not_resumed(server, source, tmp_path, state):
    (tmp_path / "data.bin.part").write_bytes(OTHER[:CUT])
    (tmp_path / "data.bin.part.json").write_bytes(state.encode(errors="surrogateescape"))
    assert fetch(source, tmp_path).read_bytes() == BODY
    assert ranges(server) == [None]


def test_a_later_call_resumes(server, source, tmp_path):
    server.serve("data.bin", Answer(BODY, cut=CUT, etag='"1"'), BODY)
    with pytest.raises(OSError, match=f"{CUT} of|more expected"):
        fetch(source, tmp_path)
    assert files_in(tmp_path) == ["data.bin.part", "data.bin.part.json"]
    assert fetch(source, tmp_path).read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={CUT}-"]


def test_interruption_keeps_the_part(server, source, tmp_path, monkeypatch):
    class Bar:
        def __init__(self, *args, **kwargs):
            self.n = 0

        def __enter__(self):
            return self

        def __exit__(self, *exc_info):
            pass

        def update(self, n):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_resume, "Bar", Bar)
        with pytest.raises(KeyboardInterrupt):
            fetch(source, tmp_path)
    assert files_in(tmp_path) == ["data.bin.part", "data.bin.part.json"]
    assert fetch(source, tmp_path).read_bytes() == BODY
    assert ranges(server)[1] is not None


def test_server_that_ignores_ranges(server, source, tmp_path):
    server.serve(
        "data.bin",
        Answer(BODY, cut=CUT, etag='"1"', ranges=False),
        Answer(BODY, etag='"1"', ranges=False),
    )
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"etag": '"1"'}, {"etag": '"2"'}),
        ({"last_modified": "yesterday"}, {"last_modified": "today"}),
        ({"etag": 'W/"1"'}, {"etag": 'W/"2"'}),  # weak: only the length differs reliably
        ({}, {}),
    ],
)
def test_parts_of_different_versions_are_not_combined(server, source, tmp_path, before, after):
    changed = OTHER + b"longer"
    server.serve("data.bin", Answer(BODY, cut=CUT, **before), Answer(changed, **after))
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == changed


def test_server_that_ignores_if_range(server, source, tmp_path):
    class Careless(Answer):
        def send(self, handler):
            del handler.headers["If-Range"]
            super().send(handler)

    server.serve("data.bin", Answer(BODY, cut=CUT, etag='"1"'), Careless(OTHER, etag='"2"'), OTHER)
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == OTHER
    assert ranges(server) == [None, f"bytes={CUT}-", None]


def test_range_that_was_not_requested(server, source, tmp_path):
    span = {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"}
    shifted = Answer(BODY, etag='"1"', headers=span)
    server.serve("data.bin", Answer(BODY, cut=CUT, etag='"1"'), shifted, BODY)
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={CUT}-", None]


def test_file_that_became_shorter(server, source, tmp_path):
    server.serve("data.bin", Answer(BODY, cut=CUT, etag='"1"'), b"short")
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == b"short"
    assert ranges(server) == [None, f"bytes={CUT}-", None]


def test_part_of_another_address_is_not_resumed(server, source, tmp_path):
    server.serve("data.bin", Answer(BODY, cut=CUT, etag='"1"'))
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch(source, tmp_path)
    moved = source._replace(url=server.serve("moved.bin", OTHER))
    assert fetch(moved, tmp_path).read_bytes() == OTHER
    assert ranges(server) == [None, None]


def test_encoded_answer_is_not_resumed(server, source, tmp_path):
    import gzip

    packed = gzip.compress(os.urandom(100_000) + BODY)
    encoded = {"headers": {"Content-Encoding": "gzip"}, "etag": '"1"'}
    server.serve("data.bin", Answer(packed, cut=50_000, **encoded), Answer(packed, **encoded))
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == gzip.decompress(packed)
    assert ranges(server) == [None, None]


def test_answer_without_a_length(server, source, tmp_path):
    server.serve("data.bin", Answer(BODY, length=False))
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_partial_answer_that_was_not_requested(server, source, tmp_path):
    server.serve("data.bin", Answer(BODY, status=206), BODY)
    assert fetch(source, tmp_path, n_retries=1).read_bytes() == BODY


def test_pinned_checksum(server, source, tmp_path):
    pinned = source._replace(sha256=sha256(BODY))
    assert fetch(pinned, tmp_path).read_bytes() == BODY
    assert files_in(tmp_path) == ["data.bin"]


def test_wrong_pinned_checksum(server, source, tmp_path):
    pinned = source._replace(sha256=sha256(OTHER))
    with pytest.raises(OSError, match="SHA256") as caught:
        fetch(pinned, tmp_path, n_retries=3)
    assert sha256(OTHER) in str(caught.value)
    assert sha256(BODY) in str(caught.value)
    assert files_in(tmp_path) == []
    assert len(server.requests) == 1


def test_wrong_file_of_the_user_is_an_error_and_is_kept(server, source, tmp_path):
    (tmp_path / "data.bin").write_bytes(OTHER)
    with pytest.raises(OSError, match="Delete it and call again") as caught:
        fetch(source._replace(sha256=sha256(BODY)), tmp_path)
    assert sha256(OTHER) in str(caught.value)
    assert sha256(BODY) in str(caught.value)
    assert (tmp_path / "data.bin").read_bytes() == OTHER
    assert not server.requests


def test_recorded_checksum_is_verified(source, tmp_path):
    path = fetch(source, tmp_path)
    path.write_bytes(OTHER)
    with pytest.raises(OSError, match=r"has changed.*Delete it.*delete data\.bin\.json") as caught:
        fetch(source, tmp_path)
    assert sha256(OTHER) in str(caught.value)
    assert sha256(BODY) in str(caught.value)
    assert path.read_bytes() == OTHER
    path.unlink()
    assert fetch(source, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("record", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_of_the_first_download(source, tmp_path, record):
    path = fetch(source, tmp_path)
    (tmp_path / "data.bin.json").write_bytes(record.encode(errors="surrogateescape"))
    with pytest.raises(DamagedFileError, match=r"record of the first .* Delete .*data\.bin\.json"):
        fetch(source, tmp_path)
    (tmp_path / "data.bin.json").unlink()
    assert fetch(source, tmp_path) == path


def test_publisher_changed_the_file(server, source, tmp_path):
    fetch(source, tmp_path).unlink()
    server.serve("data.bin", OTHER)
    with pytest.warns(UserWarning, match="has changed since it was downloaded on .* may change"):
        path = fetch(source, tmp_path)
    assert path.read_bytes() == OTHER
    assert fetch(source, tmp_path) == path  # the new checksum is recorded now


def test_page_instead_of_an_archive(server, tmp_path):
    source = Source("toy", server.serve("data.zip", b"<html>Sorry, maintenance</html>"), "data.zip")
    with pytest.raises(OSError, match=r"did not return a zip archive.*<html>Sorry.*manually"):
        fetch(source, tmp_path)
    assert files_in(tmp_path) == []
    server.serve("data.zip", make_zip({"a": "b"}))
    assert zipfile.is_zipfile(fetch(source, tmp_path))


def test_full_disk(server, source, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_resume, "open", FullDisk(500_000).open, raising=False)
        with pytest.raises(OSError, match=r"disk is full: data.bin of 1 MB.*data_home") as caught:
            fetch(source, tmp_path, n_retries=3)
    assert caught.value.errno == errno.ENOSPC
    assert files_in(tmp_path) == []
    assert len(server.requests) == 1
    assert fetch(source, tmp_path).read_bytes() == BODY


def fetch_in_process(url, folder, start):
    start.wait()
    fetch(Source("toy", url, "data.bin"), folder)


def test_two_processes_at_once(server, source, tmp_path):
    class Slow(Answer):
        def send(self, handler):
            threading.Event().wait(0.2)
            super().send(handler)

    server.serve("data.bin", Slow(BODY, etag='"1"'))
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    start = context.Event()
    both = [
        context.Process(target=fetch_in_process, args=(source.url, tmp_path, start))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    start.set()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert files_in(tmp_path) == ["data.bin", "data.bin.json"]
    assert len(server.requests) == 1


def test_progress_bar(source, tmp_path, capsys):
    fetch(source, tmp_path / "quiet")
    assert "data.bin:" not in capsys.readouterr().err
    fetch(source, tmp_path / "loud", progressbar=True)
    assert "data.bin: 100%" in capsys.readouterr().err
