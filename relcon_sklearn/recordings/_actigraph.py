"""ActiGraph: .gt3x."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._recordings._compact import CompactRecording
from ..exceptions import DamagedFileError
from ._activity2 import read_activity2
from ._by_actfast import parse, read_by_actfast
from ._frame import NO_ZONE, File, Slow, build_frame
from ._gt3x_log import read_log
from ._header_text import read_number, read_offset
from ._in_parts import Part, join_parts

_SECOND = 10**9  # ns
_SCALE = 256.0  # counts of 1 g, if the file does not contain it
_FEWEST_BYTES = 4  # of a sample


class _Samples(NamedTuple):
    """Times in ns, acceleration in g, and whether actfast read them."""

    stamps: np.ndarray
    acceleration: np.ndarray
    by_actfast: bool


def read_actigraph(file: File):
    """Return the recording in a .gt3x file."""
    content = read_by_actfast(file)
    samples = _read_samples(file, content)
    light = content["timeseries"].get("light", {"datetime": ()})
    return build_frame(
        file,
        samples.stamps,
        samples.acceleration,
        slow={"light": Slow(light["datetime"], light["light"])} if len(light["datetime"]) else None,
        **_describe(content),
    )


def read_compact(file: File) -> CompactRecording | None:
    """Return the acceleration in a .gt3x file in little memory, None if it does not fit into it."""
    try:
        with zipfile.ZipFile(file.path) as archive, tempfile.TemporaryDirectory() as folder:
            contents = _read_in_parts(file, archive, Path(folder) / "part.gt3x")
            first = next(contents)
            most = archive.getinfo("log.bin").file_size // _FEWEST_BYTES
            parts = _as_parts(chain([first], contents))
            return join_parts(file, parts, most, **_describe(first[1]))
    except (DamagedFileError, zipfile.BadZipFile, zlib.error, KeyError, StopIteration):
        return None
    except RuntimeError:  # zipfile does not read it, such as one that is encrypted
        return None


def _describe(content: dict[str, Any]) -> dict[str, Any]:
    """Return what actfast read about the device and its clock."""
    info = content["metadata"]["info"]
    zone = info.get("TimeZone", "")
    offset = read_offset(zone)
    return {
        "rate": read_number(info.get("Sample Rate")),
        "device": f"ActiGraph {info.get('Device Type', '')}".strip(),
        "serial": info.get("Serial Number"),
        "offset": offset,
        "clock": NO_ZONE if offset is None else f"clock of the device: UTC offset {zone}",
    }


def _read_samples(file: File, content: dict[str, Any]) -> _Samples:
    """Return the samples that actfast read from a file, or those that it leaves out."""
    info, series = content["metadata"]["info"], content["timeseries"]["acceleration"]
    rate = read_number(info.get("Sample Rate"))
    if len(series["datetime"]) or not rate > 0:
        return _Samples(series["datetime"], series["acceleration"], True)
    # actfast 1.3 leaves out the records that the GT9X Link writes.
    return _Samples(*read_activity2(file, rate, _read_scale(content)), False)


def _read_in_parts(
    file: File, archive: zipfile.ZipFile, path: Path
) -> Iterator[tuple[File, dict[str, Any]]]:
    """Yield parts of a file, each written as a file of its own, and what actfast reads from it."""
    info, of_part = archive.read("info.txt"), file._replace(path=path, skip=False)
    for log in read_log(archive):
        with zipfile.ZipFile(path, "w") as part:
            part.writestr("info.txt", info)
            part.writestr("log.bin", log)
        yield of_part, parse(of_part)


def _as_parts(contents: Iterable[tuple[File, dict[str, Any]]]) -> Iterator[Part]:
    """Yield the samples of parts.

    Raises
    ------
    DamagedFileError
        If actfast reads the samples of some parts, and leaves out those of others.
    """
    kinds = set()
    for file, content in contents:
        stamps, acceleration, by_actfast = _read_samples(file, content)
        kinds |= {by_actfast} if len(stamps) else set()
        if len(kinds) > 1:
            raise DamagedFileError(f"{file.name} has records of several kinds.")
        counts = np.rint(acceleration * np.float32(_read_scale(content)))
        # The time of each record is in whole seconds.
        yield Part(stamps, np.flatnonzero(stamps % _SECOND == 0), acceleration, counts)


def _read_scale(content: dict[str, Any]) -> float:
    """Return the counts of 1 g."""
    scale = read_number(content["metadata"]["info"].get("Acceleration Scale"))
    return scale if scale > 0 else _SCALE
