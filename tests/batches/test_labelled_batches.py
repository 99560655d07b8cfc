"""Labelled batches: every row once, with its own target and weight."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn._batches import GroupIndex, LabelledBatch, LabelledBatches
from relcon_sklearn.segments._array import SegmentArray
from relcon_sklearn.segments._chosen_rows import ChosenRows


def made(n, batch_size, seed=0, weights=None, targets=None, chosen=None):
    """Return batches of segments whose first value is their row number."""
    array = SegmentArray(np.arange(n)[:, None, None] + np.zeros((1, 3, 2)))
    index = GroupIndex.from_labels(np.arange(n))
    index = index if chosen is None else index.select(chosen)
    targets = -np.arange(n) if targets is None else targets
    weights = np.ones(n) if weights is None else weights
    return LabelledBatches(array, index, batch_size, seed, targets=targets, weights=weights)


def rows(batch):
    return batch.segments[:, 0, 0].int().numpy()


@given(n=st.integers(2, 40), batch_size=st.integers(2, 12), seed=st.integers(0, 99))
def test_every_row_once_with_its_target_and_weight(n, batch_size, seed):
    weights = np.random.default_rng(seed).uniform(0.5, 2, n)
    batches = made(n, batch_size, seed, weights)
    seen = []
    for batch in batches:
        number = rows(batch)
        seen.extend(number.tolist())
        np.testing.assert_array_equal(batch.targets, -number)
        np.testing.assert_allclose(batch.weights, (weights / weights.mean())[number], rtol=1e-6)
        assert len(number) >= 2
    assert sorted(seen) == list(range(n))


def test_order_depends_on_seed_and_epoch():
    def order(seed, epoch):
        batches = made(30, 4, seed)
        batches.epoch = epoch
        return [rows(batch).tolist() for batch in batches]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_weights_have_a_mean_of_one_over_the_rows_in_use():
    weights = np.array([1.0, 2.0, 3.0, 100.0, 0.0])
    batches = made(5, 8, weights=weights, chosen=np.array([True, True, True, False, False]))
    (batch,) = batches
    np.testing.assert_allclose(batch.weights, [0.5, 1.0, 1.5])


@pytest.mark.parametrize("shape", [(), (3,)])
def test_shapes_and_dtypes(shape):
    targets = np.zeros((6, *shape), dtype=np.float32)
    batch = next(iter(made(6, 4, targets=targets)))
    assert batch.segments.shape == (4, 3, 2)
    assert batch.targets.shape == (4, *shape)
    assert {x.dtype for x in batch} == {torch.float32}


def test_moves():
    batch = next(iter(made(6, 4)))
    assert batch.to("cpu") is batch
    moved = batch.to("meta")
    assert isinstance(moved, LabelledBatch)
    assert {x.device.type for x in moved} == {"meta"}


def test_chosen_rows():
    X = np.random.default_rng(0).normal(size=(9, 4, 2)).astype(np.float32)
    view = ChosenRows(SegmentArray(X), np.array([7, 2, 5]))
    assert view.shape == (3, 4, 2)
    np.testing.assert_array_equal(np.asarray(view), X[[7, 2, 5]])
    np.testing.assert_array_equal(SegmentArray(view).read(np.array([2, 0])), X[[5, 7]])
