"""Rankers: distances of the candidates of a batch, by a function or a trained network."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from relcon_sklearn._batches import Batch, Batches, GroupIndex
from relcon_sklearn._training import MotifRanker, PairwiseRanker, VectorRanker
from relcon_sklearn.nn import MotifCrossAttention, encode_in_chunks, motif_distances, squared_error
from relcon_sklearn.nn._motif_attention import ATTENTIONS
from relcon_sklearn.segments._array import SegmentArray

# Lists of different lengths, with -1 first, last, in between and everywhere.
ANCHORS = [3, 0, 5, 1]
CANDIDATES = [[-1, 0, 4, 5], [2, 1, -1, -1], [-1, -1, -1, -1], [0, -1, 5, 3]]


def make_batch(n_timesteps=8, n_channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    segments = torch.randn(6, n_timesteps, n_channels, generator=generator)
    # Levels and scales differ, because the distances depend on both.
    segments = segments * torch.tensor([0.3, 1, 1, 2, 0.1, 1])[:, None, None]
    segments[2] += 1
    return Batch(segments, torch.tensor(ANCHORS), torch.tensor(CANDIDATES), 0)


def clone(batch):
    return Batch(*(x.clone() for x in batch[:3]), batch.seed)


def assert_same_batch(batch, before):
    assert all(torch.equal(x, y) for x, y in zip(batch[:3], before[:3], strict=True))


# ---------------------------------------------------------------- any function


def mean_gap(anchors, candidates):
    """A distance that is not symmetric and depends on all values."""
    gaps = np.abs(2 * anchors[:, None] - candidates[None])
    return gaps.mean(axis=(2, 3))


def test_pairwise_gets_each_anchor_with_its_own_candidates():
    batch, calls = make_batch(), []

    def recording(anchors, candidates):
        calls.append((anchors.copy(), candidates.copy()))
        return mean_gap(anchors, candidates)

    PairwiseRanker(recording)(batch)
    segments = batch.segments.numpy()
    # The third anchor has no candidates, and the function is not called for it.
    expected = [(3, [0, 4, 5]), (0, [2, 1]), (1, [0, 5, 3])]
    assert len(calls) == len(expected)
    for (anchors, candidates), (anchor, own) in zip(calls, expected, strict=True):
        assert anchors.dtype == candidates.dtype == np.float32
        assert_array_equal(anchors, segments[[anchor]])
        assert_array_equal(candidates, segments[own])


@pytest.mark.parametrize("n_channels", [1, 3])
def test_pairwise_distances_are_in_place_and_infinite_where_there_is_none(n_channels):
    batch = make_batch(n_channels=n_channels)
    before = clone(batch)
    distances = PairwiseRanker(mean_gap)(batch)
    assert distances.dtype == torch.float32
    assert distances.device == batch.segments.device
    segments = batch.segments.numpy()
    expected = np.full((4, 4), np.inf, dtype=np.float32)
    for i, anchor in enumerate(ANCHORS):
        for j, candidate in enumerate(CANDIDATES[i]):
            if candidate >= 0:
                expected[i, j] = mean_gap(segments[[anchor]], segments[[candidate]])[0, 0]
    assert_array_equal(distances.numpy(), expected)
    assert_same_batch(batch, before)


@pytest.mark.parametrize("convert", [torch.from_numpy, np.ndarray.tolist, np.float64])
def test_pairwise_may_give_anything_like_an_array(convert):
    batch = make_batch()
    distances = PairwiseRanker(lambda a, c: convert(mean_gap(a, c)))(batch)
    assert torch.equal(distances, PairwiseRanker(mean_gap)(batch))


def test_pairwise_may_give_integers():
    distances = PairwiseRanker(lambda a, c: np.arange(len(c))[None])(make_batch())
    inf = np.inf
    assert distances.tolist() == [[inf, 0, 1, 2], [0, 1, inf, inf], [inf] * 4, [0, inf, 1, 2]]


@pytest.mark.parametrize(
    ("wrong", "shape"),
    [
        (lambda a, c: mean_gap(a, c)[0], r"\(3,\)"),
        (lambda a, c: mean_gap(a, c).T, r"\(3, 1\)"),
        (lambda a, c: mean_gap(a, c)[:, 1:], r"\(1, 2\)"),
        (lambda a, c: 0.0, r"\(\)"),
    ],
    ids=["1-d", "transposed", "too few", "scalar"],
)
def test_pairwise_of_wrong_shape(wrong, shape):
    message = rf"^distance=.* returned an array of shape {shape} for 1 anchor and 3 candidates"
    with pytest.raises(ValueError, match=message):
        PairwiseRanker(wrong)(make_batch())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pairwise_that_is_not_finite(value):
    def sometimes(anchors, candidates):
        distances = mean_gap(anchors, candidates)
        distances[:, -1] = value
        return distances

    with pytest.raises(ValueError, match=r"^distance=.*sometimes.* returned NaN or infinity"):
        PairwiseRanker(sometimes)(make_batch())


# ---------------------------------------------------------------- the motif distance


def make_net(n_channels=3, attention="sparsemax", **settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = MotifCrossAttention(
            n_channels, embed_dim=8, kernel_size=5, attention=attention, **settings
        )
        # RevIN starts as the identity, which would hide errors in its weight and bias.
        nn.init.uniform_(net.revin.weight, 0.5, 2)
        nn.init.normal_(net.revin.bias)
        return net


def slow_distance(net, batch, anchor, candidate):
    """Return the distance of one pair from the whole network, in float64."""
    net = copy.deepcopy(net).double().eval()
    signals = batch.segments.double().transpose(1, 2)
    anchor, candidate = signals[anchor][None], signals[candidate][None]
    with torch.no_grad():
        return squared_error(net(anchor, candidate), anchor).item()


def check_against_slow(net, batch):
    distances = MotifRanker(net)(batch)
    assert distances.shape == batch.candidates.shape
    assert distances.dtype == torch.float32
    assert not distances.requires_grad
    for i, j in (batch.candidates >= 0).nonzero().tolist():
        expected = slow_distance(net, batch, batch.anchors[i], batch.candidates[i, j])
        assert distances[i, j].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n_channels", [1, 3, 6])
@pytest.mark.parametrize("n_timesteps", [1, 2, 7, 64])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_motif_distances_are_those_of_single_pairs(attention, n_timesteps, n_channels):
    net, batch = make_net(n_channels, attention), make_batch(n_timesteps, n_channels)
    check_against_slow(net, batch)


@pytest.mark.parametrize("query_stride", [1, 4])
@pytest.mark.parametrize("dtype", [None, torch.float32, torch.bfloat16])
def test_ranker_settings_reach_the_distances(dtype, query_stride):
    net, batch = make_net(), make_batch(64)
    segments = batch.segments.transpose(1, 2)
    features = encode_in_chunks(net, segments, dtype)
    index = batch.candidates.clamp(min=0)
    expected = motif_distances(net, segments[batch.anchors], features, index, query_stride)
    found = MotifRanker(net, dtype, query_stride)(batch)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_motif_distances_of_batches():
    array = SegmentArray(make_batch(16).segments.numpy()[[0, 1, 2, 3, 4, 5, 5, 0, 1]])
    batches = Batches(array, GroupIndex.from_labels(np.arange(9) % 2), 3, 0, n_within=2)
    for batch in batches:
        check_against_slow(make_net(), batch)


def test_motif_distance_is_of_the_anchor_from_the_candidate():
    batch, net = make_batch(), make_net()
    there = batch._replace(anchors=torch.tensor([0]), candidates=torch.tensor([[1]]))
    back = batch._replace(anchors=torch.tensor([1]), candidates=torch.tensor([[0]]))
    first, second = (MotifRanker(net)(pair).item() for pair in (there, back))
    assert first == pytest.approx(slow_distance(net, batch, 0, 1), rel=1e-4)
    assert second == pytest.approx(slow_distance(net, batch, 1, 0), rel=1e-4)
    assert first != pytest.approx(second, rel=1e-2)


def test_motif_ranker_uses_the_net_and_never_changes_it():
    net, batch = make_net(dropout=0.5).train(), make_batch()
    before, state = clone(batch), copy.deepcopy(net.state_dict())
    distances = MotifRanker(net)(batch)
    # There is no dropout in either mode, and the mode does not change.
    assert torch.equal(MotifRanker(net)(batch), distances)
    assert net.training
    net.eval()
    assert torch.equal(MotifRanker(net)(batch), distances)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert_same_batch(batch, before)


def test_no_candidates_at_all():
    batch = make_batch()._replace(candidates=torch.full((4, 2), -1))
    assert MotifRanker(make_net())(batch).shape == (4, 2)
    assert PairwiseRanker(mean_gap)(batch).isinf().all()


# ---------------------------------------------------------------- vectors


def test_vectors_rank_by_their_euclidean_distance():
    batch = make_batch()
    before = clone(batch)
    calls = []

    def describe(segments):
        calls.append(segments.copy())
        return np.concatenate([segments.mean(axis=1), segments.std(axis=1)], axis=1)

    distances = VectorRanker(describe)(batch)
    (segments,) = calls  # all segments in one call
    assert_array_equal(segments, batch.segments.numpy())
    vectors = describe(segments)
    for i, anchor in enumerate(ANCHORS):
        for j, candidate in enumerate(CANDIDATES[i]):
            if candidate >= 0:
                expected = np.sqrt(((vectors[anchor] - vectors[candidate]) ** 2).sum())
                np.testing.assert_allclose(distances[i, j], expected, rtol=1e-4, atol=1e-5)
    assert_same_batch(batch, before)


def test_known_vectors_are_not_described_again():
    batch = make_batch()._replace(rows=torch.tensor([7, 1, 0, 3, 8, 5]))
    known = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    of_batch = known[batch.rows].numpy()
    expected = VectorRanker(lambda segments: of_batch)(batch)
    actual = VectorRanker(lambda segments: pytest.fail("described"), known)(batch)
    assert torch.equal(actual, expected)
