"""A small physical generator of accelerometer segments: gravity, posture, gait and wearing."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params


class _Posture(NamedTuple):
    """How a body is held in one activity, and the small motions that come with it."""

    lean: float  # of the trunk from the vertical, in degrees; negative leans backwards
    lean_sd: float  # between segments, in degrees
    turn: float  # half-width of the lean's direction about the vertical, in degrees
    sway: float  # slow change of the lean, in degrees
    breathing: float  # amplitude at the trunk, in g
    fidget: float  # amplitude of short movements, in g


class _Gait(NamedTuple):
    """How a body is carried over the ground in one activity."""

    cadence: tuple  # steps per second preferred by the slowest and the fastest subject
    pace: tuple  # range of a segment's cadence over the subject's preferred one
    step: tuple  # step length = step[0] metres + step[1] s * leg length * cadence
    gain: float  # amplitude of the vertical step harmonic, in g per m/s of speed


# Neighbouring postures overlap on purpose: with an orientation drawn anew per hour, only these
# small motions tell lying, sitting and standing apart, and they should do so in part only.
_POSTURES = {
    "lying": _Posture(-88.0, 6.0, 180.0, sway=0.15, breathing=0.008, fidget=0.010),
    "sitting": _Posture(-20.0, 8.0, 25.0, sway=0.45, breathing=0.004, fidget=0.030),
    "standing": _Posture(3.0, 3.0, 25.0, sway=1.10, breathing=0.002, fidget=0.020),
    "walking": _Posture(5.0, 2.0, 15.0, sway=1.5, breathing=0.0, fidget=0.0),
    "stairs": _Posture(14.0, 4.0, 15.0, sway=2.0, breathing=0.0, fidget=0.0),
    "running": _Posture(9.0, 3.0, 15.0, sway=2.0, breathing=0.0, fidget=0.0),
}

# The ranges are bounded, not normal: walking then stays within 0.7 to 2.2 m/s, running above it,
# and the first vertical harmonic leads whatever a subject's own shape.
_GAITS = {
    "walking": _Gait((1.70, 2.00), (0.88, 1.10), (0.0, 0.42), gain=0.17),
    # A stair's tread, not the leg, sets the length of the step.
    "stairs": _Gait((1.45, 1.75), (0.90, 1.10), (0.28, 0.0), gain=0.42),
    "running": _Gait((2.70, 2.95), (0.95, 1.08), (0.0, 0.45), gain=0.28),
}

# Sizes of the harmonics of each axis, over the first vertical one.
_SHAPES = {
    "walking": ((0.60, 0.30, 0.10), (0.35, 0.20, 0.10), (1.0, 0.35, 0.15)),
    "stairs": ((0.40, 0.35, 0.20), (0.50, 0.20, 0.15), (1.0, 0.50, 0.30)),
    "running": ((0.35, 0.20, 0.10), (0.20, 0.10, 0.05), (1.0, 0.30, 0.15)),
}

# Axes are forward, sideways, up. Harmonics count strides of two steps: both steps push alike
# forward and up, and mirror each other sideways, which leaves the even and the odd ones.
_HARMONICS = ((2, 4, 6), (1, 3, 5), (2, 4, 6))
_STRIDE_JITTER = 0.12  # rad of the stride's cycle: about 2 % of its duration
_BIAS = 0.005  # g


class _Subject(NamedTuple):
    """What a subject keeps over all hours and activities."""

    leg: float  # m
    tempo: float  # 0 to 1, from the slowest to the fastest preferred cadence
    shape: np.ndarray  # (3, 3) factors on the harmonics: axis, harmonic
    phase: np.ndarray  # (3, 3) phases of the harmonics, in rad
    lean: dict  # activity -> the subject's own change of the lean, in degrees
    unrest: float  # factor on sway and fidgets
    breaths: float  # per second


def _draw_subject(rng):
    """Draw one subject."""
    timing = np.array([[np.pi / 2], [0.0], [0.0]])  # the push forward leads the vertical
    return _Subject(
        leg=rng.uniform(0.78, 1.02),
        tempo=rng.uniform(),
        shape=rng.uniform(0.8, 1.2, size=(3, 3)),
        phase=timing + rng.uniform(-0.7, 0.7, size=(3, 3)),
        lean=dict(zip(_POSTURES, rng.normal(0.0, 4.0, size=len(_POSTURES)), strict=True)),
        unrest=np.exp(rng.normal(0.0, 0.2)),
        breaths=rng.uniform(0.2, 0.35),
    )


def _lay_out(rng, n_segments, n_subjects, n_hours, n_activities):
    """Give each row its subject, its hour and its activity, all as evenly as they go."""
    rows = np.arange(n_segments, dtype=np.int64)
    subject = rows * n_subjects // n_segments
    size = np.bincount(subject, minlength=n_subjects)
    start = np.cumsum(size) - size
    hour = (rows - start[subject]) * n_hours // size[subject]
    # Dealing in turn through all rows balances every subject and hour; the shuffle stays inside
    # an hour so that it keeps that balance.
    order = np.lexsort((rng.uniform(size=n_segments), hour, subject))
    return subject, hour, (rows % n_activities)[order]


def _random_rotation(rng):
    """Draw a rotation matrix uniformly."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))  # without this, QR's own choice of signs is not uniform
    q[:, 0] *= np.linalg.det(q)  # a mirrored device does not exist
    return q


