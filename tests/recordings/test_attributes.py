"""Units, rates and channels in the attributes of DataFrames."""

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
SIGNAL = np.array([0.0, 0.6, 0.8]) + 0.1 * RNG.normal(size=(500, 3))


def frame_of(columns=("x", "y", "z"), scale=1, more=None, **attrs):
    frame = pd.DataFrame(scale * SIGNAL, columns=list(columns)).assign(**(more or {}))
    frame.attrs = attrs
    return frame


EXPECTED = segment_recordings(SIGNAL, 50, units="g", window=1).X


def test_units_and_rate():
    frame = frame_of(units="mg", sampling_rate=50, scale=1000)
    np.testing.assert_allclose(segment_recordings(frame, window=1).X, EXPECTED, rtol=1e-5)
    # What the user passes counts.
    frame = frame_of(units="mg", sampling_rate=20)
    segments = segment_recordings(frame, 50, units="g", window=1)
    np.testing.assert_array_equal(segments.X, EXPECTED)


def test_rates_of_several_recordings():
    frames = [frame_of(units="g", sampling_rate=rate) for rate in (50, 100)]
    segments = segment_recordings(frames, window=1, target_rate=50)
    assert len(segments.X) == 10 + 5


@pytest.mark.parametrize("recording", [SIGNAL, frame_of(units="g"), frame_of(units="g").x])
def test_without_a_rate(recording):
    with pytest.raises(ValueError, match="sampling_rate is None, and recording 1 does not have"):
        segment_recordings([frame_of(units="g", sampling_rate=50), recording])


def test_rates_that_are_not_valid():
    with pytest.raises(ValueError, match="sampling_rate has 0, which is not a valid rate"):
        segment_recordings(frame_of(units="g", sampling_rate=0))


def test_units_that_differ_or_are_not_known():
    frames = [frame_of(units="g"), frame_of(units="mg", scale=1000), frame_of()]
    with pytest.raises(ValueError, match=r"'g' in recording 0, but 'mg' in recording 1. Convert"):
        segment_recordings(frames[:2], 50)
    with pytest.raises(ValueError, match="'g' in recording 0, but None in recording 1"):
        segment_recordings(frames[::2], 50)
    with pytest.raises(ValueError, match=r"frame.attrs\['units'\] of recording 0 is 'K', which"):
        segment_recordings(frame_of(units="K"), 50)
    with pytest.raises(ValueError, match="units is None, and units are not guessed"):
        segment_recordings(frame_of(), 50)


def test_channels():
    gyroscope = {f"gyro_{axis}": 0.5 for axis in "xyz"}
    frame = frame_of(units="g", sampling_rate=50, channels=["z", "y", "x"], more=gyroscope)
    np.testing.assert_array_equal(segment_recordings(frame, window=1).X, EXPECTED[..., ::-1])
    chosen = segment_recordings(frame, window=1, channels=["x", "gyro_x"], gravity=False)
    assert chosen.X.shape == (10, 50, 2)
    # The second recording has other columns too.
    frames = [frame_of(units="g", sampling_rate=50, channels=["z", "y", "x"]), frame]
    assert segment_recordings(frames, window=1).X.shape == (20, 50, 3)


@pytest.mark.parametrize("channels", [["a", "b", "c"], 3, None])
def test_channels_that_are_not_columns_do_not_count(channels):
    frame = frame_of(units="g", sampling_rate=50, channels=channels)
    np.testing.assert_array_equal(segment_recordings(frame, window=1).X, EXPECTED)
