import io
import random
import stat
import struct
import zipfile

import pytest

from relcon_sklearn.datasets._fetchers import _archive
from relcon_sklearn.datasets._fetchers._archive import Archive
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.local_server import make_zip

MEMBERS = {
    "Data Set/": "",
    "Data Set/labels.txt": "1 2 3",
    "Data Set/RawData/acc_10.txt": "ten",
    "Data Set/RawData/acc_2.txt": "two",
    "Data Set/.DS_Store": "x",
    "__MACOSX/Data Set/._labels.txt": "x",
}


@pytest.fixture
def write(tmp_path):
    """Write members, or bytes, as an archive."""

    def write(content, name="toy.zip"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else make_zip(content))
        return path

    return write


@pytest.mark.parametrize("folder", ["", "Some Folder/", "a/b/"])
def test_members_are_found_in_any_folder(write, folder):
    members = {name.replace("Data Set/", folder): text for name, text in MEMBERS.items()}
    members.pop("", None)
    path = write(members)
    with Archive(path) as archive:
        raw = f"{folder}RawData/"
        assert archive.names() == [f"{folder}labels.txt", f"{raw}acc_10.txt", f"{raw}acc_2.txt"]
        assert archive.find("labels.txt") == f"{folder}labels.txt"
        assert archive.read_text("RawData/acc_2.txt") == "two"
        assert archive.read_bytes(f"{folder}labels.txt") == b"1 2 3"
        with archive.open("acc_10.txt") as file:
            assert file.read() == b"ten"
        matches = archive.matching(r"RawData/acc_(\d+)\.txt")
        assert [match[1] for match in matches] == ["10", "2"]
        assert matches[0].string == f"{raw}acc_10.txt"


def test_the_end_of_a_name_is_not_a_name(write):
    with Archive(write(MEMBERS)) as archive:
        for name in ("cc_2.txt", "bels.txt"):
            with pytest.raises(OSError, match="no member"):
                archive.find(name)
        with pytest.raises(OSError, match="no member that matches"):
            archive.matching(r"cc_(\d+)\.txt")
        with pytest.raises(OSError, match="no member that matches"):
            archive.matching(r"acc_(\d+)")


def test_missing_member(write):
    path = write({**MEMBERS, **{f"more/{i}": "" for i in range(20)}})
    with Archive(path) as archive, pytest.raises(OSError, match=r"no member 'gone\.txt'") as caught:
        archive.read_text("gone.txt")
    message = str(caught.value)
    assert str(path) in message
    assert "'Data Set/labels.txt'" in message
    assert "13 more" in message
    with (
        Archive(write({}, "empty.zip")) as archive,
        pytest.raises(OSError, match="It has no members"),
    ):
        archive.find("labels.txt")


def test_ambiguous_member(write):
    path = write({"a/labels.txt": "", "b/labels.txt": ""})
    with (
        Archive(path) as archive,
        pytest.raises(OSError, match=r"several members 'labels.txt': 'a/.*, 'b/"),
    ):
        archive.read_text("labels.txt")


def test_text_in_another_encoding(write):
    with Archive(write({"a.txt": "Sam\xe0".encode("latin-1")})) as archive:
        assert archive.read_text("a.txt") == "Sam\ufffd"
        assert archive.read_text("a.txt", encoding="latin-1") == "Sam\xe0"


def test_nested_archive(write, tmp_path):
    inner = make_zip({"inner/data.txt": "deep"})
    path = write({"folder/inner.zip": inner})
    with Archive(path) as archive:
        with archive.nested("inner.zip") as nested:
            assert nested.read_text("data.txt") == "deep"
            with pytest.raises(OSError, match=r"toy\.zip: folder/inner\.zip has no member 'x'"):
                nested.find("x")
        with archive.unwrapped("inner.zip") as nested:
            assert nested.names() == ["inner/data.txt"]
        with archive.unwrapped("other.zip") as same:
            assert same is archive
    assert list(tmp_path.iterdir()) == [path]


def test_nested_archive_that_is_not_one(write, tmp_path):
    path = write({"inner.zip": b"not a zip archive"})
    with (
        Archive(path) as archive,
        pytest.raises(OSError, match=r"toy\.zip: inner\.zip is not a zip archive"),
    ):
        with archive.nested("inner.zip"):
            pass
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", make_zip({"a.txt": "x" * 1000})[:-30]],
    ids=["empty", "no archive", "truncated"],
)
def test_file_that_is_not_a_zip_archive(write, content):
    path = write(content)
    with pytest.raises(OSError, match="is not a zip archive or is damaged") as caught:
        Archive(path)
    assert f"Delete {path} and call again" in str(caught.value)


def damaged(content, offset):
    """Flip one bit in the data of the first member."""
    content = bytearray(content)
    name_length, extra_length = struct.unpack("<HH", content[26:30])
    content[30 + name_length + extra_length + offset] ^= 4
    return bytes(content)


