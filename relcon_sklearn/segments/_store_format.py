"""Layout of a segment store on disk.

A store is a directory of raw, little-endian files that only grow, and a header with the size of the
committed part of each file:

==================  =============================================================================
``segments.raw``    the segments, (n_segments, n_timesteps, n_channels), C order
``times.raw``       start time of each segment, 8 bytes each; empty if the store has no times
``runs.raw``        one record of 16 bytes for each run of segments of one subject and hour
``subjects.txt``    names of the subjects, one JSON string per line
``column-*.raw``    further values, one for each segment
``header.json``     description, and the number of committed segments, runs and subjects
``writer.lock``     empty; locked while a writer is open
==================  =============================================================================

Data are flushed to disk before the header that counts them replaces the previous header. Bytes
after the committed part of a file come from an interrupted append and are ignored.

The header has a checksum of itself. It has one of each other file, of which those of the index,
which names the subjects, are compared when a store is opened. Version 1 had no checksums, and
version 2 only those of the index. Such stores are read, and get version 3 when they are continued,
but no checksums of the other files.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import reprlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .._utils._atomic import write_atomically
from .._utils._crc import crc_of
from .._utils._json_object import read_json_object
from ..exceptions import DamagedFileError

FORMAT = "relcon_sklearn segments"
VERSION = 3

# A run ends where the next one starts.
RUN = np.dtype([("start", "<i8"), ("subject", "<u4"), ("hour", "<i4")])

DTYPES = {"float32": "<f4", "float16": "<f2", "int16": "<i2"}
TIME_DTYPES = {"datetime": "<M8[ns]", "seconds": "<f8"}

# Dtypes of columns in headers. NumPy would take other texts too, some with a DeprecationWarning.
_DTYPE = re.compile(r"[<|][biufUmM]\d+(\[\w+\])?")

SEGMENTS, TIMES, RUNS, SUBJECTS = "segments.raw", "times.raw", "runs.raw", "subjects.txt"
HEADER, LOCK = "header.json", "writer.lock"
_INDEX = (RUNS, SUBJECTS)

# Parameter names of SegmentWriter.append, which columns cannot have.
RESERVED = ("X", "subject", "times", "hours")


def column_file(name: str) -> str:
    """Return the file name of a column."""
    return f"column-{name}.raw"


@dataclasses.dataclass
class Header:
    """Header of a store: a fixed description, and counts that grow.

    `scale` is the value of one integer step, in `units`, for dtype "int16", and None otherwise.
    `times` is "datetime", "seconds" or None, and is set by the first append. `columns` maps names
    to NumPy dtype strings. `checksums` maps the names of files to the CRC-32 of their committed
    part: of all files, or of those of the index if the store was begun by an earlier version.
    """

    n_timesteps: int
    n_channels: int
    sampling_rate: float
    units: str
    channels: list[str]
    dtype: str
    scale: float | None
    columns: dict[str, str]
    times: str | None = None
    n_segments: int = 0
    n_runs: int = 0
    n_subjects: int = 0
    subjects_bytes: int = 0
    checksums: dict[str, int] = dataclasses.field(default_factory=dict)

    def file_sizes(self) -> dict[str, int]:
        """Return the number of committed bytes of each file."""
        row_bytes = self.n_timesteps * self.n_channels * np.dtype(DTYPES[self.dtype]).itemsize
        return {
            SEGMENTS: self.n_segments * row_bytes,
            TIMES: self.n_segments * 8 if self.times else 0,
            RUNS: self.n_runs * RUN.itemsize,
            SUBJECTS: self.subjects_bytes,
            **{
                column_file(name): self.n_segments * np.dtype(dtype).itemsize
                for name, dtype in self.columns.items()
            },
        }

    def description(self) -> dict[str, Any]:
        """Return the part of the header that a writer must match to continue a store."""
        growing = {"times", "n_segments", "n_runs", "n_subjects", "subjects_bytes", "checksums"}
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in growing}

    def write(self, folder: Path) -> None:
        """Replace the header of the store atomically."""
        record = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        text = json.dumps(record | {"checksum": checksum_of(record)}, indent=1) + "\n"
        write_atomically(folder / HEADER, text.encode())

    @classmethod
    def read(cls, folder: Path) -> Header:
        """Read and check the header of the store in `folder`, and the sizes of its files.

        Raises
        ------
        FileNotFoundError
            If there is no store in `folder`.
        ValueError
            If the store has another version.
        DamagedFileError
            If the header is damaged, or if files are shorter than the header says.
        OSError
            If the header cannot be read.
        """
        path = folder / HEADER
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} is not a segment store: it has no {HEADER}. Pass the directory that a "
                "SegmentWriter wrote to."
            )
        record = read_json_object(path, {})
        if record.get("format") != FORMAT:
            raise DamagedFileError(f"{path} is not the header of a segment store.")
        version = record.get("version")
        if version not in range(1, VERSION + 1):
            raise ValueError(
                f"{folder} is a segment store of version {reprlib.repr(version)}, but this "
                f"relcon_sklearn reads versions up to {VERSION}. Upgrade relcon_sklearn, or write "
                "the store again."
            )
        if version == 1:
            record.setdefault("checksums", dict.fromkeys(_INDEX, 0))  # are computed below
        else:
            _check_checksum(record, path)
        names = {field.name for field in dataclasses.fields(cls)}
        given = set(record) - {"format", "version"}
        if given != names:
            raise DamagedFileError(
                f"{path} is damaged: fields {sorted(names - given)} are missing, fields "
                f"{sorted(given - names)} are unknown."
            )
        header = cls(**{name: record[name] for name in names})
        header._check_values(path)
        header._check_sizes(folder)
        if version == 1:
            header.checksums = {
                name: zlib.crc32(header.read_committed(folder, name)) for name in _INDEX
            }
        return header

    def read_committed(self, folder: Path, name: str) -> bytes:
        """Return the committed part of a file."""
        if self.n_segments == 0:  # the files may not exist yet
            return b""
        with open(folder / name, "rb") as file:
            return file.read(self.file_sizes()[name])

    def damaged_files(self, folder: Path) -> list[Path]:
        """Read the files that have checksums, and return those whose committed part differs."""
        damaged = []
        for name, size in self.file_sizes().items():
            if name in self.checksums:
                with open(folder / name, "rb") as file:
                    if crc_of(file, size) != self.checksums[name]:
                        damaged.append(folder / name)
        return damaged

    def _check_values(self, path: Path) -> None:
        for name, is_valid in _VALID.items():
            if not is_valid(value := getattr(self, name)):
                raise DamagedFileError(f"{path} is damaged: {name} is {reprlib.repr(value)}.")
        if (self.dtype == "int16") != (self.scale is not None):
            raise DamagedFileError(
                f"{path} is damaged: scale is {self.scale!r} for dtype {self.dtype!r}."
            )
        if len(self.channels) != self.n_channels:
            raise DamagedFileError(
                f"{path} is damaged: it names {len(self.channels)} of {self.n_channels} channels."
            )
        if self.checksums.keys() not in (set(_INDEX), self.file_sizes().keys()):
            raise DamagedFileError(
                f"{path} is damaged: it has checksums of {reprlib.repr(sorted(self.checksums))}."
            )

    def _check_sizes(self, folder: Path) -> None:
        for name, expected in self.file_sizes().items():
            path = folder / name
            size = path.stat().st_size if path.is_file() else 0
            if size < expected:
                raise DamagedFileError(
                    f"{path} is truncated: it has {size} bytes, but the store's {self.n_segments} "
                    f"segments need {expected}. Copy the store again, or write it again."
                )


def _is_count(value) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_size(value) -> bool:
    return _is_count(value) and value > 0


def _is_positive(value) -> bool:
    return isinstance(value, float) and 0 < value < math.inf


def _is_text(value) -> bool:
    return isinstance(value, str)


def _are_columns(value) -> bool:
    """Return whether a value maps valid names to dtypes, as :func:`make_header` writes them."""
    try:
        return all(
            _DTYPE.fullmatch(dtype) and check_column(name, dtype).str == dtype
            for name, dtype in value.items()
        )
    except (AttributeError, TypeError, ValueError):
        return False


# What the fields of a header may be. They are checked because a header can be damaged or hostile.
_VALID = {
    "n_timesteps": _is_size,
    "n_channels": _is_size,
    "sampling_rate": _is_positive,
    "units": _is_text,
    "channels": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "dtype": lambda value: _is_text(value) and value in DTYPES,
    "scale": lambda value: value is None or _is_positive(value),
    "columns": _are_columns,
    "times": lambda value: value is None or (_is_text(value) and value in TIME_DTYPES),
    "n_segments": _is_count,
    "n_runs": _is_count,
    "n_subjects": _is_count,
    "subjects_bytes": _is_count,
    "checksums": lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
}


def _check_checksum(record: dict, path: Path) -> None:
    """Remove the checksum from a header; raise DamagedFileError unless it matches."""
    try:
        matches = record.pop("checksum", None) == checksum_of(record)
    except RecursionError:  # of a header that is nested nearly too deep to be read
        matches = False
    if not matches:
        raise DamagedFileError(f"{path} is damaged: its checksum does not match.")


def checksum_of(record: dict) -> int:
    """Return the checksum of all entries of a header except the checksum itself."""
    entries = {name: value for name, value in record.items() if name != "checksum"}
    return zlib.crc32(json.dumps(entries, sort_keys=True).encode())


def make_header(
    n_timesteps, n_channels, sampling_rate, dtype, scale, columns, channels, units
) -> Header:
    """Return the header of an empty store, after a check of the writer's parameters."""
    for name, value in (("n_timesteps", n_timesteps), ("n_channels", n_channels)):
        if not (isinstance(value, (int, np.integer)) and value >= 1):
            raise ValueError(f"{name}={value!r} is not valid. Pass an integer of at least 1.")
    if not (0 < sampling_rate < math.inf):
        raise ValueError(
            f"sampling_rate={sampling_rate!r} is not valid. Pass a positive rate in Hz."
        )
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is not supported. Choose one of {list(DTYPES)}.")
    if dtype != "int16" and scale is not None:
        raise ValueError(f"scale={scale!r} requires dtype='int16'. Got dtype={dtype!r}.")
    if dtype == "int16":
        scale = 1 / 2048 if scale is None else float(scale)
        if not 0 < scale < math.inf:
            raise ValueError(
                f"scale={scale!r} is not valid. Pass a positive number of {units} per integer step."
            )
    if channels is None:
        channels = ["x", "y", "z"] if n_channels == 3 else [f"c{i}" for i in range(n_channels)]
    elif len(channels) != n_channels:
        raise ValueError(
            f"channels has {len(channels)} names, but n_channels={n_channels}. Pass one name for "
            "each channel."
        )
    header = Header(
        n_timesteps=int(n_timesteps),
        n_channels=int(n_channels),
        sampling_rate=float(sampling_rate),
        units=units,
        channels=[str(name) for name in channels],
        dtype=dtype,
        scale=scale,
        columns={k: check_column(k, v).str for k, v in (columns or {}).items()},
    )
    header.checksums = dict.fromkeys(header.file_sizes(), 0)  # of files that are empty
    return header


