"""Windows that are cut in blocks are those of segment_recordings."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _blocks, _one_recording
from relcon_sklearn._recordings._blocks import place_windows_in
from relcon_sklearn._recordings._window_layout import lay_out

RATE = 10  # Hz
EVENING = np.datetime64("2024-03-05T22:00", "ns")


def recording(hours=1.0, gaps=(), still=()):
    """A signal that moves, and its times; gaps and still parts are pairs of seconds."""
    rng = np.random.default_rng(0)
    seconds = np.arange(round(hours * 3600 * RATE)) / RATE
    signal = rng.normal([0, 0, 1], 0.2, (len(seconds), 3))
    for first, last in still:
        signal[(seconds >= first) & (seconds < last)] = [0, 0, 1]
    kept = np.ones(len(seconds), dtype=bool)
    for first, last in gaps:
        kept &= (seconds < first) | (seconds >= last)
    times = EVENING + np.rint(seconds * 1e9).astype("timedelta64[ns]")
    return signal[kept], times[kept]


@pytest.mark.parametrize("rate", [10, 7, 25])
@pytest.mark.parametrize("overlap", [0, 0.75])
def test_blocks_are_the_segments(rate, overlap, monkeypatch):
    monkeypatch.setattr(_blocks, "_BLOCK_BYTES", 11 * 4 * 3 * 4 * rate)  # eleven windows
    signal, times = recording(gaps=[(700, 703), (1500, 1800)], still=[(2000, 3000)])
    settings = {"sampling_rate": RATE, "units": "mg", "nonwear": 10, "timestamps": times}
    expected = segment_recordings(
        1000 * signal, window=4, overlap=overlap, target_rate=rate, **settings
    )
    monkeypatch.setattr(_one_recording, "_SAMPLES_AT_ONCE", 1000)  # less than a stretch
    layout = lay_out(4, None, overlap, rate)
    placed = place_windows_in(1000 * signal, layout, **settings)
    pieces = list(placed.blocks())
    assert len(pieces) > 20
    assert [rows.start for rows, _ in pieces] == list(range(0, len(expected.X), 11))
    np.testing.assert_allclose(
        np.concatenate([X for _, X in pieces]), expected.X, rtol=1e-5, atol=1e-6
    )
    begin = placed.windows.begin
    assert_array_equal(placed.times(placed.windows.stretch, begin), expected.start_times)


def test_times_without_wear():
    """Gaps are no non-wear, and below 10 s do not divide it."""
    gaps = [(1300, 1305), (1600, 1700), (3000, 3100)]
    signal, times = recording(gaps=gaps, still=[(1000, 2400)])
    placed = place_windows_in(
        signal,
        lay_out(4, None, 0, RATE),
        sampling_rate=RATE,
        units="g",
        nonwear=5,
        timestamps=times,
    )
    expected = EVENING + np.array([[1000, 1600], [1700, 2400]], "timedelta64[s]")
    assert_array_equal(placed.nonwear(), expected)


def test_a_device_that_was_never_worn():
    signal, times = recording(still=[(0, 3600)])
    placed = place_windows_in(
        signal,
        lay_out(4, None, 0, RATE),
        sampling_rate=RATE,
        units="g",
        nonwear=5,
        timestamps=times,
    )
    assert_array_equal(placed.nonwear(), EVENING + np.array([[0, 3600]], "timedelta64[s]"))
    assert list(placed.blocks()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timestamps": None}, "recording has no dates"),
        ({"units": None}, "units is None"),
        ({"sampling_rate": None}, "sampling_rate is None"),
        ({"units": "mg"}, "median magnitude"),
        ({"max_gap": 0.01}, "max_gap=0.01 s is below"),
    ],
)
def test_parameters_are_checked_as_in_segment_recordings(change, message):
    signal, times = recording()
    settings = {"sampling_rate": RATE, "units": "g", "timestamps": times} | change
    with pytest.raises(ValueError, match=message):
        place_windows_in(signal, lay_out(4, None, 0, RATE), **settings)


def test_one_recording_at_a_time():
    signal, times = recording(0.1)
    with pytest.raises(ValueError, match="is a list of 2 recordings"):
        place_windows_in([signal, signal], lay_out(4, None, 0, RATE), sampling_rate=RATE, units="g")
    placed = place_windows_in(
        [signal], lay_out(4, None, 0, RATE), sampling_rate=RATE, units="g", timestamps=times
    )
    assert len(placed.windows.begin) == 90
