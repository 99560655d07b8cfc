"""The file: tensors, and a header of plain values, in a safetensors file that tells its damages.

Knows nothing of estimators. In the metadata of the file, which are strings, stand

- ``format`` and ``version``: what the file is, and how it is to be read;
- ``header``: JSON text; its entry ``tensors`` is the checksum of all tensors, their names included;
- ``checksum``: that of format, version and header.

The header is read and can be judged before memory is taken for any tensor.
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

# Far beyond any encoder of motion, and 20,000 epochs of history. What time and memory a hostile
# header can take is bounded by it: some tenths of a second, and 50 MB.
MAX_HEADER_BYTES = 2**21
MAX_TENSORS = 10_000

_KEYS = {"format", "version", "header", "checksum"}

# Names that safetensors has for dtypes.
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
    """What is wrong with a file, or with what is to be written, in words for the user."""


class Spec(NamedTuple):
    """What is to be known of a tensor before it is read."""

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Spec:
        """Return that of a tensor; of one of a dtype that files do not hold, its name in torch."""
        return cls(_DTYPES.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


# -- writing ---------------------------------------------------------------------------------------


def encode_file(header: dict, tensors: dict[str, Tensor]) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    header : dict
        What JSON can hold; no key ``tensors``.
    tensors : dict of str to Tensor
        On any device, in any layout of memory.

    Raises
    ------
    FileError
        If a tensor is of a dtype that files do not hold, has a value that is not finite, or if
        there is too much.
    """
    # Copies, so that no two share memory, which safetensors refuses.
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise FileError(f"{name} has dtype {tensor.dtype}, which files do not hold.")
        _check_finite(name, tensor)
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
            f"a file holds up to {MAX_TENSORS} tensors and {MAX_HEADER_BYTES} bytes of header; "
            f"there are {len(tensors)} and {n_header}. joblib.dump has no such limits."
        )
    return content


# -- reading ---------------------------------------------------------------------------------------


class OpenFile:
    """A file of which the header has been read and checked, and no tensor yet.

    Attributes
    ----------
    header : dict
        The header, unchanged since it was written, or written by someone who knows the format.
    specs : dict of str to Spec
        The tensors, as the file announces them; it is as large as these say.
    """

    def __init__(self, file, path: Path):
        self._file = file
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise FileError("it is a safetensors file, but not of an estimator of relcon_sklearn.")
        _check_version(metadata.get("version"))
        if metadata.keys() != _KEYS or metadata["checksum"] != _checksum_of_header(
            metadata["header"]
        ):
            raise FileError("its header is damaged: the checksum is not that of what is there.")
        names = file.keys()
        if len(names) > MAX_TENSORS:
            raise FileError(f"it has {len(names)} tensors, more than {MAX_TENSORS}.")
        self.header = _parse(metadata["header"])
        self._checksum = self.header.pop("tensors", None)
        slices = {name: file.get_slice(name) for name in names}
        self.specs = {
            name: Spec(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Read all tensors, and check them.

        Raises
        ------
        FileError
            If one is damaged, or has a value that is not finite.
        """
        # Copies: what safetensors gives is a view of the file, and may change with it.
        tensors = {name: self._file.get_tensor(name).clone() for name in self.specs}
        if _checksum_of_tensors(tensors) != self._checksum:
            raise FileError("its tensors are damaged: the checksum is not that of what is there.")
        for name, tensor in tensors.items():
            _check_finite(name, tensor)
        return tensors


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[OpenFile]:
    """Open a file and check its header.

    Raises
    ------
    FileError
        If it is damaged, of another format or of an unknown version; also from within the block.
    OSError
        If it cannot be read.
    """
    try:
        _check_beginning(path)
        with safe_open(os.fspath(path), framework="pt") as file:
            yield OpenFile(file, path)
    except SafetensorError as error:
        raise FileError(f"it is damaged, or no safetensors file: {error}.") from error


def _check_beginning(path: Path) -> None:
    """Refuse what is no file, or announces a header that nobody wrote."""
    status = os.stat(path)
    # Before it is opened, which waits for ever for a writer to a pipe.
    if not stat.S_ISREG(status.st_mode):
        raise FileError("it is no regular file.")
    with open(path, "rb") as file:
        beginning = file.read(8)
    n_header = int.from_bytes(beginning, "little")
    if len(beginning) < 8 or n_header > status.st_size - 8:
        raise FileError("it is cut short, or no safetensors file.")
    if n_header > MAX_HEADER_BYTES:
        raise FileError(f"its header has {n_header} bytes, more than {MAX_HEADER_BYTES}.")


def _check_version(version: str | None) -> None:
    if version == str(VERSION):
        return
    if version is not None and version.isdecimal() and len(version) < 9 and int(version) > VERSION:
        raise FileError(
            f"its format version is {version}; this relcon_sklearn reads version {VERSION}. "
            "Update relcon_sklearn to load it."
        )
    raise FileError(
        f"its format version is {version!r}, which no relcon_sklearn has written: it is damaged."
    )


def _parse(text: str) -> dict:
    try:
        header = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FileError(f"its header is no JSON as it is written: {error}.") from error
    if not isinstance(header, dict):
        raise FileError(f"its header is a {type(header).__name__}, not an object.")
    return header


def _refuse_constant(name: str):
    raise ValueError(f"{name} is no number")


def _check_finite(name: str, tensor: Tensor) -> None:
    if tensor.dtype.is_floating_point and not torch.isfinite(tensor).all():
        raise FileError(f"{name} holds NaN or infinity.")


def _checksum_of_header(text: str) -> str:
    return hashlib.sha256(f"{FORMAT}\n{VERSION}\n{text}".encode()).hexdigest()


def _checksum_of_tensors(tensors: dict[str, Tensor]) -> str:
    checksum = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        checksum.update(f"{json.dumps(name)} {Spec.of(tensor)}\n".encode())
        if tensor.numel():
            checksum.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return checksum.hexdigest()
