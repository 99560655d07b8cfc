"""Sites of the generated body where a device is worn: postures and motion at each of them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from ._body import GAITS, Posture
from ._signals import (
    band_limit,
    cycle_phases,
    draw_bursts,
    draw_smooth_noise,
    interpolate_cycle,
    pitch,
    roll,
)

_G = 9.81  # m/s^2
_STRIDE_JITTER = 0.02  # sd of a stride's timing, in cycles: about 2 % of its duration
_STRIDE_SPREAD = 0.08  # sd of a stride's size, relative to its mean
_ROUGHNESS = 0.2  # sd of the irregular part, relative to the trunk's first vertical harmonic


class Site(NamedTuple):
    """A site where a device is worn."""

    postures: dict  # activity -> Posture of the body part with the device
    waveforms: Callable  # (activity, subject) -> (d, n_points), over a stride
    gait: Callable  # (force, values, activity, subject, bouts) -> force, (3, n, n_timesteps)
    calm: float  # rarity of movements at rest, see `draw_bursts`


# -- waist ---------------------------------------------------------------------------------------

# Similar postures overlap on purpose. If the orientation changes every hour, only these small
# motions distinguish lying, sitting and standing, and they should do so only partly.
_TRUNK_POSTURES = {
    "lying": Posture(-88.0, 6.0, 180.0, sway=0.12, breathing=0.008, fidget=0.005),
    "sitting": Posture(-20.0, 8.0, 25.0, sway=0.60, breathing=0.004, fidget=0.030),
    "standing": Posture(3.0, 3.0, 25.0, sway=1.30, breathing=0.002, fidget=0.010),
    "walking": Posture(5.0, 2.0, 15.0, sway=1.5, breathing=0.0, fidget=0.0),
    "stairs": Posture(14.0, 4.0, 15.0, sway=2.0, breathing=0.0, fidget=0.0),
    "running": Posture(9.0, 3.0, 15.0, sway=2.0, breathing=0.0, fidget=0.0),
}

# Orders of the harmonics of a stride, which is two steps. Both steps push forward and up in the
# same way, which leaves even orders, and mirror each other sideways, which leaves odd ones.
_HARMONIC_ORDERS = np.array([[2, 4, 6, 8, 10], [1, 3, 5, 7, 9], [2, 4, 6, 8, 10]])

# Sizes of the harmonics of each axis, relative to the first vertical one. The latter is large
# enough to be the largest for all shapes of subjects.
_HARMONIC_SIZES = {
    "walking": np.array(
        [
            [0.60, 0.45, 0.30, 0.15, 0.10],
            [0.35, 0.35, 0.25, 0.15, 0.10],
            [1.0, 0.50, 0.30, 0.20, 0.10],
        ]
    ),
    "stairs": np.array(
        [
            [0.40, 0.30, 0.20, 0.10, 0.05],
            [0.35, 0.25, 0.15, 0.10, 0.05],
            [1.0, 0.45, 0.25, 0.15, 0.05],
        ]
    ),
    "running": np.array(
        [
            [0.35, 0.25, 0.15, 0.10, 0.05],
            [0.20, 0.15, 0.10, 0.08, 0.05],
            [1.0, 0.35, 0.25, 0.15, 0.10],
        ]
    ),
}
# Amplitude of the first vertical harmonic, in g per m/s of speed.
_AMPLITUDE_PER_SPEED = {"walking": 0.21, "stairs": 0.65, "running": 0.27}


def _trunk_waveforms(activity, subject):
    """Return the acceleration of the trunk, relative to its first vertical harmonic.

    The shape is (3, n_points), with the axes forward, left and up.
    """
    sizes = _HARMONIC_SIZES[activity] * subject.shape
    angle = 2 * np.pi * _HARMONIC_ORDERS[:, :, None] * cycle_phases() + subject.phase[:, :, None]
    return (sizes[:, :, None] * np.cos(angle)).sum(axis=1)


def _trunk_force(activity, bouts):
    """Return the amplitude of the first vertical harmonic of each bout, in g."""
    return _AMPLITUDE_PER_SPEED[activity] * bouts.speed * bouts.force


def _waist_gait(force, values, activity, subject, bouts):
    return force + values * _column(_trunk_force(activity, bouts))


# -- wrist ---------------------------------------------------------------------------------------

# The lean of the forearm is backwards, since its upper end is behind a hand that is held forward.
_FOREARM_POSTURES = {
    "lying": Posture(-88.0, 15.0, 180.0, sway=0.15, breathing=0.003, fidget=0.010, gesture=8.0),
    "sitting": Posture(-75.0, 18.0, 90.0, sway=0.40, breathing=0.001, fidget=0.080, gesture=18.0),
    "standing": Posture(-18.0, 15.0, 60.0, sway=1.20, breathing=0.001, fidget=0.080, gesture=18.0),
    "walking": Posture(-15.0, 5.0, 40.0, sway=3.0, breathing=0.0, fidget=0.0),
    "stairs": Posture(-25.0, 10.0, 40.0, sway=4.0, breathing=0.0, fidget=0.0),
    "running": Posture(-80.0, 8.0, 40.0, sway=4.0, breathing=0.0, fidget=0.0),
}


class _Arm(NamedTuple):
    """A pendulum from the shoulder to the wrist, which the trunk shakes."""

    reach: float  # distance from shoulder to wrist, relative to leg length; a bent arm is shorter
    swing: tuple  # half of the arc = swing[0] + swing[1] * speed, in degrees
    trunk: float  # fraction of the trunk's acceleration that reaches the wrist


_ARMS = {
    "walking": _Arm(0.62, (6.0, 10.0), 0.9),
    "stairs": _Arm(0.60, (14.0, 8.0), 1.1),
    "running": _Arm(0.42, (8.0, 4.5), 1.0),
}


def _wrist_waveforms(activity, subject):
    """Return waveforms of the trunk (3), and the arm's angle and its derivatives by phase (3)."""
    x = 2 * np.pi * cycle_phases()
    angle = np.sin(x) + 0.12 * np.sin(2 * x + 0.8)
    first = 2 * np.pi * (np.cos(x) + 0.24 * np.cos(2 * x + 0.8))
    second = -4 * np.pi**2 * (np.sin(x) + 0.48 * np.sin(2 * x + 0.8))
    return np.concatenate([_trunk_waveforms(activity, subject), [angle, first, second]])


