"""Zip archives that are read member by member: names in them never become paths on disk."""

import io
import re
import shutil
import stat
import tempfile
import zipfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..._utils._damage import is_damage
from ...exceptions import DamagedFileError
from ._data_home import is_read_only

# The largest member of the supported data sets is a text file of 1.3 GB. A member is never read
# beyond its declared size.
MAX_MEMBER_BYTES = 4 << 30

# Compressions whose memory is bounded. With LZMA, a file of any size can ask for gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)

# Text of sensors is compressed to about a tenth. Small members may be as repetitive as they are.
_MAX_RATIO = 200
_SMALL_BYTES = 64 << 20

_CHUNK = 1 << 16

_MAX_SHOWN = 10


class Archive:
    """A zip archive opened for reading, or a zip archive inside another one.

    A member is named by the end of its path, so that a folder around all members makes no
    difference: "labels.txt" and "RawData/labels.txt" both find
    "HAPT Data Set/RawData/labels.txt". Directories and files that macOS adds (`__MACOSX`,
    `.DS_Store`) do not count as members. Use an archive in a `with` statement.

    Parameters
    ----------
    path : str or path-like
        The archive.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    DamagedFileError
        If the file is not a zip archive, is damaged, is encrypted or has an unknown compression,
        if the name of a member points outside the archive (an absolute path, `..` or backslashes),
        or if a member is a symbolic link. If a requested member is missing or occurs twice, if its
        declared size exceeds 4 GiB, or if it exceeds 64 MiB and is compressed to less than 1/200,
        which protects from zip bombs. Damage to a member is detected when the member is read.

    Examples
    --------
    >>> import os, tempfile, zipfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "data.zip")
    ...     with zipfile.ZipFile(path, "w") as file:
    ...         file.writestr("Data Set/acc_01.txt", "0.1 0.2 0.9")
    ...     with Archive(path) as archive:
    ...         print(archive.names(), archive.read_text("acc_01.txt"))
    ['Data Set/acc_01.txt'] 0.1 0.2 0.9
    """

    def __init__(self, path, *, _file=None, _label=None):
        self.path = Path(path)
        self.label = _label or str(self.path)
        with self._report_damage():
            self._zip = zipfile.ZipFile(_file or self.path)
        try:
            with self._report_damage():
                infos = [info for info in self._zip.infolist() if self._is_member(info)]
        except DamagedFileError:
            self.close()
            raise
        self._members = {info.filename: info for info in infos}
        self._n_entries = Counter(info.filename for info in infos)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def close(self):
        """Close the file."""
        self._zip.close()

    def names(self):
        """Return the full names of all members, in the order of the archive."""
        return list(self._members)

    def find(self, name):
        """Return the full name of the one member whose path ends with `name`."""
        if self._n_entries[name] > 1:
            raise DamagedFileError(
                f"{self.label} has {self._n_entries[name]} members of the name {name!r}. It is "
                "unknown which one is meant. Delete the file. If the publisher serves it like "
                "this, please report it."
            )
        if name in self._members:
            return name
        found = [member for member in self._members if member.endswith(f"/{name}")]
        if len(found) == 1:
            return self.find(found[0])
        if found:
            raise DamagedFileError(
                f"{self.label} has several members {name!r}: {_abbreviate(found)}."
            )
        raise DamagedFileError(self._missing_member_message(repr(name)))

    def matching(self, pattern):
        r"""Return the members whose paths end with a match of a regular expression.

        Parameters
        ----------
        pattern : str
            For example `r"acc_exp(\d+)_user(\d+)\.txt"`. A match starts at the beginning of the
            path or of a name in it, and ends at the end of the path.

        Returns
        -------
        matches : list of re.Match
            Sorted by name; `match.string` is the full name of the member. Never empty.

        Raises
        ------
        OSError
            If no member matches.
        """
        expression = re.compile(f"(?:^|/)(?:{pattern})$")
        matches = [m for m in map(expression.search, sorted(self._members)) if m]
        if not matches:
            raise DamagedFileError(self._missing_member_message(f"that matches {pattern!r}"))
        return matches

    @contextmanager
    def open(self, name):
        """Open a member as a binary file, in a `with` statement."""
        if self._zip.fp is None:
            raise ValueError(f"{self.label} is closed.")
        info = self._members[self.find(name)]
        self._check_cost(info)
        with self._report_damage(info.filename):
            member = self._zip.open(info)
        report_damage = partial(self._report_damage, info.filename)
        with io.BufferedReader(_CheckedMember(member, report_damage), _CHUNK) as file:
            yield file

    def read_bytes(self, name):
        """Return the content of a member."""
        with self.open(name) as file:
            return file.read()

    def read_text(self, name, encoding="utf-8"):
        """Return the text of a member; bytes that cannot be decoded are replaced."""
        return self.read_bytes(name).decode(encoding, errors="replace")

    @contextmanager
    def nested(self, name):
        """Open a member that is itself a zip archive as an Archive, in a `with` statement.

        The member is unpacked to a temporary file, which is removed afterwards. It is in the folder
        of the archive or, if that cannot be written, in the folder of the system. This needs disk
        space of the size of the member, but no memory.
        """
        full_name = self.find(name)
        with _temporary_file(self.path.parent) as copy:
            with self.open(full_name) as file:
                shutil.copyfileobj(file, copy, 1 << 20)
            with Archive(self.path, _file=copy, _label=f"{self.label}: {full_name}") as inner:
                yield inner

    @contextmanager
    def unwrapped(self, name):
        """Open the inner archive `name`, or return this archive if it has no such member.

        Some data sets are distributed both as they are and inside a second archive.
        """
        if any(PurePosixPath(member).name == name for member in self._members):
            with self.nested(name) as inner:
                yield inner
        else:
            yield self

    def _missing_member_message(self, member):
        return (
            f"{self.label} has no member {member}. It has {_abbreviate(self.names())}. If the "
            "publisher has changed the archive, please report it. Otherwise delete the file and "
            "call again."
        )

    def _check_cost(self, info):
        """Raise DamagedFileError if reading a member could need too much memory or time."""
        if info.compress_type not in _METHODS:
            raise DamagedFileError(
                f"{self.label}: the member {info.filename!r} is compressed by method "
                f"{info.compress_type}. Only stored, deflate and bzip2 are read. Delete the file "
                "and call again to download it again."
            )
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > MAX_MEMBER_BYTES:
            limit = f"exceeds the limit of {MAX_MEMBER_BYTES / 1e9:.1f} GB"
        elif info.file_size > _SMALL_BYTES and ratio > _MAX_RATIO:
            limit = f"is {ratio:.0f} times its compressed size, more than {_MAX_RATIO} times"
        else:
            return
        raise DamagedFileError(
            f"{self.label}: the member {info.filename!r} has a declared size of "
            f"{info.file_size / 1e9:.1f} GB, which {limit}. Delete the file and call again to "
            "download it again."
        )

    def _is_member(self, info):
        """Return whether an entry counts as a member; raise DamagedFileError if it is unsafe."""
        name = info.orig_filename
        if not info.filename:
            raise DamagedFileError(
                f"{self.label} has a member without a name. Delete {self.path} and call again to "
                "download it again."
            )
        unsafe = (
            "\\" in name
            or PurePosixPath(name).is_absolute()
            or PureWindowsPath(name).drive
            or ".." in PurePosixPath(name).parts
            or stat.S_ISLNK(info.external_attr >> 16)
        )
        if unsafe:
            raise DamagedFileError(
                f"{self.label} is not read, because its member {name!r} points outside the archive "
                "or is a symbolic link. Delete the file. If the publisher serves it like this, "
                "please report it."
            )
        parts = PurePosixPath(name).parts
        return not (info.is_dir() or "__MACOSX" in parts or parts[-1:] == (".DS_Store",))

    @contextmanager
    def _report_damage(self, member=None):
        """Replace what zipfile raises for damaged files by an error that says what to do."""
        try:
            yield
        except Exception as error:
            if not is_damage(error):
                raise
            where = self.label if member is None else f"{self.label}: {member}"
            raise DamagedFileError(
                f"{where} is not a zip archive or is damaged ({error}). Delete {self.path} and "
                "call again to download it again."
            ) from error


class _CheckedMember(io.RawIOBase):
    """A member of an archive whose damage is reported where it is read.

    Errors of the code that uses the member are not touched.
    """

    def __init__(self, member, report_damage):
        self._member, self._report_damage = member, report_damage

    def readable(self):
        return True

    def readinto(self, buffer):
        with self._report_damage():
            return self._member.readinto(buffer)

    def readall(self):
        with self._report_damage():
            return self._member.read()

    def close(self):
        self._member.close()
        super().close()


def _temporary_file(folder):
    """Return a temporary file in the folder, or elsewhere if the folder cannot be written."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        if not is_read_only(error):
            raise
        return tempfile.TemporaryFile()


def _abbreviate(names):
    """Return a list of at most `_MAX_SHOWN` names for an error message."""
    shown = ", ".join(map(repr, names[:_MAX_SHOWN]))
    more = len(names) - _MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "no members"
