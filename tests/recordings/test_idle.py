"""Zeros, which some devices write in idle sleep mode."""

from itertools import groupby
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings import _rows
from relcon_sklearn._recordings._idle import find_idle
from relcon_sklearn._recordings._rows import Ranges, Taken
from relcon_sklearn.timelines import predict_timeline

RATE = 10  # Hz
AXES = [[0, 1, 2]]


def worn(n_samples, seed=0):
    return np.random.default_rng(seed).normal([0, 0, 1], 0.2, (n_samples, 3))


def with_zeros(*sleeps, n=6000):
    """Return ten minutes of acceleration in g that are 0 in some slices of samples."""
    signal = worn(n)
    for sleep in sleeps:
        signal[sleep] = 0
    return signal


@pytest.mark.parametrize(
    ("sleeps", "found"),
    [
        ([], []),
        ([slice(100, 110)], range(100, 110)),
        ([slice(100, 109)], []),
        ([slice(0, 20), slice(40, 45), slice(5990, 6000)], [*range(20), *range(5990, 6000)]),
        ([slice(None)], range(6000)),
    ],
    ids=str,
)
def test_runs_of_a_second(sleeps, found):
    assert find_idle(with_zeros(*sleeps), AXES, RATE)[:].tolist() == list(found)


def runs_by_loops(zeros, rate):
    """Return the numbers of the samples in runs of zeros of at least a second."""
    runs = [list(run) for is_zero, run in groupby(range(len(zeros)), zeros.__getitem__) if is_zero]
    return [number for run in runs if len(run) >= rate for number in run]


# Runs of samples that are all zeros or none.
some_zeros = st.lists(st.tuples(st.booleans(), st.integers(1, 12)), max_size=20).map(
    lambda runs: [is_zero for is_zero, length in runs for _ in range(length)]
)


@given(some_zeros, st.sampled_from([0.5, 1, 2, 3.3, 4, 5, 7.5]), st.integers(1, 50))
def test_runs_equal_loops(zeros, rate, at_once):
    signal = np.where(np.array(zeros, dtype=bool)[:, None], 0.0, [0.0, 0.6, 0.8])
    with mock.patch.object(_rows, "_ROWS_AT_ONCE", at_once):
        found = find_idle(signal, AXES, rate)
    assert found[:].tolist() == runs_by_loops(zeros, rate)
    assert (found.first < found.stop).all()
    assert (found.stop[:-1] < found.first[1:]).all()


@given(some_zeros, some_zeros)
def test_runs_of_some_samples_equal_loops(zeros, left_out):
    """Those of samples that are used: others in between do not end a run."""
    n = min(len(zeros), len(left_out))
    signal = np.where(np.array(zeros[:n], dtype=bool)[:, None], 0.0, [0.0, 0.6, 0.8])
    used = Ranges.where_rows(np.logical_not, np.array(left_out[:n], dtype=bool))
    found = find_idle(Taken(signal, used), AXES, 4)
    assert found[:].tolist() == runs_by_loops([zeros[number] for number in used[:]], 4)


def test_all_axes_must_be_zero():
    signal = with_zeros(slice(100, 300))
    signal[100:300, 1] = 0.01
    assert len(find_idle(signal, AXES, RATE)) == 0


@pytest.mark.parametrize("sleep", [slice(1000, 1600), slice(1000, 5000)], ids=str)
@pytest.mark.parametrize("other", ["gyro", "hip_acc"])
@pytest.mark.filterwarnings("ignore:More than half")
def test_other_channels_are_not_zero(sleep, other):
    """Those of a gyroscope or of another device, which may record at the same time."""
    pd = pytest.importorskip("pandas")
    names = [f"{stem}_{axis}" for stem in ("acc", other) for axis in "xyz"]
    recording = pd.DataFrame(np.hstack([with_zeros(sleep), worn(6000, 1)]), columns=names)
    options = {"units": "g", "window": 10, "channels": names}
    segments = segment_recordings(recording, RATE, **options)
    n_zeros = sleep.stop - sleep.start
    assert segments.dropped["seconds_idle"] == n_zeros / RATE
    assert len(segments.X) == (6000 - n_zeros) / 100
    assert segments.X[..., :3].any(axis=(1, 2)).all()


