"""Losses of supervised training, as functions of a module and a batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .._batches import LabelledBatch
from ._distributed import own_share, part_of_mean


def classification_loss(module: nn.Module, batch: LabelledBatch) -> Tensor:
    """Return the mean cross-entropy of the segments, each multiplied by its weight.

    Parameters
    ----------
    module : nn.Module
        Maps (n, n_channels, n_timesteps) to logits (n, n_classes).
    batch : LabelledBatch
        Batch with targets (n,) int64, the indices of the classes.
    """
    segments, targets, weights = map(own_share, batch)
    losses = F.cross_entropy(module(segments.transpose(1, 2)), targets, reduction="none")
    return part_of_mean(losses * weights, batch.n_items)


def regression_loss(module: nn.Module, batch: LabelledBatch) -> Tensor:
    """Return the mean squared error of the segments, each multiplied by its weight.

    Parameters
    ----------
    module : nn.Module
        Maps (n, n_channels, n_timesteps) to predictions (n, n_outputs).
    batch : LabelledBatch
        Batch with targets (n, n_outputs) float32.
    """
    segments, targets, weights = map(own_share, batch)
    errors = module(segments.transpose(1, 2)) - targets
    return part_of_mean(errors.square().mean(dim=1) * weights, batch.n_items)