def _wrist_gait(force, values, activity, subject, bouts):
    arm = _ARMS[activity]
    force = force + values[:3] * _column(arm.trunk * _trunk_force(activity, bouts))
    arc = np.deg2rad(arm.swing[0] + arm.swing[1] * bouts.speed) * bouts.force * subject.limbs[0]
    angle, first, second = values[3:] * _column(arc)
    force = pitch(force, angle)
    # Acceleration on a circle of radius r: r a'' along the path, and r a'^2 towards the shoulder.
    reach = _column(arm.reach * subject.leg / _G * (bouts.cadence / 2) ** 2)
    force[0] += reach * second
    force[2] += reach * first**2
    return force


# -- ankle ---------------------------------------------------------------------------------------

_SHANK_POSTURES = {
    "lying": Posture(-88.0, 6.0, 180.0, sway=0.10, breathing=0.001, fidget=0.015, gesture=4.0),
    "sitting": Posture(-5.0, 15.0, 60.0, sway=0.20, breathing=0.0, fidget=0.050, gesture=6.0),
    "standing": Posture(4.0, 3.0, 25.0, sway=0.40, breathing=0.0, fidget=0.030, gesture=2.0),
    "walking": Posture(0.0, 2.0, 15.0, sway=1.0, breathing=0.0, fidget=0.0),
    "stairs": Posture(4.0, 3.0, 15.0, sway=1.5, breathing=0.0, fidget=0.0),
    "running": Posture(0.0, 3.0, 15.0, sway=1.5, breathing=0.0, fidget=0.0),
}


class _Leg(NamedTuple):
    """The path of an ankle over one stride, which starts with the heel strike."""

    moves: float  # phase at which it starts to move forward; it stops at the next strike
    lifts: tuple  # phases between which it is off the ground
    height: float  # maximal height above the ground, in m
    strike: float  # amplitude of the shock of the strike, in g per m/s
    phases: tuple  # phases of the shank's angles
    angles: tuple  # angles of the shank, in degrees; positive if the knee is ahead of the ankle


_LEGS = {
    "walking": _Leg(
        0.38, (0.42, 0.92), 0.12, 3.0,
        (0.0, 0.12, 0.30, 0.50, 0.64, 0.72, 0.84, 0.94), (-20, -4, 10, 30, 52, 52, 5, -22),
    ),
    "stairs": _Leg(
        0.45, (0.45, 0.92), 0.20, 6.0,
        (0.0, 0.15, 0.35, 0.55, 0.68, 0.80, 0.92), (8, 12, 14, 25, 50, 40, 12),
    ),
    "running": _Leg(
        0.22, (0.25, 0.90), 0.26, 2.6,
        (0.0, 0.10, 0.22, 0.36, 0.52, 0.66, 0.80, 0.92), (-8, 10, 32, 60, 95, 75, 15, -15),
    ),
}  # fmt: skip

# The shock oscillates at 16 Hz, decays within 0.1 s, and acts upwards, backwards and sideways.
_RING, _DECAY = 16.0, 0.03
_SHOCK = np.array([[-0.5], [0.3], [1.0]])


def _ankle_waveforms(activity, subject):
    """Return second derivatives of progress and lift by phase (2), shock (3), angle in rad (1)."""
    leg, phase = _LEGS[activity], cycle_phases()
    span = 1 - leg.moves
    u = np.clip((phase - leg.moves) / span, 0, 1)
    progress = 60 * u * (1 - u) * (1 - 2 * u) / span**2  # '' of 10 u^3 - 15 u^4 + 6 u^5
    span = leg.lifts[1] - leg.lifts[0]
    v = np.clip((phase - leg.lifts[0]) / span, 0, 1)
    lift = 384 * v * (1 - v) * (1 - 5 * v * (1 - v)) / span**2  # '' of 64 v^3 (1 - v)^3
    since = phase / np.mean(GAITS[activity].stride_rates)
    shock = _SHOCK * np.exp(-since / _DECAY) * np.sin(2 * np.pi * _RING * since)
    angle = CubicSpline(
        (*leg.phases, 1), np.deg2rad((*leg.angles, leg.angles[0])), bc_type="periodic"
    )
    return np.concatenate([[progress, lift], shock, [angle(phase) * subject.limbs[1]]])


