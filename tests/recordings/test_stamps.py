"""Timestamps of all types, and invalid timestamps."""

import datetime

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._compact import BlockTimes
from relcon_sklearn._recordings._stamps import Positions
from relcon_sklearn._recordings._times import read_times

RATE = 50
T = np.arange(500) / RATE
SIGNAL = np.tile([0.0, 0.6, 0.8], (500, 1))
START = np.datetime64("2024-03-05T22:59:57.5", "ns")
ELAPSED = np.arange(500) * np.timedelta64(20, "ms")
DATES = START + ELAPSED


def segment(stamps, **kwargs):
    return segment_recordings(SIGNAL, RATE, units="g", window=1.0, timestamps=stamps, **kwargs)


@pytest.mark.parametrize(
    "stamps",
    [
        T + 3.0,
        (T + 3.0).tolist(),
        (T + 3.0).astype(np.float32),
        ((T + 3.0) * 1000).round().astype("timedelta64[ms]"),
        [T + 3.0],
    ],
)
def test_seconds(stamps):
    segments = segment(stamps)
    assert segments.start_times.dtype == np.float64
    np.testing.assert_allclose(segments.start_times, 3.0 + np.arange(10), atol=1e-6)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_dates(unit):
    segments = segment(DATES.astype(f"datetime64[{unit}]"))
    assert segments.start_times.dtype == np.dtype("datetime64[ns]")
    expected = START + np.arange(10) * np.timedelta64(1, "s")
    np.testing.assert_array_equal(segments.start_times, expected)


def test_dates_of_pandas_become_utc():
    pd = pytest.importorskip("pandas")
    index = pd.DatetimeIndex(DATES)
    vienna = index.tz_localize("UTC").tz_convert("Europe/Vienna")
    for stamps in (index, pd.Series(index), vienna, pd.Series(vienna), pd.to_timedelta(T, "s")):
        expected = DATES if stamps.dtype.kind == "M" else T
        actual = read_times(stamps, "recording 0: timestamps", "timestamps").values
        np.testing.assert_allclose(actual.astype(float), expected.astype(float))
        assert actual.dtype == expected.dtype


def test_day_at_a_high_rate_has_exact_dates():
    n = 64 * 3600
    stamps = START + (np.arange(n) * 15_625_000).astype("timedelta64[ns]")
    segments = segment_recordings(
        np.ones((n, 1), np.float32), 64, units="g", timestamps=stamps, window=1.0
    )
    np.testing.assert_array_equal(segments.start_times, stamps[::64])


@pytest.mark.parametrize("dates", [True, False])
def test_decreasing_timestamps(dates):
    stamps = (DATES if dates else T).copy()
    stamps[[200, 201]] = stamps[[201, 200]]
    with pytest.raises(ValueError, match="recording 0 has decreasing timestamps: sample 201 has"):
        segment(stamps)
    with pytest.raises(ValueError, match=r"order = numpy.argsort\(timestamps\)"):
        segment(stamps)


@pytest.mark.parametrize("dates", [True, False])
def test_duplicate_timestamps(dates):
    stamps = (DATES if dates else T).copy()
    stamps[200] = stamps[199]
    stamps[300] = stamps[299]
    with pytest.raises(ValueError, match=r"duplicate timestamps: sample 200 .*2 such places"):
        segment(stamps)
    with pytest.raises(ValueError, match=r"numpy.unique\(timestamps, return_index=True\)"):
        segment(stamps)


@pytest.mark.parametrize("dates", [True, False])
def test_times_in_whole_seconds(dates):
    stamps = DATES.astype("datetime64[s]") if dates else np.floor(T)
    with pytest.raises(ValueError, match=r"such as all of a second, spread them evenly: times in"):
        segment(stamps)


