"""Losses of the two stages of RelCon, as functions of a module and a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._batches import Batch
from ..nn import squared_error
from ..nn._loss import relative_contrastive_losses
from ._distributed import gathered, own_share, part_of_mean
from ._mean_loss import Loss
from ._rankers import described

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
        kept = net.draw_kept(anchors, copies, generator)
        kept = None if kept is None else own_share(kept)
        own = own_share(anchors)
        distances = squared_error(net(own, own_share(copies), kept=kept), own)
        return part_of_mean(distances, len(anchors))

    return loss


def ranking_loss(
    ranker: Callable[[Batch], Tensor],
    temperature: float,
    dtype: torch.dtype = torch.float32,
    *,
    n_positives: int | None = None,
    augmentation: Augmentation | None = None,
    auxiliary: FeatureLoss | None = None,
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
    auxiliary : FeatureLoss or None, default=None
        If given, the module returns a pair of embeddings and predictions, as
        :class:`PretrainingNet` with a regression head, and the loss of the predictions is added for
        each positive.
    """

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        distances = ranker(batch)
        segments, n = batch.segments, len(batch.segments)
        n_views = 1 if augmentation is None else 2
        if augmentation is not None:
            generator = torch.Generator(device=segments.device).manual_seed(batch.seed)
            # Both views in one pass, so that batch norms use statistics of both.
            segments = augmentation(torch.cat([segments, segments]), generator)
        with torch.autocast(segments.device.type, dtype=dtype, enabled=dtype != torch.float32):
            outputs = module(own_share(segments, n_views).transpose(1, 2))
        own, predicted = (outputs, None) if auxiliary is None else outputs
        embeddings = gathered(own, n, n_views)
        losses = relative_contrastive_losses(
            embeddings[:n],
            batch.anchors,
            batch.candidates,
            distances,
            temperature,
            n_positives,
            None if augmentation is None else embeddings[n:],
        )
        ranking = part_of_mean(losses, batch.n_items)
        if auxiliary is None:
            return ranking
        # The ranking loss is a sum over positives, and grows with their number.
        n_terms = batch.candidates.shape[1] + (augmentation is not None)
        if n_positives is not None:
            n_terms = min(n_terms, n_positives)
        return ranking + n_terms * auxiliary(predicted, segments, n_views)

    return loss


class FeatureLoss:
    """Loss of predicted features of segments, as the encoder has received them.

    Parameters
    ----------
    describe : callable
        ``describe(segments)`` maps a float32 array (n, n_timesteps, n_channels) to standardised
        features (n, n_features).
    weight : float
        Factor of the loss.
    """

    def __init__(self, describe: Callable[[np.ndarray], np.ndarray], weight: float):
        self.describe = describe
        self.weight = weight

    def __call__(self, predicted: Tensor, segments: Tensor, n_views: int = 1) -> Tensor:
        """Return the weighted mean loss of predictions for views of segments.

        Of several processes, `predicted` (n, n_features) is for the own segments, and the result is
        what they add to the mean.
        """
        features = described(self.describe, own_share(segments, n_views))
        # Squared below one standard deviation and linear above it, since features have outliers.
        losses = F.smooth_l1_loss(predicted.float(), features, reduction="none")
        return self.weight * part_of_mean(losses, len(segments))
