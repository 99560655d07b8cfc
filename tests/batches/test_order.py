"""random_order: each number once, in an order that depends only on the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chisquare

from relcon_sklearn._batches._order import RandomNetwork, RandomTable, random_order, slices_of

KINDS = [RandomTable, RandomNetwork]


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(1, 3000), seed=st.integers(0, 2**63))
def test_every_number_once(kind, n, seed):
    order = kind(n, [seed, 1])
    numbers = order[:]
    assert numbers.dtype == np.int64
    assert_array_equal(np.sort(numbers), np.arange(n))


@pytest.mark.parametrize("kind", KINDS)
def test_slices_equal_parts_of_the_whole_order(kind):
    order = kind(1000, 5)
    whole = order[:]
    for start, stop in ((0, 64), (64, 128), (990, None), (7, 7)):
        assert_array_equal(order[start:stop], whole[start:stop])


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 5000), st.data()), max_size=6))
def test_slices_of_many_orders_are_those_of_each(chosen):
    orders, places = [], []
    for seed, (kind, n, data) in enumerate(chosen):
        start = data.draw(st.integers(0, n))
        orders.append(kind(n, seed))
        places.append(slice(start, data.draw(st.integers(start, min(n, start + 30)))))
    found = slices_of(orders, places)
    assert len(found) == len(orders)
    for numbers, order, part in zip(found, orders, places, strict=True):
        assert_array_equal(numbers, order[:][part])
        assert numbers.dtype == np.int64


@pytest.mark.parametrize("kind", KINDS)
def test_order_depends_on_the_seed(kind):
    assert_array_equal(kind(500, [1, 2])[:], kind(500, [1, 2])[:])
    for other in ([1, 3], [2, 2]):
        assert (kind(500, [1, 2])[:] == kind(500, other)[:]).mean() < 0.02


@pytest.mark.parametrize("n", [1000, 1024, 1025])
def test_every_place_is_equally_likely_to_have_any_number(n):
    # Places and numbers are counted in tenths, over many orders. Neither ends nor multiples are
    # preferred.
    counts = np.zeros((10, 10), dtype=int)
    for seed in range(200):
        numbers = RandomNetwork(n, seed)[:]
        np.add.at(counts, (np.arange(n) * 10 // n, numbers * 10 // n), 1)
    assert chisquare(counts.ravel(), np.full(100, counts.mean())).pvalue > 1e-4


def test_neighbours_are_as_far_apart_as_random_numbers():
    numbers = RandomNetwork(2**20 + 3, 0)[:20_000]
    steps = np.abs(np.diff(numbers)) / 2**20
    # The distance of two uniform numbers: mean 1/3, standard deviation 0.236.
    assert abs(steps.mean() - 1 / 3) < 4 * 0.236 / np.sqrt(len(steps))
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03


def test_a_thousand_billion_numbers_need_no_table():
    order = random_order(10**15, 3)
    numbers = order[10**14 : 10**14 + 1000]
    assert len(np.unique(numbers)) == 1000
    assert numbers.min() >= 0
    assert 0.8e15 < numbers.max() < 1e15


def test_tables_are_for_smaller_numbers():
    assert isinstance(random_order(10, 0, largest_table=10), RandomTable)
    assert isinstance(random_order(11, 0, largest_table=10), RandomNetwork)
    assert isinstance(random_order(2**20, 0), RandomTable)
    assert isinstance(random_order(2**20 + 1, 0), RandomNetwork)