def _tilts(lean, azimuth):
    """Rotate the vertical by `lean` towards `azimuth`: (n,), (n,) in rad -> (n, 3, 3)."""
    n, zero = len(lean), np.zeros_like(lean)
    kx, ky = -np.sin(azimuth), np.cos(azimuth)
    cross = np.stack([zero, zero, ky, zero, zero, -kx, -ky, kx, zero], axis=1).reshape(n, 3, 3)
    s, c = np.sin(lean)[:, None, None], np.cos(lean)[:, None, None]
    return np.eye(3) + s * cross + (1 - c) * (cross @ cross)


def _band_noise(rng, n, t, band, sampling_rate, n_terms=4):
    """Draw n smooth signals of unit variance whose frequencies lie in `band`: (n, len(t))."""
    out = np.zeros((n, len(t)))
    for _ in range(n_terms):
        frequency, phase = rng.uniform(*band, n), rng.uniform(0, 2 * np.pi, n)
        size = np.sqrt(2 / n_terms) * rng.normal(size=n) * (2 * frequency < sampling_rate)
        out += size[:, None] * np.sin(2 * np.pi * frequency[:, None] * t + phase[:, None])
    return out


def _small_motion(rng, postures, subject, t, sampling_rate):
    """Sway, breathing and fidgets of n segments, in g: (n, len(t), 3)."""
    n = len(postures)
    sway, breathing, fidget = np.array([(p.sway, p.breathing, p.fidget) for p in postures]).T
    motion = np.zeros((n, len(t), 3))
    # 1 g seen under a small angle is that angle, in g, across the vertical.
    sway = np.deg2rad(sway) * subject.unrest * np.exp(rng.normal(0.0, 0.35, n))
    for axis in (0, 1):
        slow = _band_noise(rng, n, t, (0.1, 0.8), sampling_rate)
        motion[:, :, axis] += sway[:, None] * slow
    breaths = subject.breaths * rng.uniform(0.9, 1.1, n)
    breathing = breathing * (2 * breaths < sampling_rate)
    breath = np.sin(2 * np.pi * breaths[:, None] * t + rng.uniform(0, 2 * np.pi, n)[:, None])
    motion[:, :, 0] += breathing[:, None] * breath
    # A fidget is one short burst somewhere in about half of the segments.
    fidget = fidget * subject.unrest * np.exp(rng.normal(0.0, 0.5, n)) * (rng.uniform(size=n) < 0.5)
    centre = rng.uniform(0, len(t) / sampling_rate, n)
    burst = np.exp(-0.5 * ((t - centre[:, None]) / 0.35) ** 2)
    for axis in range(3):
        shake = _band_noise(rng, n, t, (1.0, 5.0), sampling_rate)
        motion[:, :, axis] += fidget[:, None] * burst * shake
    return motion


