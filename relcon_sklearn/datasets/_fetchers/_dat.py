"""Text files with one sample per line and no header, the format of PAMAP2 and Opportunity."""

import numpy as np
from sklearn.utils import Bunch

from ...exceptions import DamagedFileError
from ._clock import advances
from ._label_codes import labels_of_codes


def read_dat_recordings(
    archive, members, *, acceleration, label, names, units_per_g, ticks_per_second
):
    """Read the recordings of all members, with the time in the first column.

    Parameters
    ----------
    archive : Archive
        Archive of the text files.

    members : list of str
        End of the path of each member, one for each recording.

    acceleration, label : int
        Columns, as in `read_dat_samples`.

    names : dict
        Label of each code except 0, which stands for unlabelled samples.

    units_per_g, ticks_per_second : float
        Divisors of the acceleration and the time in the file.

    Returns
    -------
    data : Bunch
        Has the entries `recordings`, `labels`, `timestamps`, `recording_n_missing`, `units`,
        `channel_names` and `label_names`.
    """
    data = Bunch(recordings=[], labels=[], timestamps=[], recording_n_missing=[])
    for name in members:
        time, values, labels, n_missing = read_dat_samples(
            archive,
            name,
            time=0,
            acceleration=acceleration,
            label=label,
            names={0: "", **names},
        )
        data.recordings.append((values / units_per_g).astype(np.float32))
        data.labels.append(labels)
        data.timestamps.append(time / ticks_per_second)
        data.recording_n_missing.append(n_missing)
    data.recording_n_missing = np.array(data.recording_n_missing)
    data.update(units="g", channel_names=["x", "y", "z"], label_names=list(names.values()))
    return data


def read_dat_samples(archive, name, *, time, acceleration, label, names):
    """Read the time, the acceleration and the label of each sample that has an acceleration.

    Parameters
    ----------
    archive : Archive
        Archive of the text file.

    name : str
        End of the path of the member.

    time, label : int
        Columns, counted from 0.

    acceleration : int
        Column of the first of three axes.

    names : dict
        Label of each code. Other codes raise a DamagedFileError.

    Returns
    -------
    time : ndarray of shape (n_samples,), dtype float64
        In the unit of the file; strictly increasing, with gaps.

    acceleration : ndarray of shape (n_samples, 3), dtype float64
        In the unit of the file. Lines with NaN, which stands for a lost sample, are left out, and
        so are lines whose time does not increase.

    labels : ndarray of shape (n_samples,), dtype str

    n_missing : int
        Number of lines left out.
    """
    axes = range(acceleration, acceleration + 3)
    where = f"{archive.label}: {archive.find(name)}"
    with archive.open(name) as file:
        try:
            rows = np.loadtxt(file, usecols=(time, *axes, label), comments=None, ndmin=2)
        except DamagedFileError:
            raise
        except ValueError as error:
            raise DamagedFileError(
                f"{where} has a malformed line: {error} Delete {archive.path} and call again to "
                "download it again."
            ) from error
    labels = labels_of_codes(rows[:, 4], names, where)
    kept = advances(rows[:, 0]) & np.isfinite(rows[:, 1:4]).all(axis=1)
    return rows[kept, 0], rows[kept, 1:4], labels[kept], int((~kept).sum())
