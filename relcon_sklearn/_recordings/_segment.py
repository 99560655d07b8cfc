"""segment_recordings: cut long recordings into an array of segments."""

from __future__ import annotations

import logging
from collections import Counter
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._utils._rated_array import with_rate
from ._assemble import as_plain_dict, join, number_pairs
from ._attributes import is_calibrated, own_channels, own_units
from ._calibration import find_error, warn_not_calibrated
from ._intervals import warn_about_intervals_outside
from ._labels import UNLABELLED, LabelTable
from ._like import window_and_rate
from ._losses import NO_LABEL, explain, warn_losses
from ._nonwear import BLOCK
from ._one_recording import SegmentationOptions, segment_one_recording
from ._one_subject import warn_about_overlaps
from ._read import as_list, read_rates, read_recordings, read_subjects
from ._read_intervals import read_interval_labels
from ._sample_times import check_max_gap
from ._segments import Segments
from ._times import has_dates
from ._units import UNITS, raise_missing_units
from ._upsampling import warn_of_upsampling
from ._window_layout import lay_out

logger = logging.getLogger("relcon_sklearn")

_DROPPED = (
    "recordings_too_short",
    "samples_nan",
    "seconds_nonwear",
    "seconds_idle",
    "seconds_in_short_stretches",
    "seconds_at_ends_of_stretches",
    "windows_unlabelled",
    "windows_impure",
)


