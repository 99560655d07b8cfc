"""The SisFall data set of falls and activities."""

import re

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings
from ._semicolon_records import read_semicolon_records

SOURCE = Source(
    name="sisfall",
    url="http://sistemic.udea.edu.co/wp-content/uploads/2016/03/SisFall_dataset.zip",
    filename="sisfall.zip",
    note=(
        "The authors' server has been reported to be down. Others keep copies, which we have not "
        "compared with the original: pass the address of one as `url`."
    ),
)

_PARSER_VERSION = 1

# First column, and g per count: range of both signs over the number of steps.
_SENSORS = {"adxl345": (0, 2 * 16 / 2**13), "mma8451q": (6, 2 * 8 / 2**14)}
_RECORD = np.dtype([(f"column{i}", np.int32) for i in range(9)])

_ACTIVITIES = {
    "D01": "walking slowly",
    "D02": "walking quickly",
    "D03": "jogging slowly",
    "D04": "jogging quickly",
    "D05": "up and down stairs slowly",
    "D06": "up and down stairs quickly",
    "D07": "sitting down on a half-height chair, and up, slowly",
    "D08": "sitting down on a half-height chair, and up, quickly",
    "D09": "sitting down on a low chair, and up, slowly",
    "D10": "sitting down on a low chair, and up, quickly",
    "D11": "sitting, trying to get up, collapsing into the chair",
    "D12": "sitting, lying down slowly, sitting up again",
    "D13": "sitting, lying down quickly, sitting up again",
    "D14": "lying on the back, turning to the side, and back",
    "D15": "standing, bending the knees slowly, and up",
    "D16": "standing, bending down slowly with straight knees, and up",
    "D17": "getting into a car, sitting, getting out",
    "D18": "stumbling while walking",
    "D19": "jumping gently, to reach something high",
    "F01": "fall forward while walking, after a slip",
    "F02": "fall backward while walking, after a slip",
    "F03": "fall to the side while walking, after a slip",
    "F04": "fall forward while walking, after a trip",
    "F05": "fall forward while jogging, after a trip",
    "F06": "fall straight down while walking, from fainting",
    "F07": "fall while walking, from fainting, with the hands on a table",
    "F08": "fall forward when trying to get up",
    "F09": "fall to the side when trying to get up",
    "F10": "fall forward when trying to sit down",
    "F11": "fall backward when trying to sit down",
    "F12": "fall to the side when trying to sit down",
    "F13": "fall forward while sitting, from fainting or falling asleep",
    "F14": "fall backward while sitting, from fainting or falling asleep",
    "F15": "fall to the side while sitting, from fainting or falling asleep",
}


@validate_params(
    FETCH_CONSTRAINTS | {"sensor": [StrOptions(set(_SENSORS))], "url": [str, None]},
    prefer_skip_nested_validation=True,
)
def fetch_sisfall(
    sensor="adxl345",
    *,
    url=None,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the SisFall recordings (falls and daily activities, waist), downloaded if needed.

    Young adults did 19 daily activities and simulated 15 kinds of fall, elderly people did most of
    the activities, with two accelerometers on the belt buckle.

    ==================  =============================================
    Subjects            38 (23 of 19 to 30 years, 15 of 60 to 75)
    Recordings          some 4,500, of 12 to 100 seconds
    Rate, placement     200 Hz, waist
    Labels              34
    Download            210 MB
    ==================  =============================================

    Parameters
    ----------
    sensor : {"adxl345", "mma8451q"}, default="adxl345"
        Which accelerometer: the one of +-16 g and 3.9 mg a step, or the one of +-8 g and 1 mg a
        step. Falls exceed 8 g.

    url : str or None, default=None
        Where to download the archive from, if it is not there yet, instead of the authors' server,
        which has been reported to be down. It may be their archive as it is, or wrapped into
        another one.

    data_home : str, path-like or None, default=None
        Folder of all data sets, see `get_data_home`. The archive stays there, in the folder
        `sisfall`, together with the parsed recordings of each sensor; once these are made, it may
        be deleted.

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
            The code of the activity, "D01" to "D19", or of the fall, "F01" to "F15", the same
            throughout a recording: which part of it is the fall is not known.
        activities : dict
            What the codes stand for.
        subjects : ndarray of shape (n_recordings,), dtype str
            "SA01" to "SA23" and, the elderly, "SE01" to "SE15".
        recording_trial : ndarray of shape (n_recordings,), dtype int64
            Counts the recordings of a subject and an activity from 1.
        recording_age, recording_height, recording_weight : ndarray of shape (n_recordings,)
            Of the subject, in years, cm and kg.
        recording_sex : ndarray of shape (n_recordings,), dtype str
            "F" or "M".
        n_malformed_lines : int
            How many lines have not nine numbers and are left out.
        timestamps : None
            Sampling is regular.
        sampling_rate, units, placement, channel_names, label_names
            200.0, "g", "waist", and the names of the channels and of the labels.
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
    >>> from relcon_sklearn.datasets import fetch_sisfall
    >>> data = fetch_sisfall()  # doctest: +SKIP
    >>> data.subjects[0], data.activities[data.labels[0][0]]  # doctest: +SKIP
    ('SA01', 'walking slowly')
    """
    data = fetch_recordings(
        SOURCE if url is None else SOURCE._replace(url=url),
        lambda archive: _parse(archive, sensor),
        version=_PARSER_VERSION,
        variant=sensor,
        data_home=data_home,
        download_if_missing=download_if_missing,
        return_X_y=return_X_y,
        as_frame=as_frame,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )
    if not return_X_y:
        data.activities = dict(_ACTIVITIES)
    return data


def _parse(archive, sensor):
    """Make recordings of the authors' archive."""
    column, scale = _SENSORS[sensor]
    data = Bunch(recordings=[], labels=[])
    subjects, trials, n_malformed = [], [], 0
    with archive.unwrapped("SisFall_dataset.zip") as inner:
        people = _read_people(inner.read_text("Readme.txt"))
        for match in inner.matching(r"(S[AE]\d\d)/([DF]\d\d)_\1_R(\d\d)\.txt"):
            subject, code, trial = match.groups()
            where = f"{inner.label}: {match.string}"
            rows, malformed = read_semicolon_records(inner.read_text(match.string), _RECORD, where)
            xyz = np.column_stack([rows[f"column{column + axis}"] for axis in range(3)])
            data.recordings.append((xyz * scale).astype(np.float32))
            data.labels.append(np.full(len(xyz), code))
            subjects.append(subject)
            trials.append(int(trial))
            n_malformed += malformed
    age, height, weight, sex = zip(*(people[subject] for subject in subjects), strict=True)
    return Bunch(
        **data,
        subjects=np.array(subjects),
        recording_trial=np.array(trials),
        recording_age=np.array(age),
        recording_height=np.array(height),
        recording_weight=np.array(weight),
        recording_sex=np.array(sex),
        n_malformed_lines=n_malformed,
        timestamps=None,
        sampling_rate=200.0,
        units="g",
        placement="waist",
        channel_names=["x", "y", "z"],
        label_names=list(_ACTIVITIES),
    )


def _read_people(text):
    """Read the table of subjects: {"SA01": (age, height, weight, sex)}."""
    row = re.compile(r"(S[AE]\d\d)\s*\|\s*(\d+)\s*\|\s*([\d.]+)\s*\|\s*([\d.]+)\s*\|\s*([FM])\b")
    return {m[1]: (float(m[2]), float(m[3]), float(m[4]), m[5]) for m in row.finditer(text)}
