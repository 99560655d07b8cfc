"""Reversible instance normalisation, with the statistics of one segment applied to another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class SegmentStats(NamedTuple):
    """Per-channel mean and standard deviation of segments, each of shape (n, n_channels, 1)."""

    mean: Tensor
    std: Tensor


class RevIN(nn.Module):
    r"""Reversible instance normalisation with a learnable affine map.

    A segment :math:`x` is normalised per channel, and mapped back after processing [1]_:

    .. math::
        \tilde x = w \, (x - \mu) / \sigma + b, \qquad
        x = \sigma \, (\tilde x - b) / w + \mu

    where :math:`\mu` and :math:`\sigma` are the mean and standard deviation of the channel, and
    :math:`w` and :math:`b` are learned.

    In RelCon [2]_, :math:`\mu` and :math:`\sigma` come from *another* segment: an anchor is
    normalised with the statistics of the candidate it is reconstructed from, so that a difference
    in posture or intensity increases the distance.

    Parameters
    ----------
    n_channels : int
        Number of channels.
    eps : float, default=1e-5
        Value that is added to the variance (in g^2 for accelerations in g), so that a constant
        channel is divided by ``sqrt(eps)`` rather than by zero.

    References
    ----------
    .. [1] Kim et al., "Reversible Instance Normalization for Accurate Time-Series Forecasting
       against Distribution Shift", ICLR 2022.
    .. [2] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822
    """

    def __init__(self, n_channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(n_channels, 1))
        self.bias = nn.Parameter(torch.zeros(n_channels, 1))

    def stats(self, segments: Tensor) -> SegmentStats:
        """Return the statistics of segments (n, n_channels, n_timesteps), without gradients."""
        segments = segments.detach()
        mean = variance = segments.mean(dim=-1, keepdim=True)
        if len(segments):  # of none, torch warns
            variance = segments.var(dim=-1, keepdim=True, unbiased=False)
        return SegmentStats(mean, (variance + self.eps).sqrt())

    def normalise(self, segments: Tensor, stats: SegmentStats) -> Tensor:
        """Normalise `segments` with `stats`, which may be the statistics of other segments."""
        return (segments - stats.mean) / stats.std * self.weight + self.bias

    def denormalise(self, segments: Tensor, stats: SegmentStats) -> Tensor:
        """Undo :meth:`normalise`."""
        # eps^2, as in the published network, prevents a division by zero if a weight becomes zero.
        return (segments - self.bias) / (self.weight + self.eps**2) * stats.std + stats.mean


class FixedScale(RevIN):
    """Learnable affine map of RevIN without normalisation, which is the same for all segments.

    Segments keep their unit, for example g.
    """

    def stats(self, segments: Tensor) -> SegmentStats:
        """Return mean 0 and standard deviation 1 for each segment."""
        zeros = segments.new_zeros(*segments.shape[:-1], 1)
        return SegmentStats(zeros, torch.ones_like(zeros))
