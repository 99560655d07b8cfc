"""The PAMAP2 Physical Activity Monitoring data set."""

from functools import partial

import numpy as np
from scipy.constants import g as GRAVITY
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ._dat import read_dat_recordings
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

SOURCE = Source(
    name="pamap2",
    url="https://archive.ics.uci.edu/static/public/231/pamap2+physical+activity+monitoring.zip",
    filename="pamap2.zip",
)
# Column of the first axis of each +-16 g accelerometer, counted from 0.
_PLACEMENTS = {"wrist": 4, "chest": 21, "ankle": 38}
_SESSIONS = [("Protocol", number) for number in range(101, 110)] + [
    ("Optional", number) for number in (101, 105, 106, 108, 109)
]
_ACTIVITIES = {
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    5: "running",
    6: "cycling",
    7: "Nordic walking",
    9: "watching TV",
    10: "computer work",
    11: "car driving",
    12: "ascending stairs",
    13: "descending stairs",
    16: "vacuum cleaning",
    17: "ironing",
    18: "folding laundry",
    19: "house cleaning",
    20: "playing soccer",
    24: "rope jumping",
}
_OPTIONAL = {9, 10, 11, 18, 19, 20}  # codes of the activities outside the protocol
PROTOCOL_ACTIVITIES = [name for code, name in _ACTIVITIES.items() if code not in _OPTIONAL]

_PARSER_VERSION = 1


@validate_params(
    {"placement": [StrOptions(set(_PLACEMENTS))], **FETCH_CONSTRAINTS},
    prefer_skip_nested_validation=True,
)
def fetch_pamap2(
    *,
    placement="wrist",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the PAMAP2 recordings (18 activities; wrist, chest or ankle); download if needed.

    Nine people followed a protocol of twelve activities, from lying to rope jumping. Five of them
    also performed some of six optional activities.

    ==================  ==================================================
    Subjects            9
    Recordings          14: 9 of the protocol and 5 of optional activities
    Rate, placement     100 Hz; wrist, chest or ankle
    Labels              18; samples in between are unlabelled
    Download            0.7 GB, and another 0.7 GB during parsing
    ==================  ==================================================

    Samples that were lost in radio transmission are left out, which leaves gaps in the timestamps.
    Most gaps are a few samples long. `segment_recordings` with `timestamps` and `max_gap`
    interpolates short gaps and cuts at long ones.

    Parameters
    ----------
    placement : {"wrist", "chest", "ankle"}, default="wrist"
        Sensor to load. Wrist and ankle are those of the dominant side.

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
            Acceleration in g, gravity included, of the accelerometer with a range of 16 g. With
            `as_frame`, DataFrames with the columns x, y, z and label, and a TimedeltaIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample, "" for transitions between activities.
        subjects : ndarray of shape (n_recordings,), dtype str
            "101" to "109".
        recording_session : ndarray of shape (n_recordings,), dtype str
            "protocol" or "optional".
        recording_n_missing : ndarray of shape (n_recordings,), dtype int64
            Number of lines left out, because the sample was lost or its time does not increase.
        timestamps : list of ndarray of shape (n_samples,), dtype float64
            In seconds, as in the publisher's files; strictly increasing, with gaps.
        sampling_rate, units, placement, channel_names, label_names
            100.0, "g", the parameter, the names of the channels and the names of the labels.
        DESCR, licence, citation : str
            Description, licence and citation of the data set. Please cite its authors.

    (recordings, labels) : tuple if `return_X_y`
        As above. With `as_frame`, DataFrames of the channels and Series of the labels.

    Raises
    ------
    OSError
        If the data are missing and cannot be downloaded, or if they are damaged. The message says
        what to do.

    ValueError
        If a line of the publisher's text is malformed or has an unknown label.

    See Also
    --------
    load_benchmark : Benchmark tasks of the RelCon paper with their cross-validation folds.
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> from relcon_sklearn.datasets import fetch_pamap2
    >>> data = fetch_pamap2(placement="ankle")  # doctest: +SKIP
    >>> data.subjects[0], data.label_names[:3]  # doctest: +SKIP
    ('101', ['lying', 'sitting', 'standing'])
    """
    return fetch_recordings(
        SOURCE,
        partial(_parse, placement=placement),
        version=_PARSER_VERSION,
        variant=placement,
        data_home=data_home,
        download_if_missing=download_if_missing,
        return_X_y=return_X_y,
        as_frame=as_frame,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )


def _parse(archive, *, placement):
    """Return the recordings in the publisher's archive."""
    with archive.unwrapped("PAMAP2_Dataset.zip") as inner:
        data = read_dat_recordings(
            inner,
            [f"{session}/subject{number}.dat" for session, number in _SESSIONS],
            acceleration=_PLACEMENTS[placement],
            label=1,
            names=_ACTIVITIES,
            units_per_g=GRAVITY,
            ticks_per_second=1,
        )
    return Bunch(
        **data,
        subjects=np.array([str(number) for _, number in _SESSIONS]),
        recording_session=np.array([session.lower() for session, _ in _SESSIONS]),
        sampling_rate=100.0,
        placement=placement,
    )
