"""Inference in blocks: the settings of the allocator are changed for large inputs only."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from relcon_sklearn._training import _blocks
from relcon_sklearn._training._blocks import apply_in_blocks
from relcon_sklearn.segments._array import SegmentArray


@pytest.mark.parametrize(("n_segments", "n_times"), [(1, 0), (10, 0), (500, 1)])
def test_memory_is_kept_for_large_inputs_only(n_segments, n_times, monkeypatch):
    calls = []

    @contextmanager
    def counting():
        calls.append(None)
        yield

    monkeypatch.setattr(_blocks, "kept_memory", counting)
    X = np.arange(n_segments * 128 * 3, dtype=np.float32).reshape(n_segments, 128, 3)
    found = apply_in_blocks(lambda x: x[:, :, 0], SegmentArray(X), torch.device("cpu"))
    assert_array_equal(found, X[:, 0])
    assert len(calls) == n_times
