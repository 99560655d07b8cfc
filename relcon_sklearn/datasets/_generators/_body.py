"""The generated body: activities, subjects, and bouts of activity."""

from typing import NamedTuple

import numpy as np


class Gait(NamedTuple):
    """Cadence and step length in one activity."""

    cadence: tuple  # preferred steps per second of the slowest and the fastest subject
    pace: tuple  # range of a bout's cadence, relative to the subject's preferred cadence
    step: tuple  # step length = step[0] metres + step[1] s * leg length * cadence

    @property
    def stride_rates(self):
        """Lowest and highest number of strides per second; a stride is two steps."""
        slow, fast = self.cadence
        return slow * self.pace[0] / 2, fast * self.pace[1] / 2


ACTIVITIES = ("lying", "sitting", "standing", "walking", "stairs", "running")

# Uniform and not normal distributions keep walking within 0.7 to 2.2 m/s, and running above.
GAITS = {
    "walking": Gait((1.70, 2.00), (0.88, 1.10), (0.0, 0.42)),
    # The tread of the stairs, not the leg, determines the step length.
    "stairs": Gait((1.45, 1.75), (0.90, 1.10), (0.28, 0.0)),
    "running": Gait((2.70, 2.95), (0.95, 1.08), (0.0, 0.45)),
}

N_HARMONICS = 5


class Subject(NamedTuple):
    """Traits of a subject that are the same in all hours, activities and placements."""

    leg: float  # m
    tempo: float  # 0 to 1, from the slowest to the fastest preferred cadence
    shape: np.ndarray  # (3, N_HARMONICS) factors for the trunk's harmonics: axis, harmonic
    phase: np.ndarray  # (3, N_HARMONICS) phases of these harmonics, in rad
    limbs: np.ndarray  # (3,) factors for arm swing, shank angles and heel strike
    lean: dict  # activity -> deviation of the subject's lean, in degrees
    unrest: float  # factor for sway, fidgets and gestures
    breaths: float  # per second


def draw_subject(rng):
    """Draw one subject."""
    timing = np.array([[np.pi / 2], [0.0], [0.0]])  # the forward push precedes the vertical one
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
    """Orientation of a body part in one activity, and its small motions."""

    lean: float  # angle of its upper end from the vertical, in degrees; negative is backwards
    lean_sd: float  # standard deviation of the lean between bouts, in degrees
    turn: float  # half-width of the range of turns about its long axis, in degrees
    sway: float  # slow change of the lean, in degrees
    breathing: float  # amplitude, in g
    fidget: float  # amplitude of short movements, in g
    gesture: float = 0.0  # angle of slower movements, in degrees


class Bouts(NamedTuple):
    """Bouts of one activity each, of one subject; each field has shape (n_bouts,)."""

    cadence: np.ndarray  # steps per second, 0 at rest
    speed: np.ndarray  # m/s, 0 at rest
    force: np.ndarray  # factor for the intensity of the motion
    phase: np.ndarray  # phase of the stride at the start of the bout, in cycles
    lean: np.ndarray  # rad
    turn: np.ndarray  # rad

    def take(self, rows):
        """Return the bouts at `rows`."""
        return Bouts._make(values[rows] for values in self)


def draw_bouts(rng, names, subject, postures):
    """Draw one bout for each activity in `names`."""
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
