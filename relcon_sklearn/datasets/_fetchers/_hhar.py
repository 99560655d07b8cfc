"""The Heterogeneity Activity Recognition data set (HHAR): its watches."""

from collections import defaultdict
from itertools import islice

import numpy as np
from scipy.constants import g as GRAVITY
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from ..._recordings._stamps import typical_spacing
from ._fetch import FETCH_CONSTRAINTS, Source, fetch_recordings

SOURCE = Source(
    name="hhar",
    url="https://archive.ics.uci.edu/static/public/344/heterogeneity+activity+recognition.zip",
    filename="hhar.zip",
)
_MEMBER = "Watch_accelerometer.csv"
_HEADER = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt"
_COLUMNS = (1, 2, 3, 4, 5, 6, 8, 9)
# A character more than the longest name, so that a longer one is not taken for a known one.
_ROW = np.dtype(
    [
        ("arrival", "i8"),  # ms since 1970, when the application got the sample
        ("creation", "i8"),  # ns since the watch was started, when it took the sample
        ("xyz", "f4", 3),
        ("user", "S2"),
        ("device", "S10"),
        ("label", "S11"),
    ]
)
_RATES = {b"gear_1": 100.0, b"gear_2": 100.0, b"lgwatch_1": 200.0, b"lgwatch_2": 200.0}  # Hz
_LABELS = ["bike", "sit", "stairsdown", "stairsup", "stand", "walk"]
_RATE_TOLERANCE = 0.05
_CHUNK = 200_000  # lines
_CLOCK_BREAK = 1_000_000_000  # ns
_BURST = 2000  # samples, 10 s at least; among so many, one arrives promptly


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
    """Load the HHAR recordings (activities, watches on the wrist), downloaded if needed.

    Nine people went through six activities, with watches of two models on their wrists.

    ==================  ==================================================
    Subjects            9
    Recordings          one for each subject with each watch
    Rate, placement     100 Hz (Gear) and 200 Hz (LG) nominally, wrist
    Labels              6, and unlabelled samples in between
    Download            820 MB, and as much again while it is parsed
    ==================  ==================================================

    The watches' clocks are troubled: they count from the last start of the watch, and stand still
    while it sleeps; samples come in bursts, not always in order, and some come twice. The
    recordings here are in order and without doubles. Their timestamps keep the watch's own spacing
    of samples, but are dated by the arrival at the application, anew wherever both clocks have
    gone apart by more than a second. Cut recordings at these holes: `segment_recordings` does so
    if it is given the timestamps.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Folder of all data sets, see `get_data_home`. The archive stays there, in the folder
        `hhar`, together with the parsed recordings; once these are made, it may be deleted.

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
            Acceleration in g, gravity included, one array for each subject with each watch. With
            `as_frame`, DataFrames with the columns x, y, z and label, and a DatetimeIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample, "" where there is none.
        subjects : ndarray of shape (n_recordings,), dtype str
            "a" to "i".
        recording_device : ndarray of shape (n_recordings,), dtype str
            "gear_1", "gear_2", "lgwatch_1" or "lgwatch_2".
        recording_n_repeated : ndarray of shape (n_recordings,), dtype int64
            How many samples had the time of another one and are left out.
        timestamps : list of ndarray of shape (n_samples,), dtype datetime64[ns]
            UTC, strictly increasing, with holes.
        sampling_rate : ndarray of shape (n_recordings,), dtype float64
            In Hz: the nominal rate of the watch; where timestamps show another one, by more than
            5 %, that one as a whole number.
        units, placement, channel_names, label_names
            "g", "wrist", and the names of the channels and of the labels.
        DESCR, licence, citation : str
            About the data set. Please cite its authors.

    (recordings, labels) : tuple if `return_X_y`
        Both as above; with `as_frame`, DataFrames of the channels and Series.

    Raises
    ------
    OSError
        If the data can neither be found nor downloaded, or are damaged; the message says what to
        do.

    ValueError
        If a line of the publisher's text is malformed, or has a label that is not known.

    See Also
    --------
    load_benchmark : Tasks of the paper, with their splits.
    relcon_sklearn.segment_recordings : Segments of these recordings.

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
    """Yield the lines of the table as arrays of `_ROW`, some at a time."""
    where = f"{archive.label}: {archive.find(name)}"
    with archive.open(name) as file:
        header = file.readline().decode(errors="replace").strip()
        if header != _HEADER:
            raise ValueError(
                f"{where} begins with {header!r}, and {_HEADER!r} is expected. If the publisher "
                "has changed the data, please report it."
            )
        n_lines = 1
        while lines := list(islice(file, _CHUNK)):
            try:
                yield np.loadtxt(
                    lines, _ROW, comments=None, delimiter=",", usecols=_COLUMNS, ndmin=1
                )
            except ValueError as error:
                raise ValueError(
                    f"{where} has a malformed line after line {n_lines}: {error} Delete "
                    f"{archive.path} and call again to download it anew."
                ) from error
            n_lines += len(lines)


def _rows_by_watch(archive, name):
    """Gather the lines of each user with each watch: {(user, device): rows}, sorted."""
    pieces = defaultdict(list)
    for rows in _read_rows(archive, name):
        owner = rows[["user", "device"]]
        for piece in np.split(rows, np.flatnonzero(owner[1:] != owner[:-1]) + 1):
            pieces[piece["user"][0], piece["device"][0]].append(piece)
    return {owner: np.concatenate(pieces[owner]) for owner in sorted(pieces)}


def _order_and_date(arrival, creation):
    """Put the samples of one watch in order and date them.

    The watch's own clock spaces samples evenly, but it stops while the watch sleeps and starts
    anew with it. The arrival is in real time but comes in bursts. So the samples are taken in
    runs, between which the clocks have gone apart for good; a run keeps the spacing of the
    watch's clock, and is dated by the sample that arrived most promptly.

    Parameters
    ----------
    arrival : ndarray of shape (n_samples,), dtype int64
        In ms since 1970.

    creation : ndarray of shape (n_samples,), dtype int64
        In ns since the watch was started.

    Returns
    -------
    order : ndarray of int
        Indices of the samples in order of time. A sample with the time of another one is that
        one delivered twice and is left out.

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
        # The samples of a short run may all be late ones.
        times[start:stop] = dated + max(0, end + _CLOCK_BREAK - dated[0])
        end = times[stop - 1]
    new = np.r_[True, np.diff(times) > 0]
    return order[new], times[new].view("datetime64[ns]")


