"""Readouts: statistics over time that make a feature map an embedding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

# Added to the variance. It bounds the gradient of the square root for features that do not vary.
_EPS = 1e-4


class Readout(NamedTuple):
    """A function of a feature map, and the number of statistics it returns for each feature."""

    function: Callable[[Tensor], Tensor]
    n_statistics: int

    def __call__(self, features: Tensor) -> Tensor:
        """Map features over time (n, n_features, n_steps) to (n, n_statistics * n_features)."""
        return self.function(features)


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


READOUTS = {"mean": Readout(_mean, 1), "mean_sd": Readout(_mean_and_sd, 2)}
"""Readouts by name."""
