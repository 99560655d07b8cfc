"""Conversion of dates to nanoseconds without wrapping."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn._utils._dates import to_nanoseconds


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us"])
@pytest.mark.parametrize("date", ["0001-01-01", "1676-12-31", "2263-01-01", "9999-12-31"])
def test_dates_that_would_wrap(unit, date):
    dates = np.array(["2024-01-01", date, "NaT"], f"M8[{unit}]")
    with pytest.raises(ValueError, match=r"my dates must be within 1678 to 2262, .* Got "):
        to_nanoseconds(dates, "my dates")
    with pytest.raises(ValueError, match="my dates must be"):
        to_nanoseconds(dates[1], "my dates")


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "25s"])
def test_dates_that_fit(unit):
    dates = np.array(["1679-02-03", "1969-12-31", "1970-01-01", "NaT", "2261-12-31"], f"M8[{unit}]")
    found = to_nanoseconds(dates, "dates")
    assert found.dtype == "M8[ns]"
    assert_array_equal(found, dates.astype("M8[ns]"))
    assert_array_equal(found.astype(dates.dtype), dates)


@pytest.mark.parametrize("unit", ["ps", "fs", "as"])
@pytest.mark.parametrize("kind", "Mm")
def test_finer_units_are_rounded_down(kind, unit):
    values = np.array([-1, 0, 10**18, np.iinfo(np.int64).max], f"{kind}8[{unit}]")
    assert_array_equal(to_nanoseconds(values, "dates"), values.astype(f"{kind}8[ns]"))


def test_durations():
    days = np.array([-106_751, 0, 106_751, "NaT"], "m8[D]")
    assert_array_equal(to_nanoseconds(days, "durations"), days.astype("m8[ns]"))
    for n in (-106_752, 106_752):
        with pytest.raises(ValueError, match="durations must be within -292 to 292 years"):
            to_nanoseconds(np.array([n], "m8[D]"), "durations")


def test_no_dates():
    assert to_nanoseconds(np.array([], "M8[s]"), "dates").shape == (0,)
