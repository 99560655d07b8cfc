"""The scores are made of the distances of the library, and are what their names say."""

import numpy as np
import pytest
import torch

from benchmarks.pretraining.motif_nets import make_net
from benchmarks.pretraining.motif_scores import (
    SCORES,
    Comparison,
    both_ways,
    both_ways_relative,
    energy,
    gravity_apart,
    gravity_apart_both_ways,
    mixture,
    published,
    squared_distance_of_means,
    with_features,
)


@pytest.fixture(scope="module")
def net():
    return make_net(3, 4).eval()


@pytest.fixture(scope="module")
def segments():
    rng = np.random.default_rng(0)
    size = rng.uniform(0.1, 1, size=(9, 1, 1))
    posture = rng.normal(size=(9, 1, 3))
    return (size * rng.normal(size=(9, 32, 3)) + posture).astype(np.float32)


@pytest.fixture(scope="module")
def comparison(net, segments):
    features = np.abs(np.random.default_rng(1).normal(size=(4, 5)))
    return Comparison(net, segments[:4], segments[4:], features)


def pair(net, anchor, candidate):
    a, c = (torch.from_numpy(x.T[None].copy()) for x in (anchor, candidate))
    with torch.no_grad():
        return (net(a, c) - a).square().sum().item() / anchor.shape[0]


def test_forward_and_backward_are_motif_distances_per_time_step(net, segments, comparison):
    anchor, candidate = segments[1], segments[4 + 2]
    assert published(comparison)[1, 2] == pytest.approx(pair(net, anchor, candidate), rel=1e-3)
    assert comparison.backward[1, 2] == pytest.approx(pair(net, candidate, anchor), rel=1e-3)
    centred = [x - x.mean(axis=0) for x in (anchor, candidate)]
    assert comparison.centred.forward[1, 2] == pytest.approx(pair(net, *centred), rel=1e-3)


def test_means_and_energies(segments):
    d = squared_distance_of_means(segments[:4], segments[4:])
    expected = np.sum((segments[1].mean(axis=0) - segments[6].mean(axis=0)) ** 2)
    assert d[1, 2] == pytest.approx(expected, rel=1e-5)
    variance = segments[1].var(axis=0).sum()
    assert energy(segments)[1] == pytest.approx(variance + 3 * 0.05**2, rel=1e-5)


@pytest.mark.parametrize("score", [both_ways, both_ways_relative, gravity_apart_both_ways])
def test_scores_of_both_ways_are_symmetric(score, net, segments):
    features = np.zeros((9, 9))
    d = score(Comparison(net, segments, segments, features))
    np.testing.assert_allclose(d, d.T, rtol=1e-3)
    one_way = published(Comparison(net, segments, segments, features))
    assert not np.allclose(one_way, one_way.T, rtol=1e-2)


def test_the_energy_of_the_anchor_does_not_change_the_order(comparison):
    relative = comparison.forward / energy(comparison.anchors)[:, None]
    np.testing.assert_array_equal(relative.argsort(axis=1), comparison.forward.argsort(axis=1))
    order = both_ways_relative(comparison).argsort(axis=1)
    assert (order != both_ways(comparison).argsort(axis=1)).any()


def test_gravity_apart_ignores_how_segments_are_held_until_it_is_added(net, segments):
    features = np.zeros((4, 5))
    turned = segments[4:] + np.float32([0, 0, 2])
    here = Comparison(net, segments[:4], segments[4:], features)
    there = Comparison(net, segments[:4], turned, features)
    np.testing.assert_allclose(gravity_apart(here, 0), gravity_apart(there, 0), rtol=1e-3)
    moved = gravity_apart(there) - gravity_apart(here)
    np.testing.assert_allclose(moved, there.gravity - here.gravity, atol=1e-3)


def test_mixtures_give_both_distances_the_same_weight(comparison):
    small = np.random.default_rng(2).normal(size=(4, 5))
    large = 1e3 * np.random.default_rng(3).normal(size=(4, 5)) + 7
    expected = [(d - d.mean(1)[:, None]) / d.std(1)[:, None] for d in (small, large)]
    np.testing.assert_allclose(mixture(small, large), sum(expected), rtol=1e-10)
    mixed = with_features(comparison)
    np.testing.assert_allclose(mixed, mixture(np.sqrt(comparison.forward), comparison.features))


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_a_finite_matrix(name, comparison):
    values = SCORES[name].function(comparison)
    assert values.shape == (4, 5)
    assert np.isfinite(values).all()
