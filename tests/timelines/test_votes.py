"""Votes of overlapping windows, compared with a count for each sample."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.timelines._votes import count_votes


def by_samples(outputs, stretch, n_timesteps, stride):
    """Slow reference: the mean over a step of the windows at each of its samples, by weight."""
    rows = []
    for i in np.unique(stretch):
        own = outputs[stretch == i]
        length = (len(own) - 1) * stride + n_timesteps
        total, weight = np.zeros((length, outputs.shape[1])), np.zeros(length)
        for k, output in enumerate(own):
            total[k * stride : k * stride + n_timesteps] += output
            weight[k * stride : k * stride + n_timesteps] += 1
        for begin in range(0, length, stride):
            step = slice(begin, min(begin + stride, length))
            rows.append((i, begin, step.stop, begin == 0, total[step].sum(0) / weight[step].sum()))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 7, 10])
@pytest.mark.parametrize("stretch", [[0], [0, 0, 0, 0], [0, 2, 2, 2, 5, 5]])
def test_votes_are_those_of_the_samples(stretch, stride):
    stretch = np.array(stretch)
    outputs = np.random.default_rng(0).random((len(stretch), 3))
    steps, means = count_votes(outputs, stretch, 10, stride)
    expected = by_samples(outputs, stretch, 10, stride)
    for actual, column in zip(steps, expected, strict=False):
        assert_array_equal(actual, column)
    assert_allclose(means, expected[-1], rtol=1e-12)


def test_without_overlap_each_window_is_a_step():
    outputs = np.random.default_rng(0).random((4, 2))
    steps, means = count_votes(outputs, np.array([0, 0, 1, 1]), 10, 10)
    assert_array_equal(means, outputs)
    assert steps.begin.tolist() == [0, 10, 0, 10]
    assert steps.first.tolist() == [True, False, True, False]


def test_no_windows():
    steps, means = count_votes(np.empty((0, 2)), np.empty(0, dtype=int), 10, 5)
    assert means.shape == (0, 2)
    assert len(steps.begin) == 0
