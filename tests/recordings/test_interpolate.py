"""interpolate: bit for bit the output of numpy.interp for each channel."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from relcon_sklearn._recordings import _interpolate
from relcon_sklearn._recordings._interpolate import interpolate


def by_numpy(values, knots, n_points):
    columns = [np.interp(np.arange(n_points), knots, column) for column in values.T]
    return np.stack(columns, axis=1).astype(values.dtype)


def knots_of(n, kind):
    rng = np.random.default_rng(n)
    return {
        "regular": np.arange(n, dtype=np.float64),
        "slow": np.arange(n) * 1.013,
        "fast": np.arange(n) * 0.987,
        "jitter": np.arange(n) + np.append(0, rng.uniform(-0.4, 0.4, n - 1)),
        "gaps": np.arange(n) * 1.013 + np.cumsum(rng.random(n) < 0.1) * 7,
    }[kind]


@pytest.mark.parametrize("kind", ["regular", "slow", "fast", "jitter", "gaps"])
@pytest.mark.parametrize("n", [1, 2, 3, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_as_numpy_interp(kind, n, dtype, monkeypatch):
    monkeypatch.setattr(_interpolate, "_POINTS_AT_ONCE", 16)
    knots = knots_of(n, kind)
    knots -= knots[0]
    values = np.random.default_rng(0).normal(size=(n, 3)).astype(dtype)
    n_points = int(knots[-1]) + 1
    for more in (0, 2):  # points after the last sample
        found = interpolate(values, knots, 0, n_points + more)
        assert found.dtype == dtype
        assert_array_equal(found, by_numpy(values, knots, n_points + more))


@given(
    st.lists(st.sampled_from([0.01, 0.3, 0.5, 0.9, 1.0, 1.0, 1.1, 2.0, 7.3, 40.0]), max_size=40),
    st.sampled_from([0.0, 0.3, 0.999, 5.0]),
    st.integers(0, 30),
    st.sampled_from([1, 2, 5, 100]),
)
def test_points_that_are_dense_or_rare(spacings, early, first, at_once):
    """Any part of the points, whose first one may be long after the first sample."""
    knots = np.cumsum([-early, *spacings])
    values = np.random.default_rng(0).normal(size=(len(knots), 2))
    with mock.patch.object(_interpolate, "_POINTS_AT_ONCE", at_once):
        found = interpolate(values, knots, first, first + 50)
    assert_array_equal(found, by_numpy(values, knots, first + 50)[first:])


def test_long_signals():
    n = 3 * _interpolate._POINTS_AT_ONCE
    values = np.asfortranarray(np.random.default_rng(0).normal(size=(n, 2)), dtype=np.float32)
    knots = np.arange(n) * 1.0129
    n_points = int(knots[-1]) + 1
    assert_array_equal(interpolate(values, knots, 0, n_points), by_numpy(values, knots, n_points))
