"""Hand-crafted features equal their definitions."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.common import features

RATE = 50
N_TIME, N_FREQUENCY = 14, 17  # features of each signal
# Positions in the frequency features of a signal.
TOTAL, SHARES, DOMINANT, DOMINANT_SHARE, CENTROID, ENTROPY, HEIGHT, LAG = (
    0,
    slice(6, 11),
    *range(11, 17),
)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(4, 100, 3)).astype(np.float32) + 0.5


def sine(*frequencies, n_timesteps=256):
    """Return a segment of one channel with sines of all frequencies around 1 g."""
    time = np.arange(n_timesteps) / RATE
    X = 1 + sum(0.2 * np.sin(2 * np.pi * f * time + 0.3) for f in frequencies)
    return X[None, :, None].astype(np.float32)


def of_first_channel(X):
    """Return the frequency features of the first channel of the first segment."""
    return features.frequency_features(X, RATE)[0].reshape(N_FREQUENCY, -1)[:, 0]


def test_features_over_time_of_each_channel_and_the_magnitude(noise):
    found = features.classic_features(noise, RATE)[:, : N_TIME * 4].reshape(4, N_TIME, 4)
    for segment, of_segment in zip(noise.astype(float), found, strict=True):
        signals = [*segment.T, np.sqrt((segment**2).sum(axis=1))]
        for x, of_signal in zip(signals, of_segment.T, strict=True):
            above = x >= x.mean()
            crossings = sum(above[t] != above[t - 1] for t in range(1, len(x)))
            expected = [
                x.mean(),
                x.std(),
                x.min(),
                *np.percentile(x, [25, 50, 75]),
                x.max(),
                stats.median_abs_deviation(x),
                np.sqrt((x**2).mean()),
                stats.skew(x),
                stats.kurtosis(x, fisher=False),
                np.abs(x).mean(),
                sum(abs(x[t] - x[t - 1]) for t in range(1, len(x))) / 99 * RATE,
                crossings / 99 * RATE,
            ]
            np.testing.assert_allclose(of_signal, expected, rtol=1e-5, atol=1e-5)


def test_correlations_and_signal_magnitude_area(noise):
    found = features.classic_features(noise, RATE)[:, (N_TIME + N_FREQUENCY) * 4 :]
    for x, (area, *correlations) in zip(noise.astype(float), found, strict=True):
        r = np.corrcoef(x.T)
        np.testing.assert_allclose(correlations, [r[0, 1], r[0, 2], r[1, 2]], atol=1e-5)
        assert area == pytest.approx(np.abs(x - x.mean(axis=0)).sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("frequency", [0.8, 1.5, 2.35, 4.1, 8.0])
def test_spectrum_of_a_sine(frequency):
    found = of_first_channel(sine(frequency))
    assert found[DOMINANT] == pytest.approx(frequency, abs=0.05)
    assert found[DOMINANT_SHARE] > 0.99
    assert found[CENTROID] == pytest.approx(frequency, abs=0.05)
    assert 10 ** found[TOTAL] == pytest.approx(0.2**2 / 2, rel=0.05)
    band = [low <= frequency < high for low, high in features.BANDS].index(True)
    assert found[SHARES].argmax() == band
    assert found[SHARES].sum() == pytest.approx(1, abs=0.05)


def test_noise_has_more_entropy_than_a_sine(noise):
    assert of_first_channel(noise)[ENTROPY] > 0.8
    assert of_first_channel(sine(2.0))[ENTROPY] < 0.5


@pytest.mark.parametrize(("frequencies", "period"), [((2.0,), 0.5), ((1.0, 2.0), 1.0)])
def test_lag_of_what_is_periodic(frequencies, period):
    found = of_first_channel(sine(*frequencies))
    assert found[LAG] == pytest.approx(period, abs=1 / RATE)
    assert found[HEIGHT] == pytest.approx(1, abs=0.02)


def test_autocorrelation_is_the_correlation_of_what_overlaps(noise):
    x = noise[0, :, 0].astype(float)
    x = x - x.mean()
    lags = range(13, 76)  # 0.25 s to 1.5 s

    def at(lag):
        head, tail = x[:-lag], x[lag:]
        return head @ tail / np.sqrt((head @ head) * (tail @ tail))

    peaks = {lag: at(lag) for lag in lags if at(lag - 1) < at(lag) >= at(lag + 1)}
    first = min(lag for lag, r in peaks.items() if r >= 0.9 * max(peaks.values()))
    found = of_first_channel(noise)
    assert found[LAG] == pytest.approx(first / RATE)
    assert found[HEIGHT] == pytest.approx(peaks[first], rel=1e-4)


@pytest.mark.parametrize("n_timesteps", [8, 9, 100, 300])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 6, 7, 12])
def test_features_are_always_finite(n_channels, n_timesteps):
    X = np.random.default_rng(0).normal(size=(7, n_timesteps, n_channels)).astype(np.float32)
    X[:3] = np.array([0, 0.1, -1 / 3])[:, None, None]  # constant
    X[3, :, 0] = 1
    n_threes = n_channels // 3 if n_channels % 3 == 0 else 1
    n_pairs = n_channels * (n_channels - 1) // 2
    n_signals = n_channels + n_threes
    n_features = (N_TIME + N_FREQUENCY) * n_signals + n_threes + n_pairs
    for rate in (20, 100):
        found = features.classic_features(X, rate)
        assert found.shape == (7, n_features)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 1e4


def test_constant_segments_have_no_rhythm():
    found = of_first_channel(np.full((1, 128, 3), 0.1, dtype=np.float32))
    assert found[TOTAL] == pytest.approx(-10)
    assert not found[SHARES.start :].any()


def test_features_do_not_depend_on_chunks(monkeypatch, noise):
    whole = features.classic_features(noise, RATE)
    monkeypatch.setattr(features, "_CHUNK", 3)
    np.testing.assert_allclose(features.classic_features(noise, RATE), whole, rtol=1e-6)
