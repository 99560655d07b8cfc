import sys

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from relcon_sklearn.nn import (
    MotifCrossAttention,
    ResNet1D,
    encode_in_chunks,
    motif_distances,
    relative_contrastive_loss,
    squared_error,
)
from relcon_sklearn.nn import _motif_ranking as ranking
from tests.support.reference import relative_error
from tests.support.released import released_motif_weights, released_resnet_weights


def released_net(vectors, attention):
    net = MotifCrossAttention(3, attention=attention).eval()
    net.load_state_dict(released_motif_weights(vectors))
    return net


def all_pairs(net, anchors, candidates):
    index = torch.arange(len(candidates)).expand(len(anchors), -1)
    return motif_distances(net, anchors, encode_in_chunks(net, candidates), index)


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_distance_matrix_matches_the_released_network(vectors, attention):
    net = released_net(vectors, attention)
    distances = all_pairs(net, vectors["anchors"].mT, vectors["candidates"].mT)
    torch.testing.assert_close(distances, vectors[f"dist_{attention}"], rtol=1e-4, atol=0)
    exact = vectors[f"dist_{attention}_f64"]
    torch.testing.assert_close(distances.double(), exact, rtol=1e-5, atol=0)


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
@pytest.mark.parametrize("n_channels", [1, 3, 6])
@pytest.mark.parametrize(("length", "other_length"), [(1, 1), (7, 5), (64, 64), (200, 90)])
@pytest.mark.parametrize("chunk", [1, 2**12, 2**20])
def test_equals_the_pair_by_pair_forward(
    monkeypatch, attention, n_channels, length, other_length, chunk
):
    monkeypatch.setattr(ranking, "_cache_bytes", lambda: 2 * chunk)
    generator = torch.Generator().manual_seed(length)
    net = MotifCrossAttention(n_channels, embed_dim=16, attention=attention).double().eval()
    for parameter in net.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data += 0.2 * noise
    draw = {"generator": generator, "dtype": torch.float64}
    anchors = torch.randn(3, n_channels, length, **draw) + 0.5
    candidates = torch.randn(4, n_channels, other_length, **draw)
    index = torch.randint(0, 4, (3, 5), generator=generator)
    distances = motif_distances(net, anchors, encode_in_chunks(net, candidates), index)
    with torch.no_grad():
        expected = [
            [squared_error(net(anchors[i : i + 1], candidates[j : j + 1]), anchors[i : i + 1])]
            for i in range(3)
            for j in index[i]
        ]
    expected = torch.tensor(expected, dtype=torch.float64).view(3, 5)
    torch.testing.assert_close(distances, expected, rtol=1e-8, atol=1e-10)


@pytest.fixture(params=[1, 2])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize(("n_anchors", "k"), [(1, 1), (7, 1), (8, 5), (13, 3), (17, 6)])
@pytest.mark.parametrize("chunk", [None, 2**11, 1])
@pytest.mark.parametrize(("attention", "stride"), [("sparsemax", 1), ("softmax", 3)])
def test_several_anchors_at_a_time(monkeypatch, n_threads, n_anchors, k, chunk, attention, stride):
    if chunk is not None:
        monkeypatch.setattr(ranking, "_cache_bytes", lambda: 2 * chunk)
    generator = torch.Generator().manual_seed(n_anchors)
    net = MotifCrossAttention(3, embed_dim=8, kernel_size=5, attention=attention).eval()
    anchors = torch.randn(n_anchors, 3, 30, generator=generator) + 0.5
    candidates = torch.randn(6, 3, 20, generator=generator)
    index = torch.randint(0, 6, (n_anchors, k), generator=generator)
    features = encode_in_chunks(net, candidates)
    alone = motif_distances(net, anchors, features, index, stride)
    together = motif_distances(net, anchors, features, index, stride, max_anchors=8)
    assert together.shape == (n_anchors, k)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)
    assert torch.get_num_threads() == n_threads


def test_max_anchors_and_the_cache_limit_the_block_size(monkeypatch):
    sizes = []
    plain = ranking._stem_per_channel

    def spy(net, segments):
        sizes.append(len(segments))
        return plain(net, segments)

    monkeypatch.setattr(ranking, "_stem_per_channel", spy)
    net = MotifCrossAttention(3, embed_dim=8, kernel_size=5).eval()
    x = torch.randn(21, 3, 30, generator=torch.Generator().manual_seed(0))
    features, index = encode_in_chunks(net, x), torch.arange(21).expand(21, -1)[:, :5]

    def blocks(max_anchors, n_pairs):
        # A pair has 8 features of 30 time steps.
        monkeypatch.setattr(ranking, "_cache_bytes", lambda: 2 * 8 * 30 * n_pairs)
        sizes.clear()
        motif_distances(net, x, features, index, max_anchors=max_anchors)
        return sizes[1:]  # without the call for the constants

    assert blocks(8, 1000) == [8, 8, 5]
    assert blocks(8, 17) == [3] * 7  # three lists of five
    assert blocks(8, 4) == blocks(1, 1000) == [1] * 21


