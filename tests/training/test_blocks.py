"""Inference in blocks: their sizes, and when the settings of the allocator are changed."""

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


@pytest.mark.parametrize(
    ("n_timesteps", "n_channels", "sizes"),
    [
        (128, 3, [256, 44]),
        (128, 1, [256, 44]),
        (500, 3, [65] * 4 + [40]),
        (40_000, 1, [1] * 300),
        (16, 512, [32] * 9 + [12]),  # a mebibyte
    ],
)
def test_blocks_have_a_number_of_time_steps(n_timesteps, n_channels, sizes):
    X = np.broadcast_to(np.float32(1), (300, n_timesteps, n_channels))
    found = []

    def count(segments):
        found.append(len(segments))
        return segments[:, :, 0]

    assert apply_in_blocks(count, SegmentArray(X), torch.device("cpu")).shape == (300, n_channels)
    assert found == sizes
