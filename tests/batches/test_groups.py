"""GroupIndex and hold_out_groups: draws within groups, draws over groups, and held-out groups."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chi2, chisquare

from relcon_sklearn._batches import GroupIndex, hold_out_groups

properties = settings(derandomize=True, max_examples=150, deadline=None)

some_groups = st.lists(st.integers(0, 5), min_size=1, max_size=30)
seeds = st.integers(0, 2**32 - 1)

# The same five groups by labels of several types, in the same sorted order.
NUMBERS = np.array([3, 0, 4, 1, 1, 3, 2, 0, 3, 4, 4, 3])
LABELS = {
    "int64": NUMBERS,
    "negative": NUMBERS * 10 - 25,
    "uint8": NUMBERS.astype(np.uint8),
    "float": NUMBERS / 4,
    "str": np.array(["ann", "bob", "cy", "dee", "eve"])[NUMBERS],
    "object": np.array(["ann", "bob", "cy", "dee", "eve"], dtype=object)[NUMBERS],
    "bytes": np.array([b"a", b"b", b"c", b"d", b"e"])[NUMBERS],
    "list": [("ann", "bob", "cy", "dee", "eve")[i] for i in NUMBERS],
}


def rng_of(seed=0):
    return np.random.default_rng(seed)


def rows_of(index):
    """Return the rows of an index, in order."""
    return np.sort(index.rows_at(np.arange(index.n_rows)))


def sample_within_group(index, rows, k, rng):
    """Call `sample_within_group` of an index of all rows, with rows instead of positions."""
    rows_at = index.rows_at(np.arange(index.n_rows))
    mates = index.sample_within_group(np.argsort(rows_at)[rows], k, rng)
    return np.where(mates < 0, -1, rows_at[mates])


def hold_out_rows(groups, fraction, rng):
    """Return the rows of the two parts of hold_out_groups."""
    train, valid = hold_out_groups(GroupIndex.from_labels(groups), fraction, rng)
    return rows_of(train), np.arange(0) if valid is None else rows_of(valid)


def equally_likely(counts):
    """Return whether counts agree with equal chances, which fails for one seed in ten thousand."""
    return chisquare(counts).pvalue > 1e-4


# ---------------------------------------------------------------- the index


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_index(labels):
    index = GroupIndex.from_labels(labels)
    assert len(index) == 5
    assert list(index.labels) == sorted(set(labels))
    assert_array_equal(index.sizes, [2, 2, 1, 4, 3])
    assert index.n_rows == 12
    rows_at = index.rows_at(np.arange(12))
    assert_array_equal(rows_at, np.argsort(NUMBERS, kind="stable"))


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_draws_do_not_depend_on_the_type_of_labels(labels):
    index, expected = GroupIndex.from_labels(labels), GroupIndex.from_labels(NUMBERS)
    rows = np.arange(len(NUMBERS))
    assert_array_equal(
        sample_within_group(index, rows, 2, rng_of()),
        sample_within_group(expected, rows, 2, rng_of()),
    )
    assert_array_equal(index.sample_evenly(7, rng_of()), expected.sample_evenly(7, rng_of()))
    for part, expected_part in zip(
        hold_out_rows(labels, 0.4, rng_of()), hold_out_rows(NUMBERS, 0.4, rng_of()), strict=True
    ):
        assert_array_equal(part, expected_part)


# ---------------------------------------------------------------- sample_within_group


@properties
@given(groups=some_groups, k=st.integers(0, 8), seed=seeds, data=st.data())
def test_mates_are_others_of_the_group(groups, k, seed, data):
    rows = data.draw(st.lists(st.integers(0, len(groups) - 1), max_size=40))
    mates = sample_within_group(
        GroupIndex.from_labels(groups), np.array(rows, dtype=int), k, rng_of(seed)
    )
    assert mates.shape == (len(rows), k)
    assert mates.dtype.kind == "i"
    for row, found in zip(rows, mates.tolist(), strict=True):
        others = {i for i, group in enumerate(groups) if group == groups[row] and i != row}
        drawn = [mate for mate in found if mate != -1]
        assert len(drawn) == len(set(drawn)) == min(k, len(others))
        assert set(drawn) <= others


# Interleaved rows of three groups, which have six, two and one members.
UNEVEN = np.array([0, 1, 0, 0, 2, 0, 1, 0, 0])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("row", [0, 3, 8])
def test_every_set_of_mates_is_equally_likely(row, k):
    rows = np.full(6000, row)
    mates = np.sort(sample_within_group(GroupIndex.from_labels(UNEVEN), rows, k, rng_of(k)), axis=1)
    others = [i for i in np.flatnonzero(UNEVEN == 0) if i != row]
    sets = {members: 0 for members in itertools.combinations(others, k)}
    for members in map(tuple, mates.tolist()):
        sets[members] += 1
    assert equally_likely(list(sets.values()))


def test_every_mate_is_equally_likely_among_rows_of_many_groups():
    # Groups of all sizes up to 12 in one call, so that some are exhausted and some are not.
    groups = np.repeat(np.arange(12), np.arange(1, 13))
    index, rows, k = GroupIndex.from_labels(groups), np.arange(len(groups)), 4
    counts = np.zeros((len(groups), len(groups)), dtype=int)
    rng = rng_of(1)
    for _ in range(2500):
        mates = sample_within_group(index, rows, k, rng)
        i, j = np.nonzero(mates >= 0)
        counts[i, mates[i, j]] += 1
    mate = (groups[:, None] == groups) & ~np.eye(len(groups), dtype=bool)
    assert not counts[~mate].any()
    for row in rows:
        n_others = mate[row].sum()
        assert counts[row].sum() == 2500 * min(k, n_others)
        if n_others > k:
            observed = counts[row, mate[row]]
            # Counts of draws without replacement vary less than counts of independent draws.
            shrinkage = 1 - (k - 1) / (n_others - 1)
            statistic = chisquare(observed).statistic / shrinkage
            assert chi2.sf(statistic, n_others - 1) > 1e-5


def test_rows_draw_independently():
    index = GroupIndex.from_labels(np.zeros(5))
    mates = sample_within_group(index, np.tile([0, 1], (4000, 1)).ravel(), 1, rng_of())
    pairs = mates.reshape(-1, 2)
    counts = np.zeros((5, 5), dtype=int)
    np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    assert equally_likely(counts[np.ix_([1, 2, 3, 4], [0, 2, 3, 4])].ravel())


def test_the_generator_is_the_only_source_of_mates():
    index, rows = GroupIndex.from_labels(np.arange(40) % 3), np.arange(40)
    first, again, other = (sample_within_group(index, rows, 3, rng_of(seed)) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# ---------------------------------------------------------------- sample_evenly


@properties
@given(groups=some_groups, n=st.integers(0, 40), seed=seeds)
def test_sample_evenly_is_as_even_as_sizes_allow(groups, n, seed):
    rows = GroupIndex.from_labels(groups).sample_evenly(n, rng_of(seed))
    assert len(rows) == min(n, len(groups))
    assert (np.diff(rows) > 0).all()
    assert set(rows.tolist()) <= set(range(len(groups)))
    sizes = np.bincount(groups, minlength=6)
    counts = np.bincount(np.take(groups, rows.astype(int)), minlength=6)
    not_exhausted = counts[counts < sizes]
    assert (not_exhausted >= counts.max() - 1).all()


@pytest.mark.parametrize("n", [9, 10, 1000])
def test_sample_evenly_of_too_many_rows_returns_all_in_order(n):
    assert_array_equal(GroupIndex.from_labels(UNEVEN).sample_evenly(n, rng_of()), np.arange(9))


def test_sample_evenly_draws_any_member_and_any_group():
    # Five rows from four groups of five: one row of each, and a second row of one random group.
    groups = np.tile(np.arange(4), 5)
    index, rng = GroupIndex.from_labels(groups), rng_of()
    draws = np.array([index.sample_evenly(5, rng) for _ in range(4000)])
    assert equally_likely(np.bincount(draws.ravel(), minlength=20))
    counts = np.array([np.bincount(groups[rows], minlength=4) for rows in draws])
    assert equally_likely((counts == 2).sum(axis=0))


def test_the_generator_is_the_only_source_of_even_samples():
    index = GroupIndex.from_labels(np.arange(40) % 3)
    first, again, other = (index.sample_evenly(10, rng_of(seed)) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# ---------------------------------------------------------------- holding out


@properties
@given(groups=some_groups, fraction=st.floats(0, 1, exclude_max=True), seed=seeds)
def test_parts_share_no_group(groups, fraction, seed):
    groups = np.array(groups)
    train, valid = hold_out_rows(groups, fraction, rng_of(seed))
    assert_array_equal(np.sort(np.append(train, valid)), np.arange(len(groups)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(valid) > 0).all()
    assert not set(groups[train]) & set(groups[valid])

    sizes = np.unique(groups, return_counts=True)[1]
    if fraction == 0 or len(sizes) == 1:
        assert len(valid) == 0
    if 0 < fraction and len(sizes) > 1 and sizes.min() > 1:
        assert len(valid) > 0
    if len(valid):
        assert len(valid) >= 2
        assert len(train) >= 2
        n_held = len(set(groups[valid]))
        wanted = min(max(1, round(fraction * len(sizes))), len(sizes) - 1)
        # There is one more group if the first group drawn is a single segment.
        smallest = np.unique(groups[valid], return_counts=True)[1].min()
        assert n_held == wanted or (n_held == 2 > wanted and smallest == 1)


@pytest.mark.parametrize(
    ("fraction", "n_held"), [(1e-9, 1), (0.1, 1), (0.2, 2), (0.34, 3), (0.5, 5), (0.99, 9)]
)
def test_fraction_is_of_the_groups(fraction, n_held):
    # Groups of sizes 2 to 11, so that a fraction of segments would differ.
    groups = np.repeat(np.arange(10), np.arange(2, 12))
    for seed in range(5):
        _, valid = hold_out_rows(groups, fraction, rng_of(seed))
        assert len(np.unique(groups[valid])) == n_held


@pytest.mark.parametrize(
    ("groups", "fraction"),
    [
        (np.arange(10), 0),
        (np.zeros(10), 0.3),
        (np.array([0]), 0.3),
        (np.array([0, 1]), 0.5),
        (np.array([0, 1, 2]), 0.5),
        (np.array([0, 0, 1]), 0.5),
    ],
    ids=["fraction 0", "one group", "one segment", "two segments", "three", "two and one"],
)
def test_nothing_is_held_out(groups, fraction):
    for seed in range(10):
        train, valid = hold_out_rows(groups, fraction, rng_of(seed))
        assert_array_equal(train, np.arange(len(groups)))
        assert valid.shape == (0,)
        assert valid.dtype.kind == "i"


@pytest.mark.parametrize("n", [4, 5, 10, 30])
@pytest.mark.parametrize("fraction", [1e-9, 0.1, 0.25])
def test_at_least_two_segments_are_held_out_if_each_is_its_own_group(n, fraction):
    for seed in range(10):
        train, valid = hold_out_rows(np.arange(n), fraction, rng_of(seed))
        assert len(valid) == max(2, round(fraction * n))
        assert len(train) == n - len(valid)


def test_every_group_is_equally_likely_to_be_held_out():
    groups = np.repeat(np.arange(6), [2, 3, 2, 9, 4, 2])
    rng = rng_of()
    held = np.zeros(6, dtype=int)
    for _ in range(3000):
        held[np.unique(groups[hold_out_rows(groups, 0.2, rng)[1]])] += 1
    assert held.sum() == 3000
    assert equally_likely(held)
