"""Tables of an accelerometer on the back and one on the thigh, the format of HARTH and HAR70+."""

import numpy as np
from sklearn.utils import Bunch

from ...exceptions import DamagedFileError
from ._clock import advances, rate_of_dates
from ._label_codes import labels_of_codes

_NOMINAL_RATE = 50.0  # Hz
_ROW = np.dtype([("time", "S32"), ("xyz", "f4", 3), ("label", "f8")])


def read_back_thigh_recordings(archive, *, subjects, placement, names):
    """Read the recordings of all subjects.

    Parameters
    ----------
    archive : Archive
        Archive of the tables: comma-separated, with a header.

    subjects : sequence of str
        Subject of each recording. The table of a subject has its name.

    placement : {"back", "thigh"}
        Accelerometer to read.

    names : dict
        Label of each code. Other codes raise a DamagedFileError.

    Returns
    -------
    data : Bunch
        As a fetcher returns it. Lines with NaN and lines whose time does not
        increase are left out, and counted in `recording_n_missing`.
    """
    data = Bunch(recordings=[], labels=[], timestamps=[], sampling_rate=[], recording_n_missing=[])
    for subject in subjects:
        member = f"{subject}.csv"
        where = f"{archive.label}: {archive.find(member)}"
        rows, times = _read_rows(archive, member, placement, where)
        kept = advances(times) & np.isfinite(rows["xyz"]).all(axis=1)
        data.recordings.append(rows["xyz"][kept])
        data.labels.append(labels_of_codes(rows["label"], names, where)[kept])
        data.timestamps.append(times[kept])
        data.sampling_rate.append(rate_of_dates(times[kept], _NOMINAL_RATE))
        data.recording_n_missing.append(int((~kept).sum()))
    data.sampling_rate = np.array(data.sampling_rate)
    data.recording_n_missing = np.array(data.recording_n_missing)
    data.update(
        subjects=np.array(subjects),
        units="g",
        placement=placement,
        channel_names=["x", "y", "z"],
        label_names=list(names.values()),
    )
    return data


def _read_rows(archive, member, placement, where):
    """Return the lines of a table, as an array of dtype `_ROW`, and their dates."""
    wanted = ["timestamp", *(f"{placement}_{axis}" for axis in "xyz"), "label"]
    with archive.open(member) as file:
        header = file.readline().decode(errors="replace").strip()
        lines = file.readlines()
    # Some tables have the number of the line in a column before or after the time.
    columns = header.split(",")
    if not set(wanted) <= set(columns):
        raise DamagedFileError(
            f"{where} has an unexpected header. Expected the columns {', '.join(wanted)}. Got "
            f"{header!r}. If the publisher has changed the data, please report it."
        )
    if not lines:
        raise DamagedFileError(f"{where} has a header and no samples. {_again(archive)}")
    usecols = [columns.index(name) for name in wanted]
    try:
        rows = np.loadtxt(lines, _ROW, comments=None, delimiter=",", usecols=usecols, ndmin=1)
        return rows, rows["time"].astype("datetime64[ns]")
    except ValueError as error:
        raise DamagedFileError(
            f"{where} has a malformed line: {error} {_again(archive)}"
        ) from error


def _again(archive):
    return f"Delete {archive.path} and call again to download it again."
