"""A file is complete or absent, even if writing it fails or the process is killed."""

import contextlib
import errno
import os
import re
import subprocess
import sys

import pytest

from relcon_sklearn._utils import _atomic
from relcon_sklearn._utils._atomic import replacing, unfinished, write_atomically
from tests.support.full_disk import FullDisk


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("data", [b"", b"new", bytearray(b"new"), memoryview(b"new")])
def test_makes_and_replaces(tmp_path, data):
    path = tmp_path / "model"
    for before in (None, b"something longer"):
        if before is not None:
            path.write_bytes(before)
        write_atomically(path, data)
        assert path.read_bytes() == bytes(data)
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("room", [0, 2, 5])
@pytest.mark.parametrize("before", [None, b"old"])
def test_full_disk(tmp_path, monkeypatch, room, before):
    path = tmp_path / "model"
    if before is not None:
        path.write_bytes(before)
    monkeypatch.setattr(_atomic, "open", FullDisk(room).open, raising=False)
    with pytest.raises(OSError, match=f"No space left .*: {re.escape(repr(str(path)))}$"):
        write_atomically(path, b"longer than that")
    assert names(tmp_path) == ([] if before is None else ["model"])
    assert before is None or path.read_bytes() == before


def test_an_error_of_another_file_names_that(tmp_path):
    def fail():
        raise OSError(errno.ENOSPC, "No space left", "another")

    with pytest.raises(OSError, match=": 'another'"), replacing(tmp_path / "model"):
        fail()


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_any_failure_leaves_what_was_there(tmp_path, monkeypatch, name):
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def fail(*args):
        raise OSError(errno.EIO, name)

    monkeypatch.setattr(_atomic.os, name, fail)
    with pytest.raises(OSError, match=name):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model"]


def test_contents_are_on_the_disk_before_the_name_and_the_name_after(tmp_path, monkeypatch):
    calls = []

    def note(name, function):
        def noted(first, *args):
            is_folder = name == "fsync" and os.path.isdir(f"/proc/self/fd/{first}")
            calls.append("fsync folder" if is_folder else name)
            return function(first, *args)

        monkeypatch.setattr(_atomic.os, name, noted)

    note("fsync", os.fsync)
    note("replace", os.replace)
    write_atomically(tmp_path / "model", b"new")
    if os.path.isdir("/proc/self/fd"):
        assert calls == ["fsync", "replace", "fsync folder"]
    else:
        assert calls[:2] == ["fsync", "replace"]


@pytest.mark.parametrize(("number", "is_told"), [(errno.EACCES, False), (errno.EIO, True)])
def test_folder_that_is_not_synced(tmp_path, monkeypatch, number, is_told):
    """Systems without support are ignored; a failure to sync is reported."""

    def fail(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(_atomic.os, "open", fail)
    with pytest.raises(OSError, match="error") if is_told else contextlib.nullcontext():
        write_atomically(tmp_path / "model", b"new")
    assert (tmp_path / "model").read_bytes() == b"new"


def test_a_block_that_raises_leaves_what_was_there(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def write_half():
        with replacing(path) as file:
            file.write(b"half")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        write_half()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model"]


def test_no_folder(tmp_path):
    path = tmp_path / "none" / "model"
    with pytest.raises(FileNotFoundError, match=f": {re.escape(repr(str(path)))}$"):
        write_atomically(path, b"new")
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_in_the_midst_of_writing(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    code = (
        "import os, signal, sys, pathlib\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "import _atomic\n"
        "_atomic.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "_atomic.write_atomically(pathlib.Path(sys.argv[1]), b'new')\n"
    )
    folder = os.path.dirname(_atomic.__file__)
    done = subprocess.run([sys.executable, "-c", code, str(path), folder], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    (left,) = unfinished(tmp_path, "model")
    assert names(tmp_path) == [left.name, "model"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("name", ["model", "[model]*", "m" * 255, "ä" * 127])
def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        (temporary,) = [p for p in tmp_path.iterdir() if p != path]
        left = temporary.with_name(temporary.name[:-20] + "0" * 16 + ".tmp")
        left.write_bytes(b"half")
    other = tmp_path / ".model-backup.tmp"
    other.write_bytes(b"of the user")
    write_atomically(path, b"newest")
    assert path.read_bytes() == b"newest"
    assert names(tmp_path) == sorted([".model-backup.tmp", name])


def test_a_file_that_is_being_written_is_not_removed(tmp_path):
    path = tmp_path / "model"
    with replacing(path) as file:
        write_atomically(path, b"first")
        file.write(b"second")
        file.flush()
        write_atomically(path, b"third")
        assert path.read_bytes() == b"third"
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="no permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_the_permissions_of_the_old_file_are_kept(tmp_path, mode):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert path.stat().st_mode & 0o777 == mode
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_followed(tmp_path, exists):
    target, link = tmp_path / "target", tmp_path / "folder" / "link"
    link.parent.mkdir()
    link.symlink_to(os.path.join("..", "target"))
    if exists:
        target.write_bytes(b"old")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["folder", "target"]
    assert names(link.parent) == ["link"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_loop_of_symbolic_links_is_not_replaced(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.symlink_to(second)
    second.symlink_to(first)
    for path in (first, second):
        with pytest.raises(OSError, match="symbolic links") as error:
            write_atomically(path, b"new")
        assert error.value.errno == errno.ELOOP
    assert first.is_symlink()
    assert second.is_symlink()
    assert names(tmp_path) == ["first", "second"]


@pytest.mark.parametrize("n", [233, 234, 255])
def test_names_as_long_as_the_system_allows(tmp_path, n):
    path = tmp_path / ("m" * n)
    write_atomically(path, b"new")
    assert names(tmp_path) == [path.name]
