import pytest
import torch
from reference import relative_error, released_motif_weights, released_resnet_weights

from relcon_sklearn.nn import (
    MotifCrossAttention,
    ResNet1D,
    encode_in_chunks,
    motif_distances,
    relative_contrastive_loss,
    squared_error,
)
from relcon_sklearn.nn import _motif_ranking as ranking


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
    monkeypatch.setitem(ranking._CHUNK_VALUES, "cpu", chunk)
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


def test_float32_is_accurate_where_the_candidate_hardly_moves():
    generator = torch.Generator().manual_seed(0)
    net = MotifCrossAttention(3, embed_dim=16).eval()
    anchors = torch.randn(2, 3, 64, generator=generator) + 1
    candidates = 1 + 0.003 * torch.randn(3, 3, 64, generator=generator)
    single = all_pairs(net, anchors, candidates).double()
    double = all_pairs(net.double(), anchors.double(), candidates.double())
    torch.testing.assert_close(single, double, rtol=1e-4, atol=0)


def test_takes_no_gradient_and_no_dropout():
    net = MotifCrossAttention(1, embed_dim=8, dropout=0.9).train()
    x = torch.randn(3, 1, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    distances = all_pairs(net, x, x)
    assert not distances.requires_grad
    assert torch.equal(distances, all_pairs(net, x, x))


def step(vectors, attention):
    """Segments of a step, and its candidates in the order the released code has them.

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
