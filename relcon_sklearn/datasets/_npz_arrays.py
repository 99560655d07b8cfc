"""Reading of the arrays of an npz file that may be damaged or hostile."""

import math
import os
import sys
import zipfile
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy_format

from .._utils._damage import is_damage
from ..exceptions import DamagedFileError

# Compressions that numpy writes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# All arrays together may have this number of bytes, or this number of times the size of the file.
# Recordings have ratios of 1 to 10. Deflate reaches 1032, for zeros.
_ALWAYS_ALLOWED = 2**28
_MAX_RATIO = 100

# Version 3.0 differs from 2.0 only in the encoding of field names.
_HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    (3, 0): npy_format.read_array_header_2_0,
}


def read_arrays(path, check_names):
    """Return all arrays of an npz file, {name: array}.

    Names and sizes that a file declares are checked before any array is decompressed.

    Parameters
    ----------
    path : str or path-like
        The file.
    check_names : callable
        Called with the list of the names of the arrays. It raises an error for a wrong one.

    Returns
    -------
    arrays : dict

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    DamagedFileError
        If the file is not an npz file or is damaged, if an array needs pickle, or if all arrays
        together need more memory than the size of the file allows.
    """
    arrays = {}
    with open(path, "rb") as file:
        limit = max(_ALWAYS_ALLOWED, _MAX_RATIO * os.fstat(file.fileno()).st_size)
        with _report_damage(f"{path} is not an npz file, or it is incomplete"):
            archive = zipfile.ZipFile(file)
        members = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in members:
                raise DamagedFileError(f"{path} has several arrays of the name {name}.")
            members[name] = info
        for name, info in members.items():
            with _report_damage(f"{path}: the array {name} cannot be read"):
                # Members can overlap, so that each is small enough and all together are not.
                limit -= _check_size(archive, info, limit)
        check_names(list(members))
        for name, info in members.items():
            with _report_damage(f"{path}: the array {name} cannot be read"):
                with archive.open(info) as member:
                    arrays[name] = npy_format.read_array(member, allow_pickle=False)
                _check_text(arrays[name])
    return arrays


def _check_text(array):
    """Raise ValueError if numbers in an array of text are not characters.

    Python raises a SystemError when it reads such an entry.
    """
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        numbers = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder + "u4")
        if numbers.max() > sys.maxunicode:
            raise ValueError("it has text with numbers that are not characters")


def _check_size(archive, info, limit):
    """Return the bytes of the array in a member; raise ValueError if its sizes contradict."""
    if info.compress_type not in _METHODS:
        raise ValueError("its compression is not one that numpy writes")
    with archive.open(info) as file:
        shape, dtype, n_header = _read_header(file)
    n_values = math.prod(shape)
    n_bytes = n_values * dtype.itemsize
    if not dtype.hasobject and n_header + n_bytes != info.file_size:
        raise ValueError(
            f"shape {shape} and dtype {dtype} need {n_bytes} bytes, but it has "
            f"{info.file_size - n_header}"
        )
    if max(n_values, n_bytes) > limit:
        raise ValueError(
            f"it cannot have {n_values} values of {n_bytes} bytes in a file of this size. Save "
            "recordings that compress so well with numpy.savez, which does not compress"
        )
    return n_bytes


def _read_header(file):
    """Return the shape, the dtype and the size of the header of an array, in bytes."""
    version = npy_format.read_magic(file)
    if version not in _HEADER_READERS:
        raise ValueError(f"its format has the unknown version {version}")
    try:
        shape, _, dtype = _HEADER_READERS[version](file)
    except MemoryError as error:  # Python's parser, for deeply nested headers
        raise ValueError("its header is nested too deep") from error
    return shape, dtype, file.tell()


@contextmanager
def _report_damage(what):
    """Replace what zipfile and numpy raise for damaged files by a DamagedFileError."""
    try:
        yield
    except Exception as error:
        if not is_damage(error):
            raise
        raise DamagedFileError(f"{what}: {error}.") from error
