"""Comparison of the compiled loops with the torch functions that they replace."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn.nn import MotifCrossAttention, encode_in_chunks, motif_distances
from relcon_sklearn.nn import _motif_ranking as ranking
from relcon_sklearn.nn._dilated_conv import activate
from relcon_sklearn.nn._sparsemax import sparsemax

kernels = pytest.importorskip("relcon_sklearn.nn._cpu_kernels")

ATTEND = {"sparsemax": kernels.sparsemax_attend, "softmax": kernels.softmax_attend}
WEIGHTS = {"sparsemax": sparsemax, "softmax": lambda scores: scores.softmax(dim=-1)}


@pytest.mark.parametrize("attention", ATTEND)
@given(
    n_keys=st.one_of(st.integers(1, 40), st.sampled_from([64, 200, 256, 1000])),
    scale=st.sampled_from([0.0, 1e-3, 0.1, 1.0, 8.0, 1e3]),
    shift=st.floats(-100, 100, width=32),
    seed=st.integers(0, 99),
)
def test_attend(attention, n_keys, scale, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = scale * torch.randn(2, 5, n_keys, generator=generator) + shift
    value = torch.randn(2, 3, n_keys, generator=generator)
    out = torch.empty(2, 3, 5)
    expected = value.double() @ WEIGHTS[attention](scores.double()).mT
    ATTEND[attention](*(x.numpy() for x in (scores, value, out)))
    # Float32 scores of 1e3 have at most four digits after the decimal point.
    tolerance = 2e-5 * max(1.0, scale)
    torch.testing.assert_close(out.double(), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("attention", ATTEND)
def test_equal_scores_share_the_weight(attention):
    scores = np.zeros((1, 1, 4), dtype=np.float32)
    out = np.empty((1, 1, 1), dtype=np.float32)
    value = np.array([[[1.0, 2, 3, 6]]], dtype=np.float32)
    ATTEND[attention](scores, value, out)
    assert out.item() == 3.0


@pytest.mark.parametrize("attention", ATTEND)
@pytest.mark.parametrize("n_keys", [1, 7, 64, 200, 256, 1000])
def test_bfloat16_scores_equal_the_same_scores_in_float32(attention, n_keys):
    generator = torch.Generator().manual_seed(n_keys)
    scores = (8 * torch.randn(2, 5, n_keys, generator=generator)).bfloat16()
    value = torch.randn(2, 3, n_keys, generator=generator).numpy()
    out, expected = np.empty((2, 2, 3, 5), dtype=np.float32)
    ATTEND[attention](scores.view(torch.uint16).numpy(), value, out)
    ATTEND[attention](scores.float().numpy(), value, expected)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    "values",
    [[3.0], [-3.0], [-2.0, -1.0, -5.0], [0.0, -0.0, -1.0], [-1e-30, 1e-30], [5.0, np.inf, -np.inf]],
)
def test_the_largest_of_a_row(values):
    values = np.array(values, dtype=np.float32)
    row = np.empty_like(values)
    assert kernels._read_row(values, row) == values.max()
    np.testing.assert_array_equal(row, values)


@given(st.lists(st.floats(-60, 0, width=32), min_size=1, max_size=50))
def test_exponential(values):
    values = np.array(values, dtype=np.float32)
    found = np.array([kernels._exp(x) for x in values])
    np.testing.assert_allclose(found, np.exp(values.astype(float)), rtol=2e-7)


def test_exponential_has_no_denormals():
    found = [kernels._exp(np.float32(x)) for x in (-60, -87, -104, -3e38, -np.inf)]
    assert all(0 < x < 1e-26 for x in found)


@given(
    n_timesteps=st.one_of(st.integers(2, 40), st.sampled_from([64, 200, 256, 1000])),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    shift=st.sampled_from([-100.0, 0.0, 1.0, 100.0]),
    seed=st.integers(0, 99),
)
def test_activate_rows(n_timesteps, scale, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    x = scale * (torch.randn(6, n_timesteps, generator=generator) + shift)
    expected = activate(x.double()[None])[0]
    kernels.activate_rows(x.numpy(), 1e-5)
    tolerance = 2e-5 * (1 + abs(shift))
    torch.testing.assert_close(x.double(), expected, atol=tolerance, rtol=tolerance)


def test_one_value_is_its_mean():
    x = np.array([[3.0], [-2.0]], dtype=np.float32)
    kernels.activate_rows(x, 1e-5)
    assert (x == 0).all()


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
@pytest.mark.parametrize("length", [1, 7, 64, 200, 256, 1000])
@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_ranking_with_and_without_compiled_loops(attention, length, n_channels, monkeypatch):
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
def test_the_number_of_threads_does_not_change_distances(n_anchors):
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


@pytest.mark.parametrize(
    ("folder", "no_bytecode", "writable", "expected"),
    [
        ("", False, True, True),
        ("", True, True, False),
        ("", False, False, False),
        ("/given", True, False, True),
    ],
)
def test_machine_code_is_cached_only_where_allowed(
    monkeypatch, folder, no_bytecode, writable, expected
):
    monkeypatch.setattr("numba.config.CACHE_DIR", folder)
    monkeypatch.setattr("sys.dont_write_bytecode", no_bytecode)
    monkeypatch.setattr("os.access", lambda path, mode: writable)
    assert kernels._may_cache() is expected


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
