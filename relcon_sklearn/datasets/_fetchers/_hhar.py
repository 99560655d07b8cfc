"""The watches of the Heterogeneity Activity Recognition data set (HHAR)."""

from collections import defaultdict
from itertools import islice

import numpy as np
from scipy.constants import g as GRAVITY
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from ...exceptions import DamagedFileError
from ._clock import rate_of_dates
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

SOURCE = Source(
    name="hhar",
    url="https://archive.ics.uci.edu/static/public/344/heterogeneity+activity+recognition.zip",
    filename="hhar.zip",
)
_MEMBER = "Watch_accelerometer.csv"
_HEADER = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt"
_COLUMNS = (1, 2, 3, 4, 5, 6, 8, 9)
# Fields are one character longer than the longest known name, so that truncation cannot turn an
# unknown name into a known one.
_ROW = np.dtype(
    [
        ("arrival", "i8"),  # when the application received the sample, in ms since 1970
        ("creation", "i8"),  # when the watch took the sample, in ns since the watch was started
        ("xyz", "f4", 3),
        ("user", "S2"),
        ("device", "S10"),
        ("label", "S11"),
    ]
)
_RATES = {b"gear_1": 100.0, b"gear_2": 100.0, b"lgwatch_1": 200.0, b"lgwatch_2": 200.0}  # Hz
_LABELS = ["bike", "sit", "stairsdown", "stairsup", "stand", "walk"]
_CHUNK = 200_000  # lines
_CLOCK_BREAK = 1_000_000_000  # ns
_MAX_BURST = 2000  # samples, at least 10 s; of this many samples, at least one arrives promptly

_PARSER_VERSION = 1


