"""The Human Activity Recognition 70+ data set (HAR70+)."""

from functools import partial

from sklearn.utils._param_validation import StrOptions, validate_params

from ._back_thigh import read_back_thigh_recordings
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

# Layout: the README of the authors' repository, github.com/ntnu-ai-lab/harth-ml-experiments, and
# public loaders of the archive.
SOURCE = Source(
    name="har70plus",
    url="https://archive.ics.uci.edu/static/public/780/har70.zip",
    filename="har70plus.zip",
)
_SUBJECTS = [str(number) for number in range(501, 519)]
_ACTIVITIES = {
    1: "walking",
    3: "shuffling",
    4: "stairs (ascending)",
    5: "stairs (descending)",
    6: "standing",
    7: "sitting",
    8: "lying",
}

_PARSER_VERSION = 1


@validate_params(
    FETCH_CONSTRAINTS | {"placement": [StrOptions({"back", "thigh"})]},
    prefer_skip_nested_validation=True,
)
def fetch_har70plus(
    *,
    placement="back",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the HAR70+ recordings (older adults, back and thigh); download if needed.

    Eighteen people from 70 to 95 years of age, from fit to frail, followed a semi-structured
    protocol of daily activities for about 40 minutes.

    ==================  ==================================================
    Subjects            18
    Recordings          18
    Rate, placement     50 Hz, lower back or thigh
    Labels              7
    ==================  ==================================================

    Parameters
    ----------
    placement : {"back", "thigh"}, default="back"
        Accelerometer to load: the one on the lower back, or the one on the right thigh.

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
            z and label, and a DatetimeIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample.
        subjects : ndarray of shape (n_recordings,), dtype str
            "501" to "518".
        recording_n_missing : ndarray of shape (n_recordings,), dtype int64
            Number of lines left out, because a value is missing or the time does not increase.
        timestamps : list of ndarray of shape (n_samples,), dtype datetime64[ns]
            As in the publisher's files, without a time zone; strictly increasing, with gaps.
        sampling_rate : ndarray of shape (n_recordings,), dtype float64
            50 Hz. If the rate of the timestamps differs from it by more than 5 %, the rate of the
            timestamps, rounded to an integer.
        units, placement, channel_names, label_names
            "g", the parameter, the names of the channels and the names of the labels.
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
    fetch_harth : Adults at work, with the same sensors and labels.
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> from relcon_sklearn.datasets import fetch_har70plus
    >>> data = fetch_har70plus(placement="thigh")  # doctest: +SKIP
    >>> data.subjects[0], data.label_names[:2]  # doctest: +SKIP
    ('501', ['walking', 'shuffling'])
    """
    return fetch_recordings(
        SOURCE,
        partial(
            read_back_thigh_recordings,
            subjects=_SUBJECTS,
            placement=placement,
            names=_ACTIVITIES,
        ),
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
