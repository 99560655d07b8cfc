"""The literal RelCon, the baseline of the speed benchmarks, computes the same numbers."""

import copy

import numpy as np
import pytest
import torch

from benchmarks.common import paper_literal as literal
from relcon_sklearn._batches import Batch, Batches, GroupIndex
from relcon_sklearn._training import MotifRanker, ranking_loss, reconstruction_loss
from relcon_sklearn.augmentations import RandomAugmentations
from relcon_sklearn.nn import (
    MotifCrossAttention,
    ResNet1D,
    relative_contrastive_loss,
    squared_error,
)
from relcon_sklearn.segments._array import SegmentArray
from tests.support.reference import relative_error, sparsemax_by_sorting
from tests.support.released import released_motif_weights, released_resnet_weights

LENGTHS = [1, 7, 64, 200, 256]
CHANNELS = [1, 3, 6]
ATTENTIONS = ["sparsemax", "softmax"]


def make_batch(length, n_channels, n_anchors=4, n_within=2, dtype=torch.float32):
    rng = np.random.default_rng(length)
    level = rng.normal(size=(24, 1, n_channels))
    X = level + rng.uniform(0.05, 1, size=(24, 1, 1)) * rng.normal(size=(24, length, n_channels))
    index = GroupIndex.from_labels(np.arange(24) % 5)
    batch = next(iter(Batches(SegmentArray(X), index, n_anchors, 0, n_within)))
    return batch._replace(segments=batch.segments.to(dtype))


def make_net(n_channels, attention="sparsemax", dtype=torch.float32, embed_dim=16):
    net = MotifCrossAttention(n_channels, embed_dim=embed_dim, attention=attention)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net.to(dtype)


def make_encoder(n_channels, dtype=torch.float32):
    encoder = ResNet1D(n_channels, n_blocks=(1, 2), widths=(8, 12), kernel_sizes=(3, 4))
    return encoder.to(dtype)


def gradients(module):
    """Return the gradients by name, zeros for parameters without one (at a length of 1)."""
    named = module.named_parameters()
    return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in named}


def assert_same_gradients(actual, expected, tolerance):
    """Compare gradients relative to their norm, but at least a thousandth of the largest norm."""
    actual, expected = gradients(actual), gradients(expected)
    largest = max(gradient.norm() for gradient in expected.values())
    assert largest > 0
    for name, gradient in expected.items():
        difference = (actual[name] - gradient).norm()
        assert difference <= tolerance * max(gradient.norm(), 1e-3 * largest), name


# ---------------------------------------------------------------- with the library


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("n_channels", CHANNELS)
@pytest.mark.parametrize("length", LENGTHS)
def test_distances_are_those_of_the_library(length, n_channels, attention, dtype, tolerance):
    batch = make_batch(length, n_channels, dtype=dtype)
    net = make_net(n_channels, attention, dtype)
    distances, expected = literal.rank(net, batch), MotifRanker(net)(batch)
    there = batch.candidates >= 0
    assert (distances[~there] == torch.inf).all()
    assert there.sum() == 4 * (3 + 2)
    torch.testing.assert_close(distances[there], expected[there], rtol=tolerance, atol=0)


