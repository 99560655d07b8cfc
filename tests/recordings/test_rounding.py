"""Timestamps that are rounded coarsely, and the rate and times that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _one_recording
from relcon_sklearn._recordings._read import Recording
from relcon_sklearn._recordings._rounding import find_resolution, is_coarse, undo_rounding
from relcon_sklearn._recordings._stamps import check_rate, is_regular, typical_spacing

ROUNDINGS = {"floor": np.floor, "round": np.round, "ceil": np.ceil}


def rounded(rate, resolution, how="floor", n=4000, start=0.0):
    """Return regular timestamps that were rounded to multiples of `resolution`, in seconds."""
    return ROUNDINGS[how]((start + np.arange(n) / rate) / resolution) * resolution


def segment(stamps, rate, **kwargs):
    signal = np.random.default_rng(0).normal(size=(len(stamps), 3))
    kwargs = {"units": "g", "gravity": False, "window": 1.0} | kwargs
    return segment_recordings(signal, rate, timestamps=stamps, **kwargs)


@pytest.mark.parametrize("kind", ["seconds", "epoch", "dates"])
@pytest.mark.parametrize("rate", [75, 80, 85.7])
def test_the_rate_is_not_told_from_the_most_frequent_spacing(rate, kind):
    stamps = rounded(rate, 0.01)
    if kind == "epoch":
        stamps = stamps + 1.7e9
    elif kind == "dates":
        stamps = np.datetime64("2024-01-01") + np.round(stamps * 1000).astype("timedelta64[ms]")
    actual = segment(stamps, rate)
    expected = segment_recordings(
        np.random.default_rng(0).normal(size=(4000, 3)), rate, units="g", gravity=False, window=1.0
    )
    np.testing.assert_array_equal(actual.X, expected.X)
    shown = rf"sampling_rate=100 Hz, .* {rate:g}(\.0\d)? Hz \(median 0\.01 s, 100 Hz\)"
    with pytest.raises(ValueError, match=shown):
        segment(stamps, 100)


@given(
    st.floats(5, 98),
    st.sampled_from([1e-3, 1e-2, 1.0]),
    st.sampled_from(sorted(ROUNDINGS)),
    st.floats(0, 0.01),
)
def test_rate_and_samples_survive_rounding(rate, resolution, how, start):
    """`rate` is in Hz for a resolution of 10 ms, and scaled for the others."""
    rate *= 0.01 / resolution
    stamps = rounded(rate, resolution, how, 2000, start * resolution / 0.01)
    np.testing.assert_allclose(typical_spacing(stamps * rate), 1, atol=0.01)
    window = 100 / rate
    actual = segment(stamps, rate, window=window)
    assert len(actual.X) == 20
    expected = np.arange(20) * window
    np.testing.assert_allclose(actual.start_times, stamps[0] + expected, atol=resolution)


@given(st.floats(51, 98), st.floats(-0.02, 0.02), st.integers(2, 400))
def test_times_without_rounding_are_within_it(rate, drift, n):
    """A clock may drift: restored times follow the timestamps."""
    true = np.arange(n) / rate * (1 + drift)
    stamps = np.floor(true / 0.01 + 1e-9) * 0.01
    restored = undo_rounding(stamps * rate, 0.01 * rate, 1 + drift) / rate
    assert (np.diff(restored) > 0).all()
    assert np.abs(restored - stamps).max() <= 0.02
    if n > 200:
        middle = slice(50, -50)
        error = restored - true
        assert np.ptp(error[middle]) < 0.006  # with rounding, up to 0.01


@given(
    st.sampled_from([50.0, 66.667, 80.0, 99.0, 99.6, 100.0, 100.4, 104.0]),
    st.sampled_from([1e-6, 1e-3, 0.004, 0.005, 0.01]),
    st.sampled_from([1.0, 1.0045, 0.9955, 0.9, 1.1]),
    st.integers(2, 3000),
    st.integers(0, 3000),
)
def test_regular_timestamps_need_no_other_check(rate, resolution, drift, n, gap):
    """`rate` is in Hz, `resolution` in seconds."""
    stamps = np.floor(np.arange(n) / rate * drift / resolution + 1e-6) * resolution
    stamps[n // 2 :] += gap * resolution
    position = stamps * rate
    if (np.diff(position) > 0).all() and is_regular(position):
        typical = check_rate(position, rate, "recording 0")
        np.testing.assert_allclose(typical, 1, atol=0.02)
        assert not is_coarse(find_resolution(stamps) * rate, typical)


def test_regular_timestamps_with_a_gap_are_checked_once(monkeypatch):
    """These checks took half of the time of a recording."""
    monkeypatch.delattr(_one_recording, "find_resolution")
    monkeypatch.delattr(_one_recording, "check_rate")
    stamps = rounded(100, 1e-6)
    stamps[2000:] += 7.7777
    assert len(segment(stamps, 100).X) == 40


@pytest.mark.parametrize(
    ("resolution", "typical", "coarse"),
    [
        *((0.3, 1, False), (0.3, 1.03, False), (0.49, 1, False), (0.51, 1.03, True)),
        *((0.8, 1, True), (0.8, 0.8, False), (0.99, 0.97, True)),
        *((1.0, 0.97, False), (1.1, 1, False), (0.0, 1, False)),
    ],
)
def test_only_rounding_by_more_than_half_a_period_is_undone(resolution, typical, coarse):
    assert is_coarse(resolution, typical) == coarse


@pytest.mark.parametrize("how", ROUNDINGS)
def test_samples_with_finer_rounding_are_not_moved(how):
    """A resolution of 0.3 periods moves no sample to the grid point of another."""
    stamps = rounded(30, 0.01, how, n=300)
    position = stamps * 30
    recording = Recording(0, "recording 0", np.ones((300, 1)), 30.0, stamps, None, [])
    np.testing.assert_array_equal(
        _one_recording.all_sample_times(recording).position, position - position[0]
    )


@pytest.mark.parametrize("dates", [True, False])
@pytest.mark.parametrize("how", ROUNDINGS)
@pytest.mark.parametrize("rate", [75, 80, 85.7])
def test_a_recording_does_not_start_before_its_first_timestamp(rate, how, dates):
    stamps = rounded(rate, 0.01, how)
    if dates:
        stamps = np.datetime64("2024-01-01", "ns") + np.round(stamps * 1e3).astype("m8[ms]")
    segments = segment(stamps, rate)
    assert segments.start_times[0] >= stamps[0]
    assert len(np.unique(segments.hour_groups)) == 1


def test_holes_remain_holes():
    kept = np.r_[0:1000, 1003:2000, 2010:3000]
    stamps = rounded(80, 0.01)[kept]
    segments = segment(stamps, 80, stride=0.0125)
    np.testing.assert_array_equal(np.flatnonzero(np.diff(segments.start_times) > 0.02), [920, 1838])
    assert len(segments.X) == 921 + 918 + 911


@pytest.mark.parametrize("rate", [100, 50, 20])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.3])
def test_missing_samples_are_not_taken_for_rounding(rate, share):
    """Exact timestamps of 100 Hz with missing samples look as if they were rounded to 10 ms."""
    n = 4000
    kept = np.flatnonzero(np.random.default_rng(0).random(n) >= share)
    stamps = kept / rate
    spacing = typical_spacing(kept.astype(float))
    assert 1 <= spacing < 1.05
    segments = segment(stamps, rate, window=2 / rate, stride=1 / rate)
    assert len(segments.X) == (np.diff(kept) == 1).sum()


def test_jitter_does_not_change_the_rate():
    rng = np.random.default_rng(0)
    position = np.arange(5000) + np.clip(0.2 * rng.standard_normal(5000), -0.49, 0.49)
    np.testing.assert_allclose(typical_spacing(position), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("rate", "resolution"), [(80, 0.01), (600, 0.001), (0.8, 1.0), (100, 0.01)]
)
def test_find_resolution(rate, resolution):
    stamps = rounded(rate, resolution)
    np.testing.assert_allclose(find_resolution(stamps), resolution)
    dates = np.datetime64("2024-01-01", "ns") + np.round(stamps * 1e9).astype("timedelta64[ns]")
    np.testing.assert_allclose(find_resolution(dates), resolution)
    # Recordings that were joined may be rounded from different starts.
    joined = np.concatenate([stamps, stamps + stamps[-1] + 7.1234 * resolution * 10])
    np.testing.assert_allclose(find_resolution(joined), resolution)
