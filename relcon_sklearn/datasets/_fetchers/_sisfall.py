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
        "The authors' server has been reported to be down. Copies exist, but we have not compared "
        "them with the original. To use a copy, pass its address as `url`."
    ),
)

_PARSER_VERSION = 1

# First column, and g per count: twice the range, divided by the number of counts.
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
    """Load the SisFall recordings (falls and daily activities, waist); download if needed.

    Young adults performed 19 daily activities and simulated 15 kinds of fall. Elderly people
    performed most of the activities. All wore two accelerometers on the belt buckle.

    ==================  =============================================
    Subjects            38 (23 of 19 to 30 years, 15 of 60 to 75)
    Recordings          about 4,500, of 12 to 100 seconds
    Rate, placement     200 Hz, waist
    Labels              34
    Download            210 MB
    ==================  =============================================

    Parameters
    ----------
    sensor : {"adxl345", "mma8451q"}, default="adxl345"
        Accelerometer to load: "adxl345" has a range of +-16 g and a resolution of 3.9 mg,
        "mma8451q" a range of +-8 g and a resolution of 1 mg. Falls exceed 8 g.

    url : str or None, default=None
        Address of a copy of the archive. If None, the authors' server, which has been reported to
        be down. The copy may be the original archive or an archive that contains it. It is
        downloaded only if the archive is missing.

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
            The code of the activity, "D01" to "D19", or of the fall, "F01" to "F15". All samples
            of a recording have the same label, since it is unknown which part is the fall.
        activities : dict
            Description of each code.
        subjects : ndarray of shape (n_recordings,), dtype str
            "SA01" to "SA23" for adults, "SE01" to "SE15" for elderly people.
        recording_trial : ndarray of shape (n_recordings,), dtype int64
            Number of the trial of a subject and an activity, counted from 1.
        recording_age, recording_height, recording_weight : ndarray of shape (n_recordings,)
            Age in years, height in cm and weight in kg of the subject.
        recording_sex : ndarray of shape (n_recordings,), dtype str
            "F" or "M".
        n_malformed_lines : int
            Number of lines left out because they do not have nine numbers.
        timestamps : None
            The data set has no timestamps; sampling is regular.
        sampling_rate, units, placement, channel_names, label_names
            200.0, "g", "waist", the names of the channels and the names of the labels.
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
    """Return the recordings in the authors' archive."""
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
