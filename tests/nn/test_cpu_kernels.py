"""The compiled loops against the torch functions they replace."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn.nn import MotifCrossAttention, encode_in_chunks, motif_distances
from relcon_sklearn.nn import _motif_ranking as ranking
from relcon_sklearn.nn._sparsemax import sparsemax

kernels = pytest.importorskip("relcon_sklearn.nn._cpu_kernels")

DTYPES = {torch.float32: 2e-5, torch.float64: 1e-9}


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    n_keys=st.one_of(st.integers(1, 40), st.sampled_from([64, 200, 256, 1000])),
    scale=st.sampled_from([0.0, 1e-3, 0.1, 1.0, 8.0, 1e3]),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 99),
)
def test_sparsemax_attend(dtype, n_keys, scale, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = scale * torch.randn(2, 5, n_keys, generator=generator, dtype=dtype) + shift
    value = torch.randn(2, 3, n_keys, generator=generator, dtype=dtype)
    out = torch.empty(2, 3, 5, dtype=dtype)
    expected = value.double() @ sparsemax(scores.double()).mT
    kernels.sparsemax_attend(scores.numpy(), value.numpy(), out.numpy())
    # Float32 scores of 1e3 have no more than four digits after the point.
    tolerance = DTYPES[dtype] * max(1.0, scale)
    torch.testing.assert_close(out.double(), expected, atol=tolerance, rtol=0)


def test_equal_scores_share_the_weight():
    scores = np.zeros((1, 1, 4), dtype=np.float32)
    out = np.empty((1, 1, 1), dtype=np.float32)
    kernels.sparsemax_attend(scores, np.array([[[1.0, 2, 3, 6]]], dtype=np.float32), out)
    assert out.item() == 3.0


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    n_timesteps=st.one_of(st.integers(2, 40), st.sampled_from([64, 200, 256, 1000])),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    shift=st.sampled_from([0.0, 1.0, 100.0]),
    seed=st.integers(0, 99),
)
def test_normalise_rows(dtype, n_timesteps, scale, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    x = scale * (torch.randn(6, n_timesteps, generator=generator, dtype=dtype) + shift)
    expected = F.instance_norm(x.double()[None])[0]
    kernels.normalise_rows(x.numpy(), 1e-5)
    tolerance = DTYPES[dtype] * (1 + shift)
    torch.testing.assert_close(x.double(), expected, atol=tolerance, rtol=tolerance)


def test_one_value_is_its_mean():
    x = np.array([[3.0], [-2.0]], dtype=np.float32)
    kernels.normalise_rows(x, 1e-5)
    assert (x == 0).all()


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
@pytest.mark.parametrize("length", [1, 7, 64, 200, 256, 1000])
@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_ranking_with_and_without(attention, length, n_channels, monkeypatch):
    generator = torch.Generator().manual_seed(length)
    net = MotifCrossAttention(n_channels, embed_dim=16, attention=attention).eval()
    x = torch.randn(6, n_channels, length, generator=generator)
    index = torch.randint(0, 6, (2, 4), generator=generator)
    features = encode_in_chunks(net, x)
    found = motif_distances(net, x[:2], features, index)
    monkeypatch.setattr(ranking, "cpu_kernels", lambda: None)
    expected = motif_distances(net, x[:2], features, index)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_anchors", [1, 2, 7])
def test_the_number_of_threads_makes_no_difference(n_anchors):
    net = MotifCrossAttention(3, embed_dim=16).eval()
    x = torch.randn(9, 3, 100, generator=torch.Generator().manual_seed(0))
    index = torch.arange(9).expand(n_anchors, -1)
    features = encode_in_chunks(net, x)
    before = torch.get_num_threads()
    try:
        found = []
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            found.append(motif_distances(net, x[:n_anchors], features, index))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_an_error_in_a_thread_is_raised():
    def fail(i):
        raise RuntimeError(f"anchor {i}")

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(RuntimeError, match="anchor 0"):
            ranking.in_threads(fail, 3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_without_numba(monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "relcon_sklearn.nn._cpu_kernels", None)
    monkeypatch.delattr("relcon_sklearn.nn._cpu_kernels")
    ranking.cpu_kernels.cache_clear()
    try:
        with caplog.at_level("INFO", logger="relcon_sklearn"):
            assert ranking.cpu_kernels() is None
        assert "without numba" in caplog.text
    finally:
        ranking.cpu_kernels.cache_clear()