@pytest.mark.parametrize("max_anchors", [1, 8])
@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_without_revin_equals_the_pair_by_pair_forward(attention, max_anchors):
    generator = torch.Generator().manual_seed(0)
    net = MotifCrossAttention(3, embed_dim=16, attention=attention, revin=False).double().eval()
    for parameter in net.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data += 0.2 * noise
    draw = {"generator": generator, "dtype": torch.float64}
    anchors, candidates = torch.randn(5, 3, 40, **draw) + 0.5, torch.randn(4, 3, 30, **draw) - 1
    index = torch.arange(4).expand(5, -1)
    features = encode_in_chunks(net, candidates)
    found = motif_distances(net, anchors, features, index, max_anchors=max_anchors)
    with torch.no_grad():
        pairs = [squared_error(net(a[None], b[None]), a[None]) for a in anchors for b in candidates]
    torch.testing.assert_close(found, torch.cat(pairs).view(5, 4), rtol=1e-8, atol=1e-10)


def test_float32_is_accurate_if_the_candidate_hardly_moves():
    generator = torch.Generator().manual_seed(0)
    net = MotifCrossAttention(3, embed_dim=16).eval()
    anchors = torch.randn(2, 3, 64, generator=generator) + 1
    candidates = 1 + 0.003 * torch.randn(3, 3, 64, generator=generator)
    single = all_pairs(net, anchors, candidates).double()
    double = all_pairs(net.double(), anchors.double(), candidates.double())
    torch.testing.assert_close(single, double, rtol=1e-4, atol=0)


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
@pytest.mark.parametrize("n_channels", [1, 3, 6])
@pytest.mark.parametrize("length", [1, 7, 64, 200, 256, 1000])
def test_bfloat16_is_near(attention, n_channels, length):
    generator = torch.Generator().manual_seed(length)
    net = MotifCrossAttention(n_channels, attention=attention).eval()
    x = torch.randn(6, n_channels, length, generator=generator) + 0.5
    index = torch.randint(0, 6, (2, 4), generator=generator)
    exact = motif_distances(net, x[:2], encode_in_chunks(net, x), index)
    features = encode_in_chunks(net, x, torch.bfloat16)
    assert features.key.dtype == torch.bfloat16
    near = motif_distances(net, x[:2], features, index)
    assert near.dtype == torch.float32
    torch.testing.assert_close(near, exact, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_bfloat16_keeps_the_order_of_the_released_network(vectors, attention):
    net = released_net(vectors, attention)
    anchors, candidates = vectors["anchors"].mT, vectors["candidates"].mT
    index = torch.arange(len(candidates)).expand(len(anchors), -1)
    features = encode_in_chunks(net, candidates, torch.bfloat16)
    distances = motif_distances(net, anchors, features, index).double()
    exact = vectors[f"dist_{attention}_f64"]
    torch.testing.assert_close(distances, exact, rtol=0.02, atol=0)
    pairs = torch.triu_indices(len(candidates), len(candidates), offset=1)
    gap, exact_gap = (d[:, pairs[0]] - d[:, pairs[1]] for d in (distances, exact))
    # Pairs of candidates whose distances differ by more than the rounding.
    clear = exact_gap.abs() > 0.02 * exact.amax(dim=1, keepdim=True)
    assert clear.float().mean() > 0.5
    assert (gap.sign() == exact_gap.sign())[clear].all()


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 7, 64, 200])
def test_some_time_steps_of_the_anchors(length, stride, dtype, attention):
    generator = torch.Generator().manual_seed(length)
    net = MotifCrossAttention(3, embed_dim=16, attention=attention).to(dtype).eval()
    anchors = torch.randn(2, 3, length, generator=generator, dtype=dtype) + 0.5
    candidates = torch.randn(4, 3, 90, generator=generator, dtype=dtype)
    index = torch.randint(0, 4, (2, 5), generator=generator)
    features = encode_in_chunks(net, candidates)
    found = motif_distances(net, anchors, features, index, query_stride=stride)
    assert found.shape == (2, 5)
    for i in range(2):
        for j in range(5):
            anchor, candidate = anchors[i : i + 1], candidates[index[i, j]][None]
            with torch.no_grad():
                pair = net.encode_candidates(candidate)
                stem = net.query_net.stem(net.revin.normalise(anchor, pair.stats))
                query = net.query_net.after_stem(stem, stride=stride)
                reconstructed = net.reconstruct(net.weights(query, pair.key), pair)
                error = (reconstructed - anchor[..., ::stride]).square().sum(dim=1).mean()
            expected = (length * error).item()
            tolerance = 1e-3 if dtype == torch.float32 else 1e-8
            assert found[i, j].item() == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_some_time_steps_nearly_keep_the_order(vectors, attention):
    net = released_net(vectors, attention)
    anchors, candidates = vectors["anchors"].mT, vectors["candidates"].mT
    index = torch.arange(len(candidates)).expand(len(anchors), -1)
    features = encode_in_chunks(net, candidates)
    found = motif_distances(net, anchors, features, index, query_stride=4)
    rho = [
        spearmanr(a, b).statistic for a, b in zip(found, vectors[f"dist_{attention}"], strict=True)
    ]
    assert np.mean(rho) > 0.9


