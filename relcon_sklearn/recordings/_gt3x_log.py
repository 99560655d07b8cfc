"""The file log.bin in ActiGraph's .gt3x files, which is a sequence of records.

The layout is described by the maker in https://github.com/actigraph/GT3X-File-Format. A record is a
separator, a type, the seconds since 1970 and the size of the payload; then the payload and a
checksum.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator

from ..exceptions import DamagedFileError

HEADER = struct.Struct("<BBIH")
SEPARATOR = 0x1E

_PARAMETERS = 0x15  # type of the records with the rate and the scale of the device
_BYTES_AT_ONCE = 2**21


def read_log(archive: zipfile.ZipFile) -> Iterator[bytes]:
    """Read a log in parts of whole records, each with the parameters that precede it.

    Raises
    ------
    DamagedFileError
        If there is something else than a record. Checksums are not checked.
    """
    parameters = rest = b""
    with archive.open("log.bin") as log:
        while some := log.read(_BYTES_AT_ONCE):
            log_part = rest + some
            stop, found = _whole_records(log_part)
            yield parameters + log_part[:stop]
            parameters, rest = parameters + found, log_part[stop:]
    if rest:  # the device may have stopped within a record
        yield parameters + rest


def _whole_records(log: bytes) -> tuple[int, bytes]:
    """Return where the last whole record ends, and the records of parameters among them."""
    at, parameters = 0, []
    while at + HEADER.size < len(log):
        separator, type_, _, size = HEADER.unpack_from(log, at)
        if separator != SEPARATOR:
            raise DamagedFileError(f"byte {at} of a part of log.bin is not a record.")
        end = at + HEADER.size + size + 1
        if end > len(log):
            break
        if type_ == _PARAMETERS:
            parameters.append(log[at:end])
        at = end
    return at, b"".join(parameters)