@validate_params(FETCH_CONSTRAINTS, prefer_skip_nested_validation=True)
def fetch_hhar(
    *,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    delay=1.0,
    progressbar=True,
):
    """Load the HHAR recordings (activities, watches on the wrist); download if needed.

    Nine people performed six activities with watches of two models on their wrists.

    ==================  ==================================================
    Subjects            9
    Recordings          one for each subject with each watch
    Rate, placement     nominally 100 Hz (Gear) and 200 Hz (LG), wrist
    Labels              6; samples in between are unlabelled
    Download            820 MB, and another 820 MB during parsing
    ==================  ==================================================

    The clocks of the watches are unreliable. They count from the last start of the watch and stop
    while it sleeps. Samples arrive in bursts, not always in order, and some arrive twice. The
    returned recordings are sorted and without duplicates. Their timestamps keep the spacing of the
    watch's clock and take their date from the arrival at the application. Wherever the two clocks
    diverge by more than a second, the date is set again, which leaves a gap. Pass the timestamps
    to `segment_recordings`, which then cuts the recordings at these gaps.

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
            Acceleration in g, gravity included, one array for each subject with each watch. With
            `as_frame`, DataFrames with the columns x, y, z and label, and a DatetimeIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample, "" for unlabelled samples.
        subjects : ndarray of shape (n_recordings,), dtype str
            "a" to "i".
        recording_device : ndarray of shape (n_recordings,), dtype str
            "gear_1", "gear_2", "lgwatch_1" or "lgwatch_2". People wore several watches at the same
            time, so `segment_recordings` warns that recordings of one subject overlap.
        recording_n_repeated : ndarray of shape (n_recordings,), dtype int64
            Number of samples left out because another sample has the same time.
        timestamps : list of ndarray of shape (n_samples,), dtype datetime64[ns]
            UTC, strictly increasing, with gaps.
        sampling_rate : ndarray of shape (n_recordings,), dtype float64
            In Hz: the nominal rate of the watch. If the rate of the timestamps differs from it by
            more than 5 %, the rate of the timestamps, rounded to an integer.
        units, placement, channel_names, label_names
            "g", "wrist", the names of the channels and the names of the labels.
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
    >>> from relcon_sklearn import segment_recordings
    >>> from relcon_sklearn.datasets import fetch_hhar
    >>> data = fetch_hhar()  # doctest: +SKIP
    >>> segments = segment_recordings(  # doctest: +SKIP
    ...     data.recordings,
    ...     data.sampling_rate,
    ...     units=data.units,
    ...     labels=data.labels,
    ...     subjects=data.subjects,
    ...     timestamps=data.timestamps,
    ...     target_rate=100,
    ...     max_gap=0.25,
    ...     short="skip",
    ... )
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


def _read_rows(archive, name):
    """Yield the lines of the table in chunks, as arrays of dtype `_ROW`."""
    where = f"{archive.label}: {archive.find(name)}"
    with archive.open(name) as file:
        header = file.readline().decode(errors="replace").strip()
        if header != _HEADER:
            raise DamagedFileError(
                f"{where} has an unexpected header. Expected {_HEADER!r}. Got {header!r}. If the "
                "publisher has changed the data, please report it."
            )
        n_lines = 1
        while lines := list(islice(file, _CHUNK)):
            try:
                yield np.loadtxt(
                    lines, _ROW, comments=None, delimiter=",", usecols=_COLUMNS, ndmin=1
                )
            except DamagedFileError:
                raise
            except ValueError as error:
                raise DamagedFileError(
                    f"{where} has a malformed line after line {n_lines}: {error} Delete "
                    f"{archive.path} and call again to download it again."
                ) from error
            n_lines += len(lines)


def _rows_by_watch(archive, name):
    """Return the lines of each user with each watch, {(user, device): rows}, sorted by key."""
    pieces = defaultdict(list)
    for rows in _read_rows(archive, name):
        owner = rows[["user", "device"]]
        for piece in np.split(rows, np.flatnonzero(owner[1:] != owner[:-1]) + 1):
            pieces[piece["user"][0], piece["device"][0]].append(piece)
    return {owner: np.concatenate(pieces[owner]) for owner in sorted(pieces)}


def _order_and_date(arrival, creation):
    """Return the order of the samples of one watch, and their dates.

    The clock of the watch spaces samples evenly, but it stops while the watch sleeps and restarts
    with the watch. The arrival is in real time, but samples arrive in bursts. The samples are
    therefore split into runs, between which the two clocks diverge permanently. A run keeps the
    spacing of the watch's clock and takes its date from the sample that arrived most promptly.

    Parameters
    ----------
    arrival : ndarray of shape (n_samples,), dtype int64
        In ms since 1970.

    creation : ndarray of shape (n_samples,), dtype int64
        In ns since the watch was started.

    Returns
    -------
    order : ndarray of int
        Indices of the samples in order of time. Samples with the same time are one sample that
        was delivered twice; only the first is kept.

    times : ndarray of shape (len(order),), dtype datetime64[ns]
        Strictly increasing.
    """
    order = np.lexsort((creation, arrival))
    delay = arrival[order] * 1_000_000 - creation[order]
    breaks = _clock_breaks(delay)
    times = np.empty(len(order), dtype=np.int64)
    end = -_CLOCK_BREAK
    for start, stop in zip([0, *breaks], [*breaks, len(order)], strict=True):
        run = order[start:stop]
        run[:] = run[np.argsort(creation[run], kind="stable")]
        dated = creation[run] + delay[start:stop].min()
        # All samples of a short run may have arrived late.
        times[start:stop] = dated + max(0, end + _CLOCK_BREAK - dated[0])
        end = times[stop - 1]
    new = np.r_[True, np.diff(times) > 0]
    return order[new], times[new].view("datetime64[ns]")


def _clock_breaks(delay):
    """Return where the delay, in ns, changes permanently and not only for a late burst."""
    breaks = [0]
    for step in np.flatnonzero(np.abs(np.diff(delay)) > _CLOCK_BREAK) + 1:
        before = delay[max(breaks[-1], step - _MAX_BURST) : step].min()
        after = delay[step : step + _MAX_BURST].min()
        if abs(after - before) > _CLOCK_BREAK:
            breaks.append(step)
    return breaks[1:]


def _check_names(field, known, where):
    """Return names as str; raise DamagedFileError if one is not documented by the publisher."""
    unknown = set(np.unique(field).tolist()) - set(known)
    if unknown:
        raise DamagedFileError(
            f"{where} has unknown names. Expected {sorted(known)}. Got {sorted(unknown)}. If the "
            "publisher has changed the data, please report it."
        )
    return field.astype(str)


def _parse(archive):
    """Return the recordings in the publisher's archive."""
    with archive.unwrapped("Activity recognition exp.zip") as inner:
        where = f"{inner.label}: {_MEMBER}"
        owners = _rows_by_watch(inner, _MEMBER)
    data = Bunch(recordings=[], labels=[], timestamps=[])
    rates, n_repeated = [], []
    for (_, device), rows in owners.items():
        _check_names(np.array([device]), _RATES, where)
        order, times = _order_and_date(rows["arrival"], rows["creation"])
        labels = _check_names(rows["label"][order], [b"null", *map(str.encode, _LABELS)], where)
        data.recordings.append((rows["xyz"][order] / GRAVITY).astype(np.float32))
        data.labels.append(np.where(labels == "null", "", labels))
        data.timestamps.append(times)
        rates.append(rate_of_dates(times, _RATES[device]))
        n_repeated.append(len(rows) - len(order))
    return Bunch(
        **data,
        subjects=np.array([user.decode() for user, _ in owners]),
        recording_device=np.array([device.decode() for _, device in owners]),
        recording_n_repeated=np.array(n_repeated),
        sampling_rate=np.array(rates),
        units="g",
        placement="wrist",
        channel_names=["x", "y", "z"],
        label_names=list(_LABELS),
    )
