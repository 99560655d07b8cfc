"""segment_recordings: from days of recordings to an array of segments."""

from __future__ import annotations

import logging
from collections import Counter
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._labels import LabelTable
from ._nonwear import BLOCK
from ._one_recording import SegmentationOptions, segment_one_recording
from ._read import as_list, read_rates, read_recordings, read_subjects
from ._stamps import has_dates
from ._timeline import HOLE
from ._units import UNITS, raise_missing_units
from ._window_layout import lay_out

logger = logging.getLogger("relcon_sklearn")

_DROPPED = (
    "recordings_too_short",
    "samples_nan",
    "seconds_nonwear",
    "seconds_in_short_stretches",
    "seconds_at_ends_of_stretches",
    "windows_unlabelled",
    "windows_impure",
)


class Segments(NamedTuple):
    """What :func:`segment_recordings` returns.

    Attributes
    ----------
    X : ndarray of shape (n_segments, n_timesteps, n_channels), dtype float32
        The segments, in g; in the order of the recordings, then of time.

    y : ndarray of shape (n_segments,) or None
        The label of each segment; None if no labels were given.

    groups : ndarray of shape (n_segments,)
        The subject of each segment.

    hour_groups : ndarray of shape (n_segments,), dtype int64
        A number for each subject and hour: equal if and only if both are the same.

    start_times : ndarray of shape (n_segments,), dtype datetime64[ns] or float64
        When each segment starts: UTC, or seconds where no dates are known.

    dropped : dict of str to int or float
        What was left out, and why; the keys are always the same.

    See Also
    --------
    segment_recordings : Its parameters, and an example.
    """

    X: np.ndarray
    y: np.ndarray | None
    groups: np.ndarray
    hour_groups: np.ndarray
    start_times: np.ndarray
    dropped: dict


