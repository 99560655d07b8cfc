"""Reading of the arrays of an npz file that may be damaged or hostile."""

import math
import os
import zipfile
from contextlib import contextmanager

from numpy.lib import format as npy_format

from .._utils._damage import is_damage
from ..exceptions import DamagedFileError

# Compressions that numpy writes, and the highest ratio that they can reach.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_RATIO = 1032

# Version 3.0 differs from 2.0 only in the encoding of field names.
_HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    (3, 0): npy_format.read_array_header_2_0,
}


def read_arrays(path):
    """Return all arrays of an npz file, {name: array}.

    Sizes that a file declares are checked before memory is allocated: all arrays together never
    need more memory than the size of the file allows.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    arrays : dict

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    DamagedFileError
        If the file is not an npz file or is damaged, or if an array needs pickle.
    """
    arrays = {}
    with open(path, "rb") as file:
        limit = _MAX_RATIO * os.fstat(file.fileno()).st_size
        with _report_damage(f"{path} is not an npz file, or it is incomplete"):
            archive = zipfile.ZipFile(file)
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise DamagedFileError(f"{path} has several arrays of the name {name}.")
            with _report_damage(f"{path}: the array {name} cannot be read"):
                arrays[name] = _read_array(archive, info, limit)
            # Members can overlap, so that each is small enough and all together are not.
            limit -= arrays[name].nbytes
    return arrays


def _read_array(archive, info, limit):
    """Return the array in a member; raise ValueError if its sizes contradict each other."""
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
        raise ValueError(f"it cannot have {n_values} values of {n_bytes} bytes")
    with archive.open(info) as file:
        return npy_format.read_array(file, allow_pickle=False)


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