def test_an_accelerometer_that_has_only_zeros():
    pd = pytest.importorskip("pandas")
    names = [f"{stem}_{axis}" for stem in ("acc", "gyro") for axis in "xyz"]
    recording = pd.DataFrame(np.hstack([np.zeros((6000, 3)), worn(6000)]), columns=names)
    with pytest.raises(ValueError, match=r"No window of 10 s is left.*seconds_idle 600"):
        segment_recordings(recording, RATE, units="g", window=10, channels=names)


def test_zeros_become_gaps():
    signal = with_zeros(slice(1000, 1600))
    segments = segment_recordings(signal, RATE, units="g", window=10)
    assert segments.dropped["seconds_idle"] == 60
    assert segments.X.any(axis=(1, 2)).all()
    assert len(segments.X) == 54
    np.testing.assert_array_equal(
        segments.start_times, np.r_[0:100:10, 160:600:10].astype(np.float64)
    )
    kept = segment_recordings(signal, RATE, units="g", window=10, gravity=False)
    assert kept.dropped["seconds_idle"] == 0
    assert len(kept.X) == 60


def test_max_gap_fills_gaps_that_zeros_left():
    """What was removed is still counted."""
    signal = with_zeros(slice(1000, 1020))
    segments = segment_recordings(signal, RATE, units="g", window=10, max_gap=2.1)
    assert segments.dropped["seconds_idle"] == 2
    assert len(segments.X) == 60
    line = np.linspace(signal[999], signal[1020], 22)[1:-1]
    np.testing.assert_allclose(segments.X[10, :20], line, rtol=1e-5)


def test_zeros_on_both_sides_of_a_gap_are_one_run():
    """The device was asleep before and after it."""
    signal = with_zeros(slice(995, 1005))
    seconds = np.arange(6000) / RATE + 300 * (np.arange(6000) >= 1000)
    segments = segment_recordings(signal, RATE, units="g", window=1, timestamps=seconds)
    assert segments.dropped["seconds_idle"] == 1
    assert segments.X.any(axis=2).all()


def test_a_long_time_of_zeros_is_nonwear():
    signal = with_zeros(slice(1000, 2200), slice(4000, 4300))
    segments = segment_recordings(signal, RATE, units="g", window=10, nonwear=2)
    assert segments.dropped["seconds_nonwear"] == 120
    assert segments.dropped["seconds_idle"] == 30


def test_zeros_and_missing_values():
    signal = with_zeros(slice(1000, 1600))
    signal[500:600] = np.nan
    segments = segment_recordings(signal, RATE, units="g", window=10, nan_policy="omit")
    assert segments.dropped["samples_nan"] == 100
    assert segments.dropped["seconds_idle"] == 60
    assert len(segments.X) == 53


def test_most_of_a_recording_is_zeros():
    with pytest.warns(UserWarning, match="More than half .*360 s, is zeros, which.*that mode off"):
        segment_recordings(with_zeros(slice(1000, 4600)), RATE, units="g", window=10)
    with pytest.raises(ValueError, match=r"No window of 10 s is left.*seconds_idle 600.*Leave the"):
        segment_recordings(with_zeros(slice(None)), RATE, units="g", window=10)


def test_timelines_have_no_rows_for_zeros():
    pd = pytest.importorskip("pandas")
    signal = with_zeros(slice(1000, 2200), slice(4000, 4300))
    dates = pd.date_range("2024-03-05", periods=len(signal), freq="100ms")
    recording = pd.DataFrame(signal, dates, ["x", "y", "z"])
    recording.attrs = {"units": "g", "sampling_rate": RATE}
    model = DummyRegressor().fit([[0]], [1])
    timeline = predict_timeline(model, recording, window=10, target_rate=RATE, nonwear=2)
    seconds = (timeline[["start", "end"]] - timeline["start"][0]) / pd.Timedelta("1s")
    assert seconds[~timeline["wear"]].to_numpy().tolist() == [[100, 220]]
    gap = seconds["start"].shift(-1) - seconds["end"]
    assert seconds["end"][gap > 0].tolist() == [400]
    assert gap.max() == 30
