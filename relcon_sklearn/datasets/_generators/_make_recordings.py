"""make_recordings: the body and sensor of make_motion, recorded without a break."""

from numbers import Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._fetchers._fetch import to_frames
from ._body import ACTIVITIES, draw_bouts, draw_subject
from ._parameters import MODEL_CONSTRAINTS, check_activities
from ._sensor import draw_lost_samples, draw_mountings, measure
from ._signals import make_clock
from ._sites import SITES, gait_waveforms, specific_force
from ._subject_segments import draw_entropy, subject_name, subject_rng

# Median time spent in an activity before the next, in s.
_DWELL = {
    "lying": 90.0,
    "sitting": 90.0,
    "standing": 40.0,
    "walking": 40.0,
    "stairs": 15.0,
    "running": 60.0,
}
_DWELL_SPREAD = 0.5  # sd of its logarithm
_MIN_DWELL = 5.0  # s
_BLEND = 1.5  # s, from one activity to the next
_BURST = 3.0  # s, mean length of a hole

_DESCR = (
    "Generated recordings (relcon_sklearn.datasets.make_recordings): {n} subjects, a device on the "
    "{placement}. A model, not people: see the notes of make_motion."
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
    """Generate continuous labelled accelerometer recordings, one of each subject.

    The body and the sensor are those of :func:`make_motion`; with the same `random_state` so are
    the subjects. An activity lasts for a while (a median of 90 s lying and sitting, 40 s standing
    and walking, 15 s on stairs, 60 s running; 5 s or more), at one pace and with unbroken strides,
    then gives way to another within 1.5 s. The next one is drawn at random; similar ones (in the
    order of the default) and those that have been rare so far are likelier. That makes for more
    change than a day has, so that short recordings hold all activities.

    Parameters
    ----------
    n_subjects : int, default=5
        Number of subjects, with one recording each.

    duration : float, default=600.0
        Of each recording, in s. Ten minutes hold most activities.

    sampling_rate : float, default=50.0
        In Hz.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Which activities to generate, each named once; the default is all six that are known.

    placement : {"waist", "wrist", "ankle"}, default="waist"
        Where the device is worn.

    orientation_changes : {"hour", "subject", "never"}, default="hour"
        When the device is put on anew, at an orientation drawn from all 3-D rotations: at each
        full hour of the clock, once per recording, or never, so that its axes are forward, left
        and up the body part it is on.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g.

    clipping : float or None, default=None
        Range of the sensor in g: values beyond -clipping and clipping read as these. None is no
        limit.

    dropout : float, default=0.0
        Fraction of the time that is lost, 0 to below 1, in holes of 1.5 to 4.5 s and more where
        they overlap. The samples are missing, as are their timestamps. The first always arrives.

    clock_jitter : float, default=0.0
        Standard deviation of the timestamps about the true times, in s, such as that of a phone
        that stamps samples when they arrive. Timestamps never run back; the signal is sampled at
        regular times whatever its stamps say.

    start : str or datetime64, default="2024-01-01T08:00"
        When all recordings start.

    as_frame : bool, default=False
        Return recordings as DataFrames. Needs pandas.

    random_state : int, RandomState instance or None, default=None
        Seeds every draw. Pass an int for the same recordings on each call. A subject's recording
        does not depend on the number of subjects.

    Returns
    -------
    data : Bunch
        With attributes

        recordings : list of ndarray of shape (n_samples, 3), dtype float32
            Acceleration in g, gravity included. With ``as_frame=True`` DataFrames of columns x, y,
            z and label, by time.
        labels : list of ndarray of shape (n_samples,), dtype str
            The activity of each sample; it changes in the middle of the blend of two.
        speeds, cadences : list of ndarray of shape (n_samples,), dtype float32
            Speed over the ground in m/s and steps per minute, 0 at rest.
        timestamps : list of ndarray of shape (n_samples,), dtype datetime64[ns]
            When each sample was taken.
        subjects : ndarray of shape (n_subjects,), dtype str
            "s0", "s1" and so on, zero-padded.
        sampling_rate, units, placement, channel_names, label_names, DESCR
            Nominal rate in Hz; "g"; the placement; ["x", "y", "z"]; the activities; a text.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if `activities` is empty, names one twice or names
        one that is not known, or if `duration` is shorter than a sample.

    See Also
    --------
    make_motion : Segments without a time between them; its notes describe the model.

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
            f"duration={duration} s holds no sample at sampling_rate={sampling_rate} Hz; raise "
            "one of them."
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
            late = np.rint(1e9 * clock_jitter * rng.normal(size=n_samples))
            stamps = np.sort(stamps + late.astype("timedelta64[ns]"))
        arrived = np.ones(n_samples, dtype=bool)
        if dropout > 0:
            arrived = ~draw_lost_samples(rng, 1, n_samples, dropout, _BURST * sampling_rate)[0]
            arrived[0] = True
        for key, values in zip(parts, (signal, *columns, stamps), strict=True):
            parts[key].append(values[arrived])
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
    """Return the start as datetime64[ns], or refuse it."""
    try:
        date = np.datetime64(start, "ns")
    except ValueError:
        date = np.datetime64("NaT")
    if np.isnat(date):
        raise ValueError(f"start={start!r} is no date; pass one such as '2024-01-01T08:00'.")
    return date


def _draw_schedule(rng, names, duration):
    """Draw which activities follow each other, and when each ends, in s, until after `duration`."""
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
    """Let a subject live: force (3, n_samples) on the body's axes, and label, speed, cadence."""
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
        # What the bout before has written as well.
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
    """Pass from one activity to the next: (3, n), (3, n) -> (3, n)."""
    if old.shape[1] == 0:
        return old
    share = 0.5 - 0.5 * np.cos(np.pi * (np.arange(old.shape[1]) + 0.5) / n_samples)
    share = share.astype(np.float32)
    blend = (1 - share) * old + share * new
    # A mean of two directions of gravity is shorter than gravity.
    gravity = [force.mean(axis=1) / np.linalg.norm(force.mean(axis=1)) for force in (old, new)]
    length = np.linalg.norm(np.outer(gravity[0], 1 - share) + np.outer(gravity[1], share), axis=0)
    return blend / np.maximum(length, 0.5).astype(np.float32)


def _sample_times(n_samples, rate, start):
    """Return the true times of the samples."""
    elapsed = np.rint(np.arange(n_samples) * (1e9 / rate)).astype("timedelta64[ns]")
    return start + elapsed


def _measure_by_hour(rng, force, stamps, orientation_changes, noise, clipping):
    """Record the force hour by hour: (3, n_samples) -> (n_samples, 3)."""
    hours = stamps.astype("datetime64[h]").astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(hours)) + 1), len(hours)]
    n_hours = len(edges) - 1
    n = n_hours if orientation_changes == "hour" else 1
    rotations, biases = draw_mountings(rng, n, orientation_changes != "never")
    signal = np.empty((force.shape[1], 3), dtype=np.float32)
    for k in range(n_hours):
        part, worn = slice(edges[k], edges[k + 1]), slice(k, k + 1) if n > 1 else slice(0, 1)
        signal[part] = measure(
            rng, force[:, None, part], rotations[worn], biases[worn], noise, clipping
        )[0]
    return signal
