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
    r"""Reversible instance normalisation with a learnable affine map [1]_.

    A segment is normalised per channel, processed, and mapped back:

    .. math:: \tilde x = w \, (x - \mu) / \sigma + b, \qquad
              x = \sigma \, (\tilde x - b) / w + \mu

    RelCon's twist is that :math:`\mu, \sigma` come from *another* segment: an anchor is
    normalised with the statistics of the candidate it is to be rebuilt from, so that a
    difference in posture or intensity costs distance.

    Parameters
    ----------
    n_channels : int
        Number of channels.
    eps : float, default=1e-5
        Added to the variance (in g^2 for accelerations), so that a constant channel divides by
        ``sqrt(eps)`` and not by zero.

    References
    ----------
    .. [1] Kim et al., "Reversible Instance Normalization for Accurate Time-Series Forecasting
       against Distribution Shift", ICLR 2022.
    """

    def __init__(self, n_channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(n_channels, 1))
        self.bias = nn.Parameter(torch.zeros(n_channels, 1))

    def stats(self, segments: Tensor) -> SegmentStats:
        """Return the statistics of `segments` (n, n_channels, n_timesteps), detached."""
        segments = segments.detach()
        variance = segments.var(dim=-1, keepdim=True, unbiased=False)
        return SegmentStats(segments.mean(dim=-1, keepdim=True), (variance + self.eps).sqrt())

    def normalise(self, segments: Tensor, stats: SegmentStats) -> Tensor:
        """Normalise `segments` with `stats`, which may be those of other segments."""
        return (segments - stats.mean) / stats.std * self.weight + self.bias

    def denormalise(self, segments: Tensor, stats: SegmentStats) -> Tensor:
        """Undo :meth:`normalise`."""
        # eps^2 as in the published network: it guards a weight that training drove to zero.
        return (segments - self.bias) / (self.weight + self.eps**2) * stats.std + stats.mean


class FixedScale(RevIN):
    """RevIN without statistics: the learnable affine map, the same for all segments.

    Segments are compared as they are, in g.
    """

    def stats(self, segments: Tensor) -> SegmentStats:
        """Return mean 0 and standard deviation 1 for all `segments`."""
        zeros = segments.new_zeros(*segments.shape[:-1], 1)
        return SegmentStats(zeros, torch.ones_like(zeros))
