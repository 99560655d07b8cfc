"""The UMAFall data set of falls and activities."""

import re
from functools import partial

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ...exceptions import DamagedFileError
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

# The corrected version: in the original one, some numbers are unreadable. Layout: the authors' page
# webpersonal.uma.es/de/ECASILARI/Fall_ADL_Traces, and public loaders of the archive.
SOURCE = Source(
    name="umafall",
    url="https://ndownloader.figshare.com/files/43076140",
    filename="umafall.zip",
)
# Name of each position in the files, and nominal rate in Hz.
_PLACEMENTS = {
    "wrist": ("WRIST", 20.0),
    "waist": ("WAIST", 20.0),
    "chest": ("CHEST", 20.0),
    "ankle": ("ANKLE", 20.0),
    "pocket": ("RIGHTPOCKET", 200.0),
}
_FALLS = ["forwardFall", "backwardFall", "lateralFall"]
_ACTIVITIES = [
    "Walking",
    "Jogging",
    "Bending",
    "Hopping",
    "GoUpstairs",
    "GoDownstairs",
    "LyingDown_OnABed",
    "Sitting_GettingUpOnAChair",
    "Aplausing",
    "HandsUp",
    "MakingACall",
    "OpeningDoor",
    *_FALLS,
]
_SUBJECTS = [f"{number:02d}" for number in range(1, 20)]
_FILE = re.compile(
    r"UMAFall_Subject_(?P<subject>\d+)_(?:ADL|Fall)_(?P<activity>\w+?)_(?P<trial>\d+)"
    r"_(?P<day>\d{4}-\d\d-\d\d)_(?P<hour>\d\d)-(?P<minute>\d\d)-(?P<second>\d\d)\.csv"
)
# A line of the table: time in ms, number of the sample, x, y, z, sensor type, sensor, and a
# semicolon at its end that may be missing.
_LINE = r"^([^%;\n]*);([^;\n]*);([^;\n]*);([^;\n]*);([^;\n]*);[ ]*{type}[ ]*;[ ]*{sensor}[ ]*;?\r?$"
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")
_ACCELEROMETER = 0

_PARSER_VERSION = 1


