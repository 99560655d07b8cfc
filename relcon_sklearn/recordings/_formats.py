"""Formats of recordings: inferred from the first bytes of a file, compared with its extension."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from ..exceptions import DamagedFileError

AXIVITY, ACTIGRAPH, GENEACTIV = "Axivity .cwa", "ActiGraph .gt3x", "GENEActiv .bin"
WAV, EMPATICA, CSV, PARQUET = "Axivity .wav", "Empatica E4 ACC.csv", "CSV", "parquet"
AXIVITY_CSV, ACTILIFE, GENEACTIV_CSV = "Axivity CSV", "ActiLife CSV", "GENEActiv CSV"
FORMATS = (
    *(AXIVITY, ACTIGRAPH, GENEACTIV, WAV, AXIVITY_CSV, ACTILIFE, GENEACTIV_CSV, EMPATICA, CSV),
    PARQUET,
)

# What the files of an extension must be. Other extensions say nothing.
_OF_EXTENSION = {
    ".cwa": {AXIVITY},
    ".gt3x": {ACTIGRAPH},
    ".bin": {GENEACTIV},
    ".wav": {WAV},
    ".csv": {AXIVITY_CSV, ACTILIFE, GENEACTIV_CSV, EMPATICA, CSV},
    ".parquet": {PARQUET},
}

_MAGIC = {b"MD": AXIVITY, b"Device Identity": GENEACTIV, b"PAR1": PARQUET}

_AS_FRAME = "segment_recordings takes what it returns"

# Formats that are not read: their first bytes, their names, and what to do.
_NOT_READ = {
    b"\xff\xfe": ("text in UTF-16", "Save it as CSV in UTF-8."),
    b"GENEA/": ("GENEA", "Convert it to CSV, for example with the R package GGIRread (readGenea)."),
    b"SQLite format 3\0": (
        "ActiGraph .agd",
        "It has counts and no acceleration. Export the .gt3x file of the device.",
    ),
    b"Obj\x01": (
        "Avro, as of Empatica EmbracePlus",
        f"Read it with skdh.io.ReadEmpaticaAvro. {_AS_FRAME}.",
    ),
    b"\x89HDF": ("HDF5, as of APDM", f"Read it with skdh.io.ReadApdmH5. {_AS_FRAME}."),
    b"0       ": ("EDF, as of Bittium Faros", "Read it with mne.io.read_raw_edf or pyedflib."),
    b"\xffBIOSEMI": ("BDF", "Read it with mne.io.read_raw_bdf or pyedflib."),
}
_HAS_COLUMNS = re.compile('[,;\t]|^"?sep=', re.IGNORECASE)
# First lines of what programs of devices export, in encodings that have ASCII. That of Axivity has
# the time, as a date with ms, seconds since 1970 or days of Excel and Matlab, and x, y and z of one
# to three sensors with six decimals.
_EXPORTED = {
    rb'"?-{6,} *Data (?:Table )?File Created By ': ACTILIFE,
    rb'"?Device Type"?[,;\t] *"?GENEActiv': GENEACTIV_CSV,
    rb"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|[1-4]?\d{9}\.\d{4}|\d{5,6}\.\d{12})"
    rb"(?:(?:,-?\d{1,4}\.\d{6}){3}){1,3}\s": AXIVITY_CSV,
}
_BOM = b"\xef\xbb\xbf"
_MATRIX, _MATRIX_AT = b"MDTC", 512  # after zeros
_HEAD = 1024  # bytes

# Other signals of Empatica E4, one in each file: its start in seconds since 1970, its rate, values.
_OF_EMPATICA = {
    "bvp": "blood volume pulse",
    "eda": "electrodermal activity",
    "hr": "heart rate",
    "ibi": "times between heartbeats",
    "tags": "times that were marked",
    "temp": "skin temperature",
}
_SECONDS = r"\d{9,10}\.\d+"
_OTHER_EMPATICA = re.compile(
    rf"{_SECONDS}(?: *, *IBI\b|\s+\d+(?:\.\d+)?\s+-?\d+(?:\.\d+)?\s|(?:\s+{_SECONDS})*\s*$)"
)

_NUMBERS = r"-?\d+(?:\.\d+)?(?: *, *-?\d+(?:\.\d+)?){2}"
_EMPATICA = re.compile(rf"\d{{9,10}}(?:\.\d+)?(?: *, *\d{{9,10}}(?:\.\d+)?){{2}}\s+{_NUMBERS}\s+")


def find_format(path: Path, name: str) -> str:
    """Return the format of a file, one of `FORMATS`.

    Parameters
    ----------
    path : Path
        The file, not compressed.
    name : str
        Its path for errors. Without ".gz", its extension is that of the format.

    Raises
    ------
    DamagedFileError
        If the file is empty, or of another format than its extension says.
    ValueError
        If the format is not read.
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    extension = Path(name.lower().removesuffix(".gz")).suffix
    if not head:
        raise DamagedFileError(f"{name} is empty. Copy it from the device again.")
    found = _format_of(head, path, extension, name)
    expected = _OF_EXTENSION.get(extension, {found})
    if found not in expected:
        raise DamagedFileError(
            f"{name} has the extension {extension}, but its content is {found}. If this is right, "
            "rename it. Otherwise, copy it from the device again."
        )
    return found


