"""Heads, which map embeddings to predictions, and networks of an encoder and a head."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

HEADS = ("linear", "mlp")
"""Names of the heads."""


# Share of the mean variance that is added to each variance: a feature that hardly varies before
# training may vary after it.
_VARIANCE_SHARE = 1e-4

# Relative difference that float32 rounding may cause between equal embeddings. It must not be
# scaled up.
_ROUNDING = 1e-5


class Standardise(nn.Module):
    """Standardisation with a mean and a scale that are set once from data and not learned.

    Unlike in a batch norm, they are the same in training and evaluation, and for every batch.

    Parameters
    ----------
    n_features : int
        Number of features.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def set(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Set the mean and the scale from the mean and variance of data, each (n_features,)."""
        variance = variance + _VARIANCE_SHARE * variance.mean()
        rounding = np.square(_ROUNDING * mean).mean()
        scale = np.where(variance > rounding, np.sqrt(variance), 1.0)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))

    def forward(self, z: Tensor) -> Tensor:
        """Standardise (n, n_features)."""
        return (z - self.mean) / self.scale


def make_head(kind: str, n_features: int, n_outputs: int, width: int = 256) -> nn.Sequential:
    """Make a head: standardisation followed by one or two linear layers.

    Parameters
    ----------
    kind : {"linear", "mlp"}
        Kind of head. "linear" has one linear layer, "mlp" also has a hidden layer with ReLU.
    n_features : int
        Size of the embedding.
    n_outputs : int
        Number of outputs.
    width : int, default=256
        Size of the hidden layer.

    Returns
    -------
    head : nn.Sequential
        Head that maps (n, n_features) to (n, n_outputs). Call ``head.standardise.set`` with the
        mean and variance of the embeddings before use.
    """
    head = nn.Sequential()
    # Embeddings can have any scale, and a mean that is large compared with it.
    head.add_module("standardise", Standardise(n_features))
    if kind == "mlp":
        head.add_module("hidden", nn.Linear(n_features, width))
        head.add_module("relu", nn.ReLU())
        n_features = width
    head.add_module("out", nn.Linear(n_features, n_outputs))
    return head


class Rescale(nn.Module):
    """Map outputs of a head, which predicts scaled targets, back to the scale of the targets.

    Parameters
    ----------
    mean, scale : ndarray of shape () or (n_outputs,)
        Mean and scale of the targets. They are kept in float32.
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, outputs: Tensor) -> Tensor:
        """Map (n, n_outputs) to targets (n,) or (n, n_outputs), as `mean` has 0 or 1 dimensions."""
        return (outputs if self.mean.ndim else outputs.squeeze(1)) * self.scale + self.mean


def make_projection(n_features: int, widths: Sequence[int]) -> nn.Sequential:
    """Make a projection head: linear layers with ReLU between them.

    A contrastive loss of the output leaves more information in the embedding than a loss of the
    embedding itself, so that the head is dropped after training [1]_.

    Parameters
    ----------
    n_features : int
        Size of the embedding.
    widths : sequence of int
        Number of outputs of each layer.

    Returns
    -------
    projection : nn.Sequential
        Head that maps (n, n_features) to (n, widths[-1]).

    References
    ----------
    .. [1] Chen et al. A simple framework for contrastive learning of visual representations.
       ICML 2020. arXiv:2002.05709
    """
    projection = nn.Sequential()
    for width in widths:
        if len(projection):
            projection.append(nn.ReLU())
        projection.append(nn.Linear(n_features, width))
        n_features = width
    return projection


def make_regression(n_features: int, n_outputs: int) -> nn.Sequential:
    """Return a head that maps embeddings (n, n_features) linearly to (n, n_outputs).

    Embeddings are standardised in each batch, because they can have any scale.
    """
    return nn.Sequential(nn.BatchNorm1d(n_features), nn.Linear(n_features, n_outputs))


class PretrainingNet(nn.Module):
    """Encoder with the heads of its pretraining, which are dropped afterwards.

    Parameters
    ----------
    encoder : nn.Module
        Encoder that maps (n, n_channels, n_timesteps) to embeddings (n, n_features).
    projection : nn.Module or None, default=None
        Head whose outputs are compared. If None, embeddings are.
    regression : nn.Module or None, default=None
        Head that predicts hand-made features.
    """

    def __init__(
        self,
        encoder: nn.Module,
        projection: nn.Module | None = None,
        regression: nn.Module | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.projection = projection
        self.regression = regression

    def forward(self, segments: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return what is compared and, with a regression head, the predictions."""
        embeddings = self.encoder(segments)
        compared = embeddings if self.projection is None else self.projection(embeddings)
        if self.regression is None:
            return compared
        return compared, self.regression(embeddings)


class HeadedEncoder(nn.Module):
    """Encoder followed by a head, with parts of the encoder frozen.

    Frozen parts stay in evaluation mode, so that their batch norms keep their statistics.

    Parameters
    ----------
    encoder : nn.Module
        Encoder that maps (n, n_channels, n_timesteps) to (n, n_features).
    head : nn.Module
        Head that maps (n, n_features) to (n, n_outputs).
    frozen : sequence of nn.Module, default=()
        Parts of the encoder to keep in evaluation mode. To exclude their weights from training,
        see :func:`without_gradients`.
    dtype : torch.dtype, default=torch.float32
        Precision of the encoder's matrix products and convolutions. The head is small and always
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
        """Set the mode of all parts that are not frozen."""
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
    """Exclude the weights of modules from training, as a context manager.

    Parameters
    ----------
    modules : iterable of nn.Module
        Modules whose parameters have ``requires_grad=False`` within the block. Afterwards, those
        that required gradients before require them again.
    """
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