@validate_params(
    {
        "units": [StrOptions(set(UNITS)), None],
        "window": [Interval(Real, 0, None, closed="neither"), None],
        "stride": [Interval(Real, 0, None, closed="neither"), None],
        "overlap": [Interval(Real, 0, 1, closed="left"), None],
        "target_rate": [Interval(Real, 0, None, closed="neither"), None],
        "time": [str, None],
        "channels": [list, tuple, None],
        "purity": [Interval(Real, 0, 1, closed="both")],
        "unlabelled": [StrOptions({"drop", "keep"})],
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
    sampling_rate=None,
    *,
    units=None,
    window=None,
    stride=None,
    overlap=None,
    target_rate=None,
    labels=None,
    subjects=None,
    timestamps=None,
    time=None,
    channels=None,
    purity=0.5,
    unlabelled="drop",
    max_gap=None,
    nonwear=None,
    gravity=True,
    nan_policy="raise",
    short="raise",
    like=None,
):
    """Cut recordings into segments of equal length, in g, at one rate, without gaps.

    Recordings are what devices export: days of samples per subject, with gaps, at the rate and in
    the units of the device. Segments are the input of the estimators. Data that are left out are
    counted in `dropped` and logged at level INFO. Data that look wrong raise an error that names
    the recording.

    Parameters
    ----------
    recordings : array-like, DataFrame, Series, or list or tuple of these
        The recordings, each of shape (n_samples, n_channels). A 1-D recording has one channel.
        Arrays may be memory-mapped: one recording is read at a time. A DataFrame has its timestamps
        in a DatetimeIndex or a TimedeltaIndex, or in the column `time`. A Series is a DataFrame of
        one column. A time zone, or UTC offsets, are converted to UTC. With a RangeIndex and no
        column that looks like times, sampling is regular. What readers of files return is taken as
        it is: the DataFrame of :func:`~relcon_sklearn.recordings.read_recording`, ``(data, info)``
        of actipy, the dict of scikit-digital-health with `accel` in g and `time`, and the DataFrame
        of pygt3x, without its samples of idle sleep mode.

    sampling_rate : float, list of float or None, default=None
        Nominal rate in Hz, for all recordings or one for each. The rate is never guessed.
        Timestamps must agree with it within 10 %. If None, each recording must have it in
        ``frame.attrs["sampling_rate"]``, as those of
        :func:`~relcon_sklearn.recordings.read_recording` have.

    units : {"g", "mg", "m/s^2", "m/s2", "m/s**2"} or None, default=None
        Unit of all channels. 1 g is 9.80665 m/s^2. If None, the unit in ``frame.attrs["units"]``.
        Without one, an error reports the magnitude of the values. Other channels, such as a
        gyroscope, are scaled by the same factor. To keep their unit, convert the acceleration to g
        before the call, and pass "g", which scales nothing.

    window : float or None, default=None
        Length of a segment in seconds. A segment has ``round(window * rate)`` samples, at least
        one. If None, the length of the segments of `like` or, without it, 2.56, the published
        length: 256 samples at 100 Hz.

    stride : float or None, default=None
        Time from the start of a segment to the start of the next, in seconds. It is rounded to
        samples and is at least one sample. If None, it follows from `overlap`.

    overlap : float or None, default=None
        Share of a segment that overlaps with the next, in [0, 1). Use it instead of `stride`. If
        both are None, segments do not overlap.

    target_rate : float or None, default=None
        Rate of the segments in Hz, which is met within 0.05 %. If None, the rate of `like` or,
        without it, the rate of the recordings, which must then be the same for all.

    labels : str, list, array-like, DataFrame or None, default=None
        Labels of the samples, for example activities. For DataFrames, the name of a column.
        Otherwise a list with one entry for each recording: one label, an array with one label for
        each sample, or a DataFrame of intervals. A label is a str, int, bool or float. None, NaN,
        NA and "" stand for no label. Values that change within segments, such as a speed, are not
        averaged: pass their column in `channels`, and take the mean of this channel of `X`.

        A DataFrame of intervals, such as a diary, has the columns `start`, `stop` and `label`. A
        sample whose time is in [start, stop) has this label. Times are dates if the recordings have
        dates, and then either both have a time zone or neither. Otherwise they are seconds as in
        `timestamps`, or since the start of the recording. One DataFrame for several recordings has
        a column `subject`, as in `subjects`, or `recording` with their numbers, from 0. If it has
        both, `recording` counts, and the subjects must agree.

    subjects : list, array-like of shape (n_recordings,) or None, default=None
        The subject each recording belongs to, all of one type. If None, each recording is a
        separate subject, named by its number.

    timestamps : list of array-like, array-like or None, default=None
        Time of each sample for recordings without timestamps in an index. Times are strictly
        increasing, as datetime64 (UTC, from 1678 to 2262) or in seconds. Pass one array for each
        recording, or None for a recording with regular sampling. Either all recordings have dates
        or none has. If None, sampling is regular without gaps and starts at 0 s.

    time : str or None, default=None
        Column or index of DataFrames with the time of each sample: dates, text in ISO 8601 or such
        as "29.11.2024 1:02:03 PM", durations, digits such as 20241129130203, seconds, or the time
        since 1970 in s, ms, us or ns. The day or the month may be first in text if a number above
        12 shows which. An index without a name is "index". Numbers are in the unit of the name,
        such as time_ms. Without one, the largest number tells it: from 1e8 on, it is time since
        1970. The unit is logged at level INFO. Dates without a time zone are UTC. If None, and the
        index has no times, an unused column of times is an error. Drop it if samples are regular
        and none is missing.

    channels : list of str or None, default=None
        Columns of DataFrames to use. If None, those in ``frame.attrs["channels"]``. Without these,
        all columns except labels and times, if these are at most three. Of more, the three that are
        called acceleration are used, such as x, y, z or acc_x, acc_y, acc_z. If there is a second
        triple, except for gyroscopes and magnetometers (gyro_x, gx, mag_x, mx), or none, `channels`
        is required. Columns called x, y and z are put in this order, in which models were trained,
        whatever their order in the DataFrame. That of `channels` is kept. Columns that are left out
        or in another order are logged at level INFO. No two used columns may have the same name.

    purity : float, default=0.5
        Share of a segment's time that a label must exceed to become the label of the segment. A
        label that covers the whole segment is always enough. The default requires more than half,
        1.0 requires all. `unlabelled` says what happens to segments without such a label.

    unlabelled : {"drop", "keep"}, default="drop"
        How to handle segments without a label, if there are `labels`. "drop" leaves them out.
        "keep" keeps them, for example for pretraining. Their value in `y` is "" if labels are str,
        -1 if they are int, as in scikit-learn's semi-supervised estimators, and NaN if they are
        float. Float labels that are all whole are int. "keep" refuses bool labels, and -1 as an
        int label. If there is no label at all, `y` has only "".

    max_gap : float or None, default=None
        Longest gap, in seconds, that is filled by linear interpolation. If None, no gap is filled.

    nonwear : float or None, default=None
        Shortest duration, in minutes, for which a device that does not move counts as not worn.
        Such periods are removed and become gaps. 60 is usual. If None, nothing is removed.

    gravity : bool, default=True
        Whether the signals include gravity. If True, and there are at least 3 channels, the median
        magnitude of the acceleration of each recording must be between 1/3 and 3 g, which detects
        wrong units. Columns of DataFrames are acceleration if they are called so. Otherwise it is
        the first three channels. Values that stand for missing ones, such as -999, are refused:
        any above 400 g, and one that is there five times or more, above 32 g or on all three axes
        at once, while all others are at most half as large. Pass False for signals with gravity
        removed.

    nan_policy : {"raise", "omit"}, default="raise"
        How to handle samples in which any channel is NaN. "raise" raises an error. "omit" treats
        them as missing, so that they become gaps.

    short : {"raise", "skip"}, default="raise"
        How to handle a recording shorter than a window. "raise" raises an error, "skip" leaves it
        out.

    like : estimator or None, default=None
        Fitted estimator, for example a :class:`RelConEmbedder`, or one of scikit-learn that
        contains it, such as a pipeline, a search or a `CalibratedClassifierCV`. The segments get
        the number of time steps and the sampling rate of its training, in place of `window` and
        `target_rate`. They are in g, also if it was trained on segments in another unit. What is
        not in a :class:`~sklearn.frozen.FrozenEstimator` tells the number of time steps. If all is,
        other steps of a pipeline may have been fitted to another number: pass `window` then.

    Returns
    -------
    segments : Segments
        A named tuple ``(X, y, groups, hour_groups, start_times, dropped)``:

        - `X`: the segments, of shape (n_segments, n_timesteps, n_channels), float32, in g. Its
          attribute `sampling_rate` is their rate in Hz, which its rows have too
        - `y`: label of each segment, as str, int64, bool or float64; None without `labels`
        - `groups`: subject of each segment
        - `hour_groups`: int64, the number of each segment's subject and hour, for
          ``fit(X, groups=hour_groups)``. The hour is the UTC hour of the segment's start. Without
          dates, hours count from the start of each recording, and no two recordings share an hour.
        - `start_times`: datetime64[ns] in UTC. Without dates, float64 seconds: the time in
          `timestamps`, or since the start of the recording
        - `dropped`: amount of data left out for each reason, with the keys listed below

    Raises
    ------
    ValueError
        If a parameter is out of its range or does not fit the others, or if `like` does not know
        its sampling rate, or has several. If recordings differ in their channels, or in their rates
        without a `target_rate`. If used columns of a DataFrame have the same name, or if the names
        of its columns do not tell which are the acceleration. If a recording is empty, too short
        (with ``short="raise"``), has infinite values or NaN (with ``nan_policy="raise"``), has
        values that stand for missing ones, or has a magnitude that does not fit its units. If
        timestamps are not increasing, do not fit the rate, or look like local times in which the
        clock was set back, or if a column that looks like times is not used. If intervals end
        before they start, overlap and differ in their label, belong to an unknown recording or have
        another kind of time. If no segment is left.

    Warns
    -----
    UserWarning
        If intervals of `labels` are entirely outside of their recordings.
        If segments from two recordings of one subject overlap in time, if these have dates.
        If a column that is called a subject, participant or user has several values, and is neither
        in `channels` nor `labels`: a recording is of one person.
        If more than half of a recording is left out. The warning names the largest reason, what
        would keep more, and how to silence it. Recordings that ``short="skip"`` leaves out as a
        whole do not count.
        If the rate of `like` is more than 2.5 times that of a recording.
        If the device is not calibrated: there are still blocks of 10 s (step 3 below), at least a
        minute, and in a quarter of them the magnitude differs from 1 g by more than 50 mg. This is
        not checked with ``gravity=False`` or if there is ``frame.attrs["calibration"]``.

    See Also
    --------
    SegmentWriter : Store segments on disk, subject by subject.
    LazyWindows : View regular recordings as segments, without a copy.
    relcon_sklearn.recordings.read_recording : Read the file of a device.
    relcon_sklearn.datasets.load_npz_recordings : Load recordings from a file.

    Notes
    -----
    Each recording is processed in these steps:

    1. Timestamps are checked: there must be one for each sample, they must be strictly increasing,
       and their mean spacing in parts without gaps must agree with `sampling_rate`. If they are
       rounded by more than half a period, such as those of 80 Hz to 10 ms, rounding errors are
       averaged out.
    2. Samples with NaN are refused or removed.
    3. Non-wear is removed. Time is cut into blocks of 10 s. A block is still if the standard
       deviation of every axis in it is below 13 mg. Consecutive still blocks that span at least
       `nonwear` minutes are removed. The threshold of 13 mg is from van Hees et al. [1]_. They use
       windows of an hour, in which two of three axes must be below the threshold and have a small
       range of values. Blocks of 10 s in which all axes must be below it, as in the UK Biobank
       study [2]_, are stricter and locate the ends of non-wear within 10 s. Of the rest, samples
       in which an accelerometer has 0 on all axes for at least a second are removed too, unless
       ``gravity=False``: some devices write them in idle sleep mode. The magnitude of what remains
       is checked against the units.
    4. The remaining samples are split at gaps: spacings above 1.5 sample periods, or above
       `max_gap`. The parts are called stretches. All further steps work within a stretch. With
       much jitter, many spacings are above 1.5 periods: a `max_gap` of 2 or 3 periods bridges them.
    5. A stretch is put on a regular grid, which starts at its first sample and has the nominal
       rate. If each sample is nearest to a separate grid point, within half a period, samples are
       used unmodified, so that rounded timestamps change nothing. Otherwise samples are
       interpolated linearly, which keeps the time right. This happens with more jitter, or if the
       device runs faster or slower than its nominal rate: over hours most devices drift by half a
       period or more. Interpolation attenuates fast movements: by at most a fifth at a fifth of the
       sampling rate, and by 1 % at 2 Hz for a rate of 50 Hz. The number of interpolated stretches
       is logged at level INFO.
    6. The stretch is resampled to `target_rate` with an anti-aliasing filter. Its ends are padded
       along a line. The ratio of the rates is a fraction with small terms. Its relative error is at
       most 5e-4, or 0.13 samples in a window of 256. `start_times` are those of the samples, so
       that the error does not add up.
    7. The stretch is cut into windows, starting at its first sample.
    8. Labels are never resampled. The label of a sample is valid from its time to the time of the
       next sample, and the label of a window is the one that covers most of its time. Where samples
       were interpolated, a grid point has the label of the nearest sample.
    9. Values are converted to g and to float32. Before this step, values of float32 or a narrower
       dtype are processed as float32.

    The keys of `dropped` are:

    - ``recordings_too_short``: recordings shorter than a window
    - ``samples_nan``: samples with NaN
    - ``seconds_nonwear``: time in which the device was not worn
    - ``seconds_idle``: other time in idle sleep mode, for which the device wrote zeros
    - ``seconds_in_short_stretches``: time in stretches shorter than a window
    - ``seconds_at_ends_of_stretches``: time after the last window of a stretch
    - ``windows_unlabelled``: windows whose larger part has no label
    - ``windows_impure``: other windows without a label that covers enough

    With ``unlabelled="keep"``, the last two are 0, and the number of segments without a label is
    logged. ``samples_nan`` and ``seconds_idle`` are what was removed. With `max_gap`, a segment may
    have interpolated values in its place.

    References
    ----------
    .. [1] van Hees et al. Separating movement and gravity components in an acceleration signal and
       implications for the assessment of human daily physical activity. PLoS ONE 8(4):e61691, 2013.
    .. [2] Doherty et al. Large scale population assessment of physical activity using wrist worn
       accelerometers: the UK Biobank study. PLoS ONE 12(2):e0169649, 2017.

    Examples
    --------
    Two people, 50 Hz, in m/s^2; the first recording has a gap of 10 s and two labels.

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
    subject_of = read_subjects(subjects, n)
    names = [f"recording {i}" for i in range(n)]
    if subjects is not None:
        names = [f"{name} (subject {who})" for name, who in zip(names, subject_of, strict=True)]
    rates = read_rates(sampling_rate, recordings, names)
    channels = own_channels(recordings) if channels is None else channels
    window, target_rate = window_and_rate(like, window, target_rate)
    layout = lay_out(window, stride, overlap, _output_rate(rates, target_rate))
    if like is not None:
        warn_of_upsampling(rates, layout.rate, names)
    check_max_gap(max_gap, nonwear, min(rates))
    units = own_units(recordings, names) if units is None else units
    options = SegmentationOptions(
        layout, units, gravity, max_gap, nonwear, nan_policy, short, purity, unlabelled
    )
    labels = read_interval_labels(labels, names, None if subjects is None else subject_of.tolist())
    table = None if labels is None else LabelTable()
    dropped, pieces, parts, losses, errors = Counter(dict.fromkeys(_DROPPED, 0)), [], [], [], []
    for recording in read_recordings(
        recordings, rates, names, labels=labels, timestamps=timestamps, time=time, channels=channels
    ):
        if units is None:
            raise_missing_units(recording.signal, recording.acceleration, recording.name)
        part = segment_one_recording(recording, options, table, dropped)
        if part is not None and part.loss is not None:
            losses.append(part.loss)
        if gravity and not is_calibrated(recordings[recording.number]):
            errors.append(find_error(recording, units))
        if part is not None and len(part.X):
            pieces.append(part.X)
            parts.append(part._replace(X=None))
    warn_about_intervals_outside(labels)
    dropped = as_plain_dict(dropped)
    left_out = ", ".join(f"{name} {amount:g}" for name, amount in dropped.items() if amount)
    if not parts:
        no_label = table is not None and not table.has_labels()
        raise ValueError(
            f"No window of {layout.n_timesteps / layout.rate:g} s is left of {n} recordings. Left "
            f"out: {left_out or 'nothing'}. {NO_LABEL if no_label else explain(losses)}".rstrip()
        )
    warn_losses(losses, n)
    warn_not_calibrated([error for error in errors if error is not None], n)
    warn_about_overlaps(parts, names, subject_of, layout)
    X, y, kept = with_rate(join(pieces), layout.rate), None, ""
    if table is not None:
        codes = np.concatenate([part.codes for part in parts])
        if unlabelled == "keep":
            y = table.decode_with_unlabelled(codes)
            kept = f", {np.count_nonzero(codes == UNLABELLED)} of them without a label"
        else:
            y = table.decode(codes)
    logger.info(
        "%d segments of %d samples at %g Hz from %d of %d recordings%s; left out: %s",
        *(*X.shape[:2], layout.rate, len(parts), n, kept, left_out or "nothing"),
    )
    number = np.concatenate([np.full(len(part.hours), part.number) for part in parts])
    start_times = np.concatenate([part.start_times for part in parts])
    groups = subject_of[number]
    # Hours of dates are shared by all recordings. Without dates they belong to one recording.
    owners = np.unique(groups, return_inverse=True)[1] if has_dates(start_times) else number
    hour_groups = number_pairs(owners, np.concatenate([part.hours for part in parts]))
    return Segments(X, y, groups, hour_groups, start_times, dropped)


def _output_rate(rates: list[float], target_rate: float | None) -> float:
    """Return the rate of the segments."""
    if target_rate is not None:
        return float(target_rate)
    if len(set(rates)) > 1:
        raise ValueError(
            f"sampling_rate has several rates ({min(rates):g} to {max(rates):g} Hz), but all "
            "segments must have one rate. Pass it in target_rate."
        )
    return rates[0]
