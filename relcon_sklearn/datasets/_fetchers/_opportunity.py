"""The OPPORTUNITY Activity Recognition data set."""

from functools import partial

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ._dat import read_dat_recordings
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

SOURCE = Source(
    name="opportunity",
    url="https://archive.ics.uci.edu/static/public/226/opportunity+activity+recognition.zip",
    filename="opportunity.zip",
)
# Column of the first axis of each accelerometer, counted from 0, and the publisher's name.
_PLACEMENTS = {
    "wrist": 22,  # Accelerometer RWR
    "left_wrist": 31,  # Accelerometer LWR
    "right_lower_arm": 63,  # InertialMeasurementUnit RLA
    "left_lower_arm": 89,  # InertialMeasurementUnit LLA
    "hip": 4,  # Accelerometer HIP
    "back": 37,  # InertialMeasurementUnit BACK
}
_LOCOMOTION = {1: "Stand", 2: "Walk", 4: "Sit", 5: "Lie"}
_GESTURES = {
    406516: "Open Door 1",
    406517: "Open Door 2",
    404516: "Close Door 1",
    404517: "Close Door 2",
    406520: "Open Fridge",
    404520: "Close Fridge",
    406505: "Open Dishwasher",
    404505: "Close Dishwasher",
    406519: "Open Drawer 1",
    404519: "Close Drawer 1",
    406511: "Open Drawer 2",
    404511: "Close Drawer 2",
    406508: "Open Drawer 3",
    404508: "Close Drawer 3",
    408512: "Clean Table",
    407521: "Drink from Cup",
    405506: "Toggle Switch",
}
_TARGETS = {"locomotion": (243, _LOCOMOTION), "gestures": (249, _GESTURES)}
_RUNS = [
    (f"S{subject}", run)
    for subject in range(1, 5)
    for run in ("ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill")
]

_PARSER_VERSION = 1


@validate_params(
    {
        "placement": [StrOptions(set(_PLACEMENTS))],
        "target": [StrOptions(set(_TARGETS))],
        **FETCH_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def fetch_opportunity(
    *,
    placement="wrist",
    target="locomotion",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the OPPORTUNITY recordings (a morning in a kitchen); download if needed.

    Four people performed a morning routine five times and a drill of gestures once.

    ==================  ==================================================
    Subjects            4
    Recordings          24: 5 runs and a drill for each subject
    Rate, placement     30 Hz; wrist and others
    Labels              4 of locomotion or 17 gestures; samples in between
                        are unlabelled
    Download            290 MB
    ==================  ==================================================

    Samples that were lost in radio transmission are left out, which leaves gaps in the timestamps.
    `segment_recordings` with `timestamps` and `max_gap` interpolates short gaps and cuts at long
    ones.

    Parameters
    ----------
    placement : {"wrist", "left_wrist", "right_lower_arm", "left_lower_arm", "hip", "back"}, \
            default="wrist"
        Accelerometer to load; "wrist" is the right wrist. The accelerometers of the wrists and the
        hip are wireless and lose samples. The accelerometers of the lower arms and the back belong
        to wired inertial units.

    target : {"locomotion", "gestures"}, default="locomotion"
        Labels to load: standing, walking, sitting and lying, or the gestures of the arms.

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
            The label of each sample, "" for unlabelled samples.
        subjects : ndarray of shape (n_recordings,), dtype str
            "S1" to "S4".
        recording_session : ndarray of shape (n_recordings,), dtype str
            "ADL1" to "ADL5" or "Drill".
        recording_n_missing : ndarray of shape (n_recordings,), dtype int64
            Number of lines left out, because the sample was lost or its time does not increase.
        timestamps : list of ndarray of shape (n_samples,), dtype float64
            In seconds, as in the publisher's files; strictly increasing, with gaps.
        sampling_rate, units, placement, channel_names, label_names
            30.0, "g", the parameter, the names of the channels and the names of the labels.
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
    >>> from relcon_sklearn.datasets import fetch_opportunity
    >>> data = fetch_opportunity()  # doctest: +SKIP
    >>> data.label_names  # doctest: +SKIP
    ['Stand', 'Walk', 'Sit', 'Lie']
    """
    return fetch_recordings(
        SOURCE,
        partial(_parse, placement=placement, target=target),
        version=_PARSER_VERSION,
        variant=f"{placement}-{target}",
        data_home=data_home,
        download_if_missing=download_if_missing,
        return_X_y=return_X_y,
        as_frame=as_frame,
        n_retries=n_retries,
        delay=delay,
        progressbar=progressbar,
    )


def _parse(archive, *, placement, target):
    """Return the recordings in the publisher's archive."""
    column, names = _TARGETS[target]
    data = read_dat_recordings(
        archive,
        [f"dataset/{subject}-{run}.dat" for subject, run in _RUNS],
        acceleration=_PLACEMENTS[placement],
        label=column,
        names=names,
        units_per_g=1000,  # the files are in mg
        ticks_per_second=1000,
    )
    return Bunch(
        **data,
        subjects=np.array([subject for subject, _ in _RUNS]),
        recording_session=np.array([run for _, run in _RUNS]),
        sampling_rate=30.0,
        placement=placement,
    )
