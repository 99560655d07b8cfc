"""The Daily and Sports Activities data set (DSADS)."""

import io
from collections import Counter
from functools import partial
from itertools import product

import numpy as np
from scipy.constants import g as GRAVITY
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ...exceptions import DamagedFileError
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

# Layout: the description of the data set at UCI, as public loaders of the archive give it.
SOURCE = Source(
    name="dsads",
    url="https://archive.ics.uci.edu/static/public/256/daily+and+sports+activities.zip",
    filename="dsads.zip",
)
# Column of the first axis of each accelerometer, counted from 0. Each unit has nine columns.
_PLACEMENTS = {"torso": 0, "right_arm": 9, "left_arm": 18, "right_leg": 27, "left_leg": 36}
_ACTIVITIES = [
    "sitting",
    "standing",
    "lying on back",
    "lying on right side",
    "ascending stairs",
    "descending stairs",
    "standing in an elevator",
    "moving around in an elevator",
    "walking in a parking lot",
    "walking on a treadmill, flat",
    "walking on a treadmill, inclined",
    "running on a treadmill",
    "exercising on a stepper",
    "exercising on a cross trainer",
    "cycling, horizontal position",
    "cycling, vertical position",
    "rowing",
    "jumping",
    "playing basketball",
]
_N_PEOPLE = 8
_N_SEGMENTS = 60  # of each person and activity
_N_LINES = 125  # of each segment

_MAX_SHOWN = 5

_PARSER_VERSION = 1


@validate_params(
    FETCH_CONSTRAINTS | {"placement": [StrOptions(set(_PLACEMENTS))]},
    prefer_skip_nested_validation=True,
)
def fetch_dsads(
    *,
    placement="right_arm",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the DSADS recordings (19 daily and sports activities); download if needed.

    Eight people performed 19 activities for five minutes each, in their own style, with five
    inertial units on the body.

    ==================  ==================================================
    Subjects            8
    Recordings          152: each subject and activity, of 5 minutes
    Rate, placement     25 Hz; arm and others
    Labels              19
    Download            170 MB
    ==================  ==================================================

    The publisher's files are segments of 5 s. The loader joins the 60 successive segments of a
    subject and an activity.

    Parameters
    ----------
    placement : {"torso", "right_arm", "left_arm", "right_leg", "left_leg"}, default="right_arm"
        Accelerometer to load. The units of the arms are on the wrists, those of the legs above the
        knees.

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
            "p1" to "p8".
        timestamps : None
            The data set has no timestamps; sampling is regular.
        sampling_rate, units, placement, channel_names, label_names
            25.0, "g", the parameter, the names of the channels and the names of the labels.
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
        If a segment of the publisher's text is missing or malformed.

    See Also
    --------
    load_benchmark : Benchmark tasks of the RelCon paper with their cross-validation folds.
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> from relcon_sklearn.datasets import fetch_dsads
    >>> data = fetch_dsads(placement="torso")  # doctest: +SKIP
    >>> data.recordings[0].shape, data.subjects[0], data.labels[0][0]  # doctest: +SKIP
    ((7500, 3), 'p1', 'sitting')
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
    segments = _find_segments(archive)
    data = Bunch(recordings=[], labels=[])
    subjects = []
    for activity, person in product(range(1, len(_ACTIVITIES) + 1), range(1, _N_PEOPLE + 1)):
        parts = [
            _read_segment(archive, segments[activity, person, number], _PLACEMENTS[placement])
            for number in range(1, _N_SEGMENTS + 1)
        ]
        signal = np.concatenate(parts)
        data.recordings.append((signal / GRAVITY).astype(np.float32))
        data.labels.append(np.full(len(signal), _ACTIVITIES[activity - 1]))
        subjects.append(f"p{person}")
    return Bunch(
        **data,
        subjects=np.array(subjects),
        timestamps=None,
        sampling_rate=25.0,
        units="g",
        placement=placement,
        channel_names=["x", "y", "z"],
        label_names=list(_ACTIVITIES),
    )


def _find_segments(archive):
    """Return the member of each segment, {(activity, person, number): name}.

    Raises
    ------
    DamagedFileError
        If a segment is missing, occurs twice or is not one of those that are published. Parts that
        do not follow one another must not be joined.
    """
    matches = archive.matching(r"a(\d+)/p(\d+)/s(\d+)\.txt")
    found = {tuple(map(int, match.groups())): match.string for match in matches}
    times = Counter(tuple(map(int, match.groups())) for match in matches)
    numbers = (len(_ACTIVITIES), _N_PEOPLE, _N_SEGMENTS)
    expected = set(product(*(range(1, n + 1) for n in numbers)))
    wrong = {
        "lacks": expected - set(found),
        "has the unknown segments": set(found) - expected,
        "has more than once": {key for key, n in times.items() if n > 1},
    }
    for what, keys in wrong.items():
        if keys:
            names = [f"a{a:02d}/p{p}/s{s:02d}.txt" for a, p, s in sorted(keys)[:_MAX_SHOWN]]
            raise DamagedFileError(
                f"{archive.label} {what} {', '.join(names)} ({len(keys)} in all). Delete the file "
                "and call again to download it again. If the publisher has changed the archive, "
                "please report it."
            )
    return found


def _read_segment(archive, name, column):
    """Return the acceleration of a segment in m/s^2, (n_samples, 3)."""
    try:
        segment = np.loadtxt(
            io.StringIO(archive.read_text(name)),
            delimiter=",",
            usecols=range(column, column + 3),
            comments=None,
            ndmin=2,
        )
    except DamagedFileError:
        raise
    except ValueError as error:
        raise DamagedFileError(
            f"{archive.label}: {name} has a malformed line: {error} Delete {archive.path} and call "
            "again to download it again."
        ) from error
    if len(segment) != _N_LINES:
        raise DamagedFileError(
            f"{archive.label}: {name} has {len(segment)} lines instead of {_N_LINES}. Delete "
            f"{archive.path} and call again to download it again."
        )
    return segment