@pytest.mark.parametrize("length", LENGTHS)
def test_fused_softmax_is_softmax(length):
    batch = make_batch(length, 3)
    net = make_net(3, "softmax")
    torch.testing.assert_close(literal.rank(net, batch, fused=True), literal.rank(net, batch))


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("n_channels", CHANNELS)
@pytest.mark.parametrize("length", LENGTHS)
def test_embeddings_are_those_of_the_encoder(length, n_channels, mode):
    segments = make_batch(length, n_channels).segments.mT
    encoder = make_encoder(n_channels).train()
    encoder(segments * 2 + 1)  # sets running statistics
    encoder.train(mode == "train")
    other = copy.deepcopy(encoder)
    torch.testing.assert_close(literal.embed(encoder, segments), other(segments))
    state = other.state_dict()
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, state[name])


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_loss_and_its_gradient_are_those_of_the_library(temperature):
    batch = make_batch(7, 1, n_anchors=6, n_within=4)
    assert len(set((batch.candidates >= 0).sum(dim=1).tolist())) > 1  # lists of several lengths
    z = torch.randn(len(batch.segments), 5)
    distances = torch.rand(batch.candidates.shape)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    loss = literal.contrastive_loss(ours, batch, distances, temperature)
    expected = relative_contrastive_loss(
        theirs, batch.anchors, batch.candidates, distances, temperature
    )
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert relative_error(ours.grad, theirs.grad) < 1e-5


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-5)])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("n_channels", CHANNELS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_step_of_training_is_that_of_the_library(length, n_channels, attention, dtype, tolerance):
    batch = make_batch(length, n_channels, dtype=dtype)
    net = make_net(n_channels, attention, dtype)
    ours = make_encoder(n_channels, dtype).train()
    theirs = copy.deepcopy(ours)
    before = copy.deepcopy(ours.state_dict())

    loss = literal.step(ours, net, batch, torch.optim.Adam(ours.parameters(), lr=1e-3))
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    expected = ranking_loss(MotifRanker(net), 0.1)(theirs, batch)
    expected.backward()
    optimizer.step()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert_same_gradients(ours, theirs, tolerance)
    for name, value in ours.named_parameters():
        # Adam's first step is the sign of the gradient, even of rounding errors.
        clear = value.grad.abs() > 1e-3 * value.grad.abs().max()
        assert not torch.equal(value, before[name])
        torch.testing.assert_close(value[clear], theirs.get_parameter(name)[clear])
    for name, value in ours.named_buffers():
        torch.testing.assert_close(value, theirs.get_buffer(name))
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("n_channels", CHANNELS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_step_of_the_distance_is_that_of_the_library(
    length, n_channels, attention, dtype, tolerance
):
    batch = make_batch(length, n_channels, dtype=dtype)
    ours = make_net(n_channels, attention, dtype).train()
    theirs, before = copy.deepcopy(ours), copy.deepcopy(ours)
    augmentation = RandomAugmentations()
    optimizer = torch.optim.Adam(ours.parameters(), lr=1e-3)
    loss = literal.reconstruction_step(ours, batch, optimizer, augmentation)
    expected = reconstruction_loss(augmentation)(theirs, batch)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert_same_gradients(ours, theirs, tolerance)
    assert not torch.equal(ours.out_proj.bias, before.out_proj.bias)


def test_the_default_step_at_full_size():
    # One step with the published networks, of fewer and shorter segments.
    batch = make_batch(64, 3, n_anchors=3, n_within=1)
    net = make_net(3, embed_dim=64)
    ours = ResNet1D(3).train()
    theirs = copy.deepcopy(ours)
    loss = literal.step(ours, net, batch, torch.optim.Adam(ours.parameters()))
    expected = ranking_loss(MotifRanker(net), 0.1)(theirs, batch)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert_same_gradients(ours, theirs, 1e-4)


# ---------------------------------------------------------------- with the released networks


def released_net(vectors, attention):
    net = MotifCrossAttention(3, attention=attention)
    net.load_state_dict(released_motif_weights(vectors))
    return net


def released_batch(vectors):
    """Return the batch of a step, with candidates in the order of the released code."""
    anchors, within = vectors["anchors"], vectors["within"]
    n, n_own = within.shape[:2]
    b = torch.arange(n)[:, None]
    own = n + b * n_own + torch.arange(n_own)
    candidates = torch.cat([(b + 1 + torch.arange(n - 1)) % n, own], dim=1)
    return Batch(torch.cat([anchors, within.flatten(0, 1)]), torch.arange(n), candidates, 0)


@pytest.mark.parametrize("fused", [False, True])
def test_released_softmax_distances(vectors, fused):
    net = released_net(vectors, "softmax")
    distances = literal.rank(net, released_batch(vectors), fused=fused)
    torch.testing.assert_close(distances, vectors["step_dist_softmax"].T, rtol=1e-5, atol=0)


def test_released_sparsemax_distances(vectors):
    net = released_net(vectors, "sparsemax")
    distances = literal.rank(net, released_batch(vectors))
    torch.testing.assert_close(distances, vectors["step_dist_sparsemax"].T, rtol=1e-5, atol=0)
    assert torch.equal(distances.argsort(dim=1), vectors["step_sortedinds_sparsemax"].T)


def test_released_gradients_of_the_distance(vectors):
    # In float64, since the error of the released float32 gradients is half of 1e-4.
    net = released_net(vectors, "sparsemax").double()
    anchors, candidates = vectors["anchors"][:5].mT.double(), vectors["candidates"].mT.double()
    loss = literal.motif_distance(net, anchors, candidates).sum()
    loss.backward()
    assert loss.item() == pytest.approx(vectors["motif_loss"].item(), rel=1e-5)
    for name, gradient in released_motif_weights(vectors, "xattn_grad/").items():
        assert relative_error(net.get_parameter(name).grad, gradient) < 1e-4, name


def test_released_embeddings(vectors):
    encoder = ResNet1D(3, n_blocks=(2, 2, 3), widths=(8, 16, 32))
    encoder.load_state_dict(released_resnet_weights(vectors, "resnet_small/"))
    x = torch.cat([vectors["anchors"], vectors["candidates"]]).mT
    for mode, suffix in ((False, ""), (True, "_trainmode")):
        embeddings = literal.embed(encoder.train(mode), x)
        assert relative_error(embeddings, vectors[f"resnet_small_embed{suffix}"]) < 1e-5


def test_released_loss(vectors):
    # Only the order: column b of loss_sortedinds has the positions of the candidates of b.
    anchors, own = vectors["loss_emb_anchors"], vectors["loss_emb_cands"]
    n, n_own = own.shape[:2]
    b = torch.arange(n)[:, None]
    candidates = torch.cat(
        [(b + 1 + torch.arange(n - 1)) % n, n + b * n_own + torch.arange(n_own)], dim=1
    )
    z = torch.cat([anchors, own.flatten(0, 1)]).requires_grad_()
    ranks = vectors["loss_sortedinds"].T.argsort(dim=1).float()
    batch = Batch(z.detach(), torch.arange(n), candidates, 0)
    loss = literal.contrastive_loss(z, batch, ranks, vectors["loss_tau"].item())
    loss.backward()
    assert loss.item() == pytest.approx(vectors["loss_value"].item(), rel=1e-5)
    assert relative_error(z.grad[:n], vectors["loss_grad_anchors"]) < 1e-5
    assert relative_error(z.grad[n:].view_as(own), vectors["loss_grad_cands"]) < 1e-5


# ---------------------------------------------------------------- the parts


def test_sparsemax_is_the_published_algorithm(vectors):
    torch.testing.assert_close(
        literal.sparsemax(vectors["sparsemax_in"]), vectors["sparsemax_out"], rtol=1e-5, atol=1e-6
    )
    for row in vectors["sparsemax_in"].double():
        expected = torch.from_numpy(sparsemax_by_sorting(row))
        torch.testing.assert_close(literal.sparsemax(row), expected)


def test_gradient_of_sparsemax():
    scores = torch.randn(3, 4, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(literal.sparsemax, scores)


def test_distance_is_of_the_anchor_from_the_candidate():
    net = make_net(2, dtype=torch.float64)
    a, b = torch.randn(2, 3, 2, 20, dtype=torch.float64)
    expected = squared_error(net.eval()(a, b), a)
    torch.testing.assert_close(literal.motif_distance(net, a, b), expected)
    assert relative_error(literal.motif_distance(net, b, a), expected) > 0.1
