"""Variants of the network differ where they say, and train for the time that they are given."""

import itertools

import numpy as np
import pytest
import torch

from benchmarks.pretraining.motif_nets import (
    FlooredRevIN,
    SubtractionOnly,
    keeps_orientation,
    make_net,
    train_net,
)
from relcon_sklearn.augmentations import default_augmentations
from relcon_sklearn.nn import RevIN


@pytest.fixture
def segments():
    """Segments (n, n_channels, n_timesteps) of a still and of a moving channel."""
    scale = torch.tensor([0.01, 1.0])[:, None]
    return scale * torch.randn(3, 2, 32, generator=torch.Generator().manual_seed(0)) + 1


@pytest.mark.parametrize("revin", [RevIN, SubtractionOnly, FlooredRevIN])
def test_normalisation_can_be_undone(revin, segments):
    norm = revin(2)
    stats = norm.stats(segments)
    restored = norm.denormalise(norm.normalise(segments, stats), stats)
    torch.testing.assert_close(restored, segments)


def test_still_candidates_enlarge_anchors_only_as_published(segments):
    still, moving = segments[:, :1], segments[:, 1:]
    largest = {
        revin: revin(1).normalise(moving, revin(1).stats(still)).abs().max().item()
        for revin in (RevIN, FlooredRevIN, SubtractionOnly)
    }
    assert largest[RevIN] > 5 * largest[FlooredRevIN] > 25 * largest[SubtractionOnly]
    # Moving candidates are above the floor.
    torch.testing.assert_close(FlooredRevIN(1).stats(moving).std, RevIN(1).stats(moving).std)


def test_orientation_is_kept_by_five_of_the_eight_augmentations():
    kept = {type(a).__name__ for a in keeps_orientation().augmentations}
    assert kept == {"Jitter", "Scaling", "TimeFlip", "Permutation", "TimeWarp"}
    assert len(default_augmentations()) == 8


def test_training_ends_with_its_time_and_does_not_draw_from_global_generators():
    X = np.random.default_rng(0).normal(size=(20, 32, 2)).astype(np.float32)
    state = torch.get_rng_state()
    nets = [make_net(2, 4, revin=SubtractionOnly, seed=3) for _ in range(2)]
    before = [p.clone() for p in nets[0].parameters()]
    records = [
        train_net(net, X, 5.0, seed=1, batch_size=4, clock=itertools.count().__next__)
        for net in nets
    ]
    assert torch.equal(torch.get_rng_state(), state)
    # The clock is read once at the start and once before each step.
    assert records[0]["steps"] == 4
    assert records[0]["segments"] == 16
    assert records[0] == records[1]
    pairs = list(zip(*(net.parameters() for net in nets), strict=True))
    assert all(torch.equal(one, other) for one, other in pairs)
    assert any(not torch.equal(p, q) for p, q in zip(nets[0].parameters(), before, strict=True))
    assert not nets[0].training


def test_no_time_is_no_training():
    net = make_net(2, 4)
    before = [p.clone() for p in net.parameters()]
    record = train_net(net, np.zeros((4, 32, 2), dtype=np.float32), 0.0)
    assert record == {"steps": 0, "segments": 0, "loss": None}
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