@validate_params(
    {
        "units": [StrOptions(set(UNITS)), None],
        "window": [Interval(Real, 0, None, closed="neither")],
        "stride": [Interval(Real, 0, None, closed="neither"), None],
        "overlap": [Interval(Real, 0, 1, closed="left"), None],
        "target_rate": [Interval(Real, 0, None, closed="neither"), None],
        "channels": [list, tuple, None],
        "purity": [Interval(Real, 0, 1, closed="both")],
        "max_gap": [Interval(Real, 0, None, closed="neither"), None],
        "nonwear": [Interval(Real, BLOCK / 60, None, closed="left"), None],
        "gravity": ["boolean"],
        "nan_policy": [StrOptions({"raise", "omit"})],
        "short": [StrOptions({"raise", "skip"})],
    },
    prefer_skip_nested_validation=True,
)
def segment_recordings(
    recordings,
    sampling_rate,
    *,
    units=None,
    window=2.56,
    stride=None,
    overlap=None,
    target_rate=None,
    labels=None,
    subjects=None,
    timestamps=None,
    channels=None,
    purity=0.5,
    max_gap=None,
    nonwear=None,
    gravity=True,
    nan_policy="raise",
    short="raise",
):
    """Cut recordings into segments of equal length, in g, at one rate, none across a hole.

    Recordings are what devices export: days of samples per person, with holes, at the device's own
    rate and in its own units. Segments are what the estimators take. What is left out on the way
    is counted in `dropped` and logged at level INFO; what looks wrong is an error that names the
    recording.

    Parameters
    ----------
    recordings : array-like, DataFrame, or list or tuple of these
        The recordings, (n_samples, n_channels) each; a 1-D one has one channel. Arrays may be
        memory-mapped: no more than one recording is read at a time. In a DataFrame, a DatetimeIndex
        (converted to UTC if it has a time zone) or a TimedeltaIndex has the timestamps; a
        RangeIndex stands for regular sampling.

    sampling_rate : float or list of float
        Nominal rate in Hz, for all recordings or one for each. It is never guessed, but where
        there are timestamps, these must agree with it within 10 %.

    units : {"g", "mg", "m/s^2", "m/s2", "m/s**2"} or None, default=None
        Unit of all channels; 1 g is 9.80665 m/s^2. Has to be named: None, the default, is an error
        that says what the values look like.

    window : float, default=2.56
        Length of a segment in seconds; ``round(window * rate)`` samples, at least one. The default
        is the published one: 256 samples at 100 Hz.

    stride : float or None, default=None
        Time from the start of a segment to that of the next, in seconds, rounded to samples, at
        least one. None: as `overlap` says.

    overlap : float or None, default=None
        Share of a segment that the next one has as well, in [0, 1), instead of `stride`. None: no
        overlap.

    target_rate : float or None, default=None
        Rate of the segments in Hz. None keeps that of the recordings, which then must be the same
        for all.

    labels : str, list, array-like or None, default=None
        Labels of what happens in the recordings: for DataFrames the name of a column; or a list
        with one entry for each recording, which is one label, or an array with one for each
        sample. A label is a str, int, bool or float; None, NaN, NA and "" say that there is none.

    subjects : list, array-like of shape (n_recordings,) or None, default=None
        Whose each recording is. None: a subject for each recording, which is its number.

    timestamps : list of array-like, array-like or None, default=None
        For recordings without them in an index: when each sample was taken, strictly increasing,
        as datetime64 (UTC) or as seconds. One array for each recording (None where sampling was
        regular), all with dates or none. None: regular sampling without holes, from 0 s.

    channels : list of str or None, default=None
        Columns of DataFrames to use. None: all but that of the labels.

    purity : float, default=0.5
        A segment has the label that covers most of its time if that is more than this share of it,
        or all of it. The default asks for more than half, 1.0 for all. Other segments are dropped.

    max_gap : float or None, default=None
        Holes up to this many seconds are bridged by linear interpolation. None bridges none.

    nonwear : float or None, default=None
        Cut out, as holes, stretches of at least this many minutes in which the device lay still;
        60 is usual. None keeps all.

    gravity : bool, default=True
        Whether gravity is in the signals. If so, and there are 3 channels, the median magnitude of
        each recording must lie within 1/3 to 3 g, which tells one unit from another. Pass False
        for signals with gravity removed.

    nan_policy : {"raise", "omit"}, default="raise"
        What to do with samples in which any channel is NaN: refuse them, or treat them as missing,
        which makes holes of them.

    short : {"raise", "skip"}, default="raise"
        What to do with a recording shorter than a window: refuse or skip it.

    Returns
    -------
    segments : Segments
        A named tuple ``(X, y, groups, hour_groups, start_times, dropped)``:

        - `X`: (n_segments, n_timesteps, n_channels), float32, in g
        - `y`: label of each segment, as str, int64, bool or float64; None without `labels`
        - `groups`: subject of each segment
        - `hour_groups`: int64, a number for each subject and hour of the segment's start, for
          ``fit(X, groups=hour_groups)``. Hours are those of UTC; without dates they count from the
          start of each recording, and no two recordings share one.
        - `start_times`: datetime64[ns] in UTC; without dates float64 seconds, as in `timestamps`
          or since the start of the recording
        - `dropped`: counts of what was left out: ``recordings_too_short``; ``samples_nan``;
          ``seconds_nonwear``; ``seconds_in_short_stretches``, between holes and shorter than a
          window; ``seconds_at_ends_of_stretches``, less than a whole window or stride;
          ``windows_unlabelled``, without a label for the larger part; ``windows_impure``, other
          windows without a label that covers enough

    Raises
    ------
    ValueError
        If a parameter is out of its range or does not fit the others; if recordings differ in
        their channels, or in their rates without a `target_rate`; if one is empty, too short
        (``short="raise"``), infinite or NaN (``nan_policy="raise"``) somewhere, or has a magnitude
        that does not fit its units; if timestamps are not increasing or do not fit the rate; if
        no segment is left.

    See Also
    --------
    SegmentWriter : Keep segments on disk, subject by subject.
    LazyWindows : Windows of regular recordings without a copy.
    relcon_sklearn.datasets.load_npz_recordings : Recordings from a file.

    Notes
    -----
    Each recording goes through these steps, one after the other:

    1. Timestamps are checked: one a sample, strictly increasing, at the rate that was named (the
       mean spacing, without spacings above 1.5 times the median).
    2. Samples with NaN are refused or taken out; the magnitude is checked against the units.
    3. Non-wear is taken out: time is cut into blocks of 10 s; a block is still if the standard
       deviation of every axis in it is below 13 mg; still blocks in a row that span `nonwear`
       minutes or more go. The 13 mg are those of van Hees et al. [1]_, who ask for two of three
       axes, and for a small range of values, in windows of an hour. All axes in blocks of 10 s, as
       in the UK Biobank study [2]_, is stricter and finds the ends to 10 s.
    4. The rest is split at its holes: spacings above 1.5 sample periods, or above `max_gap`. The
       parts are called stretches here. All that follows stays within one.
    5. A stretch is put on the regular grid of its first sample and the nominal rate. Where each
       sample is nearest to a grid point of its own, within half a period, samples are taken as
       they are, so timestamps that are merely rounded change nothing. Otherwise, with more jitter
       or with a device that runs faster or slower than its nominal rate (over hours most do, by
       half a period at least), they are interpolated linearly, which keeps the time right. It
       dampens fast movements: by a fifth at most at a fifth of the sampling rate, by 1 % at 2 Hz
       of 50 Hz. How many stretches that were is logged at level INFO.
    6. It is resampled to `target_rate` with an anti-aliasing filter, extended along a line at
       its ends.
    7. It is cut into windows from its first sample on.
    8. Labels are never resampled: a sample's label counts from its own time to that of the next
       sample, and the label of a window is that which covers most of its time. Where samples were
       interpolated, a grid point has the label of the nearest sample.
    9. Values are converted to g and to float32. (Until then, float32 and narrower stay float32.)

    References
    ----------
    .. [1] van Hees et al. Separating movement and gravity components in an acceleration signal and
       implications for the assessment of human daily physical activity. PLoS ONE 8(4):e61691, 2013.
    .. [2] Doherty et al. Large scale population assessment of physical activity using wrist worn
       accelerometers: the UK Biobank study. PLoS ONE 12(2):e0169649, 2017.

    Examples
    --------
    Two people, 50 Hz, in m/s^2; the first recording has a hole of 10 s and two labels.

    >>> import numpy as np
    >>> from relcon_sklearn import segment_recordings
    >>> rng = np.random.default_rng(0)
    >>> first, second = ([0, 0, 9.8] + rng.normal(size=(n, 3)) for n in (3000, 2000))
    >>> seconds = np.arange(3500) / 50
    >>> seconds = np.delete(seconds, slice(1000, 1500))
    >>> X, y, groups, hour_groups, start_times, dropped = segment_recordings(
    ...     [first, second],
    ...     50,
    ...     units="m/s^2",
    ...     target_rate=100,
    ...     subjects=["ann", "bob"],
    ...     timestamps=[seconds, None],
    ...     labels=[np.where(seconds < 45, "sitting", "walking"), "walking"],
    ... )
    >>> X.shape, X.dtype
    ((37, 256, 3), dtype('float32'))
    >>> start_times[:9]
    array([ 0.  ,  2.56,  5.12,  7.68, 10.24, 12.8 , 15.36, 30.  , 32.56])
    >>> {name: amount for name, amount in dropped.items() if amount}
    {'seconds_at_ends_of_stretches': 5.28}
    """
    recordings = as_list(recordings)
    n = len(recordings)
    rates, subject_of = read_rates(sampling_rate, n), read_subjects(subjects, n)
    layout = lay_out(window, stride, overlap, _output_rate(rates, target_rate))
    _check_max_gap(max_gap, nonwear, min(rates))
    options = SegmentationOptions(
        layout, units, gravity, max_gap, nonwear, nan_policy, short, purity
    )
    names = [f"recording {i}" for i in range(n)]
    if subjects is not None:
        names = [f"{name} (subject {who})" for name, who in zip(names, subject_of, strict=True)]
    table = None if labels is None else LabelTable()
    dropped, pieces, parts = Counter(dict.fromkeys(_DROPPED, 0)), [], []
    for recording in read_recordings(
        recordings, rates, names, labels=labels, timestamps=timestamps, channels=channels
    ):
        if units is None:
            raise_missing_units(recording.signal, recording.name)
        part = segment_one_recording(recording, options, table, dropped)
        if part is not None and len(part.X):
            pieces.append(part.X)
            parts.append(part._replace(X=None))
    dropped = _as_plain_dict(dropped)
    left_out = ", ".join(f"{name} {amount:g}" for name, amount in dropped.items() if amount)
    if not parts:
        raise ValueError(
            f"No window of {layout.n_timesteps / layout.rate:g} s is left. Left out of {n} "
            f"recordings: {left_out or 'nothing'}."
        )
    X = _join(pieces)
    logger.info(
        "%d segments of %d samples at %g Hz from %d of %d recordings; left out: %s",
        *(*X.shape[:2], layout.rate, len(parts), n, left_out or "nothing"),
    )
    number = np.concatenate([np.full(len(part.hours), part.number) for part in parts])
    start_times = np.concatenate([part.start_times for part in parts])
    groups = subject_of[number]
    # With dates, hours are everybody's; without, they count from the start of each recording.
    whose = np.unique(groups, return_inverse=True)[1] if has_dates(start_times) else number
    hour_groups = _hour_groups(whose, np.concatenate([part.hours for part in parts]))
    y = None if table is None else table.decode(np.concatenate([part.codes for part in parts]))
    return Segments(X, y, groups, hour_groups, start_times, dropped)


