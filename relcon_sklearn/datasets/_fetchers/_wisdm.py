"""The WISDM smartphone and smartwatch data set of 2019."""

import numpy as np
from scipy.constants import g as GRAVITY
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ..._recordings._stamps import typical_spacing
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
        ("time", np.int64),  # ns, from a start of its own for each device
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
    """Load the WISDM recordings of 2019 (18 activities, watch or phone), downloaded if needed.

    Fifty-one people did 18 activities of daily life for three minutes each, with a watch on the
    wrist of the dominant hand and a phone in the pocket.

    ==================  =============================================
    Subjects            51
    Recordings          one for each subject and activity, or more
    Rate, placement     20 Hz (some 25, 50 or 100), wrist or pocket
    Labels              18
    Download            300 MB
    ==================  =============================================

    A recording is a stretch of lines with one activity in which the clock does not run back. A
    line with a time that an earlier line of the same subject and activity has already is left out,
    and so is a line that cannot be read; both are counted. Gaps stay: the timestamps show them.

    Parameters
    ----------
    device : {"watch", "phone"}, default="watch"
        Which accelerometer. Phone and watch have clocks of their own.

    data_home : str, path-like or None, default=None
        Folder of all data sets, see `get_data_home`. The archive stays there, in the folder
        `wisdm`, together with the parsed recordings of each device; once these are made, it may be
        deleted.

    download_if_missing : bool, default=True
        If False, data that are not there already are an OSError.

    return_X_y : bool, default=False
        Whether to return `(recordings, labels)` instead of a Bunch.

    as_frame : bool, default=False
        Whether recordings are DataFrames (needs pandas).

    n_retries : int, default=3
        How often a failed download is tried again.

    delay : float, default=1.0
        Seconds between tries.

    progressbar : bool, default=True
        Whether to show the progress of the download.

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
            Seconds on the clock of the device, strictly increasing. They have no date.
        sampling_rate : ndarray of shape (n_recordings,), dtype float64
            In Hz, as the timestamps show it, to two digits: 20 for most recordings, but not all.
        n_malformed_lines, n_repeated_lines : int
            How many lines were left out, see above.
        units, placement, channel_names, label_names
            "g", "wrist" or "pocket", and the names of the channels and of the labels.
        DESCR, licence, citation : str
            About the data set. Please cite its authors.

    (recordings, labels) : tuple if `return_X_y`
        Both as above; with `as_frame`, DataFrames of the channels and Series.

    Raises
    ------
    OSError
        If the data can neither be found nor downloaded, or are damaged; the message says what to
        do.

    See Also
    --------
    load_benchmark : Tasks of the paper, with their splits.
    relcon_sklearn.segment_recordings : Segments of these recordings.

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
    """Make recordings of the publisher's archive."""
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
                raise ValueError(
                    f"{where} has activities {sorted(unknown)}, and "
                    f"activity_key.txt names {sorted(names)} only. If the publisher has changed "
                    "the data, please report it."
                )
            stretches, repeated = _split_into_recordings(rows)
            n_malformed += malformed
            n_repeated += repeated
            for stretch in stretches:
                xyz = np.column_stack([stretch[axis] for axis in "xyz"])
                seconds = stretch["time"] / 1e9
                data.recordings.append((xyz / GRAVITY).astype(np.float32))
                data.labels.append(np.full(len(stretch), names[stretch["activity"][0]]))
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
    """Read the names of the letters: lines "walking = A"."""
    pairs = (line.split("=") for line in text.splitlines() if "=" in line)
    return {letter.strip(): name.strip() for name, letter in pairs}


def _split_into_recordings(rows):
    """Split the lines of a subject, without those whose time has been there: (list, number)."""
    new = np.zeros(len(rows), dtype=bool)
    for activity in np.unique(rows["activity"]):
        own = np.flatnonzero(rows["activity"] == activity)
        _, first = np.unique(rows["time"][own], return_index=True)
        new[own[first]] = True
    kept = rows[new]
    changes = kept["activity"][1:] != kept["activity"][:-1]
    runs_back = np.diff(kept["time"]) < 0
    stretches = np.split(kept, np.flatnonzero(changes | runs_back) + 1)
    return [stretch for stretch in stretches if len(stretch)], int((~new).sum())


def _rate_from_timestamps(seconds):
    """Return the rate that timestamps show, to two digits; the nominal one for a single sample."""
    if len(seconds) < 2:
        return _NOMINAL_RATE
    return float(f"{1 / typical_spacing(seconds):.2g}")
