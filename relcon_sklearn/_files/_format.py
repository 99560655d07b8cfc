"""The file format: tensors and a header of plain values in a safetensors file with checksums.

The checksums detect corruption. This module knows nothing about estimators. The metadata of the
file, which are strings, have the entries

- ``format`` and ``version``: what the file is, and how to read it;
- ``header``: JSON text; its entry ``tensors`` is the checksum of all tensors and their names;
- ``checksum``: the checksum of format, version and header.

The header is read and checked before memory is allocated for any tensor.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

FORMAT = "relcon_sklearn estimator"
VERSION = 1

# Enough for any motion encoder and 20,000 epochs of history. These limits bound the time and
# memory that a hostile header can take to a few tenths of a second and 50 MB.
MAX_HEADER_BYTES = 2**21
MAX_TENSORS = 10_000

_KEYS = {"format", "version", "header", "checksum"}

# Names of dtypes in safetensors files.
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class FileError(ValueError):
    """A file that cannot be read or written. The message is written for the user."""


class BadContent(FileError):
    """The content of a file is damaged or hostile. Users get a DamagedFileError.

    Any other FileError is about what the caller asks for.
    """


class Spec(NamedTuple):
    """Dtype and shape of a tensor, known before the tensor is read."""

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Spec:
        """Return the spec of a tensor; a dtype that files cannot store has its name in torch."""
        return cls(_DTYPES.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


# -- writing ---------------------------------------------------------------------------------------


def encode_file(header: dict, tensors: dict[str, Tensor]) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    header : dict
        Values that JSON can represent, without a key ``tensors``.
    tensors : dict of str to Tensor
        Tensors by name, on any device and in any memory layout.

    Raises
    ------
    FileError
        If a tensor has a dtype that files cannot store or a value that is not finite, or if the
        header or the number of tensors exceeds the limits.
    """
    # Copies, because safetensors refuses tensors that share memory.
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise FileError(f"{name} has dtype {tensor.dtype}, which files cannot store.")
        _check_finite(name, tensor, FileError)
    text = json.dumps({**header, "tensors": _checksum_of_tensors(tensors)}, allow_nan=False)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "header": text,
        "checksum": _checksum_of_header(text),
    }
    content = save(tensors, metadata)
    n_header = int.from_bytes(content[:8], "little")
    if n_header > MAX_HEADER_BYTES or len(tensors) > MAX_TENSORS:
        raise FileError(
            f"a file holds up to {MAX_TENSORS} tensors and {MAX_HEADER_BYTES} bytes of header. Got "
            f"{len(tensors)} tensors and {n_header} bytes. joblib.dump has no such limits."
        )
    return content


# -- reading ---------------------------------------------------------------------------------------


class OpenFile:
    """A file whose header has been read and checked, but none of its tensors yet.

    Attributes
    ----------
    header : dict
        The header. It is unchanged since it was written, or somebody who knows the format wrote it.
    specs : dict of str to Spec
        The tensors that the file declares. The size of the file agrees with them.
    """

    def __init__(self, file, path: Path):
        self._file = file
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise BadContent("it is a safetensors file, but not of an estimator of relcon_sklearn.")
        _check_version(metadata.get("version"))
        if metadata.keys() != _KEYS or metadata["checksum"] != _checksum_of_header(
            metadata["header"]
        ):
            raise BadContent("its header is damaged: the checksum does not match.")
        names = file.keys()
        if len(names) > MAX_TENSORS:
            raise BadContent(f"it has {len(names)} tensors, more than {MAX_TENSORS}.")
        self.header = _parse(metadata["header"])
        self._checksum = self.header.pop("tensors", None)
        slices = {name: file.get_slice(name) for name in names}
        self.specs = {
            name: Spec(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Read and check all tensors.

        Raises
        ------
        BadContent
            If a tensor is damaged or has a value that is not finite.
        """
        # Copies, because safetensors returns views of the file, which change when the file changes.
        tensors = {name: self._file.get_tensor(name).clone() for name in self.specs}
        if _checksum_of_tensors(tensors) != self._checksum:
            raise BadContent("its tensors are damaged: the checksum does not match.")
        for name, tensor in tensors.items():
            _check_finite(name, tensor, BadContent)
        return tensors


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[OpenFile]:
    """Open a file and check its header.

    Raises
    ------
    FileError
        If the file has a later version. Code within the block can raise it too.
    BadContent
        If the file is damaged, or has another format.
    OSError
        If the file cannot be read.
    """
    try:
        _check_beginning(path)
        with safe_open(os.fspath(path), framework="pt") as file:
            yield OpenFile(file, path)
    except SafetensorError as error:
        raise BadContent(f"it is damaged, or not a safetensors file: {error}.") from error


def _check_beginning(path: Path) -> None:
    """Raise FileError unless `path` is a regular file and the length of its header is plausible."""
    status = os.stat(path)
    # Checked before the file is opened, because opening a pipe waits for a writer.
    if not stat.S_ISREG(status.st_mode):
        raise FileError("it is not a regular file.")
    with open(path, "rb") as file:
        beginning = file.read(8)
    n_header = int.from_bytes(beginning, "little")
    if len(beginning) < 8 or n_header > status.st_size - 8:
        raise BadContent("it is truncated, or not a safetensors file.")
    if n_header > MAX_HEADER_BYTES:
        raise BadContent(f"its header has {n_header} bytes, more than {MAX_HEADER_BYTES}.")


def _check_version(version: str | None) -> None:
    if version == str(VERSION):
        return
    if version is not None and version.isdecimal() and len(version) < 9 and int(version) > VERSION:
        raise FileError(
            f"its format version is {version}; this relcon_sklearn reads version {VERSION}. "
            "Update relcon_sklearn to load it."
        )
    raise BadContent(
        f"its format version is {version!r}, which no relcon_sklearn writes: it is damaged."
    )


def _parse(text: str) -> dict:
    try:
        header = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadContent(f"its header is not JSON as relcon_sklearn writes it: {error}.") from error
    if not isinstance(header, dict):
        raise BadContent(f"its header is a {type(header).__name__}, not an object.")
    return header


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not a number in JSON")


def _check_finite(name: str, tensor: Tensor, kind: type[FileError]) -> None:
    if tensor.dtype.is_floating_point and not torch.isfinite(tensor).all():
        raise kind(f"{name} holds NaN or infinity.")


def _checksum_of_header(text: str) -> str:
    return hashlib.sha256(f"{FORMAT}\n{VERSION}\n{text}".encode()).hexdigest()


def _checksum_of_tensors(tensors: dict[str, Tensor]) -> str:
    checksum = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        checksum.update(f"{json.dumps(name)} {Spec.of(tensor)}\n".encode())
        if tensor.numel():
            checksum.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return checksum.hexdigest()
