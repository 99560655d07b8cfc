"""A folder whose files can be read and not written, also for a superuser."""

import os
import tempfile
from pathlib import Path


def make_read_only(folder, number, monkeypatch):
    """Let every attempt to write into the folder fail with this error number."""
    open_file, temporary_file = open, tempfile.TemporaryFile

    def refuse(path):
        if Path(folder) in Path(path).parents:
            raise OSError(number, os.strerror(number), str(path))

    def open_readable(path, mode="r", *args, **kwargs):
        if set(mode) & set("wax+"):
            refuse(path)
        return open_file(path, mode, *args, **kwargs)

    def temporary_file_elsewhere(*args, dir=None, **kwargs):
        if dir is not None:
            refuse(Path(dir) / "temporary")
        return temporary_file(*args, dir=dir, **kwargs)

    monkeypatch.setattr("builtins.open", open_readable)
    monkeypatch.setattr(tempfile, "TemporaryFile", temporary_file_elsewhere)
