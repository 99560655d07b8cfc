"""Features of segments equal their definitions, computed one signal and one value at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from relcon_sklearn._features import feature_names, motion_features
from relcon_sklearn._features._spectrum import BANDS

RATE = 50.0


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(4, 100, 3)) + 0.5


def sine(*frequencies, n_timesteps=256):
    """Return a segment of one channel with sines of all frequencies around 1 g."""
    time = np.arange(n_timesteps) / RATE
    X = 1 + sum(0.2 * np.sin(2 * np.pi * f * time + 0.3) for f in frequencies)
    return X[None, :, None]


def named_features(X, rate=RATE):
    """Return the features of each segment as a dict by name."""
    names = feature_names(X.shape[2])
    return [dict(zip(names, row, strict=True)) for row in motion_features(X, rate)]


def reference_time_features(x):
    """Return the features of the values of one signal."""
    above = x >= x.mean()
    n = len(x)
    return {
        "mean": x.mean(),
        "sd": x.std(),
        "min": x.min(),
        "q25": np.percentile(x, 25),
        "median": np.percentile(x, 50),
        "q75": np.percentile(x, 75),
        "max": x.max(),
        "median_absolute_deviation": stats.median_abs_deviation(x),
        "root_mean_square": np.sqrt((x**2).mean()),
        "skewness": stats.skew(x),
        "kurtosis": stats.kurtosis(x, fisher=False),
        "mean_absolute": np.abs(x).mean(),
        "mean_absolute_change": sum(abs(x[t] - x[t - 1]) for t in range(1, n)) / (n - 1) * RATE,
        "mean_crossings": sum(above[t] != above[t - 1] for t in range(1, n)) / (n - 1) * RATE,
    }


def reference_spectrum_features(x):
    """Return the features of the spectrum of one signal, from its Fourier sum."""
    n = len(x)
    time, frequency = np.arange(n), np.arange(501) * 0.05  # Hz; 1000 samples are 20 s
    window = np.sin(np.pi * (time + 0.5) / n) ** 2
    waves = np.exp(-2j * np.pi * np.outer(frequency, time) / RATE)
    power = np.abs(waves @ ((x - x.mean()) * window)) ** 2 * 2 / (1000 * (window**2).sum())
    total = power.sum()
    share = power / total
    found = {"log_power": np.log10(total)}
    for low, high in BANDS:
        part = share[(frequency >= low - 1e-9) & (frequency < high - 1e-9)].sum()
        found[f"power_share_{low:g}_{high:g}hz"] = part
        found[f"log_power_{low:g}_{high:g}hz"] = np.log10(total * part)
    dominant = max(range(6, 501), key=lambda i: power[i])
    near = np.abs(frequency - frequency[dominant]) <= 2 * RATE / n + 1e-9
    return found | {
        "dominant_frequency": frequency[dominant],
        "dominant_power_share": share[near].sum(),
        "spectral_centroid": (share * frequency).sum(),
        "spectral_entropy": -sum(p * np.log(p) for p in share) / np.log(501),
    }


def reference_autocorrelation_features(x):
    """Return height and lag of the first high peak of the autocorrelation of one signal."""
    x = x - x.mean()
    lags = range(13, min(75, 3 * len(x) // 4) + 1)  # 0.25 s to 1.5 s

    def at(lag):
        head, tail = x[: len(x) - lag], x[lag:]
        return head @ tail / np.sqrt((head @ head) * (tail @ tail))

    peaks = {lag: at(lag) for lag in lags if at(lag - 1) < at(lag) >= at(lag + 1) and at(lag) > 0}
    if not peaks:
        return {"autocorrelation_peak": 0.0, "autocorrelation_lag": 0.0}
    first = min(lag for lag, r in peaks.items() if r >= 0.9 * max(peaks.values()))
    return {"autocorrelation_peak": peaks[first], "autocorrelation_lag": first / RATE}


def reference_features(segment):
    """Return all features of a segment of three channels by name."""
    x, y, z = segment.T
    signals = {"x": x, "y": y, "z": z, "magnitude": np.sqrt(x**2 + y**2 + z**2)}
    found = {
        f"{name}_{signal}": value
        for signal, values in signals.items()
        for part in (
            reference_time_features,
            reference_spectrum_features,
            reference_autocorrelation_features,
        )
        for name, value in part(values).items()
    }
    found["signal_magnitude_area"] = np.abs(segment - segment.mean(axis=0)).sum(axis=1).mean()
    for one, other in ("xy", "xz", "yz"):
        pair = (signals[one], signals[other])
        found[f"correlation_{one}_{other}"] = np.corrcoef(*pair)[0, 1]
    return found


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), n_timesteps=st.integers(60, 140))
def test_every_feature_equals_its_definition(seed, n_timesteps):
    rng = np.random.default_rng(seed)
    X = 0.5 + rng.normal(size=(2, n_timesteps, 3)).cumsum(axis=1) * rng.uniform(0.01, 1)
    for segment, found in zip(X, named_features(X), strict=True):
        expected = reference_features(segment)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-8, abs=1e-8), name


def test_float32_is_close_to_float64(noise):
    single = motion_features(noise.astype(np.float32), RATE)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, motion_features(noise, RATE), rtol=1e-3, atol=1e-4)


def test_a_recording_under_gravity_loses_no_accuracy_in_float32():
    """A still sensor has small variation on top of 1 g, which float32 rounds."""
    X = 1 + 1e-3 * np.random.default_rng(0).normal(size=(20, 128, 3))
    X = X.astype(np.float32)
    exact = motion_features(X.astype(np.float64), RATE)
    np.testing.assert_allclose(motion_features(X, RATE), exact, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("frequency", [0.8, 1.5, 2.35, 4.1, 8.0])
def test_spectrum_of_a_sine(frequency):
    (found,) = named_features(sine(frequency))
    assert found["dominant_frequency_channel0"] == pytest.approx(frequency, abs=0.05)
    assert found["dominant_power_share_channel0"] > 0.99
    assert found["spectral_centroid_channel0"] == pytest.approx(frequency, abs=0.05)
    assert 10 ** found["log_power_channel0"] == pytest.approx(0.2**2 / 2, rel=0.05)
    shares = [found[f"power_share_{low:g}_{high:g}hz_channel0"] for low, high in BANDS]
    assert np.argmax(shares) == [low <= frequency < high for low, high in BANDS].index(True)
    assert sum(shares) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("frequencies", "period"), [((2.0,), 0.5), ((1.0, 2.0), 1.0)])
def test_lag_of_what_is_periodic(frequencies, period):
    (found,) = named_features(sine(*frequencies))
    assert found["autocorrelation_lag_channel0"] == pytest.approx(period, abs=1 / RATE)
    assert found["autocorrelation_peak_channel0"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("n_timesteps", [1, 2, 3, 8, 9, 100, 300])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 6, 7, 12])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e12])
def test_features_are_always_finite(n_channels, n_timesteps, scale):
    X = np.random.default_rng(0).normal(size=(7, n_timesteps, n_channels)).astype(np.float32)
    X[:3] = np.array([0, 0.1, -1 / 3])[:, None, None]  # constant
    X[3, :, 0] = 1
    X *= np.float32(scale)
    for rate in (1.0, 20.0, 100.0):
        found = motion_features(X, rate)
        assert found.shape == (7, len(feature_names(n_channels)))
        assert np.isfinite(found).all()


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6, 7, 12])
def test_names_are_distinct(n_channels):
    names = feature_names(n_channels)
    n_sensors = n_channels // 3 if n_channels % 3 == 0 else 1
    n_pairs = n_channels * (n_channels - 1) // 2
    assert len(set(names)) == len(names) == 31 * (n_channels + n_sensors) + n_sensors + n_pairs


def test_names_of_three_channels_are_axes():
    assert len(feature_names(3)) == 128
    assert feature_names(3)[:4] == ["mean_x", "mean_y", "mean_z", "mean_magnitude"]
    assert feature_names(6)[3] == "mean_x1"


def test_constant_segments_have_no_rhythm():
    (found,) = named_features(np.full((1, 128, 3), 0.1))
    assert found["log_power_x"] == pytest.approx(-10)
    for name in ("dominant_frequency", "spectral_entropy", "autocorrelation_lag", "skewness"):
        assert found[f"{name}_x"] == 0


def test_features_of_a_segment_do_not_depend_on_the_others(noise):
    alone = [motion_features(segment[None], RATE)[0] for segment in noise]
    np.testing.assert_allclose(motion_features(noise, RATE), alone, rtol=1e-9)
