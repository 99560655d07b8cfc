"""Distinguish damaged files from failures of the machine that reads them."""

import errno

from ..exceptions import DamagedFileError
from ._memory_advice import is_out_of_memory


def is_damage(error):
    """Return whether an exception that was raised while reading a file means damage.

    Depending on the damaged byte, zipfile, the decompressors and torch raise nearly every kind,
    such as NotImplementedError, RuntimeError, IndexError or struct.error. OSErrors of decompressors
    have no number, and positions outside the file are invalid arguments. Other OSErrors are
    failures of the disk. A lack of memory says nothing about the file. A DamagedFileError has been
    reported already.
    """
    if isinstance(error, DamagedFileError):
        return False
    if isinstance(error, OSError):
        return error.errno in (None, errno.EINVAL)
    return not is_out_of_memory(error)
