"""Losses of training depend only on the weights and the batch."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from relcon_sklearn._batches import Batches, GroupIndex
from relcon_sklearn._training import (
    FeatureLoss,
    MotifRanker,
    PairwiseRanker,
    TrainingOptions,
    fit_module,
    ranking_loss,
    reconstruction_loss,
)
from relcon_sklearn.augmentations import Jitter, TimeFlip
from relcon_sklearn.nn import (
    MotifCrossAttention,
    ResNet1D,
    relative_contrastive_loss,
    squared_error,
)
from relcon_sklearn.nn._heads import PretrainingNet
from relcon_sklearn.segments._array import SegmentArray

X = np.random.default_rng(0).normal(size=(12, 24, 3))


def batches(n_within=0):
    return Batches(SegmentArray(X), GroupIndex.from_labels(np.arange(12) % 2), 6, 0, n_within)


def batch(n_within=0):
    return next(iter(batches(n_within)))


def seeded(factory, *args, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return factory(*args, **kwargs)


def make_net(dropout=0.5):
    return seeded(MotifCrossAttention, 3, embed_dim=8, kernel_size=5, dropout=dropout)


def make_encoder():
    return seeded(ResNet1D, 3, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))


def identity(segments, generator):
    return segments.clone()


# ---------------------------------------------------------------- reconstruction


@pytest.mark.parametrize("training", [True, False])
def test_reconstruction_is_a_function_of_weights_and_batch(training):
    net, first = make_net().train(training), batch()
    loss = reconstruction_loss(Jitter())
    values = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        values.append(loss(net, first).item())
        assert torch.equal(torch.get_rng_state(), before)
    assert values[0] == values[1]
    assert loss(net, first._replace(seed=first.seed + 1)).item() != values[0]


def test_reconstruction_draws_augmentations_and_dropout_from_the_batch():
    # Each of the two makes the loss depend on the seed.
    first = batch()
    other = first._replace(seed=first.seed + 1)
    for augmentation, net in ((identity, make_net().train()), (Jitter(), make_net().eval())):
        loss = reconstruction_loss(augmentation)
        assert loss(net, first).item() == loss(net, first).item()
        assert loss(net, first).item() != loss(net, other).item()


def test_reconstruction_has_no_dropout_in_evaluation_mode():
    loss = reconstruction_loss(identity)
    expected = loss(make_net(dropout=0).train(), batch()).item()
    assert loss(make_net().eval(), batch()).item() == expected
    assert loss(make_net().eval(), batch()._replace(seed=5)).item() == expected
    assert loss(make_net().train(), batch()).item() != pytest.approx(expected, rel=1e-3)


def test_reconstruction_is_of_segments_from_their_augmented_copies():
    net, first = make_net().eval(), batch()
    signals = first.segments.transpose(1, 2)
    distances = [
        squared_error(net(signal[None], signal[None].flip(2)), signal[None]) for signal in signals
    ]
    value = reconstruction_loss(TimeFlip())(net, first)
    torch.testing.assert_close(value, torch.stack(distances).mean())
    # The reverse distance differs.
    distances = squared_error(net(signals.flip(2), signals), signals.flip(2))
    assert value.item() != pytest.approx(distances.mean().item(), rel=1e-3)


def test_reconstruction_trains_every_weight_and_leaves_the_batch_alone():
    net, first = make_net().train(), batch()
    before = first.segments.clone()
    reconstruction_loss(Jitter())(net, first).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())
    assert torch.equal(first.segments, before)


# ---------------------------------------------------------------- ranking


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_ranking_is_the_relative_contrastive_loss_of_the_embeddings(temperature):
    encoder, ranker, first = make_encoder().eval(), MotifRanker(make_net().eval()), batch(2)
    value = ranking_loss(ranker, temperature)(encoder, first)
    embeddings = encoder(first.segments.transpose(1, 2))
    expected = relative_contrastive_loss(
        embeddings, first.anchors, first.candidates, ranker(first), temperature
    )
    assert value.shape == ()
    torch.testing.assert_close(value, expected, rtol=0, atol=0)


def test_ranking_depends_on_the_order_of_the_distances_only():
    encoder, first = make_encoder().eval(), batch(2)

    def value(scale):
        ranker = PairwiseRanker(lambda a, c: scale * np.abs(a[:, None] - c).mean(axis=(2, 3)))
        return ranking_loss(ranker, 0.1)(encoder, first).item()

    assert value(1) == value(100)
    assert value(1) != value(-1)


def test_ranking_never_touches_the_distance_network():
    encoder, net = make_encoder(), make_net().eval()
    state = copy.deepcopy(net.state_dict())
    loss = ranking_loss(MotifRanker(net), 0.1)

    loss(encoder.train(), batch(2)).backward()
    assert all(parameter.grad is None for parameter in net.parameters())
    gradients = [parameter.grad for parameter in encoder.parameters()]
    assert all(gradient is not None for gradient in gradients)

    before = copy.deepcopy(encoder.state_dict())
    fit_module(
        encoder,
        loss,
        batches(2),
        batches(),
        TrainingOptions(lr=0.1, max_epochs=2, device=torch.device("cpu")),
    )
    assert not torch.equal(encoder.stem_conv.weight, before["stem_conv.weight"])
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert not net.training


@pytest.mark.parametrize("n_positives", [None, 2])
def test_ranking_is_the_loss_of_two_augmented_copies(n_positives):
    encoder, ranker, first = make_encoder().train(), MotifRanker(make_net().eval()), batch(2)
    before = first.segments.clone()
    value = ranking_loss(ranker, 0.2, n_positives=n_positives, augmentation=Jitter(0.3))(
        encoder, first
    )
    assert torch.equal(first.segments, before)
    generator = torch.Generator().manual_seed(first.seed)
    copies = Jitter(0.3)(torch.cat([before, before]), generator)
    assert not torch.equal(*copies.chunk(2))
    embeddings = encoder(copies.transpose(1, 2))
    expected = relative_contrastive_loss(
        embeddings[: len(before)],
        first.anchors,
        first.candidates,
        ranker(first),  # of the segments, not of their copies
        0.2,
        n_positives,
        embeddings[len(before) :],
    )
    torch.testing.assert_close(value, expected, rtol=0, atol=0)


@pytest.mark.parametrize("n_positives", [None, 2])
@pytest.mark.parametrize("augmentation", [None, Jitter(0.3)])
def test_the_auxiliary_loss_is_that_of_what_the_encoder_receives(n_positives, augmentation):
    def describe(segments):
        assert segments.dtype == np.float32
        return segments.max(axis=1)

    encoder, ranker, first = make_encoder().eval(), MotifRanker(make_net().eval()), batch(2)
    net = PretrainingNet(encoder, regression=seeded(torch.nn.Linear, 8, 3))
    options = {"n_positives": n_positives, "augmentation": augmentation}
    value = ranking_loss(ranker, 0.2, auxiliary=FeatureLoss(describe, 5.0), **options)(net, first)
    ranking = ranking_loss(ranker, 0.2, **options)(encoder, first)
    received = first.segments
    if augmentation is not None:
        generator = torch.Generator().manual_seed(first.seed)
        received = augmentation(torch.cat([received, received]), generator)
    predicted = net.regression(encoder(received.transpose(1, 2)))
    errors = (predicted - received.amax(dim=1)).abs().flatten().tolist()
    mean = np.mean([e**2 / 2 if e < 1 else e - 0.5 for e in errors])
    n_terms = n_positives or first.candidates.shape[1]
    assert value.item() == pytest.approx(ranking.item() + n_terms * 5.0 * mean, rel=1e-5)


def test_candidates_are_ranked_before_augmentation():
    encoder, first, seen = make_encoder(), batch(2), []

    def ranker(batch):
        seen.append(batch.segments.clone())
        return torch.zeros(batch.candidates.shape)

    ranking_loss(ranker, 0.1, augmentation=Jitter())(encoder, first)
    assert len(seen) == 1
    assert torch.equal(seen[0], first.segments)


def test_augmented_copies_depend_on_the_seed_of_the_batch_alone():
    encoder, first = make_encoder().eval(), batch(2)
    loss = ranking_loss(MotifRanker(make_net().eval()), 0.1, augmentation=Jitter())
    values = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        values.append(loss(encoder, first).item())
        assert torch.equal(torch.get_rng_state(), before)
    assert values[0] == values[1]
    assert loss(encoder, first._replace(seed=first.seed + 1)).item() != values[0]


def test_ranking_by_few_positives():
    encoder, ranker, first = make_encoder().eval(), MotifRanker(make_net().eval()), batch(2)
    embeddings = encoder(first.segments.transpose(1, 2))
    problem = embeddings, first.anchors, first.candidates, ranker(first), 0.1
    values = []
    for n in (1, 3, None):
        values.append(ranking_loss(ranker, 0.1, n_positives=n)(encoder, first))
        torch.testing.assert_close(values[-1], relative_contrastive_loss(*problem, n))
    assert values[0] < values[1] < values[2]


class Witness(nn.Module):
    """Returns the output of an encoder, and remembers its dtype."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.dtypes = []

    def forward(self, segments):
        z = self.encoder(segments)
        self.dtypes.append(z.dtype)
        return z


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_precision_is_of_the_encoder_only(dtype, training):
    # The last layer runs in the dtype of autocast. The average over time is always float32.
    encoder = nn.Sequential(make_encoder(), seeded(nn.Linear, 8, 4)).train(training)
    reduced = []
    ranker = MotifRanker(make_net().eval())

    def recording(batch):
        reduced.append(torch.is_autocast_enabled("cpu"))
        return ranker(batch)

    witness = Witness(encoder)
    value = ranking_loss(recording, 0.1, dtype)(witness, batch(2))
    assert witness.dtypes == [dtype]
    assert reduced == [False]
    assert value.dtype == torch.float32
    value.backward()
    for parameter in encoder.parameters():
        assert parameter.dtype == torch.float32
        assert parameter.grad.isfinite().all()


def test_bfloat16_is_near_float32():
    ranker = MotifRanker(make_net().eval())
    values, gradients = [], []
    for dtype in (torch.float32, torch.bfloat16):
        encoder = make_encoder().train()
        value = ranking_loss(ranker, 0.1, dtype)(encoder, batch(2))
        value.backward()
        values.append(value.item())
        gradients.append(torch.cat([p.grad.flatten() for p in encoder.parameters()]))
    assert np.isfinite(values).all()
    assert values[1] != values[0]
    assert values[1] == pytest.approx(values[0], rel=0.02)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.95


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ranking_neither_reads_nor_advances_the_global_rng(dtype):
    encoder, loss = make_encoder().eval(), ranking_loss(MotifRanker(make_net()), 0.1, dtype)
    values = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        values.append(loss(encoder, batch(2)).item())
        assert torch.equal(torch.get_rng_state(), before)
    assert values[0] == values[1]
