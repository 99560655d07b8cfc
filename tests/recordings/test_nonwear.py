"""Non-wear: stretches of still blocks of a minimum length."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _nonwear
from relcon_sklearn._recordings._nonwear import find_nonwear
from relcon_sklearn._recordings._sample_times import SampleTimes

RATE = 4  # Hz, so that hours have few samples


def nonwear_of(signal, seconds, rate, minutes, scale=1.0):
    """Return which samples are non-wear."""
    nonwear = np.zeros(len(signal), dtype=bool)
    times = SampleTimes(len(signal), None, seconds * rate)
    nonwear[find_nonwear(signal, times, rate, minutes, scale)[:]] = True
    return nonwear


def nonwear_by_loops(signal, seconds, period, minutes, scale):
    """Return non-wear by its definition, block by block and run by run."""
    blocks = {}
    for i, second in enumerate(seconds):
        blocks.setdefault(int(second // 10), []).append(i)
    runs, before = [], None
    for number, rows in blocks.items():
        values = np.asarray(signal, dtype=float)[rows] * scale
        if not all(np.std(values[:, c]) < 0.013 for c in range(values.shape[1])):
            before = None
            continue
        if before is None or number != before + 1:
            runs.append([])
        runs[-1].extend(rows)
        before = number
    nonwear = np.zeros(len(signal), dtype=bool)
    for rows in runs:
        if seconds[rows[-1]] - seconds[rows[0]] + period >= 60 * minutes - 1e-6:
            nonwear[rows] = True
    return nonwear


def wear(blocks, seed, n_last=40):
    """Return acceleration in g with one standard deviation for each block of 10 s."""
    rng = np.random.default_rng(seed)
    parts = [[0.6, 0.0, 0.8] + sd * rng.standard_normal((10 * RATE, 3)) for sd in blocks]
    parts[-1] = parts[-1][:n_last]
    return np.concatenate(parts)


@given(
    st.lists(st.sampled_from([0.0, 0.001, 0.0125, 0.0135, 0.1]), min_size=1, max_size=40),
    st.integers(1, 40),
    st.sampled_from([1 / 6, 0.5, 1.0, 1.1]),
    st.sampled_from([1.0, 1e-3]),
    st.booleans(),
    st.integers(0, 99),
)
def test_equals_loops(blocks, n_last, minutes, scale, gaps, seed):
    signal = wear(blocks, seed, n_last) / scale
    seconds = np.arange(len(signal)) / RATE
    if gaps:
        rng = np.random.default_rng(seed)
        kept = np.ones(len(signal), dtype=bool)
        for start in rng.integers(0, len(signal), 3):
            kept[start : start + rng.integers(1, 100)] = False
        kept[0] = True
        signal, seconds = signal[kept], seconds[kept]
    expected = nonwear_by_loops(signal, seconds, 1 / RATE, minutes, scale)
    for n_at_once in (2**18, 100):
        with mock.patch.object(_nonwear, "_SAMPLES_AT_ONCE", n_at_once):
            actual = nonwear_of(signal, seconds, RATE, minutes, scale)
        np.testing.assert_array_equal(actual, expected)


def test_a_block_without_samples_ends_a_run():
    signal, seconds = wear([0.0] * 12, 0), np.arange(12 * 40) / RATE
    for gap, found in [(slice(200, 240), False), (slice(201, 240), True), (slice(190, 230), True)]:
        kept = np.delete(np.arange(len(signal)), gap)
        nonwear = nonwear_of(signal[kept], seconds[kept], RATE, 2.0)
        assert nonwear.all() == nonwear.any() == found


@pytest.mark.parametrize("start", [0.0, 100.7, 1.7e9])
@pytest.mark.parametrize("rate", [20, 30, 31.25, 40, 64, 100])
def test_rounding_does_not_change_a_minute(rate, start):
    seconds = (start + np.arange(60 * rate) / rate) - start
    # Six blocks of different values. A block is still only if it has no samples of another block.
    signal = np.floor(np.arange(60 * rate) / (10 * rate))[:, None]
    assert nonwear_of(signal, seconds, rate, 1.0).all()
    assert not nonwear_of(signal[:-1], seconds[:-1], rate, 1.0).any()


def test_every_axis_must_be_still():
    signal = np.zeros((60 * RATE, 3))
    signal[:, 1] = 0.1 * np.random.default_rng(0).standard_normal(len(signal))
    seconds = np.arange(len(signal)) / RATE
    assert not nonwear_of(signal, seconds, RATE, 1).any()
    assert nonwear_of(signal[:, [0, 2]], seconds, RATE, 1).all()


@pytest.mark.filterwarnings("ignore:More than half of")
@pytest.mark.parametrize(("n_minutes", "found"), [(59, False), (60, True), (61, True)])
@pytest.mark.parametrize("units", ["g", "m/s^2"])
def test_an_hour_on_the_table_is_cut_out(n_minutes, found, units):
    still, moving = [0.003], [0.2]
    signal = wear(moving * 30 + still * (6 * n_minutes) + moving * 30, 0)
    signal = signal * (9.80665 if units == "m/s^2" else 1)
    segments = segment_recordings(signal, RATE, units=units, window=10, nonwear=60)
    assert segments.dropped["seconds_nonwear"] == (60 * n_minutes if found else 0)
    assert len(segments.X) == 60 + (0 if found else 6 * n_minutes)
    # Removed samples make a gap.
    gap = np.diff(segments.start_times).max()
    assert gap == (60 * n_minutes + 10 if found else 10)


@pytest.mark.filterwarnings("ignore:More than half of")
def test_missing_samples_within_a_block_do_not_end_nonwear():
    signal = wear([0.2] * 6 + [0.003] * 60 + [0.2] * 6, 0)
    signal[500:510] = np.nan
    segments = segment_recordings(signal, RATE, units="g", window=10, nonwear=10, nan_policy="omit")
    assert segments.dropped["seconds_nonwear"] == 600 - 10 / RATE
    assert segments.dropped["samples_nan"] == 10
    assert len(segments.X) == 12


def test_nothing_is_left_of_a_device_in_a_drawer():
    with pytest.raises(ValueError, match=r"No window of 10 s is left.*seconds_nonwear 3600"):
        segment_recordings(wear([0.001] * 360, 0), RATE, units="g", window=10, nonwear=60)


def test_a_recording_of_zeros_is_not_advised_to_be_kept():
    with pytest.raises(
        ValueError, match=r"All its samples are 0.*Leave the recording out"
    ) as error:
        segment_recordings(np.zeros((3600, 3)), 1, units="g", window=10, nonwear=30)
    assert "larger nonwear" not in str(error.value)


def test_max_gap_must_not_bridge_nonwear():
    with pytest.raises(ValueError, match="max_gap=3600 s would fill the gaps that nonwear=60"):
        segment_recordings(wear([0.1], 0), RATE, units="g", window=1, nonwear=60, max_gap=3600)


@pytest.mark.parametrize("nonwear", [0, 0.1, -5])
def test_nonwear_shorter_than_a_block_is_refused(nonwear):
    with pytest.raises(ValueError, match="'nonwear'"):
        segment_recordings(wear([0.1], 0), RATE, units="g", window=1, nonwear=nonwear)
