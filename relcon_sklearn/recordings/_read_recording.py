"""read_recording: the recording in a file of a device."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sklearn.utils._param_validation import StrOptions, validate_params

from ..exceptions import DamagedFileError
from . import (
    _actigraph,
    _actilife_csv,
    _axivity,
    _axivity_csv,
    _empatica,
    _geneactiv,
    _geneactiv_csv,
    _wav,
)
from ._formats import (
    ACTIGRAPH,
    ACTILIFE,
    AXIVITY,
    AXIVITY_CSV,
    CSV,
    EMPATICA,
    GENEACTIV,
    GENEACTIV_CSV,
    PARQUET,
    WAV,
    find_format,
)
from ._frame import File
from ._tables import read_csv, read_parquet

_READERS = {
    AXIVITY: _axivity.read_axivity,
    ACTIGRAPH: _actigraph.read_actigraph,
    GENEACTIV: _geneactiv.read_geneactiv,
    WAV: _wav.read_wav,
    ACTILIFE: _actilife_csv.read_actilife,
    GENEACTIV_CSV: _geneactiv_csv.read_geneactiv_csv,
    AXIVITY_CSV: _axivity_csv.read_axivity_csv,
    EMPATICA: _empatica.read_empatica,
    CSV: read_csv,
    PARQUET: read_parquet,
}
_COMPACT_READERS = {
    AXIVITY: _axivity.read_compact,
    ACTIGRAPH: _actigraph.read_compact,
    GENEACTIV: _geneactiv.read_compact,
    WAV: _wav.read_compact,
    ACTILIFE: _actilife_csv.read_compact,
    EMPATICA: _empatica.read_compact,
}
_TABLES = (CSV, PARQUET)
_GZIP = b"\x1f\x8b"


@validate_params(
    {
        "path": [str, os.PathLike],
        "time": [str, None],
        "errors": [StrOptions({"raise", "skip"})],
    },
    prefer_skip_nested_validation=True,
)
def read_recording(path, *, time=None, errors="raise"):
    r"""Read the recording in a file of a device.

    The result is a DataFrame with its units, rate and channels in ``attrs``, so that
    ``segment_recordings(read_recording(path), window=10, target_rate=50)`` needs no more. The
    format is inferred from the content of the file:

    - Axivity AX3 and AX6: ``.cwa``, and ``.wav`` as exported by OmGui
    - ActiGraph: ``.gt3x``, with the file ``log.bin`` in it
    - GENEActiv: ``.bin``
    - Empatica E4: ``ACC.csv``
    - raw CSV as exported by ActiLife (ActiGraph), with or without times, by the PC software of
      GENEActiv, and by OmGui, omconvert and cwa-convert (Axivity). Rate, start and unit are those
      of the header. Axivity's files have none, and are in g.
    - CSV and parquet with one row for each sample, named columns, and a column of times. Columns
      may be between commas, semicolons or tabs. With the last two, numbers may have decimal commas.
      Times are dates in ISO 8601, or such as ``29.11.2024 1:02:03.250 PM`` if a number above 12
      shows which is the day, or such as ``29-Nov-2024 13:02:03.250``, or digits such as
      ``20241129130203``. Other numbers are in the unit of
      the column's name, such as ``time_ms`` or ``time (us)``, or else in seconds or since 1970 in
      s, ms, us or ns. There may be several columns of times that agree within a second, as in files
      of Sensor Logger and MetaWear. Times since a start may have any start. The times of the
      samples are those in UTC, or else dates without a time zone, or else the times since a start.
      Of columns of one kind, it is the first. A column of dates, which may be ``20241129``, and one
      of times of day are joined. Units in a line below the names are put into the names, such as
      ``x (mg)``. A first line such as ``sep=;``, which some programs write for Excel, says what is
      between columns.

    Any of these may be compressed with gzip (``.gz``). The package actfast reads ``.cwa``,
    ``.gt3x`` and ``.bin`` (``pip install relcon_sklearn[devices]``), pyarrow reads parquet.

    Parameters
    ----------
    path : str or path-like
        The file.

    time : str or None, default=None
        Column of a table with the times of the samples, or its index in a parquet file. It is
        needed if no column looks like times, or if several do and do not agree. Other columns of
        times are then kept as they are. If None, all columns that look like times are used. Files
        of devices have their own times.

    errors : {"raise", "skip"}, default="raise"
        How to handle damage. "raise" raises an error that says where it is. "skip" leaves damaged
        parts out, which become gaps, and warns. What is damaged as a whole, such as a ``.gt3x``
        file that was cut, is an error in both cases. Damage of CSV is an incomplete last line. A
        blank line between samples of ActiLife without times is an error in both cases. Of tables,
        "skip" also leaves out rows with the time of the row before, up to 1 % of them.

    Returns
    -------
    recording : DataFrame of shape (n_samples, n_columns)
        One row for each sample. The index has their times. It has the time zone UTC if the file
        contains the UTC offset of the clock. Otherwise it has none, and the times are those of
        the clock. The columns are those that the file holds of:

        - `x`, `y`, `z`: float32, acceleration in g, including gravity
        - `gyro_x`, `gyro_y`, `gyro_z`: float32, angular velocity in degrees per second
        - `temperature`: float32, in degrees Celsius. The value is repeated until the next one.
        - `light`: float32, in units of the device
        - others of CSV that a program of a device has exported: float32, as in the file

        Tables keep their columns and dtypes, except for the times. Columns of one sensor that are
        called x, y and z are in this order. ``recording.attrs`` has:

        - `units`: "g", or that in the names of a table's columns, such as ``x (mg)``. Tables whose
          names have none, and no line of units, do not have this key.
        - `sampling_rate`: nominal rate in Hz. That of a table, of Axivity's CSV, and of CSV of
          ActiLife without a rate in its header is measured by its times.
        - `channels`: ``["x", "y", "z"]``. Tables do not have this key.
        - `device`, `serial`: maker and model of the device, and its serial number, or None
        - `clock`: which time the clock of the device had, in words

    Raises
    ------
    DamagedFileError
        If the file is empty or damaged, or of another format than its extension says.
    ValueError
        If the file is of a format that is not read, such as counts. The error names the format and
        what reads it. If the header of a file has another rate than the times of its samples, or
        does not tell which number of a date is the day. If CSV of ActiLife has neither a rate nor
        times.
        If a table has no column of times, or several that do not agree. If `time` is not one of its
        columns, or is passed for the file of a device. If a table does not name its columns, or has
        less than one or more than 10,000 samples per second. If its times do not fit the unit in
        the name of their column, or are times of day without a date. If a line below the names is
        neither values nor units, or has other units than the names. If the day or the month of a
        date may be first.
    ImportError
        If the package that reads the format is not installed.
    OSError
        If the file cannot be opened, or is a folder.

    Warns
    -----
    UserWarning
        If ``errors="skip"`` left something out, if the clock of the device was set back during the
        recording, or if the header of a file has another start than its samples.

    See Also
    --------
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Notes
    -----
    Axivity devices write blocks of 40 to 120 samples, and one time for each block. The samples of
    a block are placed evenly from its time to that of the next one, because most devices run one
    or two percent faster or slower than the nominal rate.

    The clocks of devices are not set when daylight saving begins or ends. If the index has no time
    zone, localize it to the offset at which the clock was set, not to a zone with daylight saving:
    ``recording.index = recording.index.tz_localize("Etc/GMT-1")`` for a clock that is one hour
    ahead of UTC.

    Examples
    --------
    The layout of Empatica E4: start in seconds since 1970, rate, and counts of 1/64 g.

    >>> import os, tempfile
    >>> from relcon_sklearn import segment_recordings
    >>> from relcon_sklearn.recordings import read_recording
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ACC.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("1551453301.0, 1551453301.0, 1551453301.0\n32.0, 32.0, 32.0\n")
    ...         _ = file.write("0,0,64\n" * 1920)
    ...     recording = read_recording(path)
    >>> recording.iloc[0].tolist(), str(recording.index[0])
    ([0.0, 0.0, 1.0], '2019-03-01 15:15:01+00:00')
    >>> recording.attrs["sampling_rate"], recording.attrs["device"]
    (32.0, 'Empatica E4')
    >>> segment_recordings(recording, window=10, target_rate=50).X.shape
    (6, 500, 3)
    """
    require_pandas("read_recording")
    with _opened(path, time, errors) as (file, format_):
        return _READERS[format_](file)


def read_in_little_memory(path, *, time=None, errors="raise"):
    """Return the recording in a file as a CompactRecording if possible, else as a DataFrame.

    Parameters, errors and warnings are those of :func:`read_recording`.
    """
    with _opened(path, time, errors) as (file, format_):
        compact = _COMPACT_READERS[format_](file) if format_ in _COMPACT_READERS else None
        return _READERS[format_](file) if compact is None else compact


@contextmanager
def _opened(path, time: str | None, errors: str) -> Iterator[tuple[File, str]]:
    """Provide a file, not compressed, and its format."""
    name = os.fspath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{name} is a folder. Pass the path of a file in it, such as ACC.csv of Empatica E4. "
            "For many files, use convert_recordings."
        )
    with _uncompressed(Path(path)) as plain:
        format_ = find_format(plain, name)
        if time is not None and format_ not in _TABLES:
            raise ValueError(
                f"time={time!r} names a column of a table, and {name} is of a device ({format_}), "
                "with times of its own. Leave it out for the files of devices."
            )
        yield File(plain, name, errors == "skip", time), format_


def require_pandas(function: str) -> None:
    """Raise ImportError with what to install if pandas is missing."""
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{function} returns a DataFrame and needs pandas. Install it with: pip install "
            "relcon_sklearn[devices]"
        ) from error


@contextmanager
def _uncompressed(path: Path) -> Iterator[Path]:
    """Provide a file, or its content in a temporary file if it is compressed with gzip."""
    with open(path, "rb") as file:
        compressed = file.read(len(_GZIP)) == _GZIP
    if not compressed:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.name
        try:
            with gzip.open(path) as source, open(plain, "wb") as target:
                shutil.copyfileobj(source, target)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DamagedFileError(
                f"{path} is compressed with gzip, and it is incomplete or damaged ({error}). Copy "
                "it again."
            ) from None
        yield plain