def read_subjects(folder: Path, header: Header) -> list[str]:
    """Read the names of the committed subjects; raise DamagedFileError if they are damaged."""
    path = folder / SUBJECTS
    lines = _read_checked(folder, header, SUBJECTS).splitlines()
    try:
        names = json.loads(b"[%s]" % b",".join(lines))  # one call: there can be 1e5 of them
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}).") from error
    if len(names) != header.n_subjects:
        raise DamagedFileError(
            f"{path} is damaged: it has {len(names)} names, but the header counts "
            f"{header.n_subjects}."
        )
    if not all(map(_is_text, names)) or len(set(names)) != len(names):
        raise DamagedFileError(f"{path} is damaged: its names are not distinct strings.")
    return names


def read_runs(folder: Path, header: Header) -> np.ndarray:
    """Read the committed runs; raise DamagedFileError if they are damaged."""
    runs = np.frombuffer(_read_checked(folder, header, RUNS), dtype=RUN)
    starts = runs["start"]
    in_order = np.all(np.diff(starts) > 0) and np.all(starts[:1] == 0)
    within = np.all(starts[-1:] < header.n_segments) and np.all(runs["subject"] < header.n_subjects)
    if not (in_order and within and bool(len(runs)) == bool(header.n_segments)):
        raise DamagedFileError(
            f"{folder / RUNS} is damaged: its runs do not cover the {header.n_segments} segments "
            f"of {header.n_subjects} subjects."
        )
    return runs


