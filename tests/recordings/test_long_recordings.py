"""Long recordings are processed in parts, which gives the same segments."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import resample_poly

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _interpolate, _one_recording, _sample_times
from relcon_sklearn._recordings._sample_times import SampleTimes, find_stretches

N = 3000
RNG = np.random.default_rng(0)
SIGNAL = RNG.normal([0, 0, 1], 0.3, size=(N, 3)).astype(np.float32)
SECONDS = {
    "regular": np.arange(N) / 100,
    "slow": np.arange(N) * 1.013 / 100,
    "fast": np.arange(N) * 0.986 / 100,
    "gaps": np.arange(N) * 1.013 / 100 + np.cumsum(np.isin(np.arange(N), [10, 1500, 1600])) * 0.7,
}


def by_loops(signal, position, n_timesteps, up, down, max_gap):
    """Return the windows of a recording, resampled stretch by stretch by numpy.interp and scipy."""
    windows, starts = [], []
    for rows in np.split(np.arange(len(position)), np.flatnonzero(np.diff(position) > max_gap) + 1):
        knots = position[rows] - position[rows[0]]
        nearest = np.rint(knots)
        regular = (np.diff(nearest) == 1) | (np.diff(knots) > 1.5 + 1e-4)
        knots = nearest if regular.all() else knots
        grid = np.arange(int(knots[-1] + 1e-4) + 1)
        values = np.stack([np.interp(grid, knots, channel) for channel in signal[rows].T], axis=1)
        values = values.astype(signal.dtype)
        if up != down:
            values = resample_poly(values, up, down, axis=0, padtype="line")
        for begin in range(0, len(values) - n_timesteps + 1, n_timesteps):
            windows.append(values[begin : begin + n_timesteps])
            starts.append((position[rows[0]] + begin * down / up) / 100)
    return np.array(windows), np.array(starts)


AT_BORDERS = np.isin(np.arange(N), [1, 63, 64, 65, 128, 140, 141, 256, 700, 2100, N - 1])


@pytest.mark.parametrize(("up", "down"), [(1, 1), (1, 2), (32, 25), (25, 16), (2, 1), (1, 3)])
@pytest.mark.parametrize("holes", [0.0, 3.3, 5.0, 40.0])
@pytest.mark.parametrize("period", [1.0, 1.013, 0.986])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stretch_by_stretch(up, down, holes, period, dtype, small_parts):
    """Holes next to the borders of parts, and stretches shorter than a part or than a window."""
    signal = SIGNAL.astype(dtype)
    position = np.arange(N) * period + np.cumsum(AT_BORDERS) * holes
    more = {"max_gap": 0.045} if holes else {}  # only the shorter holes are filled
    n_timesteps = 20
    windows, starts = by_loops(signal, position, n_timesteps, up, down, 4.5 if holes else 1.5)

    def check():
        rate = 100 * up / down
        segments = segment_recordings(
            signal, 100, units="g", window=n_timesteps / rate, target_rate=rate,
            timestamps=position / 100, **more,
        )  # fmt: skip
        atol = 2.5e-7 if up == down else 2e-6
        assert_allclose(segments.X, windows, rtol=0, atol=atol)
        assert_allclose(segments.start_times, starts, rtol=0, atol=1e-9)

    check()
    small_parts()
    check()


def test_memory_does_not_grow_with_the_recording():
    """A copy of the samples, or their positions, would need more than the segments."""
    added = []
    for n in (150_000, 450_000):
        signal = np.zeros((n, 3), np.float32)
        signal[:, 2] = 1
        seconds = np.arange(n) * 0.01013
        tracemalloc.start()
        X = segment_recordings(
            signal, 100, units="g", window=10, target_rate=25, timestamps=seconds
        ).X
        added.append(tracemalloc.get_traced_memory()[1] - X.nbytes)
        tracemalloc.stop()
    assert added[1] < added[0] + 300_000 * 4


@pytest.fixture
def small_parts(monkeypatch):
    def shrink():
        monkeypatch.setattr(_one_recording, "_SAMPLES_AT_ONCE", 70)
        monkeypatch.setattr(_sample_times, "_SAMPLES_AT_ONCE", 64)
        monkeypatch.setattr(_interpolate, "_POINTS_AT_ONCE", 16)

    return shrink


@pytest.mark.parametrize("target_rate", [100, 50, 128, 33.3])
@pytest.mark.parametrize("kind", SECONDS)
@pytest.mark.parametrize("more", [{}, {"overlap": 0.6}, {"max_gap": 1}], ids=str)
def test_segments_of_parts(target_rate, kind, more, small_parts):
    def segments():
        return segment_recordings(
            SIGNAL, 100, units="g", window=1, target_rate=target_rate,
            timestamps=SECONDS[kind], **more,
        )  # fmt: skip

    whole = segments()
    small_parts()
    parts = segments()
    assert_allclose(parts.X, whole.X, rtol=0, atol=1e-6)
    assert_array_equal(parts.start_times, whole.start_times)
    assert parts.dropped == whole.dropped


@pytest.mark.parametrize("missing", [[5], list(range(700, 1200)), list(range(0, N, 97))], ids=len)
def test_samples_without_values(missing, small_parts):
    signal = SIGNAL.copy()
    signal[missing] = np.nan

    def segments():
        return segment_recordings(
            signal, 100, units="g", window=0.5, target_rate=50, nan_policy="omit",
            timestamps=SECONDS["slow"], max_gap=0.1,
        )  # fmt: skip

    whole = segments()
    small_parts()
    assert_allclose(segments().X, whole.X, rtol=0, atol=1e-6)


@pytest.mark.parametrize("max_gap", [None, 0.5])
@pytest.mark.parametrize("kind", SECONDS)
def test_stretches(kind, max_gap, small_parts):
    sample_times = SampleTimes(N, None, SECONDS[kind] * 100)
    whole = find_stretches(sample_times, 100, max_gap)
    small_parts()
    parts = find_stretches(sample_times, 100, max_gap)
    for name in whole.__dataclass_fields__:
        assert_array_equal(getattr(parts, name), getattr(whole, name))
