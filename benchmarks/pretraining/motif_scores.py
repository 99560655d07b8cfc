"""Distances that can be made of one trained motif network, without another training.

Dividing ``d(A|B)`` by the energy of the anchor A alone is not among them: all distances of an
anchor are divided by the same number, and the order of its candidates stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from relcon_sklearn.nn import MotifCrossAttention, encode_in_chunks, motif_distances

# g; the standard deviation of a channel below which segments count as still.
_STILL = 0.05


def mean_errors(
    net: MotifCrossAttention, anchors: np.ndarray, candidates: np.ndarray
) -> np.ndarray:
    """Return the motif distance of all pairs, divided by the number of time steps."""
    x, y = (
        torch.from_numpy(np.ascontiguousarray(a)).mT.contiguous() for a in (anchors, candidates)
    )
    index = torch.arange(len(y)).expand(len(x), -1)
    distances = motif_distances(net, x, encode_in_chunks(net, y), index)
    return distances.numpy() / anchors.shape[1]


def energy(segments: np.ndarray) -> np.ndarray:
    """Return the variance of segments in g^2, summed over channels, plus that of noise."""
    return segments.var(axis=1).sum(axis=1) + segments.shape[2] * _STILL**2


def squared_distance_of_means(anchors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return the squared distance in g^2 of the means of all pairs, which are mostly gravity."""
    difference = anchors.mean(axis=1)[:, None] - candidates.mean(axis=1)
    return np.square(difference).sum(axis=2)


class Comparison:
    """What the scores are made of. The matrices are (n_anchors, n_candidates), of float.

    They are computed when a score needs them. Errors are means over time, in g^2, summed over
    channels.

    Parameters
    ----------
    net : MotifCrossAttention
        The trained network.
    anchors, candidates : ndarray of shape (n, n_timesteps, n_channels), dtype float32
        Segments in g.
    features : ndarray
        Matrix of the distances of hand-made features.
    """

    def __init__(self, net, anchors, candidates, features):
        self.net, self.anchors, self.candidates = net, anchors, candidates
        self.features = features

    @cached_property
    def forward(self) -> np.ndarray:
        """Matrix of ``d(anchor | candidate)``, the published distance."""
        return mean_errors(self.net, self.anchors, self.candidates)

    @cached_property
    def backward(self) -> np.ndarray:
        """Matrix of ``d(candidate | anchor)``."""
        return mean_errors(self.net, self.candidates, self.anchors).T

    @cached_property
    def centred(self) -> Comparison:
        """The same comparison without the mean of each channel, which is mostly gravity."""
        segments = (x - x.mean(axis=1, keepdims=True) for x in (self.anchors, self.candidates))
        return Comparison(self.net, *segments, self.features)

    @cached_property
    def gravity(self) -> np.ndarray:
        """Matrix of :func:`squared_distance_of_means`."""
        return squared_distance_of_means(self.anchors, self.candidates)

    def relative_errors(self) -> np.ndarray:
        """Return the root of both errors, each divided by the energy of what is reconstructed."""
        there = np.sqrt(self.forward / energy(self.anchors)[:, None])
        back = np.sqrt(self.backward / energy(self.candidates))
        return there + back


# -- scores ----------------------------------------------------------------------------------------


def published(x: Comparison) -> np.ndarray:
    """Return ``d(A|B)``."""
    return x.forward


def both_ways(x: Comparison) -> np.ndarray:
    """Return ``d(A|B) + d(B|A)``."""
    return x.forward + x.backward


def both_ways_relative(x: Comparison) -> np.ndarray:
    """Return the relative errors, both ways.

    A lively candidate reconstructs every anchor, but few anchors reconstruct it.
    """
    return x.relative_errors()


def gravity_apart(x: Comparison, weight: float = 1.0) -> np.ndarray:
    """Return ``d(A|B)`` of centred segments plus the squared distance of the means."""
    return x.centred.forward + weight * x.gravity


def gravity_apart_10(x: Comparison) -> np.ndarray:
    """Return the same with ten times the weight for the means."""
    return gravity_apart(x, 10.0)


def gravity_apart_both_ways(x: Comparison) -> np.ndarray:
    """Return the relative errors of centred segments, both ways, plus the distance of the means."""
    return x.centred.relative_errors() + np.sqrt(x.gravity)


def with_features(x: Comparison) -> np.ndarray:
    """Return the mixture of the root of ``d(A|B)`` and the distance of features."""
    return mixture(np.sqrt(x.forward), x.features)


def all_of_it(x: Comparison) -> np.ndarray:
    """Return the mixture of :func:`gravity_apart_both_ways` and the distance of features."""
    return mixture(gravity_apart_both_ways(x), x.features)


def mixture(*distances: np.ndarray) -> np.ndarray:
    """Return the sum of distances, standardised over the candidates of each anchor."""
    return sum(
        (d - d.mean(axis=1, keepdims=True)) / d.std(axis=1, keepdims=True) for d in distances
    )


class Score(NamedTuple):
    """A distance made of a comparison, and the number of network passes that a pair needs."""

    function: Callable[[Comparison], np.ndarray]
    passes: int


PUBLISHED = "d(A|B), as published"
SCORES = {
    PUBLISHED: Score(published, 1),
    "d(A|B) + d(B|A)": Score(both_ways, 2),
    "relative errors, both ways": Score(both_ways_relative, 2),
    "gravity apart": Score(gravity_apart, 1),
    "gravity apart, weight 10": Score(gravity_apart_10, 1),
    "gravity apart, relative errors, both ways": Score(gravity_apart_both_ways, 2),
    "d(A|B) and features": Score(with_features, 1),
    "gravity apart, both ways, and features": Score(all_of_it, 2),
}
