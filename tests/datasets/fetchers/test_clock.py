"""Timestamps in publishers' files: which of them advance, and their rate."""

import numpy as np
import pytest

from relcon_sklearn.datasets._fetchers._clock import advances, rate_of_dates


@pytest.mark.parametrize(
    ("shown", "expected"), [(200.0, 200.0), (193.0, 200.0), (180.4, 180.0), (100.0, 100.0)]
)
def test_rate(shown, expected):
    spacing = np.full(1000, 1e9 / shown).astype(np.int64)
    spacing[::100] = 7_000_000_000
    times = np.cumsum(spacing).view("datetime64[ns]")
    assert rate_of_dates(times, 200.0) == expected
    assert rate_of_dates(times[:1], 200.0) == 200.0


@pytest.mark.parametrize("dtype", ["f8", "M8[ns]"])
def test_a_time_advances_if_it_is_later_than_all_before(dtype):
    times = np.array([3, 4, 4, 9, 5, 8, 10]).astype(dtype)
    assert advances(times).tolist() == [True, True, False, True, False, False, True]
    assert advances(times[:0]).tolist() == []


@pytest.mark.parametrize("missing", [np.nan, np.datetime64("NaT", "ns")])
def test_missing_times_do_not_advance_and_do_not_stop_others(missing):
    times = np.array([0, 3, 0, 3, 4]).astype(np.asarray(missing).dtype)
    times[[0, 2]] = missing
    assert advances(times).tolist() == [False, True, False, False, True]
