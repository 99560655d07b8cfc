"""SharedBatches: every segment is an anchor, with candidates from its set and from other sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from relcon_sklearn._batches import Batches, GroupIndex, SharedBatches
from relcon_sklearn.segments._array import SegmentArray

properties = settings(derandomize=True, max_examples=80, deadline=None)


def numbered(n):
    """Return segments whose value is their row number."""
    return np.arange(n, dtype=float).reshape(n, 1, 1)


def lists(batch):
    """Return the row numbers of each anchor and of its candidates."""
    rows = batch.segments[:, 0, 0].int().tolist()
    anchors, candidates = batch.anchors.tolist(), batch.candidates.tolist()
    return [
        (rows[anchor], [rows[c] for c in row if c >= 0])
        for anchor, row in zip(anchors, candidates, strict=True)
    ]


def batches_of(groups, batch_size=3, n_within=2, seed=0, epoch=0, n_between=None):
    index = GroupIndex.from_labels(groups)
    array = SegmentArray(numbered(len(groups)))
    batches = SharedBatches(array, index, batch_size, seed, n_within, n_between)
    batches.epoch = epoch
    return batches


@properties
@given(
    groups=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    batch_size=st.integers(2, 6),
    n_within=st.integers(0, 5),
    seed=st.integers(0, 2**31),
)
def test_an_epoch(groups, batch_size, n_within, seed):
    batches = batches_of(groups, batch_size, n_within, seed)
    found = [lists(batch) for batch in batches]
    assert len(found) == len(batches)

    # Each row is an anchor once, and in one batch only.
    assert sorted(anchor for batch in found for anchor, _ in batch) == list(range(len(groups)))
    sizes = np.bincount(groups)
    n_sets = [-(-size // (1 + n_within)) for size in sizes]
    expected = -(-sum(n_sets) // batch_size)
    alone = sum(n_sets) % batch_size == 1 and expected > 1
    assert len(batches) == expected - alone

    for batch in found:
        in_batch = {anchor for anchor, _ in batch}
        n_sets_here = batch_size + 1 if alone and batch is found[-1] else batch_size
        for anchor, candidates in batch:
            assert len(set(candidates)) == len(candidates)
            assert set(candidates) <= in_batch - {anchor}
            assert len(candidates) <= n_within + n_sets_here - 1
            mates = [c for c in candidates if groups[c] == groups[anchor]]
            # A group is split evenly into sets, so an anchor has at least this number of mates.
            size, n = sizes[groups[anchor]], n_sets[groups[anchor]]
            assert len(mates) >= size // n - 1


def test_candidates_are_the_own_set_and_one_member_of_other_sets():
    # Eight groups of three are eight sets; four to a batch.
    groups = np.repeat(np.arange(8), 3)
    for batch in batches_of(groups, batch_size=4):
        assert len(batch.anchors) == 12
        assert batch.candidates.shape == (12, 3 + 4)
        for anchor, candidates in lists(batch):
            of_group = np.bincount(groups[candidates], minlength=8)
            assert of_group[groups[anchor]] == 2
            assert sorted(of_group[of_group > 0]) == [1, 1, 1, 2]


@pytest.mark.parametrize("n_between", [0, 1, 2, 3, 9, None])
def test_other_sets_are_drawn(n_between):
    # Eight groups of three are eight sets; four to a batch.
    groups = np.repeat(np.arange(8), 3)
    n_others = 3 if n_between is None else min(3, n_between)
    for batch in batches_of(groups, batch_size=4, n_between=n_between):
        in_batch = {anchor for anchor, _ in lists(batch)}
        assert len(batch.anchors) == len(batch.segments) == 12
        for anchor, candidates in lists(batch):
            assert set(candidates) <= in_batch - {anchor}
            of_group = np.bincount(groups[candidates], minlength=8)
            assert of_group[groups[anchor]] == 2
            assert len(candidates) == 2 + n_others
            # One candidate of each set.
            assert sorted(of_group[of_group > 0]) == [1] * n_others + [2]


def test_all_other_sets_need_no_more_draws():
    groups = np.arange(40) % 7
    for default, many in zip(batches_of(groups), batches_of(groups, n_between=99), strict=True):
        assert default.seed == many.seed
        assert lists(default) == lists(many)


def test_every_other_set_is_drawn_equally_often():
    groups = np.repeat(np.arange(4), 2)
    counts = np.zeros((8, 8), dtype=int)
    batches = batches_of(groups, batch_size=4, n_within=1, n_between=1)
    for batches.epoch in range(900):
        for batch in batches:
            for anchor, candidates in lists(batch):
                counts[anchor, candidates] += 1
    other = groups[:, None] != groups
    assert (counts[~other].reshape(8, 2).sum(axis=1) == 900).all()  # its mate is always a candidate
    for anchor in range(8):
        assert counts[anchor, other[anchor]].sum() == 900
        assert chisquare(counts[anchor, other[anchor]]).pvalue > 1e-4


def test_as_many_segments_and_candidates_as_independent_batches_have():
    groups = np.repeat(np.arange(20), 5)
    index, array = GroupIndex.from_labels(groups), SegmentArray(numbered(100))
    shared = next(iter(SharedBatches(array, index, 4, 0, n_within=4)))
    independent = next(iter(Batches(array, index, 4, 0, n_within=4)))
    assert len(shared.anchors) == len(shared.segments) == 20
    assert len(independent.anchors) == 4
    counts = [(batch.candidates >= 0).sum(dim=1).tolist() for batch in (shared, independent)]
    assert set(counts[0]) == {4 + 3}
    assert max(counts[1]) <= 4 + 3


def test_every_member_of_another_set_is_drawn_equally_often():
    groups = np.repeat(np.arange(3), 4)
    counts = np.zeros((12, 12), dtype=int)
    batches = batches_of(groups, batch_size=3, n_within=3)
    for batches.epoch in range(1500):
        for batch in batches:
            for anchor, candidates in lists(batch):
                counts[anchor, candidates] += 1
    other = groups[:, None] != groups
    for anchor in range(12):
        assert chisquare(counts[anchor, other[anchor]]).pvalue > 1e-5


def test_mates_change_from_epoch_to_epoch():
    groups = np.zeros(20, dtype=int)
    batches = batches_of(groups, batch_size=2, n_within=3)
    pairs = set()
    for batches.epoch in range(60):
        for batch in batches:
            pairs |= {(a, c) for a, candidates in lists(batch) for c in candidates}
    assert len(pairs) == 20 * 19


def test_single_segments_equal_independent_batches():
    # Groups of one: no candidates of the same group, and each other set has one member.
    array, index = SegmentArray(numbered(11)), GroupIndex.from_labels(np.arange(11))
    for kind in (SharedBatches, Batches):
        for batch in kind(array, index, 4, 0, n_within=3):
            rows = {anchor for anchor, _ in lists(batch)}
            assert all(set(candidates) == rows - {anchor} for anchor, candidates in lists(batch))


@pytest.mark.parametrize(("n_sets", "sizes"), [(1, [1]), (2, [2]), (4, [4]), (5, [5]), (9, [4, 5])])
def test_a_single_last_set_joins_the_previous_batch(n_sets, sizes):
    batches = batches_of(np.repeat(np.arange(n_sets), 2), batch_size=4, n_within=1)
    assert [len(batch.anchors) // 2 for batch in batches] == sizes


def test_batches_depend_on_seed_and_epoch():
    def rows(**kwargs):
        return [lists(batch) for batch in batches_of(np.arange(40) % 7, **kwargs)]

    assert rows() == rows()
    different = [rows(), rows(seed=1), rows(epoch=1), rows(seed=1, epoch=1)]
    assert all(a != b for i, a in enumerate(different) for b in different[:i])


def test_a_large_group_needs_no_table():
    index = GroupIndex.from_labels(np.zeros(10_000))
    array = SegmentArray(numbered(10_000))
    seen = np.concatenate([b.segments[:, 0, 0] for b in SharedBatches(array, index, 50, 0, 19)])
    assert sorted(seen.tolist()) == list(range(10_000))
