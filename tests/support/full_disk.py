"""A disk on which there is no room after some bytes."""

import errno
import os


class FullDisk:
    """Opens files, in place of ``open``, that have room for a number of bytes in total.

    What fits is written, and then an error comes as of a full disk.
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
