"""The WISDM smartphone and smartwatch data set of 2019."""

import numpy as np
from scipy.constants import g as GRAVITY
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ..._recordings._stamps import typical_spacing
from ...exceptions import DamagedFileError
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings
from ._semicolon_records import read_semicolon_records

SOURCE = Source(
    name="wisdm",
    url="https://archive.ics.uci.edu/static/public/507/"
    "wisdm+smartphone+and+smartwatch+activity+and+biometrics+dataset.zip",
    filename="wisdm.zip",
)

_PARSER_VERSION = 1
_PLACEMENTS = {"watch": "wrist", "phone": "pocket"}
_NOMINAL_RATE = 20.0  # Hz

_RECORD = np.dtype(
    [
        ("subject", np.int64),
        ("activity", "U1"),
        ("time", np.int64),  # ns; each device has its own origin
        ("x", np.float32),  # m/s^2
        ("y", np.float32),
        ("z", np.float32),
    ]
)


@validate_params(
    FETCH_CONSTRAINTS | {"device": [StrOptions(set(_PLACEMENTS))]},
    prefer_skip_nested_validation=True,
)
def fetch_wisdm(
    device="watch",
    *,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the WISDM recordings of 2019 (18 activities, watch or phone); download if needed.

    Fifty-one people performed 18 activities of daily life for three minutes each, with a watch on
    the wrist of the dominant hand and a phone in the pocket.

    ==================  =============================================
    Subjects            51
    Recordings          one or more for each subject and activity
    Rate, placement     20 Hz (a few 25, 50 or 100), wrist or pocket
    Labels              18
    Download            300 MB
    ==================  =============================================

    A recording is a sequence of lines with one activity in which the time does not decrease. Two
    kinds of lines are left out and counted: lines that repeat the time of an earlier line of the
    same subject and activity, and lines that cannot be read. Gaps remain and are visible in the
    timestamps.

    Parameters
    ----------
    device : {"watch", "phone"}, default="watch"
        Device of the accelerometer. Phone and watch have separate clocks.

    data_home : str, path-like or None, default=None
        Folder of all data sets. If None, the folder that :func:`get_data_home` returns. Each data
        set has a subfolder (`hapt`, `hhar`, ...) with the publisher's files and the parsed
        recordings. The publisher's files may be deleted once the recordings are parsed. They are
        needed again only for another variant of the data set, such as another placement.

    download_if_missing : bool, default=True
        Whether to download missing data. If False, missing data raise an OSError.

    return_X_y : bool, default=False
        Whether to return `(recordings, labels)` instead of a Bunch.

    as_frame : bool, default=False
        Whether to return recordings as DataFrames. Requires pandas.

    n_retries : int, default=3
        Number of times to retry a failed download.

    delay : float, default=1.0
        Seconds to wait between attempts.

    progressbar : bool, default=True
        Whether to show a progress bar for the download.

    Returns
    -------
    data : Bunch
        recordings : list of ndarray of shape (n_samples, 3), dtype float32
            Acceleration in g, gravity included. With `as_frame`, DataFrames with the columns x, y,
            z and label, and a TimedeltaIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample, the same throughout a recording.
        subjects : ndarray of shape (n_recordings,), dtype str
            "1600" to "1650".
        timestamps : list of ndarray of shape (n_samples,), dtype float64
            Seconds on the clock of the device, strictly increasing. They are not dates.
        sampling_rate : ndarray of shape (n_recordings,), dtype float64
            In Hz, measured from the timestamps and rounded to two significant digits: 20 for most
            recordings, but not all.
        n_malformed_lines, n_repeated_lines : int
            Number of lines left out, see above.
        units, placement, channel_names, label_names
            "g", "wrist" or "pocket", the names of the channels and the names of the labels.
        DESCR, licence, citation : str
            Description, licence and citation of the data set. Please cite its authors.

    (recordings, labels) : tuple if `return_X_y`
        As above. With `as_frame`, DataFrames of the channels and Series of the labels.

    Raises
    ------
    OSError
        If the data are missing and cannot be downloaded, or if they are damaged. The message says
        what to do.

    See Also
    --------
    load_benchmark : Benchmark tasks of the RelCon paper with their cross-validation folds.
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> from relcon_sklearn.datasets import fetch_wisdm
    >>> data = fetch_wisdm("watch")  # doctest: +SKIP
    >>> data.label_names[:3]  # doctest: +SKIP
    ['walking', 'jogging', 'stairs']
    """
    return fetch_recordings(
        SOURCE,
        lambda archive: _parse(archive, device),
        version=_PARSER_VERSION,
        variant=device,
        data_home=data_home,
        download_if_missing=download_if_missing,
        return_X_y=return_X_y,
        as_frame=as_frame,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )


def _parse(archive, device):
    """Return the recordings in the publisher's archive."""
    data = Bunch(recordings=[], labels=[], timestamps=[])
    subjects, rates = [], []
    n_malformed = n_repeated = 0
    with archive.unwrapped("wisdm-dataset.zip") as inner:
        names = _activity_names(inner.read_text("activity_key.txt"))
        for match in inner.matching(rf"raw/{device}/accel/data_(\d+)_accel_{device}\.txt"):
            where = f"{inner.label}: {match.string}"
            rows, malformed = read_semicolon_records(inner.read_text(match.string), _RECORD, where)
            unknown = set(np.unique(rows["activity"]).tolist()) - set(names)
            if unknown:
                raise DamagedFileError(
                    f"{where} has unknown activities. Expected one of {sorted(names)}, as in "
                    f"activity_key.txt. Got {sorted(unknown)}. If the publisher has changed the "
                    "data, please report it."
                )
            recordings, repeated = _split_into_recordings(rows)
            n_malformed += malformed
            n_repeated += repeated
            for lines in recordings:
                xyz = np.column_stack([lines[axis] for axis in "xyz"])
                seconds = lines["time"] / 1e9
                data.recordings.append((xyz / GRAVITY).astype(np.float32))
                data.labels.append(np.full(len(lines), names[lines["activity"][0]]))
                data.timestamps.append(seconds)
                subjects.append(match[1])
                rates.append(_rate_from_timestamps(seconds))
    return Bunch(
        **data,
        subjects=np.array(subjects),
        n_malformed_lines=n_malformed,
        n_repeated_lines=n_repeated,
        sampling_rate=np.array(rates),
        units="g",
        placement=_PLACEMENTS[device],
        channel_names=["x", "y", "z"],
        label_names=list(names.values()),
    )


def _activity_names(text):
    """Return the activity of each letter, from lines such as "walking = A"."""
    pairs = (line.split("=") for line in text.splitlines() if "=" in line)
    return {letter.strip(): name.strip() for name, letter in pairs}


def _split_into_recordings(rows):
    """Return the recordings in the lines of a subject, and the number of repeated lines."""
    new = np.zeros(len(rows), dtype=bool)
    for activity in np.unique(rows["activity"]):
        own = np.flatnonzero(rows["activity"] == activity)
        _, first = np.unique(rows["time"][own], return_index=True)
        new[own[first]] = True
    kept = rows[new]
    changes = kept["activity"][1:] != kept["activity"][:-1]
    runs_back = np.diff(kept["time"]) < 0
    recordings = np.split(kept, np.flatnonzero(changes | runs_back) + 1)
    return [lines for lines in recordings if len(lines)], int((~new).sum())


def _rate_from_timestamps(seconds):
    """Return the rate of timestamps to two digits; the nominal rate for a single sample."""
    if len(seconds) < 2:
        return _NOMINAL_RATE
    return float(f"{1 / typical_spacing(seconds):.2g}")
