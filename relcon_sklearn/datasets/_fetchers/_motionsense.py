"""The MotionSense data set of activities, recorded with a phone in the pocket."""

import csv
import io

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

_REPOSITORY = "https://raw.githubusercontent.com/mmalekzadeh/motion-sense/master/data"

SOURCES = [
    Source(
        name="motionsense",
        url=f"{_REPOSITORY}/A_DeviceMotion_data.zip",
        filename="motionsense.zip",
    ),
    Source(
        name="motionsense",
        url=f"{_REPOSITORY}/data_subjects_info.csv",
        filename="motionsense_subjects.csv",
    ),
]

_PARSER_VERSION = 1
_ACTIVITIES = {
    "dws": "downstairs",
    "ups": "upstairs",
    "wlk": "walking",
    "jog": "jogging",
    "sit": "sitting",
    "std": "standing",
}


@validate_params(FETCH_CONSTRAINTS, prefer_skip_nested_validation=True)
def fetch_motionsense(
    *,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the MotionSense recordings (six activities, trouser pocket); download if needed.

    Twenty-four people performed six activities in 15 trials, on the same routes, with a phone in
    the front pocket of their trousers.

    ==================  =============================================
    Subjects            24
    Recordings          360, of half a minute to three minutes
    Rate, placement     50 Hz, trouser pocket
    Labels              6
    ==================  =============================================

    The acceleration is the sum of gravity and user acceleration as reported by the phone. Its sign
    follows Apple's convention: at rest the vector points down to the ground, whereas it points up
    in the other data sets. Multiply by -1 to use them together.

    Parameters
    ----------
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
            "1" to "24".
        recording_trial : ndarray of shape (n_recordings,), dtype int64
            The publisher's number of the trial: 1 to 9 are long trials, 11 to 16 short ones.
        recording_age, recording_height, recording_weight : ndarray of shape (n_recordings,)
            Age in years, height in cm and weight in kg of the subject.
        recording_sex : ndarray of shape (n_recordings,), dtype str
            "F" or "M".
        timestamps : None
            The data set has no timestamps; sampling is regular.
        sampling_rate, units, placement, channel_names, label_names
            50.0, "g", "trouser pocket", the names of the channels and the names of the labels.
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
    >>> from relcon_sklearn.datasets import fetch_motionsense
    >>> data = fetch_motionsense()  # doctest: +SKIP
    >>> data.label_names  # doctest: +SKIP
    ['downstairs', 'upstairs', 'walking', 'jogging', 'sitting', 'standing']
    """
    return fetch_recordings(
        SOURCES,
        _parse,
        version=_PARSER_VERSION,
        data_home=data_home,
        download_if_missing=download_if_missing,
        return_X_y=return_X_y,
        as_frame=as_frame,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )


def _parse(archive, people_file):
    """Return the recordings in the publisher's files."""
    with open(people_file, newline="", encoding="utf-8") as file:
        people = {row["code"]: row for row in csv.DictReader(file)}
    files = sorted(
        (int(match[3]), int(match[2]), match[1], match.string)
        for match in archive.matching(rf"({'|'.join(_ACTIVITIES)})_(\d+)/sub_(\d+)\.csv")
    )
    data = Bunch(recordings=[], labels=[])
    for _, _, activity, name in files:
        signal = _read_acceleration(archive.read_text(name))
        data.recordings.append(signal)
        data.labels.append(np.full(len(signal), _ACTIVITIES[activity]))
    subjects = [str(subject) for subject, *_ in files]
    of_person = {
        f"recording_{field}": np.array([float(people[subject][field]) for subject in subjects])
        for field in ("age", "height", "weight")
    }
    return Bunch(
        **data,
        **of_person,
        subjects=np.array(subjects),
        recording_trial=np.array([trial for _, trial, *_ in files]),
        recording_sex=np.array(["FM"[int(people[subject]["gender"])] for subject in subjects]),
        timestamps=None,
        sampling_rate=50.0,
        units="g",
        placement="trouser pocket",
        channel_names=["x", "y", "z"],
        label_names=list(_ACTIVITIES.values()),
    )


def _read_acceleration(text):
    """Return the sum of gravity and user acceleration, (n_samples, 3), in g."""
    header, _, rows = text.partition("\n")
    columns = header.strip().split(",")
    parts = [
        np.loadtxt(
            io.StringIO(rows),
            delimiter=",",
            usecols=[columns.index(f"{part}.{axis}") for axis in "xyz"],
            ndmin=2,
        )
        for part in ("gravity", "userAcceleration")
    ]
    return sum(parts).astype(np.float32)