def _read_checked(folder: Path, header: Header, name: str) -> bytes:
    """Return the committed part of an index file; raise DamagedFileError if it has changed."""
    content = header.read_committed(folder, name)
    if zlib.crc32(content) != header.checksums[name]:
        raise DamagedFileError(f"{folder / name} is damaged: its checksum does not match.")
    return content


def check_column(name: str, dtype: str) -> np.dtype:
    """Return the little-endian dtype of a column.

    Raises
    ------
    ValueError
        If `name` is not an identifier or is reserved, or if `dtype` has no fixed size or is
        bytes.
    """
    if not (isinstance(name, str) and name.isidentifier() and name not in RESERVED):
        raise ValueError(
            f"columns has the name {name!r}. Choose a name made of letters, digits and "
            f"underscores, other than {', '.join(RESERVED)}."
        )
    try:
        checked = np.dtype(dtype).newbyteorder("<")
    except TypeError as error:
        raise ValueError(f"columns[{name!r}]={dtype!r} is not a NumPy dtype.") from error
    if checked.kind == "S":
        raise ValueError(
            f"columns[{name!r}]={dtype!r} is a dtype of bytes, which are not supported. For text "
            "use str, as in 'U16'."
        )
    if checked.kind not in "biufUmM" or checked.itemsize == 0:
        raise ValueError(
            f"columns[{name!r}]={dtype!r} has no fixed size. For text give the maximum length, as "
            "in 'U16'."
        )
    return checked
