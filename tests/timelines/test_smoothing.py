"""Running modes and medians, compared with loops over the steps of a run."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.timelines import _smoothing
from relcon_sklearn.timelines._smoothing import most_frequent, running_median

FIRST = np.isin(np.arange(40), [0, 1, 4, 20])  # runs of 1, 3, 16 and 20 steps


def around(first, i, n_steps):
    """Slow reference: the steps around step i that are in its run."""
    run = np.cumsum(first)
    return [k for k in range(i - n_steps // 2, i + n_steps // 2 + 1) if 0 <= k < len(run)
            and run[k] == run[i]]  # fmt: skip


def slow_mode(codes, shares, first, n_steps):
    chosen = []
    for i in range(len(codes)):
        own = around(first, i, n_steps)
        count = np.bincount(codes[own], minlength=shares.shape[1])
        support = shares[own].sum(axis=0)
        chosen.append(max(range(len(count)), key=lambda c: (count[c], support[c], -c)))
    return chosen


@pytest.mark.parametrize("n_steps", [3, 5, 11])
def test_mode_of_the_steps_around(n_steps):
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), 40)
    codes = shares.argmax(axis=1)
    expected = slow_mode(codes, shares, FIRST, n_steps)
    assert_array_equal(most_frequent(codes, shares, FIRST, n_steps), expected)
    assert (expected != codes).any()


def test_equally_frequent_codes_are_told_by_their_shares():
    shares = np.array([[0.6, 0.4, 0], [0.1, 0.9, 0]])
    first = np.array([True, False])
    assert most_frequent(np.array([0, 1]), shares, first, 3).tolist() == [1, 1]


@pytest.mark.parametrize("n_steps", [3, 5, 11])
def test_median_of_the_steps_around(n_steps, monkeypatch):
    monkeypatch.setattr(_smoothing, "_STEPS_AT_ONCE", 7)
    values = np.random.default_rng(0).normal(size=40)
    expected = [np.median(values[around(FIRST, i, n_steps)]) for i in range(40)]
    assert_allclose(running_median(values, FIRST, n_steps), expected, rtol=1e-12)


def test_runs_do_not_mix():
    """A label that fills one run has no effect on the next one."""
    first = np.isin(np.arange(8), [0, 2])
    codes = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    assert_array_equal(most_frequent(codes, np.eye(2)[codes], first, 7), codes)
    assert_array_equal(running_median(codes.astype(float), first, 7), codes)
    one_run = np.arange(8) == 0
    assert most_frequent(codes, np.eye(2)[codes], one_run, 7)[1] == 1
    assert running_median(codes.astype(float), one_run, 7)[1] == 1
