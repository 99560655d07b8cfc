"""What zipfile raises for damaged and hostile files, told from other failures."""

import errno

from ..exceptions import DamagedFileError


def is_damage(error):
    """Return whether an exception that was raised while reading a zip file means damage.

    Depending on the damaged byte, zipfile and the decompressors raise nearly every kind, such as
    NotImplementedError, RuntimeError, IndexError or struct.error. OSErrors of decompressors have no
    number, and positions outside the file are invalid arguments. Other OSErrors are failures of the
    disk. A DamagedFileError has been reported already.
    """
    if isinstance(error, DamagedFileError):
        return False
    if isinstance(error, OSError):
        return error.errno in (None, errno.EINVAL)
    return not isinstance(error, MemoryError)
