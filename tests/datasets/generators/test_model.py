"""Parts of the motion model compared with slow and simple implementations."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from relcon_sklearn.datasets._generators._body import GAITS, draw_bouts, draw_subject
from relcon_sklearn.datasets._generators._sensor import (
    draw_lost_samples,
    draw_mountings,
    hold_last,
    measure,
)
from relcon_sklearn.datasets._generators._signals import (
    band_limit,
    cycle_phases,
    draw_bursts,
    draw_smooth_noise,
    interpolate_cycle,
    make_clock,
    pitch,
    roll,
)
from relcon_sklearn.datasets._generators._sites import _ARMS, _LEGS, SITES

G = 9.81


def generator(seed=0):
    return np.random.default_rng(seed)


# -- signals -------------------------------------------------------------------------------------


def test_smooth_is_a_cubic_spline_over_its_knots():
    clock = make_clock(100, 20.0)
    values = draw_smooth_noise(generator(), 2, clock, 0.7)
    knots = generator().standard_normal((2, 11), dtype=np.float32) / np.sqrt(151 / 315)
    spline = BSpline(np.arange(-3, 12), knots.T, 3)
    assert_allclose(values, spline(clock.t / 0.7).T, rtol=1e-5, atol=1e-6)


def test_smooth_has_unit_variance_except_above_the_band_limit():
    assert_allclose(
        draw_smooth_noise(generator(), 2000, make_clock(100, 50.0), 0.3).std(), 1.0, rtol=0.03
    )
    slow = draw_smooth_noise(generator(), 20000, make_clock(10, 2.0), 0.1)
    assert_allclose(slow.std(), np.sqrt(0.2), rtol=0.05)


def test_bursts_get_rarer_with_calm():
    clock = make_clock(1000, 50.0)
    moving = [np.mean(draw_bursts(generator(), 200, clock, 0.5, calm) > 0) for calm in (0.7, 1.6)]
    assert_allclose(moving, [0.24, 0.055], atol=0.03)  # of a normal variable above calm


def test_interpolate_cycle_wraps():
    points = cycle_phases()
    waveforms = np.stack([np.sin(2 * np.pi * points), np.cos(6 * np.pi * points)])
    phase = generator().uniform(-3, 3, size=(4, 50))
    read = interpolate_cycle(waveforms.astype(np.float32), phase)
    assert_allclose(read[0], np.sin(2 * np.pi * phase), atol=1e-4)
    assert_allclose(read[1], np.cos(6 * np.pi * phase), atol=1e-4)


def test_band_limit_keeps_the_mean_and_harmonics_below_half_the_rate():
    points = 2 * np.pi * cycle_phases()
    low = 0.3 + np.sin(points) + np.cos(4 * points)
    high = np.cos(5 * points) + np.sin(9 * points)
    limited = band_limit((low + high)[None], cycles_per_second=2.0, rate=20.0)
    assert_allclose(limited[0], low, atol=1e-5)


@pytest.mark.parametrize(("turn", "axis"), [(pitch, [0, -1, 0]), (roll, [0, 0, 1])])
def test_turns_are_rotations_of_the_axes(turn, axis):
    force, angle = generator().normal(size=(3, 4, 5)), generator(1).uniform(-3, 3, size=(4, 5))
    for i, j in np.ndindex(4, 5):
        expected = Rotation.from_rotvec(angle[i, j] * np.array(axis)).inv().apply(force[:, i, j])
        assert_allclose(turn(force, angle)[:, i, j], expected, atol=1e-12)


# -- body ----------------------------------------------------------------------------------------


def bout_of(name, subject, seed=2):
    return draw_bouts(generator(seed), np.array([name]), subject, SITES["waist"].postures)


def derivatives(position, t):
    """Return the acceleration as second differences, without the ends."""
    return (position[..., 2:] - 2 * position[..., 1:-1] + position[..., :-2]) / (t[1] - t[0]) ** 2


@pytest.mark.parametrize("name", GAITS)
def test_wrist_is_at_the_end_of_a_pendulum(name):
    """Compare with the second differences of the wrist's path, on the arm's axes."""
    site, subject = SITES["wrist"], draw_subject(generator())
    bout, arm = bout_of(name, subject), _ARMS[name]
    t = np.arange(20000) / 10000
    phase = bout.cadence[0] / 2 * t
    values = interpolate_cycle(site.waveforms(name, subject), phase[None])
    values[:3] = 0.0  # a trunk at rest
    force = np.zeros((3, 1, len(t)))
    force[2] = 1.0
    felt = site.gait(force, values, name, subject, bout)[:, 0, 1:-1]

    amplitude = np.deg2rad(arm.swing[0] + arm.swing[1] * bout.speed) * bout.force * subject.limbs[0]
    x = 2 * np.pi * phase
    angle = amplitude * (np.sin(x) + 0.12 * np.sin(2 * x + 0.8))
    path = arm.reach * subject.leg * np.stack([np.sin(angle), -np.cos(angle)])
    forward, up = derivatives(path, t) / G
    up, angle = up + 1.0, angle[1:-1]
    assert_allclose(felt[0], np.cos(angle) * forward + np.sin(angle) * up, atol=0.02)
    assert_allclose(felt[1], 0.0)
    assert_allclose(felt[2], np.cos(angle) * up - np.sin(angle) * forward, atol=0.02)
    assert np.abs(felt[0]).max() > 0.1


@pytest.mark.parametrize("name", GAITS)
def test_ankle_goes_a_stride_forward_and_is_lifted(name):
    """Compare with the second differences of the ankle's path, on the shank's axes."""
    site, subject = SITES["ankle"], draw_subject(generator())
    bout, leg = bout_of(name, subject), _LEGS[name]
    rate = bout.cadence[0] / 2
    t = np.linspace(0, 1 / rate, 20001)
    values = interpolate_cycle(site.waveforms(name, subject), (rate * t)[None])
    values[2:5] = 0.0  # no shock
    force = np.zeros((3, 1, len(t)))
    force[2] = 1.0
    felt = site.gait(force, values, name, subject, bout)[:, 0, 1:-1]

    u = np.clip((rate * t - leg.moves) / (1 - leg.moves), 0, 1)
    v = np.clip((rate * t - leg.lifts[0]) / (leg.lifts[1] - leg.lifts[0]), 0, 1)
    forward = bout.speed / rate * (10 * u**3 - 15 * u**4 + 6 * u**5)
    up = leg.height * bout.force * 64 * (v * (1 - v)) ** 3
    forward, up = derivatives(np.stack([forward, up]), t) / G
    up, lean = up + 1.0, values[5, 0, 1:-1]
    # A shank that leans forwards by `lean` has its upper end ahead.
    expected = [
        np.cos(lean) * forward - np.sin(lean) * up,
        np.sin(lean) * forward + np.cos(lean) * up,
    ]
    size = np.abs(expected).max()
    assert_allclose(felt[0], expected[0], atol=0.02 * size)
    assert_allclose(felt[2], expected[1], atol=0.02 * size)


@pytest.mark.parametrize("name", GAITS)
def test_shank_is_at_its_angles_and_the_shock_comes_first(name):
    site, subject, leg = SITES["ankle"], draw_subject(generator()), _LEGS[name]
    values = site.waveforms(name, subject)
    at = np.rint(np.array(leg.phases) * values.shape[1]).astype(int)
    wanted = np.deg2rad(leg.angles) * subject.limbs[1]
    assert_allclose(values[5][at], wanted, atol=0.02)
    assert np.abs(values[4]).argmax() < 0.05 * values.shape[1]
    assert_array_equal(np.abs(values[2:5, 0]), 0.0)


# -- sensor --------------------------------------------------------------------------------------


def test_mountings_are_uniform_rotations_with_a_small_bias():
    rotations, biases = draw_mountings(generator(), 4000, turned=True)
    assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.eye(3)[None].repeat(4000, 0), atol=1e-9
    )
    assert_allclose(np.linalg.det(rotations), 1.0)
    # Entries of a uniform rotation have mean 0 and variance 1/3. Its angle has the density
    # (1 - cos) / pi.
    assert_allclose(rotations.mean(axis=0), 0.0, atol=0.04)
    assert_allclose(rotations.var(axis=0), 1 / 3, atol=0.02)
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert_allclose(angle.mean(), np.pi / 2 + 2 / np.pi, atol=0.03)
    assert_allclose(biases.std(), 0.005, rtol=0.05)
    rotations, _ = draw_mountings(generator(), 3, turned=False)
    assert_array_equal(rotations, np.eye(3)[None].repeat(3, 0))


def test_measure_rotates_biases_and_clips():
    force = generator().normal(size=(3, 4, 6)).astype(np.float32)
    rotations, biases = draw_mountings(generator(1), 4, turned=True)
    X = measure(generator(2), force, rotations, biases, noise=0.0, clipping=0.8)
    for i, j in np.ndindex(4, 6):
        expected = np.clip(rotations[i] @ force[:, i, j] + biases[i], -0.8, 0.8)
        assert_allclose(X[i, j], expected, atol=1e-6)
    assert np.abs(X).max() == np.float32(0.8)


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.9])
@pytest.mark.parametrize("burst", [0.2, 1.0, 30.0])
def test_losses_cover_the_fraction_everywhere(fraction, burst):
    lost = draw_lost_samples(generator(), 3000, 100, fraction, burst)
    assert_allclose(lost.mean(), fraction, rtol=0.1)
    # Losses are equally likely in all parts of a segment.
    assert_allclose(lost[:, :10].mean(), lost[:, -10:].mean(), atol=0.02)
    if burst > 1 and fraction < 0.1:
        starts = np.count_nonzero(lost[:, 1:] & ~lost[:, :-1])
        assert_allclose(lost.sum() / starts, burst, rtol=0.25)


def test_hold_last_like_a_loop():
    X = generator().normal(size=(5, 40, 3)).astype(np.float32)
    lost = generator(1).uniform(size=(5, 40)) < 0.5
    expected = X.copy()
    for i, j in np.ndindex(5, 40):
        if j > 0 and lost[i, j]:
            expected[i, j] = expected[i, j - 1]
    assert_array_equal(hold_last(X, lost), expected)
