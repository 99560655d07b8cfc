"""Long recordings are processed in parts, which gives the same segments."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _one_recording, _sample_times, _stamps
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


@pytest.fixture
def small_parts(monkeypatch):
    def shrink():
        monkeypatch.setattr(_one_recording, "_SAMPLES_AT_ONCE", 70)
        monkeypatch.setattr(_sample_times, "_SAMPLES_AT_ONCE", 64)
        monkeypatch.setattr(_stamps, "_STAMPS_AT_ONCE", 64)
        monkeypatch.setattr(_stamps, "_BLOCKS_AT_ONCE", 3)

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
