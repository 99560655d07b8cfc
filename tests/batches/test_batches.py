"""Batches: the order of the anchors, their candidates, and the rows that are read."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chisquare

from relcon_sklearn._batches import Batch, Batches, GroupIndex, SharedBatches
from relcon_sklearn._batches._batches import drop_repeats, random_rows, sample_candidates
from relcon_sklearn.segments._array import SegmentArray

properties = settings(derandomize=True, max_examples=80, deadline=None)

seeds = st.integers(0, 2**31 - 1)


def numbered(n):
    """Return segments whose first value is their row number."""
    return np.arange(n)[:, None, None] + np.linspace(0, 0.5, 6).reshape(1, 3, 2)


class Recording(SegmentArray):
    """A SegmentArray that records which rows are read."""

    def __init__(self, X):
        super().__init__(X)
        self.reads = []

    def read(self, rows):
        self.reads.append(rows.tolist())
        return super().read(rows)


def numbers(batch):
    """Return the row number of each segment of a batch."""
    return batch.segments[:, 0, 0].int().tolist()


def lists(batch):
    """Return the row numbers of each anchor and of its candidates."""
    row = numbers(batch)
    return [
        (row[anchor], [row[c] for c in candidates if c >= 0])
        for anchor, candidates in zip(
            batch.anchors.tolist(), batch.candidates.tolist(), strict=True
        )
    ]


def same(first, second):
    return len(first) == len(second) and all(
        a.seed == b.seed and all(torch.equal(x, y) for x, y in zip(a[:3], b[:3], strict=True))
        for a, b in zip(first, second, strict=True)
    )


def singles(n):
    """Return an index in which every row is a separate group."""
    return GroupIndex.from_labels(np.arange(n))


def batches_of(n=23, batch_size=5, seed=0, n_groups=4, epoch=0, n_within=3, **others):
    index = GroupIndex.from_labels(np.arange(n) % (n_groups or n))
    batches = Batches(SegmentArray(numbered(n)), index, batch_size, seed, n_within, **others)
    batches.epoch = epoch
    return batches


# ---------------------------------------------------------------- an epoch


@properties
@given(
    groups=st.lists(st.integers(0, 4), min_size=2, max_size=40),
    batch_size=st.integers(2, 12),
    n_within=st.integers(0, 7),
    seed=seeds,
    epoch=st.integers(0, 3),
    with_groups=st.booleans(),
    data=st.data(),
)
def test_an_epoch(groups, batch_size, n_within, seed, epoch, with_groups, data):
    # The data have more rows than are used, and the used rows are in random order.
    everyone = np.array(data.draw(st.permutations([*groups, *[99] * 5])))
    X = numbered(len(everyone))
    rows = np.flatnonzero(everyone != 99)
    group_of = {row: everyone[row] if with_groups else row for row in rows.tolist()}
    if not with_groups:
        everyone[rows] = 100 + rows
    index = GroupIndex.from_labels(everyone)
    array = Recording(X)
    batches = Batches(array, index.select(index.labels != 99), batch_size, seed, n_within)
    batches.epoch = epoch
    found = list(batches)

    # Each row is an anchor once. A batch is larger only if a single anchor would be left over.
    anchors = [[row for row, _ in lists(batch)] for batch in found]
    assert sorted(row for part in anchors for row in part) == sorted(rows.tolist())
    n_full, n_left = divmod(len(rows), batch_size)
    sizes = [batch_size] * n_full
    if n_left == 1 and n_full:
        sizes[-1] += 1
    elif n_left:
        sizes.append(n_left)
    assert [len(part) for part in anchors] == sizes
    assert len(batches) == len(sizes)

    for batch, read in zip(found, array.reads, strict=True):
        # Only segments that are used are read, each once.
        assert len(set(read)) == len(read)
        assert_array_equal(batch.segments.numpy(), X[read].astype(np.float32))
        used = {row for anchor, candidates in lists(batch) for row in (anchor, *candidates)}
        assert used == set(read)

        n_anchors = len(batch.anchors)
        width = n_anchors + n_within
        assert batch.candidates.shape == (n_anchors, width)
        assert batch.candidates.dtype == batch.anchors.dtype == torch.int64
        assert batch.candidates.min() >= -1

        in_batch = {anchor for anchor, _ in lists(batch)}
        for anchor, candidates in lists(batch):
            assert len(set(candidates)) == len(candidates)
            assert anchor not in candidates
            assert in_batch - {anchor} <= set(candidates)
            extra = set(candidates) - in_batch
            others = {r for r in group_of if group_of[r] == group_of[anchor] and r != anchor}
            n_drawn = min(n_within, len(others))
            assert extra <= others
            # Some of the drawn mates may be other anchors, which are candidates in any case.
            assert n_drawn - len(others & in_batch) <= len(extra) <= n_drawn
            if n_drawn == len(others):
                assert extra == others - in_batch


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (1, [1]),
        (2, [2]),
        (4, [4]),
        (5, [5]),
        (6, [4, 2]),
        (8, [4, 4]),
        (9, [4, 5]),
        (11, [4, 4, 3]),
    ],
)
def test_a_single_last_anchor_joins_the_previous_batch(n, sizes):
    batches = batches_of(n, batch_size=4, n_groups=None)
    assert [len(batch.anchors) for batch in batches] == sizes
    assert len(batches) == len(sizes)


def test_without_groups_only_the_other_anchors_are_candidates():
    for batch in batches_of(n_groups=None):
        rows = {anchor for anchor, _ in lists(batch)}
        assert len(batch.segments) == len(rows)
        for anchor, candidates in lists(batch):
            assert sorted(candidates) == sorted(rows - {anchor})


def test_small_groups_contribute_all_their_members():
    # Groups of three, two and one segments, in which a segment has two, one and no mates.
    groups = np.array([0, 1, 2, 1, 0, 0])
    mates = {0: {4, 5}, 4: {0, 5}, 5: {0, 4}, 1: {3}, 3: {1}, 2: set()}
    batches = Batches(SegmentArray(numbered(6)), GroupIndex.from_labels(groups), 2, 0, n_within=5)
    for batch in batches:
        rows = {anchor for anchor, _ in lists(batch)}
        for anchor, candidates in lists(batch):
            assert set(candidates) == mates[anchor] | (rows - {anchor})


def test_every_mate_is_drawn_in_some_epoch():
    batches = batches_of(n=12, batch_size=2, n_groups=2, n_within=2)
    seen = {row: set() for row in range(12)}
    for batches.epoch in range(30):
        for batch in batches:
            in_batch = {anchor for anchor, _ in lists(batch)}
            for anchor, candidates in lists(batch):
                seen[anchor] |= set(candidates) - in_batch
    for row, mates in seen.items():
        assert mates == {other for other in range(row % 2, 12, 2) if other != row}


# ---------------------------------------------------------------- between subjects


@pytest.mark.parametrize("n_between", [0, 1, 3, 4, 9, None])
def test_other_anchors_are_drawn(n_between):
    for batch in batches_of(n=20, n_groups=None, n_between=n_between):
        in_batch = {anchor for anchor, _ in lists(batch)}
        assert len(in_batch) == 5
        for anchor, candidates in lists(batch):
            assert len(set(candidates)) == len(candidates)
            assert len(candidates) == min(4, 4 if n_between is None else n_between)
            assert set(candidates) <= in_batch - {anchor}


def test_within_subject_candidates_only():
    # Five groups of four, all mates drawn.
    for batch in batches_of(n=20, n_groups=5, n_within=3, n_between=0):
        for anchor, candidates in lists(batch):
            assert sorted(candidates) == [r for r in range(anchor % 5, 20, 5) if r != anchor]
        # Only rows in the lists are read.
        used = {row for anchor, candidates in lists(batch) for row in (anchor, *candidates)}
        assert used == set(numbers(batch))


def test_other_anchors_do_not_change_the_draws_of_mates():
    # Within-subject candidates are drawn first, so that they are the same.
    for some, none in zip(batches_of(n_between=2), batches_of(n_between=0), strict=True):
        for (anchor, more), (other, mates) in zip(lists(some), lists(none), strict=True):
            assert anchor == other
            assert set(mates) <= set(more)
            assert len(more) <= len(mates) + 2


def test_every_other_anchor_is_drawn_equally_often():
    counts = np.zeros((6, 6), dtype=int)
    batches = batches_of(n=6, batch_size=6, n_groups=None, n_between=2)
    for batches.epoch in range(600):
        for batch in batches:
            for anchor, candidates in lists(batch):
                counts[anchor, candidates] += 1
    assert (counts.diagonal() == 0).all()
    others = counts[~np.eye(6, dtype=bool)].reshape(6, 5)
    assert (others.sum(axis=1) == 1200).all()
    # Two draws of an anchor are distinct, so counts vary less than chisquare assumes.
    assert min(chisquare(row).pvalue for row in others) > 1e-3


@properties
@given(n_rows=st.integers(0, 4), width=st.integers(0, 7), n=st.integers(0, 9), seed=seeds)
def test_sample_candidates(n_rows, width, n, seed):
    rng = np.random.default_rng(seed)
    candidates = rng.permuted(np.tile(np.arange(20), (n_rows, 1)), axis=1)[:, :width]
    candidates[rng.random(candidates.shape) < 0.3] = -1
    before = candidates.copy()
    kept = sample_candidates(candidates, n, lambda width: rng.random((n_rows, width)))
    assert_array_equal(candidates, before)
    assert kept.shape == (len(candidates), min(n, width))
    for row, full in zip(kept.tolist(), candidates.tolist(), strict=True):
        there, whole = [c for c in row if c >= 0], [c for c in full if c >= 0]
        assert len(there) == min(n, len(whole))
        assert len(set(there)) == len(there)
        assert set(there) <= set(whole)


def test_each_row_keeps_all_its_candidates_equally_often():
    candidates = np.tile([3, -1, 0, 1, 2, -1], (6000, 1))
    rng = np.random.default_rng(0)
    kept = sample_candidates(candidates, 2, lambda width: rng.random((6000, width)))
    pairs = {frozenset(row) for row in kept.tolist()}
    assert len(pairs) == 6  # all pairs of four candidates, in one call
    counts = [sum(pair == set(row) for row in kept.tolist()) for pair in pairs]
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("n", [None, 4, 9])
def test_keeping_all_draws_nothing(n):
    # The generator is not advanced, so that batches do not depend on n_between.
    candidates = np.arange(12).reshape(3, 4)
    kept = sample_candidates(candidates, n, lambda width: pytest.fail("it was advanced"))
    assert_array_equal(kept, candidates)


@properties
@given(n_rows=st.integers(0, 6), width=st.integers(0, 5), data=st.data(), seed=seeds)
def test_random_rows_are_those_of_all(n_rows, width, data, seed):
    start = data.draw(st.integers(0, n_rows))
    own = slice(start, data.draw(st.integers(start, n_rows)))
    one, other = (np.random.default_rng(seed) for _ in range(2))
    assert_array_equal(random_rows(one, n_rows, own, width), other.random((n_rows, width))[own])
    # What is drawn next is the same too.
    assert one.integers(2**63) == other.integers(2**63)


def test_all_other_anchors_by_default():
    for epoch in (0, 2):
        assert same(list(batches_of(epoch=epoch)), list(batches_of(epoch=epoch, n_between=99)))


# ---------------------------------------------------------------- randomness


@pytest.mark.parametrize("epoch", [0, 3])
def test_same_seed_and_epoch_same_batches(epoch):
    batches = batches_of(epoch=epoch)
    first = list(batches)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    next(iter(batches))
    assert same(list(batches), first)
    assert same(list(batches_of(epoch=epoch)), first)


def test_global_random_states_do_not_change():
    numpy_state, torch_state = repr(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    list(batches_of())
    assert repr(np.random.get_state()) == numpy_state  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_other_epoch_or_seed_other_batches():
    settings = [{}, {"epoch": 1}, {"seed": 1}, {"epoch": 1, "seed": 1}]
    epochs = [list(batches_of(**setting)) for setting in settings]
    orders = [[anchor for batch in epoch for anchor, _ in lists(batch)] for epoch in epochs]
    assert len(set(map(tuple, orders))) == len(settings)
    assert orders[0] != sorted(orders[0])
    # The seeds of the steps differ too, so that dropout and augmentations do.
    batch_seeds = [batch.seed for epoch in epochs for batch in epoch]
    assert len(set(batch_seeds)) == len(batch_seeds)
    assert all(type(seed) is int and 0 <= seed < 2**63 for seed in batch_seeds)


# ---------------------------------------------------------------- segments


def test_read_only_memmap(tmp_path):
    np.save(tmp_path / "X.npy", numbered(9).astype(np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    for batch in Batches(SegmentArray(X), GroupIndex.from_labels(np.arange(9) % 2), 4, 0, 2):
        assert batch.segments.dtype == torch.float32
        assert_array_equal(batch.segments.numpy(), X[numbers(batch)])
        batch.segments.zero_()
    assert_array_equal(X, numbered(9).astype(np.float32))


def test_two_dimensions_are_one_channel():
    batches = Batches(SegmentArray(numbered(6)[:, :, 0]), singles(6), 3, 0)
    assert [tuple(batch.segments.shape) for batch in batches] == [(3, 3, 1), (3, 3, 1)]


def test_bad_values_are_found_when_their_batch_is_read():
    X = numbered(8)
    X[6, 1, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity: first in row 6"):
        list(Batches(SegmentArray(X), singles(8), 4, 0))
    assert len(list(Batches(SegmentArray(X), singles(6), 4, 0))) == 2


def test_batch_to_device():
    batch = next(iter(batches_of()))
    moved = batch.to("meta")
    assert isinstance(moved, Batch)
    assert {x.device.type for x in moved[:3]} == {"meta"}
    assert [x.shape for x in moved[:3]] == [x.shape for x in batch[:3]]
    assert moved.seed == batch.seed
    assert same([batch.to("cpu")], [batch])


# ---------------------------------------------------------------- repeats


def drop_repeats_slowly(candidates):
    result = []
    for row in candidates.tolist():
        new = []
        for candidate in sorted(row):
            new.append(-1 if candidate in new else candidate)
        result.append(new)
    return np.array(result, dtype=candidates.dtype).reshape(candidates.shape)


@properties
@given(
    n_anchors=st.integers(0, 5), n_candidates=st.integers(0, 9), top=st.integers(0, 6), seed=seeds
)
def test_drop_repeats(n_anchors, n_candidates, top, seed):
    rng = np.random.default_rng(seed)
    candidates = rng.integers(-1, top, size=(n_anchors, n_candidates), endpoint=True)
    before = candidates.copy()
    assert_array_equal(drop_repeats(candidates), drop_repeats_slowly(candidates))
    assert_array_equal(candidates, before)


# ---------------------------------------------------------------- epochs of a number of batches


def in_epochs(batches, n_epochs):
    """Return the batches of the first epochs in one list."""
    found = []
    for epoch in range(n_epochs):
        batches.epoch = epoch
        found += batches
    return found


@pytest.mark.parametrize("kind", [Batches, SharedBatches])
@pytest.mark.parametrize("n_batches", [1, 2, 3, 7, 12])
def test_epochs_of_any_length_divide_the_same_sequence_of_batches(kind, n_batches):
    """Epochs are pieces of one sequence, in which each pass visits every row."""
    array = SegmentArray(np.arange(23, dtype=np.float32).reshape(23, 1, 1))
    index = GroupIndex.from_labels(np.arange(23) % 4)
    settings = {"batch_size": 5 if kind is Batches else 2, "seed": 0, "n_within": 3}
    passes = kind(array, index, **settings)
    epochs = kind(array, index, **settings, n_batches=n_batches)
    assert len(epochs) == n_batches
    pieces = in_epochs(epochs, 3)
    expected = in_epochs(passes, -(-3 * n_batches // len(passes)))
    assert same(pieces, expected[: 3 * n_batches])


def test_an_epoch_of_a_number_of_batches_resumes_in_the_middle():
    batches = batches_of(n=23, batch_size=5, epoch=2, n_batches=7)
    assert same(list(batches.starting_at(4)), list(batches)[4:])
