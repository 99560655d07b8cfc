"""Layout of stored embeddings on disk.

They are in a folder of files, each of which is complete or does not exist:

=================  ==============================================================================
``index.json``     shape, subjects, and what the embeddings were computed from, with a checksum
``shard-*.npy``    embeddings of `shard_rows` successive segments; of fewer in the last shard
``.locks``         folder of the locks of the shards that are being written
=================  ==============================================================================

After its array, the file of a shard has the CRC-32 of all bytes before, which readers of ``.npy``
ignore.
"""

from __future__ import annotations

import io
import json
import reprlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._utils._atomic import write_atomically
from .._utils._crc import crc_of
from .._utils._json_object import read_json_object
from ..exceptions import DamagedFileError
from ..segments._runs import RunLabels
from ..segments._store_format import checksum_of

FORMAT = "relcon_sklearn embeddings"
VERSION = 1
INDEX, LOCKS = "index.json", ".locks"
DTYPES = {"float16": "<f2", "float32": "<f4"}

_CHECKSUM_BYTES = 4


class Layout(NamedTuple):
    """Shape and dtype of embeddings, and the number of rows in each shard but the last."""

    n_rows: int
    n_features: int
    dtype: str
    shard_rows: int

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return -(-self.n_rows // self.shard_rows)

    def rows(self, shard: int) -> range:
        """Return the rows of a shard."""
        start = shard * self.shard_rows
        return range(start, min(start + self.shard_rows, self.n_rows))

    def shape(self, shard: int) -> tuple[int, int]:
        """Return the shape of a shard."""
        return len(self.rows(shard)), self.n_features

    def file(self, shard: int) -> str:
        """Return the file name of a shard."""
        return f"shard-{shard:06d}.npy"

    def header(self, shard: int) -> bytes:
        """Return the first bytes of the file of a shard, before its values."""
        header = io.BytesIO()
        description = {
            "descr": DTYPES[self.dtype],
            "fortran_order": False,
            "shape": self.shape(shard),
        }
        np.lib.format.write_array_header_1_0(header, description)
        return header.getvalue()

    def size(self, shard: int) -> int:
        """Return the size of the file of a shard in bytes."""
        return self._size_of_array(shard) + _CHECKSUM_BYTES

    def is_complete(self, folder: Path, shard: int) -> bool:
        """Return whether the file of a shard exists and has its size."""
        path = folder / self.file(shard)
        return path.is_file() and path.stat().st_size == self.size(shard)

    def is_intact(self, folder: Path, shard: int) -> bool:
        """Read the file of a shard, and return whether its checksum matches."""
        with open(folder / self.file(shard), "rb") as file:
            checksum = crc_of(file, self._size_of_array(shard))
            return file.read() == encode_checksum(checksum)

    def _size_of_array(self, shard: int) -> int:
        """Return the size in bytes of what ``numpy.save`` would write."""
        n_values = int(np.prod(self.shape(shard), dtype=object))
        return len(self.header(shard)) + n_values * np.dtype(DTYPES[self.dtype]).itemsize


def encode_checksum(checksum: int) -> bytes:
    """Return the bytes of a checksum at the end of the file of a shard."""
    return checksum.to_bytes(_CHECKSUM_BYTES, "little")


class Index(NamedTuple):
    """Index of embeddings: their layout, the subject of each row, and what they belong to."""

    layout: Layout
    groups: RunLabels
    source: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write the index atomically."""
        subjects, numbers = np.unique(self.groups.labels, return_inverse=True)
        record = {
            "format": FORMAT,
            "version": VERSION,
            **self.layout._asdict(),
            "subjects": subjects.tolist(),
            # Runs of rows of one subject: numbers of the subjects, and sizes.
            "run_subjects": numbers.tolist(),
            "run_sizes": self.groups.runs.sizes.tolist(),
            "source": self.source,
        }
        text = json.dumps(record | {"checksum": checksum_of(record)}) + "\n"
        write_atomically(folder / INDEX, text.encode())

    @classmethod
    def read(cls, folder: Path) -> Index:
        """Read and check the index.

        Raises
        ------
        FileNotFoundError
            If the folder has no index.
        ValueError
            If it has another version.
        DamagedFileError
            If it is damaged.
        OSError
            If it cannot be read.
        """
        path = folder / INDEX
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} has no embeddings: it has no {INDEX}. Pass the folder that embed_store "
                "wrote to."
            )
        record = read_json_object(path, {})
        if record.get("format") != FORMAT:
            raise DamagedFileError(f"{path} is not the index of embeddings.")
        if record.get("version") != VERSION:
            raise ValueError(
                f"{folder} has embeddings of version {reprlib.repr(record.get('version'))}, but "
                f"this relcon_sklearn reads version {VERSION}. Upgrade relcon_sklearn, or choose "
                "another folder."
            )
        try:
            if record["checksum"] != checksum_of(record):
                raise ValueError("its checksum does not match")
            return cls(_layout_in(record), _groups_in(record), record["source"])
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise DamagedFileError(
                f"{path} is damaged ({error!r}). Choose another folder to embed the store again."
            ) from error


def _layout_in(record: dict[str, Any]) -> Layout:
    """Return the layout in an index; raise LookupError or ValueError if it is not valid."""
    layout = Layout(*(record[name] for name in Layout._fields))
    sizes = (layout.n_rows, layout.n_features, layout.shard_rows)
    if not all(type(size) is int and 0 < size < 2**63 for size in sizes):
        raise ValueError(f"the sizes are {sizes}")
    if layout.dtype not in DTYPES:
        raise ValueError(f"the dtype is {layout.dtype!r}")
    return layout


def _groups_in(record: dict[str, Any]) -> RunLabels:
    """Return the groups in an index; raise an error if they are not those of its rows."""
    subjects = record["subjects"]
    numbers, sizes = (np.array(record[name]) for name in ("run_subjects", "run_sizes"))
    is_valid = (
        all(isinstance(name, str) for name in subjects)
        and numbers.dtype.kind == sizes.dtype.kind == "i"
        and numbers.shape == sizes.shape
        and numbers.min() >= 0
        and sizes.min() > 0
        and sum(sizes.tolist()) == record["n_rows"]
    )
    if not is_valid:
        raise ValueError("the subjects do not cover the rows")
    return RunLabels(np.array(subjects)[numbers], sizes)
