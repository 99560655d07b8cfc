"""make_recordings: continuous recordings of the body and sensor of make_motion."""

from numbers import Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ..._utils._dates import to_nanoseconds
from .._fetchers._fetch import to_frames
from ._body import ACTIVITIES, draw_bouts, draw_subject
from ._parameters import MODEL_CONSTRAINTS, check_activities
from ._sensor import draw_lost_samples, draw_mountings, measure
from ._signals import make_clock
from ._sites import SITES, gait_waveforms, specific_force
from ._subject_segments import draw_entropy, subject_name, subject_rng

# Median duration of a bout of each activity, in s.
_DWELL = {
    "lying": 90.0,
    "sitting": 90.0,
    "standing": 40.0,
    "walking": 40.0,
    "stairs": 15.0,
    "running": 60.0,
}
_DWELL_SPREAD = 0.5  # sd of the logarithm of the duration
_MIN_DWELL = 5.0  # s
_BLEND = 1.5  # s, duration of a transition between activities
_BURST = 3.0  # s, mean duration of a gap

_DESCR = (
    "Generated recordings (relcon_sklearn.datasets.make_recordings): {n} subjects with a device at "
    "the {placement}. They are simulated: see the notes of make_motion."
)


@validate_params(
    MODEL_CONSTRAINTS
    | {
        "duration": [Interval(Real, 0, np.inf, closed="neither")],
        "orientation_changes": [StrOptions({"hour", "subject", "never"})],
        "clock_jitter": [Interval(Real, 0, np.inf, closed="left")],
        "start": [str, np.datetime64],
        "as_frame": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_recordings(
    n_subjects=5,
    *,
    duration=600.0,
    sampling_rate=50.0,
    activities=ACTIVITIES,
    placement="waist",
    orientation_changes="hour",
    noise=0.02,
    clipping=None,
    dropout=0.0,
    clock_jitter=0.0,
    start="2024-01-01T08:00",
    as_frame=False,
    random_state=None,
):
    """Generate continuous labelled accelerometer recordings, one for each subject.

    The body and the sensor are the same as in :func:`make_motion`, and so are the subjects if
    `random_state` is the same. The median duration of a bout of activity is 90 s for lying and
    sitting, 40 s for standing and walking, 15 s for stairs and 60 s for running; the minimum is
    5 s. A bout has a constant pace and uninterrupted strides. The transition to the next bout takes
    1.5 s. The next activity is drawn at random. Similar activities (in the order of the default)
    and activities that have been rare so far are more likely. Activities change more often than in
    daily life, so that short recordings have all of them.

    Parameters
    ----------
    n_subjects : int, default=5
        Number of subjects, with one recording each.

    duration : float, default=600.0
        Duration of each recording in s. The default of ten minutes is enough for most activities
        to occur.

    sampling_rate : float, default=50.0
        Sampling rate in Hz.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Activities to generate, without duplicates. The default is all six known activities.

    placement : {"waist", "wrist", "ankle"}, default="waist"
        Where the device is worn.

    orientation_changes : {"hour", "subject", "never"}, default="hour"
        How often the device is taken off and put on again: at each full hour of the clock, or for
        each recording. Its orientation is then drawn uniformly from all 3-D rotations. With
        "never", its axes are forward, left and up of the body part it is worn on.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g.

    clipping : float or None, default=None
        Range of the sensor in g: values are clipped to -clipping and clipping. If None, the range
        is unlimited.

    dropout : float, default=0.0
        Fraction of the time that is lost, from 0 to below 1. Samples are lost in gaps of 1.5 to
        4.5 s, and longer ones where gaps overlap. Lost samples and their timestamps are left out.
        The first sample is never lost.

    clock_jitter : float, default=0.0
        Standard deviation of the error of the timestamps, in s, as in a phone that timestamps
        samples when they arrive. Timestamps never decrease. The signal is sampled at regular times
        and does not depend on the jitter.

    start : str or datetime64, default="2024-01-01T08:00"
        Start of all recordings.

    as_frame : bool, default=False
        Whether to return recordings as DataFrames. Requires pandas.

    random_state : int, RandomState instance or None, default=None
        Seed of all random draws. Pass an int for reproducible output. The recording of a subject
        does not depend on the number of subjects.

    Returns
    -------
    data : Bunch
        With attributes

        recordings : list of ndarray of shape (n_samples, 3), dtype float32
            Acceleration in g, gravity included. With `as_frame`, DataFrames with the columns x, y,
            z and label, and a DatetimeIndex.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample. It changes in the middle of a transition.
        speeds, cadences : list of ndarray of shape (n_samples,), dtype float32
            Speed over the ground in m/s and steps per minute; 0 at rest.
        timestamps : list of ndarray of shape (n_samples,), dtype datetime64[ns]
            When each sample was taken.
        subjects : ndarray of shape (n_subjects,), dtype str
            Names of the subjects: "s0", "s1" and so on, zero-padded.
        sampling_rate, units, placement, channel_names, label_names, DESCR
            Nominal rate in Hz, "g", the placement, ["x", "y", "z"], the activities, and a
            description.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if `activities` is empty or has duplicate or unknown
        names, or if `duration` is shorter than one sample.

    See Also
    --------
    make_motion : Separate segments without timestamps; its notes describe the model.

    Examples
    --------
    >>> from relcon_sklearn.datasets import make_recordings
    >>> data = make_recordings(2, duration=60, dropout=0.1, random_state=0)
    >>> data.recordings[0].dtype, data.timestamps[0].dtype
    (dtype('float32'), dtype('<M8[ns]'))
    >>> len(data.recordings[0]) < 60 * 50
    True
    >>> data.subjects.tolist()
    ['s0', 's1']
    """
    names = check_activities(activities)
    n_samples = round(duration * sampling_rate)
    if n_samples < 1:
        raise ValueError(
            f"duration={duration} s is shorter than one sample at sampling_rate={sampling_rate} "
            "Hz. Increase one of them."
        )
    if as_frame:
        check_pandas_support("as_frame=True")
    start = _check_start(start)
    entropy = draw_entropy(random_state)
    site = SITES[placement]
    parts = {key: [] for key in ("recordings", "labels", "speeds", "cadences", "timestamps")}
    for index in range(n_subjects):
        rng = subject_rng(entropy, index)
        subject = draw_subject(rng)
        force, columns = _simulate_subject(rng, site, subject, names, n_samples, sampling_rate)
        stamps = _sample_times(n_samples, sampling_rate, start)
        signal = _measure_by_hour(rng, force, stamps, orientation_changes, noise, clipping)
        if clock_jitter > 0:
            errors = np.rint(1e9 * clock_jitter * rng.normal(size=n_samples))
            stamps = np.sort(stamps + errors.astype("timedelta64[ns]"))
        kept = np.ones(n_samples, dtype=bool)
        if dropout > 0:
            kept = ~draw_lost_samples(rng, 1, n_samples, dropout, _BURST * sampling_rate)[0]
            kept[0] = True
        for key, values in zip(parts, (signal, *columns, stamps), strict=True):
            parts[key].append(values[kept])
    data = Bunch(
        **parts,
        subjects=np.array([subject_name(index, n_subjects) for index in range(n_subjects)]),
        sampling_rate=float(sampling_rate),
        units="g",
        placement=placement,
        channel_names=["x", "y", "z"],
        label_names=list(names),
        DESCR=_DESCR.format(n=n_subjects, placement=placement),
    )
    if as_frame:
        data.recordings = to_frames(data)
    return data


def _check_start(start):
    """Return the start as datetime64[ns]; raise ValueError if it is not a date."""
    try:
        date = np.datetime64(start)
    except ValueError:
        date = np.datetime64("NaT")
    if np.isnat(date):
        raise ValueError(
            f"start={start!r} is not a valid date. Pass a date such as '2024-01-01T08:00'."
        )
    return to_nanoseconds(date, "start")


def _draw_schedule(rng, names, duration):
    """Draw a sequence of activities that covers `duration`, and the end of each, in s."""
    rank = np.array([ACTIVITIES.index(name) for name in names])
    visits = np.zeros(len(names))
    current, end, order, ends = rng.integers(len(names)), 0.0, [], []
    while end < duration:
        order.append(names[current])
        dwell = _DWELL[names[current]] * np.exp(_DWELL_SPREAD * rng.normal())
        end += max(_MIN_DWELL, dwell)
        ends.append(end)
        visits[current] += 1
        if len(names) > 1:
            apart = np.abs(rank - rank[current])
            weight = np.where(apart > 0, 1 / np.maximum(apart, 1), 0) / (1 + visits) ** 3
            current = rng.choice(len(names), p=weight / weight.sum())
    return np.array(order), np.array(ends)


def _simulate_subject(rng, site, subject, activities, n_samples, rate):
    """Return the force on a subject, (3, n_samples), and the label, speed and cadence of samples.

    The axes of the force are those of the body part with the device.
    """
    names, ends = _draw_schedule(rng, activities, n_samples / rate)
    bouts = draw_bouts(rng, names, subject, site.postures)
    waveforms = gait_waveforms(site, subject, activities, rate)
    stop = np.minimum(np.rint(ends * rate).astype(np.int64), n_samples)
    begin = np.concatenate([[0], stop[:-1]])
    half = max(1, round(_BLEND * rate / 2))
    force = np.empty((3, n_samples), dtype=np.float32)
    for k, name in enumerate(names):
        first, last = max(0, begin[k] - half), min(n_samples, stop[k] + half)
        clock = make_clock(last - first, rate)
        moved = specific_force(rng, site, name, subject, bouts.take([k]), waveforms, clock)[:, 0]
        # The transition also contains samples of the previous bout.
        until = min(begin[k] + half, n_samples) if k else 0
        force[:, first:until] = _crossfade(
            force[:, first:until], moved[:, : until - first], 2 * half
        )
        force[:, until:last] = moved[:, until - first :]
    bout_of = np.repeat(np.arange(len(names)), stop - begin)
    speed = bouts.speed.astype(np.float32)[bout_of]
    cadence = (60 * bouts.cadence).astype(np.float32)[bout_of]
    return force, (names[bout_of], speed, cadence)


def _crossfade(old, new, n_samples):
    """Cross-fade from one activity to the next: (3, n), (3, n) -> (3, n)."""
    if old.shape[1] == 0:
        return old
    share = 0.5 - 0.5 * np.cos(np.pi * (np.arange(old.shape[1]) + 0.5) / n_samples)
    share = share.astype(np.float32)
    blend = (1 - share) * old + share * new
    # The mean of two directions of gravity is shorter than gravity, so the length is restored.
    gravity = [force.mean(axis=1) / np.linalg.norm(force.mean(axis=1)) for force in (old, new)]
    length = np.linalg.norm(np.outer(gravity[0], 1 - share) + np.outer(gravity[1], share), axis=0)
    return blend / np.maximum(length, 0.5).astype(np.float32)


def _sample_times(n_samples, rate, start):
    """Return the true times of the samples."""
    elapsed = np.rint(np.arange(n_samples) * (1e9 / rate)).astype("timedelta64[ns]")
    return start + elapsed


def _measure_by_hour(rng, force, stamps, orientation_changes, noise, clipping):
    """Measure the force, with a mounting for each hour: (3, n_samples) -> (n_samples, 3)."""
    hours = stamps.astype("datetime64[h]").astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(hours)) + 1), len(hours)]
    n_hours = len(edges) - 1
    n = n_hours if orientation_changes == "hour" else 1
    rotations, biases = draw_mountings(rng, n, orientation_changes != "never")
    signal = np.empty((force.shape[1], 3), dtype=np.float32)
    for k in range(n_hours):
        part = slice(edges[k], edges[k + 1])
        mounting = slice(k, k + 1) if n > 1 else slice(0, 1)
        signal[part] = measure(
            rng, force[:, None, part], rotations[mounting], biases[mounting], noise, clipping
        )[0]
    return signal
