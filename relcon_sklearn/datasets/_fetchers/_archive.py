"""Zip archives read member by member: nothing in them can choose where it is written."""

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

# The largest member of the data sets known here is a text of 1.3 GB. The declared size is the
# limit of what is read, whatever the member holds.
MAX_MEMBER_BYTES = 4 << 30

_MAX_SHOWN = 10


class Archive:
    """A zip archive opened for reading, or a zip archive inside of one.

    Members are named by the end of their path, so that it does not matter whether the publisher
    has packed them into a folder: "labels.txt" and "RawData/labels.txt" both find
    "HAPT Data Set/RawData/labels.txt". Directories and what macOS adds (`__MACOSX`, `.DS_Store`)
    do not count as members. To be used in a `with` statement.

    Parameters
    ----------
    path : str or path-like
        The archive.

    Raises
    ------
    OSError
        If the file is no zip archive or a damaged one; if a member has a name that leads out of
        the archive (absolute, with `..`, with backslashes) or is a symbolic link; if a member is
        not there, or is larger than 4 GiB by its own account (no member of the data sets known
        here is larger than a third of that; a zip bomb would be). Damage inside of a member is
        found when the member is read.

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
        with self._damage():
            self._zip = zipfile.ZipFile(_file or self.path)
        try:
            self._members = {
                info.filename: info for info in self._zip.infolist() if self._is_member(info)
            }
        except OSError:
            self.close()
            raise

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
        if name in self._members:
            return name
        found = [member for member in self._members if member.endswith(f"/{name}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise OSError(f"{self.label} has several members {name!r}: {_some(found)}.")
        raise OSError(
            f"{self.label} has no member {name!r}. It has {_some(self.names())}. If the publisher "
            "has changed the archive, please report it; otherwise delete the file and call again."
        )

    def matching(self, pattern):
        r"""Match the ends of the members' paths with a regular expression.

        Parameters
        ----------
        pattern : str
            Such as `r"acc_exp(\d+)_user(\d+)\.txt"`. It begins at the beginning of a folder's or
            the file's name and ends at the end of the path.

        Returns
        -------
        matches : list of re.Match
            Sorted by name; `match.string` is the full name of the member. Never empty: no match
            at all is an error.
        """
        expression = re.compile(f"(?:^|/)(?:{pattern})$")
        matches = [m for m in map(expression.search, sorted(self._members)) if m]
        if not matches:
            raise OSError(
                f"{self.label} has no member like {pattern!r}. It has {_some(self.names())}. If "
                "the publisher has changed the archive, please report it; otherwise delete the "
                "file and call again."
            )
        return matches

    @contextmanager
    def open(self, name):
        """Open a member as a binary file, in a `with` statement."""
        info = self._members[self.find(name)]
        if info.file_size > MAX_MEMBER_BYTES:
            raise OSError(
                f"{self.label}: the member {info.filename!r} is said to have "
                f"{info.file_size / 1e9:.1f} GB, more than the {MAX_MEMBER_BYTES / 1e9:.1f} GB "
                "that are read. Delete the file and call again to download it anew."
            )
        with self._damage(info.filename), self._zip.open(info) as file:
            yield file

    def read_bytes(self, name):
        """Return the content of a member."""
        with self.open(name) as file:
            return file.read()

    def read_text(self, name, encoding="utf-8"):
        """Return the text of a member; bytes that are not of the encoding are replaced."""
        return self.read_bytes(name).decode(encoding, errors="replace")

    @contextmanager
    def nested(self, name):
        """Open a member that is a zip archive itself as an Archive, in a `with` statement.

        It is unpacked to a temporary file beside the archive, without a name where the system
        can do that, and gone afterwards: it needs its size on disk, and no memory.
        """
        full_name = self.find(name)
        with tempfile.TemporaryFile(dir=self.path.parent) as copy:
            with self.open(full_name) as file:
                shutil.copyfileobj(file, copy, 1 << 20)
            with Archive(self.path, _file=copy, _label=f"{self.label}: {full_name}") as inner:
                yield inner

    @contextmanager
    def unwrapped(self, name):
        """Open the inner archive `name`, or go on with this one if there is no such member.

        For archives that some wrap into a second one and others do not.
        """
        if any(PurePosixPath(member).name == name for member in self._members):
            with self.nested(name) as inner:
                yield inner
        else:
            yield self

    def _is_member(self, info):
        """Whether an entry counts as a member; unsafe ones are refused."""
        name = info.orig_filename
        unsafe = (
            "\\" in name
            or PurePosixPath(name).is_absolute()
            or PureWindowsPath(name).drive
            or ".." in PurePosixPath(name).parts
            or stat.S_ISLNK(info.external_attr >> 16)
        )
        if unsafe:
            raise OSError(
                f"{self.label} is not used: its member {name!r} leads out of the archive, or is a "
                "symbolic link. Delete the file; if the publisher serves it so, please report it."
            )
        parts = PurePosixPath(name).parts
        return not (info.is_dir() or "__MACOSX" in parts or parts[-1:] == (".DS_Store",))

    @contextmanager
    def _damage(self, member=None):
        """Turn zipfile's errors about damage into one that says what to do."""
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            where = self.label if member is None else f"{self.label}: {member}"
            raise OSError(
                f"{where} is no zip archive or a damaged one ({error}). Delete {self.path} and "
                "call again to download it anew."
            ) from error


def _some(names):
    """List names for an error message, not too many."""
    shown = ", ".join(map(repr, names[:_MAX_SHOWN]))
    more = len(names) - _MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "no members"