def _ankle_gait(force, values, activity, subject, bouts):
    leg = _LEGS[activity]
    progress, lift, shock, angle = values[0], values[1], values[2:5], values[5]
    rate = bouts.cadence / 2
    # The stride length is speed / rate. Second derivatives by time are rate^2 times those by phase.
    force[0] += progress * _column(bouts.speed * rate / _G)
    force[2] += lift * _column(leg.height * rate**2 * bouts.force / _G)
    force = pitch(force, -angle)
    return force + shock * _column(leg.strike * subject.limbs[2] * bouts.speed * bouts.force)


# -- all sites -----------------------------------------------------------------------------------

SITES = {
    "waist": Site(_TRUNK_POSTURES, _trunk_waveforms, _waist_gait, calm=0.7),
    "wrist": Site(_FOREARM_POSTURES, _wrist_waveforms, _wrist_gait, calm=1.6),
    "ankle": Site(_SHANK_POSTURES, _ankle_waveforms, _ankle_gait, calm=1.6),
}


def _column(values):
    """Return one number for each bout as a column that multiplies signals (n, n_timesteps)."""
    return values.astype(np.float32)[:, None]


def _sine(cycles):
    """Return the sine of a phase in cycles, in single precision."""
    return np.sin(np.float32(2 * np.pi) * (cycles - np.floor(cycles)).astype(np.float32))


def gait_waveforms(site, subject, activities, rate):
    """Return the waveforms of each gait in `activities`, band-limited for a sensor of `rate` Hz."""
    return {
        name: band_limit(site.waveforms(name, subject), GAITS[name].stride_rates[1], rate)
        for name in activities
        if name in GAITS
    }


def _posture_force(rng, site, posture, subject, n, clock):
    """Return gravity with sway, breathing and fidgets, on upright axes: (3, n, n_timesteps)."""
    force = np.zeros((3, n, len(clock.t)), dtype=np.float32)
    force[2] = 1.0
    # A small tilt by an angle in rad moves that fraction of 1 g to the horizontal axes.
    sway = np.deg2rad(posture.sway) * subject.unrest * np.exp(rng.normal(0.0, 0.35, n))
    for axis in (0, 1):
        force[axis] += _column(sway) * draw_smooth_noise(rng, n, clock, 0.6)
    if 2 * subject.breaths < clock.rate and posture.breathing > 0:
        breaths = subject.breaths * rng.uniform(0.9, 1.1, n)
        cycles = breaths[:, None] * clock.t + rng.uniform(size=n)[:, None]
        force[0] += np.float32(posture.breathing) * _sine(cycles)
    if posture.fidget > 0:
        fidget = posture.fidget * subject.unrest * np.exp(rng.normal(0.0, 0.5, n))
        # Fidgets oscillate, so that the body part returns to its position.
        rate = rng.uniform(1.0, 5.0, n)
        envelope = _column(fidget * (2 * rate < clock.rate)) * draw_bursts(
            rng, n, clock, 0.5, site.calm
        )
        for axis in range(3):
            cycles = rate[:, None] * clock.t + rng.uniform(size=n)[:, None]
            force[axis] += envelope * draw_smooth_noise(rng, n, clock, 0.3) * _sine(cycles)
    return force


def specific_force(rng, site, activity, subject, bouts, waveforms, clock):
    """Return the specific force at `site` in bouts of one activity: (3, n_bouts, n_timesteps).

    The values are in g, on the axes forward, left and up of the body part with the device.
    """
    n, posture = len(bouts.cadence), site.postures[activity]
    force = _posture_force(rng, site, posture, subject, n, clock)
    lean, turn = -_column(bouts.lean), _column(bouts.turn)
    if activity in GAITS:
        rough = _column(_ROUGHNESS * _trunk_force(activity, bouts))
        jitter = _STRIDE_JITTER * draw_smooth_noise(rng, n, clock, 0.6)
        phase = bouts.cadence[:, None] / 2 * clock.t + bouts.phase[:, None] + jitter
        values = interpolate_cycle(waveforms[activity], phase)
        values *= 1 + _STRIDE_SPREAD * draw_smooth_noise(rng, n, clock, 1.0)
        for axis in range(3):
            force[axis] += rough * draw_smooth_noise(rng, n, clock, 0.03)
        force = site.gait(force, values, activity, subject, bouts)
    elif posture.gesture > 0:
        moved = (
            np.deg2rad(posture.gesture)
            * subject.unrest
            * draw_bursts(rng, n, clock, 1.0, site.calm)
        )
        lean = lean + moved * draw_smooth_noise(rng, n, clock, 1.0)
        turn = turn + moved * draw_smooth_noise(rng, n, clock, 1.0)
    return roll(pitch(force, lean), turn)