def _output_rate(rates: list[float], target_rate: float | None) -> float:
    """Return the rate of the segments."""
    if target_rate is not None:
        return float(target_rate)
    if len(set(rates)) > 1:
        raise ValueError(
            f"sampling_rate has several rates ({min(rates):g} to {max(rates):g} Hz), and segments "
            "can have but one: name it in target_rate."
        )
    return rates[0]


def _check_max_gap(max_gap: float | None, nonwear: float | None, lowest_rate: float) -> None:
    """Raise ValueError if `max_gap` contradicts what it is to bridge or not to bridge."""
    if max_gap is not None and max_gap < HOLE / lowest_rate:
        raise ValueError(
            f"max_gap={max_gap:g} s is below {HOLE} sample periods ({HOLE / lowest_rate:.4g} s at "
            f"{lowest_rate:g} Hz), which is no hole yet. Raise it, or pass None to bridge none."
        )
    if None not in (max_gap, nonwear) and max_gap >= 60 * nonwear:
        raise ValueError(
            f"max_gap={max_gap:g} s would bridge what nonwear={nonwear:g} minutes cuts out. Lower "
            "max_gap."
        )


def _as_plain_dict(dropped: Counter) -> dict:
    """Return the counts as Python's numbers, seconds rounded to what is left of a sum of them."""
    return {
        name: round(float(amount), 6) if name.startswith("seconds") else int(amount)
        for name, amount in dropped.items()
    }


def _join(pieces: list[np.ndarray]) -> np.ndarray:
    """Concatenate arrays and let go of each as soon as it is copied: memory for one and a bit."""
    if len(pieces) == 1:
        return pieces.pop()
    joined = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), pieces[0].dtype)
    stop = len(joined)
    while pieces:
        piece = pieces.pop()
        joined[stop - len(piece) : stop] = piece
        stop -= len(piece)
    return joined


def _hour_groups(whose: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Return a number for each pair of an owner and an hour."""
    hours = hours - hours.min()
    return np.unique(whose * (hours.max() + 1) + hours, return_inverse=True)[1].astype(np.int64)