def _gait_motion(rng, name, subject, n, t, sampling_rate):
    """Acceleration of n segments of one gait, in g, and their speed: (n, len(t), 3), (n,)."""
    gait = _GAITS[name]
    low, high = gait.cadence
    cadence = (low + subject.tempo * (high - low)) * rng.uniform(*gait.pace, n)
    speed = cadence * (gait.step[0] + gait.step[1] * subject.leg * cadence)
    amplitude = gait.gain * speed * rng.uniform(0.9, 1.1, n)
    jitter = _STRIDE_JITTER * _band_noise(rng, n, t, (0.2, 1.0), sampling_rate)
    cycle = np.pi * cadence[:, None] * t + rng.uniform(0, 2 * np.pi, n)[:, None] + jitter
    motion = np.zeros((n, len(t), 3))
    for axis, weights in enumerate(_SHAPES[name]):
        for k, (weight, harmonic) in enumerate(zip(weights, _HARMONICS[axis], strict=True)):
            # A sensor filters out what its rate cannot carry; here it would fold back instead.
            carried = harmonic * cadence < sampling_rate
            size = amplitude * weight * subject.shape[axis, k] * carried
            motion[:, :, axis] += size[:, None] * np.cos(harmonic * cycle + subject.phase[axis, k])
    return motion, speed


def _record(rng, names, subject, t, sampling_rate, noise):
    """One hour of a subject: the segments of `names` under one placement of the device."""
    n = len(names)
    postures = [_POSTURES[name] for name in names]
    # Forward, left and up; an accelerometer at rest reads 1 g upwards.
    motion = _small_motion(rng, postures, subject, t, sampling_rate)
    motion[:, :, 2] += 1.0
    speed = np.zeros(n)
    for name in _GAITS:
        rows = np.flatnonzero(names == name)
        moved, speed[rows] = _gait_motion(rng, name, subject, len(rows), t, sampling_rate)
        motion[rows] += moved
    lean, lean_sd, turn = np.array([(p.lean, p.lean_sd, p.turn) for p in postures]).T
    own = np.array([subject.lean[name] for name in names])
    lean = np.deg2rad(lean + own + lean_sd * rng.normal(size=n))
    azimuth = np.deg2rad(turn * rng.uniform(-1, 1, n))
    # Seen from a trunk that leans forward, the vertical leans back.
    worn = _random_rotation(rng) @ _tilts(-lean, azimuth)
    segments = motion @ worn.transpose(0, 2, 1) + _BIAS * rng.normal(size=3)
    return segments + noise * rng.normal(size=segments.shape), speed


def _check_request(n_segments, n_subjects, activities):
    """Refuse what the single constraints on the parameters cannot see."""
    if n_segments < n_subjects:
        raise ValueError(
            f"n_segments={n_segments} is fewer than n_subjects={n_subjects}; each subject needs "
            "at least one segment: raise n_segments or lower n_subjects."
        )
    known = list(_POSTURES)
    if np.ndim(activities) != 1 or len(activities) == 0:
        raise ValueError(f"activities={activities!r} is no list of names; pass some of {known}.")
    names = [str(name) for name in activities]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"activities={names} has unknown {unknown}; choose among {known}.")
    if len(set(names)) < len(names):
        raise ValueError(f"activities={names} names an activity twice; name each once.")


