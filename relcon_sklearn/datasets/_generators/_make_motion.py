"""make_motion: labelled segments of a simulated body that wears an accelerometer."""

from typing import NamedTuple

import numpy as np
from sklearn.utils._param_validation import validate_params

from ._body import ACTIVITIES
from ._parameters import SEGMENT_CONSTRAINTS, check_activities, check_sizes
from ._subject_segments import (
    MotionSettings,
    draw_entropy,
    draw_subject_plan,
    first_row_of_subject,
    generate_segments,
)


class Motion(NamedTuple):
    """The return value of :func:`make_motion`; all arrays have one row for each segment."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    hour_groups: np.ndarray
    speed: np.ndarray
    cadence: np.ndarray


@validate_params(
    SEGMENT_CONSTRAINTS | {"random_state": ["random_state"]}, prefer_skip_nested_validation=True
)
def make_motion(
    n_segments=600,
    n_subjects=10,
    *,
    n_timesteps=256,
    sampling_rate=100.0,
    n_hours=2,
    activities=ACTIVITIES,
    placement="waist",
    orientation_changes="hour",
    noise=0.02,
    clipping=None,
    dropout=0.0,
    random_state=None,
):
    """Generate labelled accelerometer segments of several subjects from a small physical model.

    Subjects with individual habits lie, sit, stand, walk, climb stairs and run, with a device on
    the waist, wrist or ankle. The function is meant for demonstrations, tests and benchmarks. It
    does not replace recordings: a score on generated segments does not predict the score on people.
    The notes describe what is simulated and what is not.

    Parameters
    ----------
    n_segments : int, default=600
        Number of segments; at least `n_subjects`. With the default, a small model can be fitted in
        seconds.

    n_subjects : int, default=10
        Number of subjects. Their numbers of segments differ by one at most. The default is enough
        for five folds by subject.

    n_timesteps : int, default=256
        Number of samples per segment. The default is 2.56 s at 100 Hz, which is at least three
        steps of any gait.

    sampling_rate : float, default=100.0
        Sampling rate in Hz. Harmonics of the stride at or above half of it are left out, as if by
        the filter of a sensor.

    n_hours : int, default=2
        Number of hours per subject. If a subject has fewer segments than hours, some hours are
        empty.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Activities to generate, without duplicates. The default is all six known activities.

    placement : {"waist", "wrist", "ankle"}, default="waist"
        Where the device is worn. With the same `random_state`, the subjects, their activities and
        their speeds are the same at each placement, but small motions differ.

    orientation_changes : {"segment", "hour", "subject", "never"}, default="hour"
        How often the device is taken off and put on again: for each segment, hour or subject. Its
        orientation is then drawn uniformly from all 3-D rotations, with a small bias. With
        "never", its axes are forward, left and up of the body part it is worn on, for all
        subjects.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g. The default of 20 mg is above the
        noise of most devices (2 to 10 mg), so that it partly hides small motions at rest.

    clipping : float or None, default=None
        Range of the sensor in g: values are clipped to -clipping and clipping. If None, the range
        is unlimited. Watches and phones have 2 to 16 g.

    dropout : float, default=0.0
        Fraction of the time that is lost, from 0 to below 1. Samples are lost in bursts of 0.15 to
        0.45 s, and longer ones where bursts overlap. The last value is repeated, as by devices
        that fill in lost packets. The first sample of a segment is never lost.

    random_state : int, RandomState instance or None, default=None
        Seed of all random draws. Pass an int for reproducible output. Each subject has its own
        seed: the first subjects of a larger set are the same if the number of segments per subject
        is the same.

    Returns
    -------
    X : ndarray of shape (n_segments, n_timesteps, 3), dtype float32
        Acceleration in g, gravity included, on the axes of the device.

    y : ndarray of shape (n_segments,), dtype str
        The activity of each segment.

    groups : ndarray of shape (n_segments,), dtype int64
        The subject of each segment, 0 to n_subjects - 1. Rows are ordered by subject, then by
        hour. The numbers of segments in the hours of a subject differ by one at most. Activities
        are shuffled within an hour.

    hour_groups : ndarray of shape (n_segments,), dtype int64
        The subject and hour of each segment: subject * n_hours + hour.

    speed : ndarray of shape (n_segments,), dtype float32
        Speed over the ground in m/s: step length times cadence. It is 0.7 to 2.2 for walking, 0.3
        to 0.6 for stairs, 2.2 to 4.8 for running and 0.0 at rest.

    cadence : ndarray of shape (n_segments,), dtype float32
        Steps per minute, counting both feet. It is 90 to 132 for walking, 78 to 116 for stairs,
        154 to 191 for running and 0.0 at rest.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if `n_segments` is less than `n_subjects`, or if
        `activities` is empty or has duplicate or unknown names.

    See Also
    --------
    make_recordings : Continuous recordings of the same model, with timestamps.
    make_motion_store : The same segments, in any number, written to disk.
    sklearn.model_selection.GroupKFold : Hold out whole subjects with the returned `groups`.

    Notes
    -----
    The return value is a named tuple: ``X, y, groups, *_ = make_motion()``.

    All values below are approximate. They were chosen for plausible physics, and then adjusted by
    comparing standard deviations, spectra and peaks with public recordings at the waist and wrist
    [1]_ [2]_. Shocks at the ankle follow published values for the tibia [3]_. Where three values
    are given, they are for walking, stairs and running.

    **Gait.** A subject has a leg length l of 0.78 to 1.02 m and a preferred cadence of 1.70 to
    2.00, 1.45 to 1.75 or 2.70 to 2.95 steps per second. The cadence c of a segment is 0.88 to
    1.10, 0.90 to 1.10 or 0.95 to 1.08 times the preferred cadence. The step length is 0.42 l c for
    walking, the tread of 0.28 m for stairs and 0.45 l c for running. The speed v is step length
    times cadence. A stride is two steps. Its phase starts at random and advances at a rate of c / 2
    with a smooth jitter of 2 % of a stride. The size of the motion varies by 8 % from stride to
    stride and by up to 10 % between segments.

    **Waist.** The acceleration of the trunk is a sum of five harmonics on each axis: harmonics of
    the step forward and up, and odd harmonics of the stride sideways, since the two steps mirror
    each other. The first vertical harmonic has an amplitude of 0.21 v, 0.65 v or 0.27 v g (v in
    m/s). The amplitudes of the others are fractions of it. Each harmonic has an individual factor
    (0.8 to 1.2) and an individual phase for each subject. An irregular part of up to about 10 Hz
    is added, with a standard deviation of a fifth of that amplitude.

    **Wrist.** The arm is a rigid pendulum from the shoulder. The elbow is slightly bent in walking
    and bent by 80 degrees in running. The arm swings once per stride. The amplitude of its angle
    a(t) is about 6 + 10 v, 14 + 8 v or 8 + 4.5 v degrees to each side, times an individual factor
    (0.7 to 1.4), with a second harmonic of 12 % of it. The device is at a distance r of 0.62 l,
    0.60 l or 0.42 l from the shoulder. It measures gravity rotated by a, r a'' along the path,
    r a'^2 towards the shoulder, and 0.9, 1.1 or 1.0 times the acceleration of the trunk.

    **Ankle.** The stride starts with the heel strike. The foot is at rest until 38 %, 45 % or 22 %
    of the stride. It then moves forward by a stride length along a minimum-jerk curve, and is
    lifted by 0.12 m, 0.20 m or 0.26 m. In walking, the shank turns from 20 degrees backwards at
    the strike to 52 degrees forwards when the toes leave the ground. On stairs it turns from 8 to
    50 degrees forwards, in running from 8 degrees backwards to 95 forwards. The strike is a shock
    of 3.0 v, 6.0 v or 2.6 v g that oscillates at 16 Hz and decays with a time constant of 30 ms;
    about half of the amplitude appears in the measurement.

    **Rest.** The trunk, forearm or shank leans according to the activity. When lying, sitting and
    standing, the waist is on the back or side, 20 degrees backwards, and upright; the wrist is
    flat, on the lap, and hanging; the ankle is flat, upright, and upright. The lean differs by a
    few degrees between subjects and segments. It sways slowly by up to about one degree. Breathing
    moves the trunk by 2 to 8 mg. At times the body part oscillates at 1 to 5 Hz, by 5 to 80 mg on
    average: every few seconds at the waist, less often at the limbs. The forearm also turns by
    about 20 degrees for one or two seconds, in a gesture.

    **Sensor.** The force on the body part is rotated by the orientation of the device. A bias of
    5 mg and white noise are added, values outside the range are clipped, and bursts of samples are
    lost.

    **Not simulated.** Transitions (see `make_recordings`), turns, slopes, falls, tools, vehicles,
    other activities, pauses within a segment, carried loads, limping and other effects of illness,
    age, and loose devices. Going up and down stairs is the same. Arms and legs swing in one plane.
    The gain of the sensor is exact and there is no drift. Labels are exact.

    References
    ----------
    .. [1] Reyes-Ortiz, Oneto, Sama, Parra, Anguita, "Transition-aware human activity recognition
       using smartphones", Neurocomputing 171 (2016).
    .. [2] Weiss, Yoneda, Hayajneh, "Smartphone and smartwatch-based biometrics using activities of
       daily living", IEEE Access 7 (2019).
    .. [3] Lafortune, "Three-dimensional acceleration of the tibia during walking and running",
       Journal of Biomechanics 24 (1991): resultants of 2.7 to 3.7 g walking, 10.6 g running.

    Examples
    --------
    >>> import numpy as np
    >>> from relcon_sklearn.datasets import make_motion
    >>> motion = make_motion(n_segments=60, n_subjects=5, random_state=0)
    >>> motion.X.shape, motion.X.dtype
    ((60, 256, 3), dtype('float32'))
    >>> sorted(set(motion.y.tolist()))
    ['lying', 'running', 'sitting', 'stairs', 'standing', 'walking']
    >>> np.bincount(motion.groups).tolist()
    [12, 12, 12, 12, 12]
    >>> X, y, groups, *_ = make_motion(60, placement="wrist", clipping=4.0, random_state=0)
    >>> bool(np.abs(X).max() <= 4.0)
    True
    """
    names = check_activities(activities)
    check_sizes(n_segments, n_subjects)
    settings = MotionSettings(
        n_segments,
        n_subjects,
        n_timesteps,
        sampling_rate,
        n_hours,
        names,
        placement,
        orientation_changes,
        noise,
        clipping,
        dropout,
    )
    entropy = draw_entropy(random_state)
    X = np.empty((n_segments, n_timesteps, 3), dtype=np.float32)
    y = np.empty(n_segments, dtype=np.array(names).dtype)
    groups, hour_groups = np.empty((2, n_segments), dtype=np.int64)
    speed, cadence = np.empty((2, n_segments), dtype=np.float32)
    for index in range(n_subjects):
        plan, first = (
            draw_subject_plan(settings, entropy, index),
            first_row_of_subject(settings, index),
        )
        rows = slice(first, first + len(plan.names))
        y[rows], groups[rows] = plan.names, index
        hour_groups[rows] = index * n_hours + plan.hours
        speed[rows], cadence[rows] = plan.bouts.speed, 60 * plan.bouts.cadence
        for chunk, values in generate_segments(settings, plan):
            X[rows][chunk] = values
    return Motion(X, y, groups, hour_groups, speed, cadence)