@validate_params(
    FETCH_CONSTRAINTS | {"placement": [StrOptions(set(_PLACEMENTS))]},
    prefer_skip_nested_validation=True,
)
def fetch_umafall(
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
    """Load the UMAFall recordings (falls and daily activities); download if needed.

    Nineteen people performed daily activities and simulated three kinds of fall, with four sensor
    nodes on the body and a phone in the pocket.

    ==================  ==================================================
    Subjects            19
    Recordings          746 trials of 15 s, less those without the sensor
    Rate, placement     20 Hz wrist, waist, chest, ankle; 200 Hz pocket
    Labels              12 activities and 3 falls
    Download            80 MB
    ==================  ==================================================

    Sampling is taken as regular, at the nominal rate. The publisher's times are those of the
    arrival at the phone, in milliseconds, which many samples share. They are in `sample_time`.

    Parameters
    ----------
    placement : {"wrist", "waist", "chest", "ankle", "pocket"}, default="wrist"
        Accelerometer to load. The pocket is the right pocket of the trousers, with the phone.

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
            The publisher's name of the activity or fall. All samples of a recording have the same
            label, since it is unknown which part is the fall.
        subjects : ndarray of shape (n_recordings,), dtype str
            "01" to "19".
        recording_trial : ndarray of shape (n_recordings,), dtype int64
            The publisher's number of the trial of a subject and an activity. It may repeat.
        recording_date : ndarray of shape (n_recordings,), dtype datetime64[s]
            When the trial was recorded, without a time zone.
        recording_is_fall : ndarray of shape (n_recordings,), dtype bool
            Whether the trial is a fall.
        sample_time : list of ndarray of shape (n_samples,), dtype float64
            When each sample arrived, in seconds since the start of the trial. Times repeat.
        n_malformed_lines : int
            Number of lines of the accelerometer left out because they do not have five numbers.
        n_missing_trials : int
            Number of trials left out because they have no samples of the accelerometer.
        timestamps : None
            See above.
        sampling_rate, units, placement, channel_names, label_names
            200.0 for the pocket and 20.0 elsewhere, "g", the parameter, the names of the channels
            and the names of the labels.
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
        If a file has another format than published, or an unknown activity.

    See Also
    --------
    load_benchmark : Benchmark tasks of the RelCon paper with their cross-validation folds.
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> from relcon_sklearn.datasets import fetch_umafall
    >>> data = fetch_umafall(placement="waist")  # doctest: +SKIP
    >>> data.subjects[0], data.label_names[-3:]  # doctest: +SKIP
    ('01', ['forwardFall', 'backwardFall', 'lateralFall'])
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
    position, rate = _PLACEMENTS[placement]
    data = Bunch(recordings=[], labels=[], sample_time=[])
    kept, n_malformed, n_missing = [], 0, 0
    for name, trial in _find_trials(archive):
        where = f"{archive.label}: {name}"
        rows, malformed = _read_accelerometer(archive.read_text(name), position, where)
        n_malformed += malformed
        if not len(rows):
            n_missing += 1
            continue
        rows = rows[np.argsort(rows[:, 1], kind="stable")]
        data.recordings.append(rows[:, 2:].astype(np.float32))
        data.labels.append(np.full(len(rows), trial["activity"]))
        data.sample_time.append(rows[:, 0] / 1000)
        kept.append(trial)
    if not kept:
        raise DamagedFileError(
            f"{archive.label} has no trial with the sensor {position}. If the publisher has "
            "changed the data, please report it."
        )
    dates = ["{day}T{hour}:{minute}:{second}".format(**trial) for trial in kept]
    return Bunch(
        **data,
        subjects=np.array([trial["subject"] for trial in kept]),
        recording_trial=np.array([int(trial["trial"]) for trial in kept]),
        recording_date=np.array(dates, dtype="datetime64[s]"),
        recording_is_fall=np.array([trial["activity"] in _FALLS for trial in kept]),
        n_malformed_lines=n_malformed,
        n_missing_trials=n_missing,
        timestamps=None,
        sampling_rate=rate,
        units="g",
        placement=placement,
        channel_names=["x", "y", "z"],
        label_names=list(_ACTIVITIES),
    )


def _find_trials(archive):
    """Return the member and the parts of its name, for each trial.

    Raises
    ------
    DamagedFileError
        If a name has another form than published or an unknown activity, or if a subject is
        missing.
    """
    trials = []
    for match in archive.matching(r"(UMAFall_[^/]*\.csv)"):
        trial = _FILE.fullmatch(match[1])
        if trial is None or trial["activity"] not in _ACTIVITIES:
            raise DamagedFileError(
                f"{archive.label} has the member {match.string!r}. Expected names such as "
                "'UMAFall_Subject_01_ADL_Walking_1_2017-04-14_23-25-52.csv', with one of the "
                f"activities {', '.join(_ACTIVITIES)}. If the publisher has changed the data, "
                "please report it."
            )
        trials.append((match.string, trial.groupdict()))
    missing = sorted(set(_SUBJECTS) - {trial["subject"] for _, trial in trials})
    if missing:
        raise DamagedFileError(
            f"{archive.label} has no trials of the subjects {', '.join(missing)}. Delete the file "
            "and call again to download it again. If the publisher has changed the archive, "
            "please report it."
        )
    return trials


def _read_accelerometer(text, position, where):
    """Read the samples of the accelerometer at a position.

    The positions of the sensors are in the header of a file, and may differ between files.

    Parameters
    ----------
    text : str
        A file: a header of lines that start with %, and a table.

    position : str
        Name of the position in the header.

    where : str
        Name of the file in error messages.

    Returns
    -------
    rows : ndarray of shape (n_samples, 5)
        Time in ms, number of the sample, x, y and z in g. Empty if the position has no sensor, or
        the sensor no samples.

    n_malformed : int
        Number of lines left out.

    Raises
    ------
    DamagedFileError
        If the file has no line in the published format, or if all lines of the accelerometer are
        malformed.
    """
    if not re.search(_LINE.format(type=r"\d+", sensor=r"\d+"), text, re.MULTILINE):
        raise DamagedFileError(
            f"{where} has no line with the time, number, x, y, z, sensor type and sensor, "
            "separated by semicolons. If the publisher has changed the data, please report it."
        )
    sensor = re.search(rf"^%[^;\n]*;[ ]*(\d+)[ ]*;[ ]*{position}\b", text, re.MULTILINE)
    if sensor is None:
        return np.empty((0, 5)), 0
    line = _LINE.format(type=_ACCELEROMETER, sensor=sensor[1])
    lines = re.findall(line, text, re.MULTILINE)
    good = [values for values in lines if all(map(_NUMBER.fullmatch, values))]
    if lines and not good:
        raise DamagedFileError(
            f"{where} has no valid samples of the sensor {position}. Got {len(lines)} malformed "
            "lines."
        )
    return np.array(good, dtype=float).reshape(-1, 5), len(lines) - len(good)