@pytest.mark.parametrize(
    ("stamps", "match"),
    [
        (T[:-1], r"timestamps has shape \(499,\), but there are 500 samples"),
        (np.stack([T, T], 1), r"shape \(500, 2\)"),
        (np.where(T == 4, np.nan, T), "1 timestamps are missing, the first at sample 200"),
        (np.where(T == 4, np.inf, T), "1 timestamps are missing"),
        (np.where(T >= 4, np.datetime64("NaT"), DATES), "300 timestamps are missing"),
        *(
            (np.where(np.arange(500) == at, missing, stamps), f"missing, the first at sample {at}")
            for at in (0, 1, 498, 499)
            for stamps, values in [(T, [np.nan, -np.inf, np.inf]), (DATES, [np.datetime64("NaT")])]
            for missing in values
        ),
        (DATES.astype(str), "pandas.to_datetime"),
        (
            [datetime.datetime(2020, 1, 1)] * 500,
            "must be datetime64 or numbers of seconds. Got dtype object",
        ),
        (np.datetime64("0001", "us") + ELAPSED, "within 1678 to 2262.* Got 0001-01-01"),
        (np.datetime64("2300", "us") + ELAPSED, "within 1678 to 2262.* Got 2300-01-01"),
        (np.arange(500) * np.timedelta64(300, "D"), "timestamps must be within -292 to 292 years"),
        (T * 1000, r"sampling_rate=50 Hz, .* 20 s apart, which is 0.05 Hz.*in seconds"),
        (T * 1e3, "must be in seconds: divide by 1000 if they are in ms"),
        (T * 1e6, "must be in seconds: divide by 1000000 if they are in us"),
        (T * 1.11, "sampling_rate=50 Hz, .* 0.0222 s apart, which is 45.05 Hz"),
        (T * 0.89, "which is 56.18 Hz"),
    ],
)
def test_timestamps_that_are_refused(stamps, match):
    with pytest.raises(ValueError, match=match):
        segment(stamps)


@pytest.mark.parametrize("factor", [1.09, 0.91])
def test_rates_within_ten_percent_pass(factor):
    assert len(segment(T * factor).X) >= 9


@pytest.mark.parametrize("rate", [400, 300, 200])
def test_a_coarse_resolution_is_not_taken_for_another_rate(rate):
    stamps = np.round(np.arange(4000) / rate, 3)
    assert len(np.unique(np.diff(stamps).round(3))) <= 2
    segment_recordings(np.ones((4000, 1)), rate, units="g", timestamps=stamps)


def test_many_gaps_do_not_affect_the_rate():
    kept = np.arange(5000) % 10 < 6  # 40 % missing
    stamps = (np.arange(5000) / RATE)[kept]
    segments = segment_recordings(
        np.ones((len(stamps), 1)), RATE, units="g", timestamps=stamps, window=0.1
    )
    assert len(segments.X) == 500


def test_all_recordings_have_dates_or_none_has():
    recordings = [SIGNAL, SIGNAL]
    for stamps in ([T, DATES], [DATES, None], [None, DATES]):
        with pytest.raises(ValueError, match="has dates as timestamps, but recording"):
            segment_recordings(recordings, RATE, units="g", timestamps=stamps)
    segments = segment_recordings(recordings, RATE, units="g", timestamps=[T + 7, None])
    np.testing.assert_allclose(segments.start_times, [7.0, 9.56, 12.12, 0.0, 2.56, 5.12])


@pytest.mark.parametrize("kind", ["seconds", "dates", "durations", "blocks"])
def test_positions_equal_their_definition(kind):
    blocks = BlockTimes.between(np.array([10**18, 10**18 + 10**9 + 7]), np.array([50, 60]), RATE)
    stamps = {"seconds": T + 0.1, "dates": DATES, "durations": ELAPSED, "blocks": blocks}[kind]
    position, all_stamps = Positions(stamps, RATE), stamps[:]
    if kind == "seconds":
        expected = [(t - all_stamps[0]) * RATE for t in all_stamps]
    else:
        ticks = all_stamps.astype("int64").tolist()
        expected = [float(tick - ticks[0]) * (RATE * 1e-9) for tick in ticks]
    assert len(position) == len(expected)
    np.testing.assert_array_equal(position[:], expected)
    np.testing.assert_array_equal(position[np.array([[3, 1], [-1, 0]])][1], [expected[-1], 0])
    assert [position[i] for i in range(-2, 3)] == [expected[i] for i in range(-2, 3)]
