"""Motif cross-attention, which reconstructs one segment from the motifs of another."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._dilated_conv import Activation, DilatedConvNet, activate
from ._revin import FixedScale, RevIN, SegmentStats
from ._sparsemax import sparsemax


def softmax(scores: Tensor) -> Tensor:
    """Return the softmax over the last dimension, without denormal numbers, which are slow on CPUs.

    The largest score of a row has an exponential of 1, and exp(-60) is far below its last digit in
    float32.
    """
    floor = scores.detach().amax(dim=-1, keepdim=True) - 60
    return torch.maximum(scores, floor).softmax(dim=-1)


ATTENTIONS = {"sparsemax": sparsemax, "softmax": softmax}


class CandidateFeatures(NamedTuple):
    """Features of candidates that do not depend on the anchor.

    Parameters
    ----------
    key : Tensor of shape (n, embed_dim, n_timesteps)
        Keys.
    value : Tensor of shape (n, n_channels, n_timesteps)
        Values, projected to the channels of the segments. The output projection is linear, so it
        can be applied before the weighted sum over time, which is then
        ``embed_dim / n_channels`` times cheaper.
    stats : SegmentStats
        Mean and standard deviation of the candidates, each of shape (n, n_channels, 1).
    """

    key: Tensor
    value: Tensor
    stats: SegmentStats


class MotifCrossAttention(nn.Module):
    r"""Cross-attention over time that reconstructs anchors from candidates.

    The reconstruction of an anchor :math:`A` from a candidate :math:`B` is (section 3.1 of [1]_)

    .. math::
        \hat A(A|B) = \mathrm{RevIN}^{-1}\Big(
        W_o \, v(B) \, \mathrm{sparsemax}\big(q(A)^\top k(B) / \sqrt{E}\big)^\top + b_o \Big)

    where :math:`q(A)`, :math:`k(B)` and :math:`v(B)` are the queries, keys and values of each time
    step, of size :math:`E`, and :math:`W_o` and :math:`b_o` are the weight and bias of the output
    projection. Dilated convolutions compute the queries from the anchor, and the keys and values
    from the candidate, after both are normalised with the candidate's mean and standard deviation
    (:class:`RevIN`). The sparsemax is over the time steps of the candidate.

    The motif distance is the squared error of the reconstruction, summed over time and channels:

    .. math::
        d(A|B) = \| \hat A(A|B) - A \|^2

    It is not symmetric: the first argument is always the anchor.

    Parameters
    ----------
    n_channels : int
        Number of channels of the segments.
    embed_dim : int, default=64
        Size :math:`E` of queries, keys and values.
    kernel_size : int, default=15
        Odd kernel size of the convolutions.
    n_layers : int, default=2
        Number of dilated blocks of each convolutional network. Their dilations are 1, 2, 4, ...
    attention : {"sparsemax", "softmax"}, default="sparsemax"
        Function that maps scores to weights. The paper describes sparsemax.
    dropout : float, default=0.1
        Probability of dropping an attention weight in training.
    revin : bool, default=True
        Whether to normalise segments with the candidate's statistics. If False, segments are used
        unmodified, apart from a learnable affine map per channel.

    References
    ----------
    .. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822
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
        """Return the score of each query and key, (n, anchor time, candidate time)."""
        # The queries are scaled rather than the scores, which have many more values.
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

    def draw_kept(
        self, anchors: Tensor, candidates: Tensor, generator: torch.Generator | None = None
    ) -> Tensor | None:
        """Draw the attention weights that dropout keeps in a training step.

        Parameters
        ----------
        anchors : Tensor of shape (n, n_channels, n_timesteps)
            Segments to reconstruct.
        candidates : Tensor of shape (n, n_channels, n_candidate_timesteps)
            Segments to reconstruct them from.
        generator : torch.Generator or None, default=None
            Source of randomness. If None, torch's global generator.

        Returns
        -------
        kept : Tensor of shape (n, n_timesteps, n_candidate_timesteps) or None
            1 where a weight is kept, and 0 where it is dropped. None if all are kept.
        """
        if not self.training or self.dropout == 0:
            return None
        shape = (len(anchors), anchors.shape[-1], candidates.shape[-1])
        return anchors.new_empty(shape).bernoulli_(1 - self.dropout, generator=generator)

    def forward(
        self,
        anchors: Tensor,
        candidates: Tensor,
        generator: torch.Generator | None = None,
        kept: Tensor | None = None,
    ) -> Tensor:
        """Reconstruct anchor i from candidate i.

        Parameters
        ----------
        anchors : Tensor of shape (n, n_channels, n_timesteps)
            Segments to reconstruct.
        candidates : Tensor of shape (n, n_channels, n_candidate_timesteps)
            Segments to reconstruct the anchors from.
        generator : torch.Generator or None, default=None
            Random generator of the dropout in training mode. If None, use torch's global generator.
        kept : Tensor of shape (n, n_timesteps, n_candidate_timesteps) or None, default=None
            Output of :meth:`draw_kept`. If None, it is drawn.

        Returns
        -------
        reconstruction : Tensor of shape (n, n_channels, n_timesteps)
            Reconstructed anchors.
        """
        features = self.encode_candidates(candidates)
        query = self.query_net(self.revin.normalise(anchors, features.stats))
        weights = self.weights(query, features.key)
        if kept is None:
            kept = self.draw_kept(anchors, candidates, generator)
        if kept is not None:
            weights = weights * kept / (1 - self.dropout)
        return self.reconstruct(weights, features)

    def reconstruct(self, weights: Tensor, candidates: CandidateFeatures) -> Tensor:
        """Sum the candidates' values with `weights` and map the sums to the original scale."""
        return self.restore(candidates.value @ weights.transpose(1, 2), candidates.stats)

    def restore(self, attended: Tensor, stats: SegmentStats) -> Tensor:
        """Map weighted sums of values, (n, n_channels, anchor time), to the original scale."""
        return self.revin.denormalise(attended + self.out_proj.bias[:, None], stats)


def squared_error(reconstruction: Tensor, anchors: Tensor) -> Tensor:
    """Return the motif distances, the squared errors summed over channels and time.

    Parameters
    ----------
    reconstruction : Tensor of shape (n, n_channels, n_timesteps)
        Reconstructed anchors.
    anchors : Tensor of shape (n, n_channels, n_timesteps)
        Anchors.

    Returns
    -------
    distances : Tensor of shape (n,)
        Motif distance of each anchor.
    """
    return (reconstruction - anchors).square().sum(dim=(-2, -1))
