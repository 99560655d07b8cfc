"""The generated body: activities, subjects, and what a subject does in each stretch of time."""

from typing import NamedTuple

import numpy as np


class Gait(NamedTuple):
    """How a body is carried over the ground in one activity."""

    cadence: tuple  # steps per second preferred by the slowest and the fastest subject
    pace: tuple  # range of a bout's cadence over the subject's preferred one
    step: tuple  # step length = step[0] metres + step[1] s * leg length * cadence

    @property
    def stride_rates(self):
        """Slowest and fastest strides per second; a stride is two steps."""
        slow, fast = self.cadence
        return slow * self.pace[0] / 2, fast * self.pace[1] / 2


ACTIVITIES = ("lying", "sitting", "standing", "walking", "stairs", "running")

# The ranges are bounded, not normal: walking then stays within 0.7 to 2.2 m/s and running above.
GAITS = {
    "walking": Gait((1.70, 2.00), (0.88, 1.10), (0.0, 0.42)),
    # A stair's tread, not the leg, sets the length of the step.
    "stairs": Gait((1.45, 1.75), (0.90, 1.10), (0.28, 0.0)),
    "running": Gait((2.70, 2.95), (0.95, 1.08), (0.0, 0.45)),
}

N_HARMONICS = 5


class Subject(NamedTuple):
    """What a subject keeps over all hours, activities and placements."""

    leg: float  # m
    tempo: float  # 0 to 1, from the slowest to the fastest preferred cadence
    shape: np.ndarray  # (3, N_HARMONICS) factors on the trunk's harmonics: axis, harmonic
    phase: np.ndarray  # (3, N_HARMONICS) phases of these harmonics, in rad
    limbs: np.ndarray  # (3,) factors on arm swing, shank angles and heel strike
    lean: dict  # activity -> the subject's own change of the lean, in degrees
    unrest: float  # factor on sway, fidgets and gestures
    breaths: float  # per second


def draw_subject(rng):
    """Draw one subject."""
    timing = np.array([[np.pi / 2], [0.0], [0.0]])  # the push forward leads the vertical
    return Subject(
        leg=rng.uniform(0.78, 1.02),
        tempo=rng.uniform(),
        shape=rng.uniform(0.8, 1.2, size=(3, N_HARMONICS)),
        phase=timing + rng.uniform(-0.7, 0.7, size=(3, N_HARMONICS)),
        limbs=np.exp([0.35, 0.15, 0.3] * rng.uniform(-1, 1, size=3)),
        lean=dict(zip(ACTIVITIES, rng.normal(0.0, 4.0, size=len(ACTIVITIES)), strict=True)),
        unrest=np.exp(rng.normal(0.0, 0.2)),
        breaths=rng.uniform(0.2, 0.35),
    )


class Posture(NamedTuple):
    """How a body part is held in one activity, and the small motions that come with it."""

    lean: float  # of its upper end from the vertical, in degrees; negative leans backwards
    lean_sd: float  # between bouts, in degrees
    turn: float  # half-width of its turn about its long axis, in degrees
    sway: float  # slow change of the lean, in degrees
    breathing: float  # amplitude, in g
    fidget: float  # amplitude of short movements, in g
    gesture: float = 0.0  # angle of slower movements, in degrees


class Bouts(NamedTuple):
    """Stretches of one activity each, of one subject; every field is of shape (n_bouts,)."""

    cadence: np.ndarray  # steps per second, 0 at rest
    speed: np.ndarray  # m/s, 0 at rest
    force: np.ndarray  # factor on how hard the body moves
    phase: np.ndarray  # of the stride when the bout starts, in cycles
    lean: np.ndarray  # rad
    turn: np.ndarray  # rad

    def take(self, rows):
        """Return the bouts of `rows`."""
        return Bouts._make(values[rows] for values in self)


def draw_bouts(rng, names, subject, postures):
    """Draw a bout of each activity in `names`."""
    n = len(names)
    cadence, speed, lean, lean_sd, turn = np.zeros((5, n))
    pace, phase = rng.uniform(size=n), rng.uniform(size=n)
    for name in ACTIVITIES:
        rows = np.flatnonzero(names == name)
        lean[rows] = postures[name].lean + subject.lean[name]
        lean_sd[rows], turn[rows] = postures[name].lean_sd, postures[name].turn
        if name in GAITS:
            gait = GAITS[name]
            low, high = gait.cadence
            slowest, fastest = gait.pace
            factor = slowest + (fastest - slowest) * pace[rows]
            cadence[rows] = (low + subject.tempo * (high - low)) * factor
            step = gait.step[0] + gait.step[1] * subject.leg * cadence[rows]
            speed[rows] = step * cadence[rows]
    return Bouts(
        cadence=cadence,
        speed=speed,
        force=rng.uniform(0.9, 1.1, n),
        phase=phase,
        lean=np.deg2rad(lean + lean_sd * rng.normal(size=n)),
        turn=np.deg2rad(turn * rng.uniform(-1, 1, n)),
    )
