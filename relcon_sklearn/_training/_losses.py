"""Losses of the two stages of RelCon, as functions of a module and a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .._batches import Batch
from ..nn import relative_contrastive_loss, squared_error
from ._compile import CompiledCall
from ._engine import Loss

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def reconstruction_loss(augmentation: Augmentation) -> Loss:
    """Return the loss of stage one: the mean motif distance of segments from augmented copies.

    Parameters
    ----------
    augmentation : callable
        ``augmentation(segments, generator)``; see :mod:`relcon_sklearn.augmentations`.
    """

    def loss(net: nn.Module, batch: Batch) -> Tensor:
        generator = torch.Generator(device=batch.segments.device).manual_seed(batch.seed)
        anchors = batch.segments.transpose(1, 2)
        copies = augmentation(batch.segments, generator).transpose(1, 2)
        return squared_error(net(anchors, copies, generator), anchors).mean()

    return loss


def ranking_loss(
    ranker: Callable[[Batch], Tensor],
    temperature: float,
    dtype: torch.dtype = torch.float32,
    *,
    n_positives: int | None = None,
    augmentation: Augmentation | None = None,
    compiled: bool = False,
) -> Loss:
    """Return the loss of stage two: the relative contrastive loss of the embeddings of a batch.

    Parameters
    ----------
    ranker : callable
        Returns the distances of the candidates of a batch from their anchors. It is not part of the
        trained module.
    temperature : float
        Temperature of the loss.
    dtype : torch.dtype, default=torch.float32
        Precision of the encoder's forward pass; the loss is always float32.
    n_positives : int or None, default=None
        Number of nearest candidates that are positives, each in turn. If None, all candidates.
    augmentation : callable or None, default=None
        If given, the encoder receives two augmented copies of each segment instead of the segment,
        and the first candidate of an anchor is its own other copy. Distances are still computed
        from the segments.
    compiled : bool, default=False
        Whether to compile the encoder.
    """
    embed = CompiledCall() if compiled else nn.Module.__call__

    def loss(encoder: nn.Module, batch: Batch) -> Tensor:
        distances = ranker(batch)
        segments, n = batch.segments, len(batch.segments)
        if augmentation is not None:
            generator = torch.Generator(device=segments.device).manual_seed(batch.seed)
            # Both views in one pass, so that batch norms use statistics of both.
            segments = augmentation(torch.cat([segments, segments]), generator)
        with torch.autocast(segments.device.type, dtype=dtype, enabled=dtype != torch.float32):
            embeddings = embed(encoder, segments.transpose(1, 2))
        return relative_contrastive_loss(
            embeddings[:n],
            batch.anchors,
            batch.candidates,
            distances,
            temperature,
            n_positives,
            None if augmentation is None else embeddings[n:],
        )

    return loss
