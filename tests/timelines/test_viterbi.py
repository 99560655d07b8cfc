"""The most likely sequence, compared with all sequences."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn.timelines._viterbi import most_likely_labels

SHARES = np.array([0.5, 0.2, 0.3])
MATRIX = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.2, 0.1, 0.7]])


def best_of_all(probabilities):
    """Slow reference: the sequence of one run with the largest probability, by enumeration."""

    def probability(path):
        p = SHARES[path[0]]
        for i, state in enumerate(path):
            p *= probabilities[i, state] / SHARES[state]
            p *= MATRIX[path[i - 1], state] if i else 1
        return p

    return max(product(range(3), repeat=len(probabilities)), key=probability)


@pytest.mark.parametrize("seed", range(8))
def test_the_best_of_all_sequences_is_found(seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(3), 7)
    first = np.isin(np.arange(7), [0, 5])
    expected = [*best_of_all(probabilities[:5]), *best_of_all(probabilities[5:])]
    assert_array_equal(most_likely_labels(probabilities, first, SHARES, MATRIX), expected)


def test_without_memory_it_is_the_most_likely_label():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    matrix = np.tile(SHARES, (3, 1))
    first = np.arange(20) == 0
    actual = most_likely_labels(probabilities, first, SHARES, matrix)
    assert_array_equal(actual, probabilities.argmax(axis=1))


def test_a_label_of_probability_0_is_not_impossible():
    probabilities = np.eye(3)[[0, 0, 0, 1, 0, 0, 0]]
    sticky = np.full((3, 3), 1e-9) + np.eye(3)
    first = np.arange(7) == 0
    sticky /= sticky.sum(axis=1, keepdims=True)
    assert_array_equal(most_likely_labels(probabilities, first, SHARES, sticky), np.zeros(7))


def test_a_day_of_many_steps_does_not_underflow():
    probabilities = np.tile([0.5, 0.3, 0.2], (20_000, 1))
    first = np.arange(20_000) == 0
    actual = most_likely_labels(probabilities, first, SHARES, MATRIX)
    assert set(actual.tolist()) <= {0, 1, 2}
    assert np.count_nonzero(np.diff(actual)) == 0
