"""Inference in blocks: their sizes, and when the settings of the allocator are changed."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from relcon_sklearn._training import _blocks
from relcon_sklearn._training._blocks import apply_in_blocks, check_embeddings
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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_embeddings_that_are_not_finite_in_float32_are_refused(value):
    z = torch.ones(3, 5, dtype=torch.float64)
    z[1, 4] = value
    with pytest.raises(ValueError, match="encoder='mine' returned embeddings that are NaN or inf"):
        check_embeddings(z, 3, "mine")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64, torch.bool])
@pytest.mark.parametrize("n_features", [0, 5])
def test_embeddings_become_float32(dtype, n_features):
    z = torch.ones(3, n_features, dtype=dtype)
    found = check_embeddings(z, 3, "mine")
    assert found.dtype == torch.float32
    assert_array_equal(found.numpy(), np.ones((3, n_features)))
