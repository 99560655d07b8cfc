"""make_motion: labelled segments of a simulated body with an accelerometer on it."""

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
    """What :func:`make_motion` returns: rows of all arrays belong together."""

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

    A body with habits of its own lies, sits, stands, walks, climbs stairs and runs, with a device
    on its waist, wrist or ankle. It is made for demonstrations, tests and benchmarks and is no
    substitute for recordings: a score reached here says nothing about the score on people. The
    notes say what is simulated and what is not.

    Parameters
    ----------
    n_segments : int, default=600
        Number of segments; at least `n_subjects`. The default fits a small model in seconds.

    n_subjects : int, default=10
        Number of subjects, enough for five folds by subject. Their numbers of segments differ
        by one at most.

    n_timesteps : int, default=256
        Samples per segment: 2.56 s at 100 Hz, three steps or more of any gait.

    sampling_rate : float, default=100.0
        In Hz. What recurs with a stride at or above half of it is left out, as a sensor's filter
        would do.

    n_hours : int, default=2
        Hours per subject. A subject with fewer segments than hours leaves hours empty.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Which activities to generate, each named once; the default is all six that are known.

    placement : {"waist", "wrist", "ankle"}, default="waist"
        Where the device is worn. The same `random_state` gives the same people, doing the same
        at the same speed, at each placement, though their small motions differ.

    orientation_changes : {"segment", "hour", "subject", "never"}, default="hour"
        How often the device is put on anew, at an orientation drawn uniformly from all 3-D
        rotations and with a small bias: for each segment, each hour, or each subject. With
        "never" its axes are forward, left and up the body part it is on, for all subjects.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g; 20 mg is above that of most
        devices (2 to 10 mg), so that small motions at rest are partly hidden.

    clipping : float or None, default=None
        Range of the sensor in g: values beyond -clipping and clipping read as these. None is no
        limit. Watches and phones have 2 to 16 g.

    dropout : float, default=0.0
        Fraction of the time that is lost in bursts of 0.15 to 0.45 s and more where they overlap,
        0 to below 1. As in devices that fill up lost packets, the last value before is repeated.
        The first sample of a segment always arrives.

    random_state : int, RandomState instance or None, default=None
        Seeds every draw. Pass an int for the same segments on each call. Each subject has a seed
        of its own: with as many segments per subject, the first subjects of a larger set are the
        same.

    Returns
    -------
    X : ndarray of shape (n_segments, n_timesteps, 3), dtype float32
        Acceleration in g, gravity included, on the device's axes.

    y : ndarray of shape (n_segments,), dtype str
        The activity of each segment.

    groups : ndarray of shape (n_segments,), dtype int64
        The subject of each segment, 0 to n_subjects - 1. Rows are ordered by subject, then by
        hour; a subject's hours split its rows as evenly as they go, activities mixed within.

    hour_groups : ndarray of shape (n_segments,), dtype int64
        The subject and hour of each segment: subject * n_hours + hour.

    speed : ndarray of shape (n_segments,), dtype float32
        Speed over the ground in m/s: step length times cadence. Walking stays within 0.7 to 2.2,
        running within 2.2 to 4.8, stairs within 0.3 to 0.6; 0.0 at rest.

    cadence : ndarray of shape (n_segments,), dtype float32
        Steps per minute, of both feet: 90 to 132 walking, 78 to 116 on stairs, 154 to 191 running;
        0.0 at rest.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if `n_segments` is below `n_subjects`, or if
        `activities` is empty, names one twice or names one that is not known.

    See Also
    --------
    make_recordings : The same model recorded without a break, with timestamps.
    make_motion_store : The same segments, in any number, written to disk.
    sklearn.model_selection.GroupKFold : Hold out whole subjects with the returned `groups`.

    Notes
    -----
    Returns are fields of a named tuple: ``X, y, groups, *_ = make_motion()``.

    All sizes below are approximate. They were chosen for plausible physics, then adjusted by
    comparing standard deviations, spectra and peaks with public recordings at the waist and wrist
    [1]_ [2]_; shocks at the ankle follow figures published for the tibia [3]_.

    **Gait.** A subject has a leg length l of 0.78 to 1.02 m and a preferred cadence, in steps per
    second 1.70 to 2.00 walking, 1.45 to 1.75 on stairs, 2.70 to 2.95 running. A segment's cadence
    c is 0.88 to 1.10 of it (stairs 0.90 to 1.10, running 0.95 to 1.08). A step is 0.42 l c long
    walking, 0.45 l c running, and the tread of 0.28 m on stairs; speed v is step times cadence. A
    stride is two steps. Its phase runs as c / 2, with a smooth jitter of 2 % of a stride; sizes
    vary by 8 % from stride to stride, and by up to 10 % between segments. It starts anywhere.

    **Waist.** The trunk's acceleration is a sum of five harmonics an axis: of the step, forward
    and up; of the stride and odd multiples of it sideways, since steps mirror each other. The
    first vertical one has an amplitude of 0.21 v g walking, 0.65 v g on stairs, 0.27 v g running
    (v in m/s), the others are shares of it, each times a subject's own factor (0.8 to 1.2) and at
    a subject's own phase. To that comes a part that does not recur, of up to 10 Hz or so and a
    standard deviation of a fifth of that amplitude.

    **Wrist.** The arm is a pendulum from the shoulder, stiff at an elbow that is bent a little
    walking and by 80 degrees running. It swings once a stride with an angle a(t) of some
    6 + 10 v degrees to each side walking (14 + 8 v on stairs, 8 + 4.5 v running), times a
    subject's own factor (0.7 to 1.4), and a second harmonic of 12 % of that. At a distance r of
    0.62 l (0.60 l, 0.42 l) the device feels gravity turn by a, r a'' along the path and r a'^2
    towards the shoulder, and the acceleration of the trunk (0.9, 1.1 and 1.0 times).

    **Ankle.** The stride begins as the heel strikes. The foot is at rest until 38 % of the stride
    (45 % on stairs, 22 % running), then moves forward by a stride's length along a curve of least
    jerk; it is lifted by 0.12 m (0.20 m, 0.26 m) meanwhile. The shank turns from 20 degrees
    backwards at the strike to 52 degrees forwards as the toes leave the ground (8 to 50 on stairs;
    8 backwards to 95 forwards running). The strike is a shock of 3.0 v g (6.0 v, 2.6 v) that rings
    at 16 Hz and decays with 30 ms; half of that shows in what is measured.

    **Rest.** The trunk, forearm or shank leans as the activity has it (waist: on the back or
    side, 20 degrees back, upright; wrist: flat, on the lap, hanging; ankle: flat, upright,
    upright), by some degrees differently for each subject and segment. It sways slowly by up to
    a degree or so; the trunk breathes with 2 to 8 mg. Now and then it is moved to and fro at 1 to
    5 Hz, by 5 to 80 mg in the mean: every few seconds at the waist, less often at the limbs. The
    forearm also turns by some 20 degrees for a second or two, in a gesture.

    **Sensor.** What the body part feels is turned by how the device is worn, 5 mg of bias and
    white noise are added, values beyond the range are clipped, and bursts are lost.

    **What there is not.** Transitions (see `make_recordings`), turns, slopes, falls, tools,
    vehicles, other activities, pauses within a segment, carried loads, limps and other
    illnesses, age, loose devices. Up and down stairs are alike. The swings of arm and leg stay
    in one plane. The sensor's gain is exact and nothing drifts. Labels are exact.

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
