"""Heads: from embeddings to predictions, and the whole of encoder and head."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

HEADS = ("linear", "mlp")
"""Names of the heads."""


# Of the mean variance, added to all: what hardly varies before training may do so after it.
_SMALLEST_VARIANCE = 1e-4

# What float32 arithmetic may make of equal embeddings, beside their size: not to be blown up.
_ROUNDING = 1e-5


class Standardise(nn.Module):
    """Subtract a mean and divide by a scale, set once from data, and not learned.

    Unlike a batch norm's they are the same in training and in use, and for any batch.

    Parameters
    ----------
    n_features : int
        Size of the last dimension of what is standardised.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def set(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Take mean and variance, (n_features,), of data."""
        variance = variance + _SMALLEST_VARIANCE * variance.mean()
        rounding = np.square(_ROUNDING * mean).mean()
        scale = np.where(variance > rounding, np.sqrt(variance), 1.0)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))

    def forward(self, z: Tensor) -> Tensor:
        """Standardise (n, n_features)."""
        return (z - self.mean) / self.scale


def make_head(kind: str, n_features: int, n_outputs: int, width: int = 256) -> nn.Sequential:
    """Make a head: standardisation, then one linear layer or two.

    Parameters
    ----------
    kind : {"linear", "mlp"}
        "mlp" has a hidden layer with ReLU.
    n_features : int
        Size of the embedding.
    n_outputs : int
        Number of predictions.
    width : int, default=256
        Size of the hidden layer.

    Returns
    -------
    head : nn.Sequential
        Maps (n, n_features) to (n, n_outputs). Its ``head.standardise`` is to be set.
    """
    head = nn.Sequential()
    # Embeddings are of any scale, and their mean may be large beside it.
    head.add_module("standardise", Standardise(n_features))
    if kind == "mlp":
        head.add_module("hidden", nn.Linear(n_features, width))
        head.add_module("relu", nn.ReLU())
        n_features = width
    head.add_module("out", nn.Linear(n_features, n_outputs))
    return head


class HeadedEncoder(nn.Module):
    """An encoder, parts of which may be frozen, with a head on it.

    What is frozen stays in evaluation mode: its batch norms keep their statistics.

    Parameters
    ----------
    encoder : nn.Module
        Maps (n, n_channels, n_timesteps) to (n, n_features).
    head : nn.Module
        Maps (n, n_features) to (n, n_outputs).
    frozen : sequence of nn.Module, default=()
        Parts of the encoder that are not to change.
    dtype : torch.dtype, default=torch.float32
        Precision of the encoder's matrix products and convolutions. The head is small, and
        computes in float32.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        frozen: Sequence[nn.Module] = (),
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.frozen = tuple(frozen)
        self.dtype = dtype

    def train(self, mode: bool = True) -> HeadedEncoder:
        """Set the mode of all that is not frozen."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def forward(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to (n, n_outputs)."""
        with torch.autocast(
            segments.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32
        ):
            z = self.encoder(segments)
        return self.head(z.float())


@contextlib.contextmanager
def without_gradients(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Take the weights of `modules` out of training within the block."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
