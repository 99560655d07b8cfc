"""The comparison of distances finds rotated copies."""

import numpy as np
import pytest

from benchmarks.common.windows import Windows

pytest.importorskip("tslearn")
from benchmarks.pretraining import bench_distance as bench


@pytest.fixture
def windows():
    """Windows of four subjects, whose magnitude is that of their activity."""
    rng = np.random.default_rng(0)
    y = np.repeat(["sitting", "walking", "running"], 40)
    X = rng.normal(size=(120, 16, 3))
    size = 1 + np.unique(y, return_inverse=True)[1]
    X *= size[:, None, None] / np.linalg.norm(X, axis=2, keepdims=True)
    return Windows(X.astype(np.float32), y, np.tile(np.arange(4), 30), np.arange(120))


def magnitude(X):
    return np.linalg.norm(X, axis=2).mean(axis=1)


def invariant(anchors, candidates):
    return abs(magnitude(anchors) - magnitude(candidates))


def test_rotations_are_different_for_each_segment_and_keep_its_magnitude(windows):
    rotated = bench.rotate(windows.X, np.random.default_rng(0))
    np.testing.assert_allclose(magnitude(rotated), magnitude(windows.X), rtol=1e-5)
    same = np.broadcast_to(windows.X[:1], windows.X.shape)
    turned = bench.rotate(same, np.random.default_rng(0))
    assert len(np.unique(turned[:, 0].round(4), axis=0)) == len(turned)


def test_an_invariant_distance_always_wins(windows):
    settings = bench.DistanceSettings(n_anchors=20, n_others=3)
    rng = np.random.default_rng(0)
    anchors, rotated, others = bench.draw_rotation_task(windows, settings, rng)
    assert others.shape == (20, 3)
    assert (windows.y[others] != windows.y[anchors][:, None]).all()
    assert (bench.rotation_wins(invariant, windows.X, anchors, rotated, others) == 1).all()
    euclidean = bench.rotation_wins(bench.euclidean_pairs, windows.X, anchors, rotated, others)
    assert euclidean.mean() < 1
