import pytest
import torch

from relcon_sklearn.nn import MotifCrossAttention, squared_error
from tests.support.reference import relative_error
from tests.support.released import released_motif_weights


@pytest.fixture(params=["sparsemax", "softmax"])
def attention(request):
    return request.param


def released_net(vectors, attention="sparsemax"):
    net = MotifCrossAttention(3, attention=attention).eval()
    net.load_state_dict(released_motif_weights(vectors))
    return net


def test_reconstructions_match_the_released_network(vectors, attention):
    net = released_net(vectors, attention)
    i, j = vectors["pairs"].T
    reconstruction = net(vectors["anchors"][i].mT, vectors["candidates"][j].mT)
    assert relative_error(reconstruction.mT, vectors[f"recon_{attention}"]) < 1e-5


def test_features_and_attention_map_match_the_released_network(vectors):
    net = released_net(vectors)
    anchor, candidate = vectors["anchors"][1:2].mT, vectors["candidates"][3:4].mT
    stats = net.revin.stats(candidate)
    query_in, key_in = net.revin.normalise(anchor, stats), net.revin.normalise(candidate, stats)
    for module, x, name in [
        (net.query_net, query_in, "feat_q_pair1"),
        (net.key_net, key_in, "feat_k_pair1"),
        (net.value_net, key_in, "feat_v_pair1"),
    ]:
        assert relative_error(module(x)[0], vectors[name]) < 1e-4
    weights = net.attention_map(anchor, candidate)[0]
    assert relative_error(weights, vectors["attn_sparsemax_pair1"]) < 1e-4


def test_loss_and_gradients_match_the_released_network(vectors):
    # In float64, because two float32 evaluations of these gradients differ by more than 1e-4. Half
    # of the difference is the rounding of the released network.
    net = released_net(vectors).double()
    anchors, candidates = vectors["anchors"][:5].mT.double(), vectors["candidates"].mT.double()
    loss = squared_error(net(anchors, candidates), anchors).sum()
    loss.backward()
    assert loss.item() == pytest.approx(vectors["motif_loss"].item(), rel=1e-5)
    expected = released_motif_weights(vectors, "xattn_grad/")
    actual = dict(net.named_parameters())
    assert expected.keys() == actual.keys()
    for name, gradient in expected.items():
        assert relative_error(actual[name].grad, gradient) < 1e-4, name


def test_loss_and_gradients_in_float32_are_near(vectors):
    net = released_net(vectors)
    anchors, candidates = vectors["anchors"][:5].mT, vectors["candidates"].mT
    squared_error(net(anchors, candidates), anchors).sum().backward()
    for name, gradient in released_motif_weights(vectors, "xattn_grad/").items():
        assert relative_error(net.get_parameter(name).grad, gradient) < 3e-4, name


def distance_of(net, anchors, candidates):
    with torch.no_grad():
        return squared_error(net(anchors, candidates), anchors)


@pytest.mark.parametrize("revin", [True, False])
def test_a_common_offset_or_scale_does_not_matter_only_with_revin(revin):
    net = MotifCrossAttention(3, embed_dim=8, kernel_size=5, revin=revin).double().eval()
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 4, 3, 30, generator=generator, dtype=torch.float64)
    plain = distance_of(net, a, b)
    shifted = distance_of(net, a + 2, b + 2)
    scaled = distance_of(net, 3 * a, 3 * b) / 9
    for other in (shifted, scaled):
        close = torch.isclose(other, plain, rtol=1e-4, atol=0)
        assert close.all() if revin else not close.any()


def test_without_revin_the_mean_of_the_candidate_is_not_subtracted():
    # Without normalisation, the offset of the candidate changes only its values.
    net = MotifCrossAttention(1, embed_dim=8, kernel_size=5, revin=False).eval()
    net.out_proj.weight.data.zero_()
    net.out_proj.bias.data.fill_(0.25)
    a, b = torch.zeros(1, 1, 20), torch.full((1, 1, 20), 7.0)
    torch.testing.assert_close(net(a, b), torch.full((1, 1, 20), 0.25), rtol=1e-5, atol=0)


def test_dropout_needs_training_and_follows_the_generator():
    net = MotifCrossAttention(2, embed_dim=8, dropout=0.5)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 2, 30, generator=generator)
    first, second, other = (net(a, b, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    net.eval()
    assert torch.equal(net(a, b, torch.Generator().manual_seed(1)), net(a, b))


def test_dropout_keeps_the_expected_reconstruction():
    net = MotifCrossAttention(1, embed_dim=8, dropout=0.5)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 1, 1, 10, generator=generator)
    with torch.no_grad():
        drawn = net(a.expand(20000, -1, -1), b.expand(20000, -1, -1), generator).mean(0)
        torch.testing.assert_close(drawn, net.eval()(a, b)[0], atol=0.05, rtol=0)


def test_rows_of_the_attention_map_sum_to_one(attention):
    net = MotifCrossAttention(3, embed_dim=8, attention=attention)
    a = torch.randn(2, 3, 20, generator=torch.Generator().manual_seed(0))
    weights = net.attention_map(a, a[..., :7].flip(0))
    assert weights.shape == (2, 20, 7)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 20))