def test_damaged_member(write):
    text = "".join(str(i * i) for i in range(3000))
    path = write(damaged(make_zip({"a.txt": text, "b.txt": "fine"}), 100))
    with Archive(path) as archive:
        assert archive.read_text("b.txt") == "fine"
        with pytest.raises(OSError, match=r"a\.txt is not a zip archive or is damaged") as caught:
            archive.read_text("a.txt")
    assert f"Delete {path}" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up.txt", "a/../../up.txt", "a\\b.txt", "C:/x.txt", "..\\up.txt"]
)
def test_names_that_point_outside_are_rejected(write, tmp_path, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name  # set here, since the constructor would sanitize it
        archive.writestr(info, "x")
        archive.writestr("fine.txt", "y")
    path = write(buffer.getvalue())
    with pytest.raises(OSError, match=r"is not read, because its member .* points out") as caught:
        Archive(path)
    assert repr(name) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_names_with_dots_are_fine(write):
    with Archive(write({"a..b/c...txt": "x"})) as archive:
        assert archive.read_text("c...txt") == "x"


def test_symbolic_links_are_rejected(write):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(OSError, match="'link' points outside the archive or is a symbolic link"):
        Archive(write(buffer.getvalue()))


def test_members_that_are_too_large_are_rejected(write, monkeypatch):
    path = write({"large.txt": "x" * 1001, "small.txt": "x" * 1000})
    monkeypatch.setattr(_archive, "MAX_MEMBER_BYTES", 1000)
    with Archive(path) as archive:
        assert len(archive.read_text("small.txt")) == 1000
        with pytest.raises(
            OSError, match=r"'large.txt' has a declared size of .* GB, which exceeds"
        ):
            archive.read_text("large.txt")


def test_reading_stops_at_the_declared_size(write):
    """A member that declares too small a size, to circumvent the limit, is an error."""
    content = make_zip({"bomb.txt": "x" * 100_000})
    declared = struct.pack("<L", 100_000)
    assert content.count(declared) == 2  # in the member's header and in the central directory
    path = write(content.replace(declared, struct.pack("<L", 10)))
    with Archive(path) as archive, pytest.raises(OSError, match="damaged"):
        archive.read_bytes("bomb.txt")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_not_read(write):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("a/labels.txt", "a/labels.txt", "a/other.txt"):
            archive.writestr(name, "x")
    with Archive(write(buffer.getvalue())) as archive:
        assert archive.read_text("other.txt") == "x"
        for name in ("labels.txt", "a/labels.txt"):
            with pytest.raises(DamagedFileError, match=r"has 2 members of the name .*labels\.txt"):
                archive.read_text(name)


def test_large_members_that_are_compressed_too_much_are_rejected(write, monkeypatch):
    monkeypatch.setattr(_archive, "_SMALL_BYTES", 100_000)
    text = random.Random(0).randbytes(2000).hex() * 50
    path = write({"bomb.txt": "x" * 100_001, "small.txt": "x" * 100_000, "text.txt": text})
    with Archive(path) as archive:
        assert len(archive.read_text("small.txt")) == 100_000
        assert archive.read_text("text.txt") == text
        with pytest.raises(DamagedFileError, match=r"'bomb\.txt' .* times its compressed size"):
            archive.read_text("bomb.txt")


def test_errors_of_the_code_that_uses_a_member_are_not_touched(write):
    with Archive(write(MEMBERS)) as archive, pytest.raises(EOFError, match="mine"):
        with archive.open("labels.txt"):
            raise EOFError("mine")


def test_a_member_without_a_name(write):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = ""  # some versions of zipfile raise an IndexError when they read it
        archive.writestr(info, "x")
    with pytest.raises(DamagedFileError, match="has a member without a name"):
        Archive(write(buffer.getvalue()))


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_every_damage_is_one_kind_of_error(tmp_path, method):
    """The kinds of zipfile: NotImplementedError, RuntimeError, IndexError, LZMAError, ..."""
    draw = random.Random(method)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.txt", draw.randbytes(40).hex() * 2)
        archive.writestr("folder/b.txt", "b")
    whole, path, n_refused = buffer.getvalue(), tmp_path / "toy.zip", 0
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            with Archive(path) as archive:
                for name in archive.names():
                    archive.read_bytes(name)
        except DamagedFileError:
            n_refused += 1
    assert n_refused > 100


def test_a_member_cannot_ask_for_memory_by_its_compression(tmp_path):
    """LZMA allocates what a member declares: a damaged byte asked for 3 GB."""
    path = tmp_path / "toy.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", "text")
    content = bytearray(path.read_bytes())
    # After the name: the version and size of the properties, one byte, and the dictionary size.
    content[30 + len("a.txt") + 5 + 3] = 0xBF
    path.write_bytes(content)
    with (
        Archive(path) as archive,
        pytest.raises(DamagedFileError, match="by method 14"),
    ):
        archive.read_bytes("a.txt")


def test_the_file_is_closed(write):
    path = write(MEMBERS)
    with Archive(path) as archive:
        pass
    with pytest.raises(ValueError, match="closed"):
        archive.read_text("labels.txt")
