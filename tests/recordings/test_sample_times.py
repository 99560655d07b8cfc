"""Gaps, stretches and grids."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _sample_times
from relcon_sklearn._recordings._sample_times import (
    SampleTimes,
    codes_on_grid,
    find_stretches,
    signal_on_grid,
)


def times_of(position):
    position = np.asarray(position, dtype=np.float64)
    return SampleTimes(len(position), None, position)


def stretches_by_loops(position, rate, max_gap):
    """Return (first, stop, n_grid, on_grid) of each stretch, by the definition."""
    limit = 1.5 if max_gap is None else max_gap * rate
    stretches, first = [], 0
    for i in range(1, len(position) + 1):
        if i < len(position) and position[i] - position[i - 1] <= limit + 1e-6 * rate:
            continue
        relative = [p - position[first] for p in position[first:i]]
        nearest = [round(r) for r in relative]
        on_grid = all(
            nearest[k] - nearest[k - 1] == 1 or relative[k] - relative[k - 1] > 1.5 + 1e-6 * rate
            for k in range(1, len(nearest))
        )
        last = nearest[-1] if on_grid else int(relative[-1] + 1e-6 * rate)
        stretches.append((first, i, last + 1, on_grid))
        first = i
    return stretches


@given(
    st.lists(
        st.sampled_from([0.6, 0.9, 1.0, 1.0, 1.0, 1.1, 1.4, 1.5, 1.6, 2.0, 2.9, 3.0, 7.3, 40.0]),
        max_size=40,
    ),
    st.sampled_from([None, 0.1, 0.15, 0.5]),
    st.sampled_from([1, 2, 5, 100]),
)
def test_stretches_equal_loops(spacings, max_gap, at_once):
    position = np.cumsum([0.0, *spacings])
    with mock.patch.object(_sample_times, "_SAMPLES_AT_ONCE", at_once):
        stretches = find_stretches(times_of(position), 20.0, max_gap)
    columns = (stretches.first, stretches.stop, stretches.n_grid, stretches.on_grid)
    actual = [tuple(row) for row in zip(*(c.tolist() for c in columns), strict=True)]
    assert actual == stretches_by_loops(position, 20.0, max_gap)
    np.testing.assert_array_equal(stretches.origin, position[stretches.first])


def test_without_timestamps_there_is_one_stretch():
    stretches = find_stretches(SampleTimes(7), 50.0)
    assert (stretches.first, stretches.stop, stretches.n_grid, stretches.on_grid) == (0, 7, 7, True)
    assert len(find_stretches(SampleTimes(0), 50.0)) == 0


@pytest.mark.parametrize("rate", [20, 25, 31.25, 32, 50, 64, 100, 125])
@pytest.mark.parametrize("resolution", [1e-3, 1e-6])
def test_rounded_timestamps_change_nothing(rate, resolution):
    signal = np.random.default_rng(0).normal(size=(20 * 125, 3))
    stamps = np.round(1.7e9 + np.arange(len(signal)) / rate, round(-np.log10(resolution)))
    plain = segment_recordings(signal, rate, units="g", gravity=False)
    stamped = segment_recordings(signal, rate, units="g", gravity=False, timestamps=stamps)
    np.testing.assert_array_equal(stamped.X, plain.X)
    np.testing.assert_allclose(stamped.start_times - 1.7e9, plain.start_times, atol=resolution)


@pytest.mark.parametrize("true_rate", [50.3, 49.6])
def test_a_clock_that_drifts(true_rate):
    """With a device that runs at 50.3 Hz instead of 50, the times of events are correct."""
    stamps = np.arange(round(60 * true_rate)) / true_rate
    signal = np.sin(2 * np.pi * 1.0 * stamps)
    segments = segment_recordings(signal, 50, units="g", timestamps=stamps, window=2.0)
    t = segments.start_times[:, None] + np.arange(100) / 50
    np.testing.assert_allclose(segments.X[..., 0], np.sin(2 * np.pi * t), atol=3e-3)
    assert len(segments.X) == (int(stamps[-1] * 50) + 1) // 100
    # Without interpolation, the error is larger.
    taken = segment_recordings(signal, 50, units="g", window=2.0).X[-2, :, 0]
    assert np.abs(taken - np.sin(2 * np.pi * t[-2])).max() > 0.3


def test_interpolation_removes_jitter():
    rng = np.random.default_rng(0)
    stamps = (np.arange(2000) + rng.uniform(-0.7, 0.7, 2000).cumsum() * 0.01) / 50
    stamps += rng.uniform(0, 0.4, 2000) / 50
    stamps[1000:] += 0.3 / 50
    signal = np.stack([stamps, 2 * stamps], axis=1)  # straight lines, which interpolation preserves
    segments = segment_recordings(signal, 50, units="g", timestamps=stamps, window=1.0)
    t = segments.start_times[:, None] + np.arange(50) / 50
    np.testing.assert_allclose(segments.X[..., 0], t, atol=1e-5)
    np.testing.assert_allclose(segments.X[..., 1], 2 * t, atol=1e-5)


def test_grid_points_have_the_label_of_the_nearest_sample():
    position = np.array([0.0, 0.7, 1.4, 2.1, 2.8, 3.5, 4.2])
    sample_times = times_of(position)
    stretches = find_stretches(sample_times, 20.0)
    assert not stretches.on_grid.any()
    codes = codes_on_grid(np.arange(10, 17), sample_times, stretches, 0)
    nearest = [10 + np.argmin(np.abs(position - k)) for k in range(5)]
    assert codes.tolist() == nearest == [10, 11, 13, 14, 16]


@given(
    st.lists(st.integers(0, 99), min_size=2, max_size=30, unique=True).map(sorted),
    st.sampled_from([0.11, 0.2, 0.5, 6.0]),
)
def test_bridged_gaps_are_straight_lines_and_samples_stay(rows, max_gap):
    signal = np.random.default_rng(0).normal(size=(100, 2))
    sample_times = SampleTimes(100).keep(np.array(rows))
    stretches = find_stretches(sample_times, 20.0, max_gap)
    assert stretches.on_grid.all()
    for i in range(len(stretches)):
        kept = rows[stretches.first[i] : stretches.stop[i]]
        grid = np.arange(kept[0], kept[-1] + 1)
        actual = signal_on_grid(signal, sample_times, stretches, i)
        assert len(actual) == stretches.n_grid[i] == len(grid)
        for channel in range(2):
            expected = np.interp(grid, kept, signal[kept, channel])
            np.testing.assert_allclose(actual[:, channel], expected)
        np.testing.assert_array_equal(actual[np.array(kept) - kept[0]], signal[kept])


@pytest.mark.parametrize("epoch", [0.0, 1.7e9])
def test_a_gap_as_long_as_max_gap_is_bridged(epoch):
    for n_missing in range(1, 100):
        stamps = epoch + np.r_[0:50, 50 + n_missing : 200] / 50
        segments = segment_recordings(
            np.arange(len(stamps)),
            50,
            units="g",
            timestamps=stamps,
            window=(len(stamps) + n_missing) / 50,
            max_gap=(n_missing + 1) / 50,
        )
        assert len(segments.X) == 1


def test_samples_around_a_bridged_gap_stay_despite_rounding():
    kept = np.r_[0:100, 130:300]
    signal = np.random.default_rng(0).normal(size=300)
    stamps = np.round(kept / 64, 3)
    segments = segment_recordings(
        signal[kept], 64, units="g", timestamps=stamps, window=300 / 64, max_gap=1.0
    )
    np.testing.assert_array_equal(segments.X[0, kept, 0], signal[kept].astype(np.float32))


@pytest.mark.parametrize("start", [0.0, 5.3, 1.7e9 + 0.3])
def test_a_grid_reaches_to_a_sample_at_its_end(start):
    for n_periods in range(1, 60):
        stamps = start + np.arange(52 * n_periods + 1) / 52  # 52 Hz, taken to be 50
        segments = segment_recordings(
            np.zeros(len(stamps)), 50, units="g", timestamps=stamps, window=n_periods + 1 / 50
        )
        assert segments.X.shape == (1, 50 * n_periods + 1, 1)


def test_integers_are_interpolated_as_numbers():
    sample_times = SampleTimes(3).keep(np.array([0, 2]))
    stretches = find_stretches(sample_times, 20.0, 1.0)
    actual = signal_on_grid(np.array([[1], [9], [4]], np.int16), sample_times, stretches, 0)
    assert actual.ravel().tolist() == [1.0, 2.5, 4.0]


def test_max_gap():
    stamps = np.delete(np.arange(600) / 50, slice(100, 120))  # a spacing of 21 samples: 0.42 s
    signal = np.arange(600.0)[np.r_[:100, 120:600]]
    cut = segment_recordings(signal, 50, units="g", timestamps=stamps, window=1.0)
    assert cut.start_times.tolist() == [0.0, 1.0, *np.arange(2.4, 11, 1.0)]
    assert cut.dropped["seconds_at_ends_of_stretches"] == 0.6
    for max_gap, n_windows in [(0.42, 12), (0.41, 11)]:
        segments = segment_recordings(
            signal, 50, units="g", timestamps=stamps, window=1.0, max_gap=max_gap
        )
        assert len(segments.X) == n_windows
        assert (np.diff(segments.X[..., 0], axis=1) == 1).all()


@pytest.mark.parametrize(("max_gap", "rates"), [(0.029, 50), (0.05, [50, 20])])
def test_max_gap_below_the_spacing_of_samples_is_refused(max_gap, rates):
    signal = np.ones((200, 1))
    recordings = signal if rates == 50 else [signal, signal]
    with pytest.raises(ValueError, match=r"max_gap=.* is below 1\.5 sample periods"):
        segment_recordings(recordings, rates, units="g", max_gap=max_gap, target_rate=50)