def _clock_breaks(delay):
    """Find where arrivals fall behind, in ns, for good: not just in a burst of late samples."""
    breaks = [0]
    for step in np.flatnonzero(np.abs(np.diff(delay)) > _CLOCK_BREAK) + 1:
        before = delay[max(breaks[-1], step - _BURST) : step].min()
        after = delay[step : step + _BURST].min()
        if abs(after - before) > _CLOCK_BREAK:
            breaks.append(step)
    return breaks[1:]


def _rate_from_timestamps(times, nominal):
    """Return the nominal rate in Hz, or what timestamps show where that is quite another one."""
    if len(times) < 2:
        return nominal
    shown = 1 / typical_spacing((times - times[0]).astype(np.int64) / 1e9)
    return nominal if abs(shown / nominal - 1) <= _RATE_TOLERANCE else float(np.rint(shown))


def _known_names(field, known, where):
    """Turn names into str; ones that the publisher does not document are refused."""
    unknown = set(np.unique(field).tolist()) - set(known)
    if unknown:
        raise ValueError(
            f"{where} has {sorted(unknown)} where one of {sorted(known)} is expected. If the "
            "publisher has changed the data, please report it."
        )
    return field.astype(str)


def _parse(archive):
    """Make recordings of the archive."""
    with archive.unwrapped("Activity recognition exp.zip") as inner:
        where = f"{inner.label}: {_MEMBER}"
        owners = _rows_by_watch(inner, _MEMBER)
    data = Bunch(recordings=[], labels=[], timestamps=[])
    rates, n_repeated = [], []
    for (_, device), rows in owners.items():
        _known_names(np.array([device]), _RATES, where)
        order, times = _order_and_date(rows["arrival"], rows["creation"])
        labels = _known_names(rows["label"][order], [b"null", *map(str.encode, _LABELS)], where)
        data.recordings.append((rows["xyz"][order] / GRAVITY).astype(np.float32))
        data.labels.append(np.where(labels == "null", "", labels))
        data.timestamps.append(times)
        rates.append(_rate_from_timestamps(times, _RATES[device]))
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
