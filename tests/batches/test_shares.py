"""Batches of processes: each has its share of the anchors, with the candidates of one process."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relcon_sklearn._batches import Batches, GroupIndex, SharedBatches
from relcon_sklearn._training._distributed import Processes
from relcon_sklearn.segments._array import SegmentArray

KINDS = [Batches, SharedBatches]


@pytest.mark.parametrize("kind", KINDS)
@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    groups=st.lists(st.integers(0, 4), min_size=2, max_size=40),
    batch_size=st.integers(2, 6),
    n_within=st.integers(0, 4),
    n_between=st.none() | st.integers(0, 4),
    size=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_shares_are_the_batch_of_one_process(
    kind, groups, batch_size, n_within, n_between, size, seed
):
    array = SegmentArray(np.arange(len(groups), dtype=float).reshape(-1, 1, 1))
    given = (array, GroupIndex.from_labels(groups), batch_size, seed, n_within, n_between)
    shares = [kind(*given, share=Processes(rank, size).share) for rank in range(size)]
    for whole, *parts in zip(kind(*given), *shares, strict=True):
        for key in ("anchors", "candidates"):
            found = torch.cat([getattr(part, key) for part in parts])
            assert torch.equal(found, getattr(whole, key))
        sizes = [len(part.anchors) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        for part in parts:
            assert torch.equal(part.segments, whole.segments)
            assert part.seed == whole.seed
            assert part.n_items == whole.n_items == len(whole.anchors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_draws_for_its_own_anchors(kind, monkeypatch):
    drawn = []

    def record(rng, n_rows, own, width):
        drawn.append((n_rows, own.stop - own.start))
        return rng.random((own.stop - own.start, width))

    monkeypatch.setattr(f"{kind.__module__}.random_rows", record)
    array, index = SegmentArray(np.zeros((40, 1, 1))), GroupIndex.from_labels(np.arange(40) // 4)
    n_between, size = 2, 4
    batches = kind(array, index, 8, 0, 3, n_between, share=Processes(1, size).share)
    batch = next(iter(batches))
    assert len(batch.candidates) == batch.n_items // size
    assert set(drawn) == {(batch.n_items, batch.n_items // size)}


def test_a_moved_batch_keeps_the_number_of_all_anchors():
    array, index = SegmentArray(np.zeros((8, 1, 1))), GroupIndex.from_labels(np.arange(8))
    batch = next(iter(Batches(array, index, 8, 0, share=Processes(0, 2).share)))
    assert len(batch.to("meta").anchors) == 4
    assert batch.to("meta").n_items == batch.n_items == 8
