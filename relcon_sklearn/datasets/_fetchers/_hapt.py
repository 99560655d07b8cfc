"""The Human Activities and Postural Transitions data set (HAPT)."""

import io

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

# Several projects that use the archive have published this checksum.
SOURCE = Source(
    name="hapt",
    url="https://archive.ics.uci.edu/static/public/341/"
    "smartphone+based+recognition+of+human+activities+and+postural+transitions.zip",
    filename="hapt.zip",
    sha256="4ac4ae064227c07045a99551876b54d204837e995e298b6488559e209b3deb09",
)

_PARSER_VERSION = 1


@validate_params(FETCH_CONSTRAINTS, prefer_skip_nested_validation=True)
def fetch_hapt(
    *,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the HAPT recordings (activities and postural transitions, waist); download if needed.

    Thirty people followed a protocol of six activities and of the six transitions between the
    static ones, with a smartphone on the belt.

    ==================  =============================================
    Subjects            30
    Recordings          61, of 6 minutes on average
    Rate, placement     50 Hz, waist
    Labels              12; samples in between are unlabelled
    Download            80 MB
    ==================  =============================================

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
            The activity of each sample, "" for unlabelled samples.
        subjects : ndarray of shape (n_recordings,), dtype str
            "01" to "30"; most subjects have two recordings.
        recording_experiment : ndarray of shape (n_recordings,), dtype int64
            The publisher's number of each recording.
        timestamps : None
            The data set has no timestamps; sampling is regular.
        sampling_rate, units, placement, channel_names, label_names
            50.0, "g", "waist", the names of the channels and the names of the labels.
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
    >>> from relcon_sklearn.datasets import fetch_hapt
    >>> data = fetch_hapt()  # doctest: +SKIP
    >>> data.recordings[0].shape, data.subjects[0]  # doctest: +SKIP
    ((20598, 3), '01')
    """
    return fetch_recordings(
        SOURCE,
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


def _parse(archive):
    """Return the recordings in the publisher's archive."""
    names = dict(line.split() for line in archive.read_text("activity_labels.txt").splitlines())
    segments = _read_numbers(archive, "RawData/labels.txt", np.int64)
    data = Bunch(recordings=[], labels=[])
    subjects, experiments = [], []
    for match in archive.matching(r"RawData/acc_exp(\d+)_user(\d+)\.txt"):
        experiment, subject = match.groups()
        signal = _read_numbers(archive, match.string, np.float32)
        own = segments[(segments[:, :2] == (int(experiment), int(subject))).all(axis=1)]
        labels = np.full(len(signal), "", dtype=f"U{max(map(len, names.values()))}")
        for _, _, activity, first, last in own.tolist():  # counted from 1, last one included
            labels[first - 1 : last] = names[str(activity)]
        data.recordings.append(signal)
        data.labels.append(labels)
        subjects.append(subject)
        experiments.append(int(experiment))
    return Bunch(
        **data,
        subjects=np.array(subjects),
        recording_experiment=np.array(experiments),
        timestamps=None,
        sampling_rate=50.0,
        units="g",
        placement="waist",
        channel_names=["x", "y", "z"],
        label_names=list(names.values()),
    )


def _read_numbers(archive, name, dtype):
    """Read a table of numbers separated by spaces."""
    return np.loadtxt(io.StringIO(archive.read_text(name)), dtype=dtype, ndmin=2)
