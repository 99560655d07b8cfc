"""Rows that are looked up where they are needed, against arrays."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn._recordings import _rows
from relcon_sklearn._recordings._rows import AsFloat, Ranges, Taken

masks = st.lists(st.booleans(), max_size=40).map(lambda mask: np.array(mask, dtype=bool))
bounds = st.one_of(st.none(), st.integers(-45, 45))


@given(masks, bounds, bounds, st.sampled_from([None, 1, 2, 7, -1]))
def test_ranges_equal_an_array(mask, start, stop, step):
    expected, which = np.flatnonzero(mask), slice(start, stop, step)
    ranges = Ranges.where_rows(np.asarray, mask)
    assert len(ranges) == len(expected)
    np.testing.assert_array_equal(ranges[which], expected[which])
    np.testing.assert_array_equal(ranges.others(len(mask))[:], np.flatnonzero(~mask))
    for i in range(-len(expected), len(expected)):
        assert ranges[i] == expected[i]
    order = np.arange(len(expected)).reshape(1, -1)[:, ::-1]
    np.testing.assert_array_equal(ranges[order], expected[order])


@given(masks, st.integers(1, 45))
def test_a_condition_is_looked_up_in_parts(mask, at_once):
    with mock.patch.object(_rows, "_ROWS_AT_ONCE", at_once):
        ranges = Ranges.where_rows(np.logical_not, mask)
    expected = Ranges.where_rows(np.asarray, ~mask)
    np.testing.assert_array_equal(ranges.first, expected.first)
    np.testing.assert_array_equal(ranges.stop, expected.stop)


@given(masks, bounds, bounds, st.sampled_from([None, 1, 3]))
def test_taken_rows_equal_an_array(mask, start, stop, step):
    values, which = np.random.default_rng(0).normal(size=(len(mask), 3)), slice(start, stop, step)
    rows = Ranges.where_rows(np.asarray, mask)
    taken, expected = Taken(values, rows), values[mask]
    assert taken.shape == expected.shape
    assert len(taken) == len(expected)
    np.testing.assert_array_equal(taken[which], expected[which])
    np.testing.assert_array_equal(Taken(taken, np.arange(len(taken)))[which], expected[which])
    np.testing.assert_array_equal(AsFloat(rows)[which], np.flatnonzero(mask)[which])


@pytest.mark.parametrize("which", [slice(2, 6), slice(0, 1)])
def test_consecutive_rows_are_a_view(which):
    values = np.arange(20.0)
    rows = Ranges(np.array([3, 12]), np.array([9, 15]))
    assert np.shares_memory(Taken(values, rows)[which], values)
