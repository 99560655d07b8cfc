"""Resampling: the ratio, the frequencies that remain, those that must not, and the ends."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._resample import Ratio, _matrix, resample

RATES = [20, 25, 31.25, 32, 50, 50.3, 64, 100, 125]


def resample_all(signal, ratio):
    return resample(signal.__getitem__, len(signal), ratio, 0, ratio.length(len(signal)))


def tone(frequency, rate, seconds, phase=0.4):
    """Return a sine of `frequency` plus 1 g, as one channel."""
    t = np.arange(round(seconds * rate)) / rate
    return 1 + 0.3 * np.sin(2 * np.pi * frequency * t + phase)[:, None]


@pytest.mark.parametrize(
    ("after", "before", "ratio"),
    [
        (100, 50, (2, 1)),
        (100, 20, (5, 1)),
        (50, 100, (1, 2)),
        (100, 64, (25, 16)),
        (30, 31.25, (24, 25)),
        (100, 50.3, (1000, 503)),
        (100, 100, (1, 1)),
        (100, 1 / 0.03, (3, 1)),
    ],
)
def test_ratio(after, before, ratio):
    assert Ratio.of(after, before) == ratio


def best_ratio_by_loops(after, before):
    """Return the best fraction whose term of the lower rate is at most 1000 / quotient."""
    quotient = max(after, before) / min(after, before)
    pairs = [(round(quotient * low), low) for low in range(1, math.ceil(1000 / quotient) + 1)]
    high, low = min(pairs, key=lambda pair: (abs(pair[0] / pair[1] - quotient), pair[1]))
    return (high, low) if after >= before else (low, high)


@given(st.floats(0.05, 200), st.floats(0.05, 200))
@example(50, 33.333)
@example(33.333, 50)
@example(100, 100.04)
def test_ratio_is_approximated_within_the_stated_error(after, before):
    ratio = Ratio.of(after, before)
    assert ratio == best_ratio_by_loops(after, before)
    assert abs(ratio.up / ratio.down / (after / before) - 1) <= 5e-4
    assert max(ratio) <= 1000 + max(after, before) / min(after, before)
    assert math.gcd(*ratio) == 1


@pytest.mark.parametrize(("high", "low"), [(100, 0.0101), (100, 0.05003), (1000, 0.30001), (33, 1)])
def test_rates_that_differ_much_have_short_filters(high, low):
    """100 to 0.0101 Hz designed 20 million taps."""
    for after, before in ((high, low), (low, high)):
        ratio = Ratio.of(after, before)
        assert abs(ratio.up / ratio.down / (after / before) - 1) <= 5e-4
        assert _matrix(ratio, np.dtype(np.float32)).size <= 1.1e6 + 30 * high / low


def test_a_ratio_with_large_terms_is_as_fast_as_its_neighbour():
    """33.333 Hz to 50 Hz is 50000 / 33333: the filter had a million taps, at every stretch."""
    assert Ratio.of(50, 33.333) == (3, 2)
    _matrix.cache_clear()
    signal = np.random.default_rng(0).normal(size=(20_000, 1))
    signal[::200] = np.nan
    segments = segment_recordings(
        signal, 33.333, units="g", target_rate=50, window=1.0, nan_policy="omit"
    )
    assert len(segments.X) == 500
    assert _matrix.cache_info().misses == 1


@pytest.mark.parametrize(("before", "after"), [(33.333, 50), (100.04, 100), (50, 33.333)])
def test_start_times_do_not_drift_with_an_approximated_ratio(before, after):
    frequency, seconds = 2.0, 1800
    signal = tone(frequency, before, seconds, 0.0)
    segments = segment_recordings(signal, before, units="g", target_rate=after, window=2.0)
    t = segments.start_times[:, None] + np.arange(segments.X.shape[1]) / after
    expected = 1 + 0.3 * np.sin(2 * np.pi * frequency * t)
    np.testing.assert_allclose(segments.X[3:-3, :, 0], expected[3:-3], atol=6e-3)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        (4e-4, None, r"sampling_rate=0\.0004 Hz is one sample in 2500 s"),
        (4e-4, 50, r"sampling_rate=0\.0004 Hz is one sample in 2500 s"),
        (50, 4e-4, r"target_rate=0\.0004 Hz is one sample in 2500 s"),
        (1e-3, 50, r"target_rate=50 Hz and sampling_rate=0\.001 Hz differ by a factor of 50000"),
        (1e12, 50, r"target_rate=50 Hz and sampling_rate=1e\+12 Hz differ by a factor of 2e\+10"),
    ],
)
def test_rates_that_cannot_be_resampled(before, after, match):
    with pytest.raises(ValueError, match=match):
        segment_recordings(np.ones((500, 1)), before, units="g", target_rate=after)


def test_the_lowest_rate():
    assert segment_recordings(np.ones((50, 1)), 1e-3, units="g", window=1e4).X.shape == (5, 10, 1)


@given(st.sampled_from(RATES), st.sampled_from(RATES), st.integers(1, 200))
def test_length(after, before, n):
    ratio = Ratio.of(after, before)
    assert ratio.length(n) == len(resample_poly(np.zeros((n, 2)), *ratio))
    # The number of new sample times within the duration of the old samples.
    assert ratio.length(n) == len([j for j in range(n * 10) if j * ratio.down < n * ratio.up])


@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 2e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize(
    ("after", "before"),
    [(100, 50), (50, 100), (100, 64), (20, 125), (30, 31.25), (100, 50.3), (50.3, 100), (1, 100)],
)
@pytest.mark.parametrize("n", [1, 2, 3, 31, 500])
def test_equals_scipy(after, before, dtype, atol, n):
    signal = np.random.default_rng(0).normal(size=(n, 3)).astype(dtype)
    ratio = Ratio.of(after, before)
    expected = signal.repeat(ratio.length(1), axis=0)
    if n > 1:  # scipy's result of one sample is NaN
        expected = resample_poly(signal, *ratio, axis=0, padtype="line")
    actual = resample_all(signal, ratio)
    assert actual.dtype == dtype
    atol *= max(1, 10 * max(ratio) / n)  # a short signal is continued far along its line
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-3 if n == 1 else atol)


@pytest.mark.parametrize("ratio", [(1, 2), (2, 1), (25, 16), (503, 1000), (1, 40)])
def test_a_part_is_that_of_the_whole(ratio):
    ratio, n = Ratio(*ratio), 700
    signal = np.random.default_rng(0).normal(size=(n, 2))
    whole = resample_all(signal, ratio)
    for first in range(0, len(whole), max(1, len(whole) // 9)):
        for stop in {first + 1, min(first + 40, len(whole)), len(whole)}:
            part = resample(signal.__getitem__, n, ratio, first, stop)
            np.testing.assert_allclose(part, whole[first:stop], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("before", "after"), [(50, 100), (100, 50), (64, 100), (20, 100), (125, 50)]
)
def test_a_sine_stays_a_sine(before, after):
    frequency = 0.25 * min(before, after) / 2
    actual = resample_all(tone(frequency, before, 30), Ratio.of(after, before))
    expected = tone(frequency, after, 30)
    middle = slice(3 * after, -3 * after)
    np.testing.assert_allclose(actual[middle], expected[middle], atol=2e-3)


@pytest.mark.parametrize(("before", "after"), [(100, 50), (100, 20), (125, 50), (100, 64)])
def test_frequencies_above_the_new_nyquist_frequency_are_not_aliased(before, after):
    frequency = (1.3 * after / 2 + before / 2) / 2
    aliased = tone(frequency, before, 30)[:: before // after]
    assert np.ptp(aliased) > 0.3  # without a filter, there is aliasing
    actual = resample_all(tone(frequency, before, 30), Ratio.of(after, before))
    middle = slice(3 * after, -3 * after)
    np.testing.assert_allclose(actual[middle], 1, atol=2e-3)


@given(st.sampled_from(RATES), st.sampled_from(RATES), st.integers(1, 100))
def test_gravity_makes_no_step_at_the_ends(before, after, n):
    resampled = resample_all(np.tile([0.6, 0.0, -0.8], (n, 1)), Ratio.of(after, before))
    np.testing.assert_allclose(resampled, np.tile([0.6, 0.0, -0.8], (len(resampled), 1)), atol=2e-3)


def test_stretches_are_resampled_one_by_one():
    signal = np.concatenate([np.full((150, 1), 1.0), np.full((150, 1), -1.0)])
    signal[149] = np.nan
    X = segment_recordings(signal, 50, units="g", window=1.0, target_rate=100, nan_policy="omit").X
    # A filter applied across the gap would ring.
    np.testing.assert_allclose(X[0], np.ones_like(X[0]), atol=2e-3)
    np.testing.assert_allclose(X[-1], -np.ones_like(X[0]), atol=2e-3)
    assert len(X) == 2 + 3


def test_rates_per_recording_meet_at_the_target():
    recordings = [tone(2.0, rate, 20) for rate in (50, 100, 64)]
    segments = segment_recordings(recordings, [50, 100, 64], units="g", target_rate=100)
    assert segments.X.shape[1:] == (256, 1)
    assert np.bincount(segments.groups).tolist() == [7, 7, 7]
    by_recording = segments.X.reshape(3, 7, 256)[:, 1:-1]  # the ends differ, by the filter's length
    np.testing.assert_allclose(by_recording, by_recording[[1, 2, 0]], atol=3e-3)
