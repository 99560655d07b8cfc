"""Components of generated motion: smooth noise, waveforms of a cycle, rotated vectors."""

from typing import NamedTuple

import numpy as np

# Number of points of a tabulated cycle; a power of two, so that a bit mask wraps indices.
_N_POINTS = 1024
# Variance of a cubic B-spline with independent knots of unit variance, averaged over positions.
_SPLINE_VARIANCE = 151 / 315


class Clock(NamedTuple):
    """Times of the samples in s, from 0, and their rate in Hz."""

    t: np.ndarray
    rate: float


def make_clock(n_timesteps, rate):
    """Return the clock of `n_timesteps` samples."""
    return Clock(np.arange(n_timesteps) / rate, rate)


def draw_smooth_noise(rng, n, clock, seconds):
    """Draw n signals that change within about `seconds`: (n, n_timesteps).

    Their variance is 1, minus the share that a sensor with the clock's rate would filter out.
    """
    position = clock.t / seconds
    index = position.astype(np.intp)
    u = (position - index).astype(np.float32)
    weights = (
        (1 - u) ** 3 / 6,
        (3 * u**3 - 6 * u**2 + 4) / 6,
        (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6,
        u**3 / 6,
    )
    knots = rng.standard_normal((n, index[-1] + 4), dtype=np.float32)
    knots *= np.float32(np.sqrt(min(1.0, seconds * clock.rate) / _SPLINE_VARIANCE))
    out = weights[0] * knots[:, index]
    for k, weight in enumerate(weights[1:], start=1):
        out += weight * knots[:, index + k]
    return out


def draw_bursts(rng, n, clock, seconds, calm):
    """Draw n envelopes that are 0 except in bursts of about `seconds`: (n, n_timesteps).

    Bursts get rarer with `calm`. Bursts of 0.5 s occur once in 3.5 s at 0.7, and once in 10 s at
    1.6.
    """
    excess = np.maximum(draw_smooth_noise(rng, n, clock, seconds) - calm, 0)
    return (0.8 + 1.3 * calm) * excess  # compensates that rarer bursts exceed `calm` by less


def cycle_phases():
    """Return the phases, in cycles, at which waveforms are tabulated."""
    return np.arange(_N_POINTS) / _N_POINTS


def band_limit(waveforms, cycles_per_second, rate):
    """Remove the harmonics that a sensor of `rate` Hz would filter out; keep the shape.

    `waveforms` are (n_waveforms, n_points).
    """
    spectrum = np.fft.rfft(waveforms, axis=1)
    harmonic = np.arange(spectrum.shape[1])
    spectrum[:, (harmonic > 0) & (2 * harmonic * cycles_per_second >= rate)] = 0
    return np.fft.irfft(spectrum, _N_POINTS, axis=1).astype(np.float32)


def interpolate_cycle(waveforms, phase):
    """Interpolate waveforms at phases in cycles: (d, n_points), (n, n_steps) -> (d, n, n_steps)."""
    position = phase * _N_POINTS
    floor = np.floor(position)
    u = (position - floor).astype(np.float32)
    index = floor.astype(np.intp) & (_N_POINTS - 1)
    rise = np.roll(waveforms, -1, axis=1) - waveforms
    out = np.take(rise, index, axis=1)
    out *= u
    out += np.take(waveforms, index, axis=1)
    return out


def pitch(force, angle):
    """Rotate a body part by `angle` rad about the axis to its left, lower end forwards.

    `force` is (3, n, n_timesteps), with the axes forward, left and up. The angle broadcasts to
    (n, n_timesteps).
    """
    forward, left, up = force
    s, c = np.sin(angle), np.cos(angle)
    return np.stack([c * forward + s * up, left, c * up - s * forward])


def roll(force, angle):
    """Rotate a body part by `angle` rad about its long axis; shapes as in `pitch`."""
    forward, left, up = force
    s, c = np.sin(angle), np.cos(angle)
    return np.stack([c * forward + s * left, c * left - s * forward, up])
