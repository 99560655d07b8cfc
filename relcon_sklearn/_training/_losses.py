"""What the two stages of RelCon minimise, as functions of a module and a batch."""

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
    """Stage one: the mean motif distance of a segment from an augmented copy of itself.

    Parameters
    ----------
    augmentation : callable
        ``augmentation(segments, generator)``, see :mod:`relcon_sklearn.segments`.
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
    """Stage two: the relative contrastive loss of the embeddings of a batch.

    Parameters
    ----------
    ranker : callable
        Distances of the batch's candidates from their anchors. It stays outside of the module
        that is trained.
    temperature : float
        Temperature of the loss.
    dtype : torch.dtype
        Precision of the encoder's forward pass; the loss is always float32.
    n_positives : int or None, default=None
        How many of the nearest candidates are in turn positives; None is all.
    augmentation : callable or None, default=None
        With one, the encoder sees two augmented copies of each segment instead of the segment,
        and an anchor's own other copy is its first candidate. Distances stay those of the
        segments.
    compiled : bool, default=False
        Whether to compile the encoder.
    """
    embed = CompiledCall() if compiled else nn.Module.__call__

    def loss(encoder: nn.Module, batch: Batch) -> Tensor:
        distances = ranker(batch)
        segments, n = batch.segments, len(batch.segments)
        if augmentation is not None:
            generator = torch.Generator(device=segments.device).manual_seed(batch.seed)
            # Both views in one pass: batch norms then take them for one distribution.
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
