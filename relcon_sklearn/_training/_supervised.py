"""What learning from labels minimises, as functions of a module and a batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .._batches import LabelledBatch


def classification_loss(module: nn.Module, batch: LabelledBatch) -> Tensor:
    """Return the cross-entropy of the classes, each segment's times its weight, on average.

    Parameters
    ----------
    module : nn.Module
        Maps (n, n_channels, n_timesteps) to logits (n, n_classes).
    batch : LabelledBatch
        Its targets are the numbers of the classes, (n,) int64.
    """
    logits = module(batch.segments.transpose(1, 2))
    return (F.cross_entropy(logits, batch.targets, reduction="none") * batch.weights).mean()


def regression_loss(module: nn.Module, batch: LabelledBatch) -> Tensor:
    """Return the squared error, each segment's mean times its weight, on average.

    Parameters
    ----------
    module : nn.Module
        Maps (n, n_channels, n_timesteps) to predictions (n, n_outputs).
    batch : LabelledBatch
        Its targets are (n, n_outputs) float32.
    """
    errors = module(batch.segments.transpose(1, 2)) - batch.targets
    return (errors.square().mean(dim=1) * batch.weights).mean()
