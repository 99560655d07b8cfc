"""Readouts: statistics over time that make a feature map an embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Added to the variance. It bounds the gradient of the square root for features that do not vary.
_EPS = 1e-4


class Readout(NamedTuple):
    """Statistics over time of feature maps.

    Attributes
    ----------
    function : callable
        Maps features over time (n, n_features, n_steps) to (n, n_statistics * n_features).
    n_statistics : int
        Number of statistics of each feature.
    all_stages : bool
        Whether the statistics are those of every stage of an encoder, not only of the last.
    """

    function: Callable[[Tensor], Tensor]
    n_statistics: int
    all_stages: bool = False

    def __call__(self, maps: Sequence[Tensor]) -> Tensor:
        """Map the feature maps of the stages, first to last, to embeddings (n, n_features).

        The statistics of the last stage come first.
        """
        used = reversed(maps) if self.all_stages else maps[-1:]
        return torch.cat([self.function(features) for features in used], dim=1)

    def n_features(self, widths: Sequence[int]) -> int:
        """Return the size of embeddings for stages with `widths` features."""
        return self.n_statistics * (sum(widths) if self.all_stages else widths[-1])


def _mean(features: Tensor) -> Tensor:
    return features.mean(dim=2)


def _mean_and_sd(features: Tensor) -> Tensor:
    """Return the means, then the standard deviations, in float32."""
    # In bfloat16 the variance would have two significant digits.
    features = features.float()
    mean = features.mean(dim=2, keepdim=True)
    # Not torch.var_mean, which takes four times as long in the "channels last" memory format.
    variance = (features - mean).square().mean(dim=2)
    return torch.cat([mean[..., 0], (variance + _EPS).sqrt()], dim=1)


READOUTS = {
    "mean": Readout(_mean, 1),
    "mean_sd": Readout(_mean_and_sd, 2),
    "stages": Readout(_mean_and_sd, 2, all_stages=True),
}
"""Readouts by name."""