@pytest.mark.parametrize(("n_anchors", "k"), [(0, 4), (3, 0), (0, 0)])
def test_no_pairs(n_anchors, k):
    # One of several processes can have none of the anchors of a batch.
    net, candidates = MotifCrossAttention(3, embed_dim=8), torch.randn(5, 3, 16)
    index = torch.zeros((n_anchors, k), dtype=torch.long)
    features = encode_in_chunks(net, candidates)
    assert motif_distances(net, candidates[:n_anchors], features, index).shape == (n_anchors, k)


def test_takes_no_gradient_and_no_dropout():
    net = MotifCrossAttention(1, embed_dim=8, dropout=0.9).train()
    x = torch.randn(3, 1, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    distances = all_pairs(net, x, x)
    assert not distances.requires_grad
    assert torch.equal(distances, all_pairs(net, x, x))


def step(vectors, attention):
    """Return the segments of a step, and its candidates in the order of the released code.

    First the other anchors of the batch, by rotation, then the anchor's own candidates.
    """
    anchors, within = vectors["anchors"], vectors["within"]
    n, n_own = within.shape[:2]
    segments = torch.cat([anchors, within.flatten(0, 1)]).mT
    b = torch.arange(n)[:, None]
    between, own = (b + 1 + torch.arange(n - 1)) % n, n + b * n_own + torch.arange(n_own)
    index = torch.cat([between, own], dim=1)
    net = released_net(vectors, attention)
    distances = motif_distances(net, segments[:n], encode_in_chunks(net, segments), index)
    return segments, index, distances


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_order_in_one_whole_step_matches_the_released_code(vectors, attention):
    segments, index, distances = step(vectors, attention)
    expected = vectors[f"step_dist_{attention}"].T
    torch.testing.assert_close(distances, expected, rtol=1e-4, atol=0)
    order = vectors[f"step_sortedinds_{attention}"].T
    assert torch.equal(distances.argsort(dim=1), order)

    encoder = ResNet1D(3, n_blocks=(2, 2, 3), widths=(8, 16, 32)).eval()
    encoder.load_state_dict(released_resnet_weights(vectors, "resnet_small/"))
    z = encoder(segments)
    n = len(index)
    assert relative_error(z[:n], vectors["resnet_small_embed"][:n]) < 1e-5
    ranks = order.argsort(dim=1).float()
    ours, theirs = (
        relative_contrastive_loss(z, torch.arange(n), index, d) for d in (distances, ranks)
    )
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("attention", ["sparsemax", "softmax"])
def test_loss_of_one_whole_step_matches_the_released_code(full_vectors, attention):
    segments, index, distances = step(full_vectors, attention)
    encoder = ResNet1D(3).eval()
    encoder.load_state_dict(released_resnet_weights(full_vectors, "resnet/"))
    loss = relative_contrastive_loss(
        encoder(segments), torch.arange(len(index)), index, distances, temperature=0.1
    )
    assert loss.item() == pytest.approx(full_vectors[f"step_loss_{attention}"].item(), rel=1e-4)


def test_without_triton(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "relcon_sklearn.nn._triton_kernels", None)
    monkeypatch.delattr("relcon_sklearn.nn._triton_kernels", raising=False)
    ranking.gpu_kernels.cache_clear()
    try:
        with caplog.at_level("WARNING", logger="relcon_sklearn"):
            assert ranking.gpu_kernels() is None
        assert "without Triton" in caplog.text
    finally:
        ranking.gpu_kernels.cache_clear()


def test_a_kernel_that_cannot_be_launched(monkeypatch, caplog):
    class Kernels:
        def pair_distances(*args):
            raise RuntimeError("Failed to find C compiler")

    def zeros(*shape, device=None, **kwargs):
        return plain_zeros(*shape, **kwargs)

    plain_zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", zeros)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "relcon_sklearn.nn._triton_kernels", Kernels)
    monkeypatch.setattr("relcon_sklearn.nn._triton_kernels", Kernels, raising=False)
    ranking.gpu_kernels.cache_clear()
    try:
        with caplog.at_level("WARNING", logger="relcon_sklearn"):
            assert ranking.gpu_kernels() is None
        assert "Failed to find C compiler" in caplog.text
    finally:
        ranking.gpu_kernels.cache_clear()
