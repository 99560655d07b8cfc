"""A simulated disk that becomes full after a number of bytes."""

import errno
import os


class FullDisk:
    """Replaces ``open`` with files that have space for a number of bytes in total.

    The bytes that fit are written. Then the error of a full disk is raised.
    """

    def __init__(self, room):
        self.room = room

    def open(self, *args):
        return _File(open(*args), self)


class _File:
    def __init__(self, file, disk):
        self.file = file
        self.disk = disk

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        taken = bytes(data)[: self.disk.room]
        self.disk.room -= len(taken)
        self.file.write(taken)
        if len(taken) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
