"""Losses of supervised training, as functions of a module and a batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .._batches import LabelledBatch
from ._distributed import in_shares


def classification_loss(module: nn.Module, batch: LabelledBatch) -> Tensor:
    """Return the mean cross-entropy of the segments, each multiplied by its weight.

    Parameters
    ----------
    module : nn.Module
        Maps (n, n_channels, n_timesteps) to logits (n, n_classes).
    batch : LabelledBatch
        Batch with targets (n,) int64, the indices of the classes.
    """
    logits = in_shares(lambda own: module(own.transpose(1, 2)), batch.segments)
    return (F.cross_entropy(logits, batch.targets, reduction="none") * batch.weights).mean()


def regression_loss(module: nn.Module, batch: LabelledBatch) -> Tensor:
    """Return the mean squared error of the segments, each multiplied by its weight.

    Parameters
    ----------
    module : nn.Module
        Maps (n, n_channels, n_timesteps) to predictions (n, n_outputs).
    batch : LabelledBatch
        Batch with targets (n, n_outputs) float32.
    """
    outputs = in_shares(lambda own: module(own.transpose(1, 2)), batch.segments)
    errors = outputs - batch.targets
    return (errors.square().mean(dim=1) * batch.weights).mean()