@validate_params(
    {
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "n_subjects": [Interval(Integral, 1, None, closed="left")],
        "n_timesteps": [Interval(Integral, 1, None, closed="left")],
        "sampling_rate": [Interval(Real, 0, np.inf, closed="neither")],
        "n_hours": [Interval(Integral, 1, None, closed="left")],
        "activities": [tuple, list, np.ndarray],
        "noise": [Interval(Real, 0, np.inf, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_motion(
    n_segments=600,
    n_subjects=10,
    *,
    n_timesteps=256,
    sampling_rate=100.0,
    n_hours=2,
    activities=("lying", "sitting", "standing", "walking", "stairs", "running"),
    noise=0.02,
    random_state=None,
):
    """Generate labelled accelerometer segments of several subjects from a small physical model.

    The model is a trunk under gravity. Its lean follows the posture, with variation between
    subjects and segments; it sways slowly, breathes with a few mg at rest and fidgets now and
    then. Gait adds harmonics of the step frequency (vertical and forward) and of the stride
    frequency (sideways), with amplitudes and phases that are a subject's own, amplitudes that
    grow with speed and a timing that varies a little between strides. The device is put on anew
    each hour: a rotation drawn uniformly from all 3-D rotations, and a small constant bias.
    The direction of gravity alone therefore does not tell postures apart across subjects.

    It is made for demonstrations and tests. It is no substitute for recordings: there are no
    arm or hand movements, no transitions between activities, no impacts, turns or falls, no
    gaps and no saturation, and its labels are exact. A score reached here says nothing about
    the score on people.

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
        In Hz. Components at or above half of it are left out, as a sensor's filter would do.

    n_hours : int, default=2
        Hours per subject, with the device put on anew for each. With 1, a subject's segments
        share one orientation. A subject with fewer segments than hours leaves hours empty.

    activities : tuple, list or ndarray of str, default=("lying", ..., "running")
        Which activities to generate, each named once; the default is all six that are known.

    noise : float, default=0.02
        Standard deviation of the white noise on each axis, in g; 20 mg is above that of most
        devices, so that small motions at rest are partly hidden.

    random_state : int, RandomState instance or None, default=None
        Seeds every draw. Pass an int for the same segments on each call.

    Returns
    -------
    X : ndarray of shape (n_segments, n_timesteps, 3), dtype float32
        Acceleration in g, gravity included, on the device's axes.

    y : ndarray of shape (n_segments,), dtype str
        The activity of each segment.

    groups : ndarray of shape (n_segments,), dtype int64
        The subject of each segment, 0 to n_subjects - 1. Rows are ordered by subject, then by
        hour; a subject's hours split its rows as evenly as they go, activities mixed within.

    speed : ndarray of shape (n_segments,), dtype float32
        Speed over the ground in m/s: step length times cadence. In walking and running the step
        grows with leg length and cadence; on stairs it is the tread, 0.28 m. Walking stays
        within 0.7 to 2.2, running within 2.2 to 4.8, stairs within 0.3 to 0.6; 0.0 at rest.

    Raises
    ------
    ValueError
        If a parameter is outside its range, if `n_segments` is below `n_subjects`, or if
        `activities` is empty, names one twice or names one that is not known.

    See Also
    --------
    sklearn.datasets.make_classification : Generate labelled rows without a time axis.
    sklearn.model_selection.GroupKFold : Hold out whole subjects with the returned `groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, y, groups, speed = make_motion(n_segments=60, n_subjects=5, random_state=0)
    >>> X.shape, X.dtype
    ((60, 256, 3), dtype('float32'))
    >>> sorted(set(y.tolist()))
    ['lying', 'running', 'sitting', 'stairs', 'standing', 'walking']
    >>> np.bincount(groups).tolist()
    [12, 12, 12, 12, 12]
    >>> bool(speed[y == "running"].min() > speed[y == "walking"].max())
    True
    """
    _check_request(n_segments, n_subjects, activities)
    rng = check_random_state(random_state)
    names = np.array(list(activities), dtype=str)
    groups, hours, activity = _lay_out(rng, n_segments, n_subjects, n_hours, len(names))
    y = names[activity]
    subjects = [_draw_subject(rng) for _ in range(n_subjects)]
    t = np.arange(n_timesteps) / sampling_rate
    X = np.empty((n_segments, n_timesteps, 3), dtype=np.float32)
    speed = np.empty(n_segments, dtype=np.float32)
    new = np.flatnonzero((np.diff(groups) != 0) | (np.diff(hours) != 0)) + 1
    for rows in np.split(np.arange(n_segments), new):
        subject = subjects[groups[rows[0]]]
        X[rows], speed[rows] = _record(rng, y[rows], subject, t, sampling_rate, noise)
    return X, y, groups, speed
