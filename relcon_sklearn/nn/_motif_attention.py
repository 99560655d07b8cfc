"""Motif cross-attention: rebuilding one segment from the motifs of another."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._dilated_conv import Activation, DilatedConvNet, activate
from ._revin import FixedScale, RevIN, SegmentStats
from ._sparsemax import sparsemax


def softmax(scores: Tensor) -> Tensor:
    """Softmax over the last dimension, without the denormal numbers that slow CPUs down."""
    # exp(-60) is far below a float32's last digit next to the row's largest weight.
    floor = scores.detach().amax(dim=-1, keepdim=True) - 60
    return torch.maximum(scores, floor).softmax(dim=-1)


ATTENTIONS = {"sparsemax": sparsemax, "softmax": softmax}


class CandidateFeatures(NamedTuple):
    """What the attention needs to know of candidates, whatever the anchor.

    `key` is (n, embed_dim, n_timesteps). `value` is already projected to the channels of the
    segments, (n, n_channels, n_timesteps): the output projection is linear, so it may be applied
    before the weighted sum over time, where it is `embed_dim / n_channels` times cheaper.
    """

    key: Tensor
    value: Tensor
    stats: SegmentStats


class MotifCrossAttention(nn.Module):
    r"""Reconstruct anchors from candidates by cross-attention over time (RelCon, section 3.1).

    Anchor and candidate are normalised with the candidate's mean and standard deviation
    (:class:`RevIN`); dilated convolutions give a query for each time step of the anchor, a key
    and a value for each of the candidate; and

    .. math:: \hat A(A|B) = \mathrm{RevIN}^{-1}\Big( W_o
              \, \mathrm{sparsemax}\big(q(A)^\top k(B) / \sqrt E\big) \, v(B) + b_o \Big)

    The distance is :math:`d(A|B) = \|\hat A(A|B) - A\|^2`, summed over time and channels. It is
    not symmetric: the first argument is always the anchor.

    Parameters
    ----------
    n_channels : int
        Channels of the segments.
    embed_dim : int, default=64
        Size E of queries, keys and values.
    kernel_size : int, default=15
        Odd kernel size of the convolutions.
    n_layers : int, default=2
        Dilated blocks of each convolutional net, of dilation 1, 2, 4, ...
    attention : {"sparsemax", "softmax"}, default="sparsemax"
        How scores become weights. Sparsemax is what the paper describes.
    dropout : float, default=0.1
        Probability with which an attention weight is dropped in training.
    revin : bool, default=True
        Whether to normalise with the candidate's statistics; without, segments are taken as they
        are.
    """

    def __init__(
        self,
        n_channels: int,
        embed_dim: int = 64,
        kernel_size: int = 15,
        n_layers: int = 2,
        attention: str = "sparsemax",
        dropout: float = 0.1,
        revin: bool = True,
    ):
        super().__init__()
        self.attention = attention
        self.dropout = dropout
        self.revin = RevIN(n_channels) if revin else FixedScale(n_channels)
        self.query_net = DilatedConvNet(n_channels, embed_dim, kernel_size, n_layers)
        self.key_net = DilatedConvNet(n_channels, embed_dim, kernel_size, n_layers)
        self.value_net = DilatedConvNet(n_channels, embed_dim, kernel_size, n_layers)
        self.out_proj = nn.Linear(embed_dim, n_channels)

    def encode_candidates(
        self, candidates: Tensor, activation: Activation = activate
    ) -> CandidateFeatures:
        """Compute the features of candidates (n, n_channels, n_timesteps)."""
        stats = self.revin.stats(candidates)
        normalised = self.revin.normalise(candidates, stats)
        value = self.out_proj.weight @ self.value_net(normalised, activation)
        return CandidateFeatures(self.key_net(normalised, activation), value, stats)

    def scores(self, query: Tensor, key: Tensor, out: Tensor | None = None) -> Tensor:
        """Return how well each query fits each key, (n, anchor time, candidate time)."""
        # The query is scaled rather than the scores, of which there are many more.
        query = query / math.sqrt(query.shape[1])
        return torch.bmm(query.transpose(1, 2), key, out=out)

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        """Return attention weights (n, anchor time, candidate time), each row summing to one."""
        scores = self.scores(query, key)
        return ATTENTIONS[self.attention](scores)

    def attention_map(self, anchors: Tensor, candidates: Tensor) -> Tensor:
        """Return the weights with which anchor i attends to candidate i, without dropout."""
        features = self.encode_candidates(candidates)
        query = self.query_net(self.revin.normalise(anchors, features.stats))
        return self.weights(query, features.key)

    def forward(
        self, anchors: Tensor, candidates: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Reconstruct anchor i from candidate i.

        Parameters
        ----------
        anchors : Tensor of shape (n, n_channels, n_timesteps)
            Segments to be rebuilt.
        candidates : Tensor of shape (n, n_channels, n_candidate_timesteps)
            Segments to rebuild them from.
        generator : torch.Generator or None, default=None
            Source of the dropout in training mode; None takes torch's global one.

        Returns
        -------
        reconstruction : Tensor of shape (n, n_channels, n_timesteps)
        """
        features = self.encode_candidates(candidates)
        query = self.query_net(self.revin.normalise(anchors, features.stats))
        weights = self.weights(query, features.key)
        if self.training and self.dropout > 0:
            keep = torch.empty_like(weights).bernoulli_(1 - self.dropout, generator=generator)
            weights = weights * keep / (1 - self.dropout)
        return self.rebuild(weights, features)

    def rebuild(self, weights: Tensor, candidates: CandidateFeatures) -> Tensor:
        """Sum the candidates' values with `weights` and map back to their original scale."""
        return self.restore(candidates.value @ weights.transpose(1, 2), candidates.stats)

    def restore(self, attended: Tensor, stats: SegmentStats) -> Tensor:
        """Map sums of projected values, (n, n_channels, anchor time), to the original scale."""
        return self.revin.denormalise(attended + self.out_proj.bias[:, None], stats)


def squared_error(reconstruction: Tensor, anchors: Tensor) -> Tensor:
    """Return the motif distance (n,): squared errors summed over channels and time."""
    return (reconstruction - anchors).square().sum(dim=(-2, -1))