def _format_of(head: bytes, path: Path, extension: str, name: str) -> str:
    """Return the format of a file that begins with `head`."""
    for magic, found in _MAGIC.items():
        if head.startswith(magic):
            return found
    for pattern, found in _EXPORTED.items():
        if re.match(pattern, head.removeprefix(_BOM), re.IGNORECASE):
            return found
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return WAV
    if head.startswith(b"PK\x03\x04"):
        return _format_of_archive(path, name)
    for magic, (what, remedy) in _NOT_READ.items():
        if head.startswith(magic):
            _raise_not_read(name, what, remedy)
    if head[_MATRIX_AT:].startswith(_MATRIX):
        _raise_not_read(
            name, "Parmay Matrix", f"Read it with actipy.read_device (3.8 or newer). {_AS_FRAME}."
        )
    if extension == ".awd":
        _raise_not_read(name, "Actiwatch", "It has counts and no acceleration.")
    text = _as_text(head)
    if text is not None and _OTHER_EMPATICA.match(text):
        stem = Path(name).name.split(".")[0].lower()
        what = _OF_EMPATICA.get(stem, "another signal than acceleration")
        _raise_not_read(
            name,
            f"Empatica E4, {what}",
            "Pass ACC.csv of the same export: it has the acceleration.",
        )
    if text is None or not _HAS_COLUMNS.search(text):
        raise ValueError(
            f"{name} is of no known format: it begins with {head[:8]!r}. Formats that are read: "
            f"{', '.join(FORMATS)}. Convert it to one of them, or pass its samples to "
            "segment_recordings as an array or a DataFrame."
        )
    return EMPATICA if _EMPATICA.match(text) else CSV


def _format_of_archive(path: Path, name: str) -> str:
    """Return the format of a zip archive, which must be that of ActiGraph."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
    except zipfile.BadZipFile as error:
        raise DamagedFileError(
            f"{name} is a zip archive, as .gt3x files are, and its end is missing or damaged "
            f"({error}). Copy it from the device again."
        ) from None
    if "log.bin" in members:
        return ACTIGRAPH
    if "activity.bin" in members:
        _raise_not_read(
            name,
            "an ActiGraph .gt3x file of the old layout, without log.bin",
            "Read it with pygt3x, FileReader(path).to_pandas().reset_index(drop=True), because its "
            f"times of such files are wrong. {_AS_FRAME}. Or use the R package read.gt3x.",
        )
    if "xl/workbook.xml" in members:
        advice = f"Save it as CSV, or read it with pandas.read_excel. {_AS_FRAME}."
        _raise_not_read(name, "an Excel workbook", advice)
    _raise_not_read(name, "a zip archive", "Unpack it, and read the files in it.")


def _as_text(head: bytes) -> str | None:
    """Return the beginning of a file as text, None if it is not text."""
    try:
        text = head.decode("utf-8-sig", errors="strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _raise_not_read(name: str, what: str, remedy: str) -> None:
    raise ValueError(f"{name} is of a format that is not read: {what}. {remedy}")
