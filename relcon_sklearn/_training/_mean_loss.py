"""Losses over batches: their mean over all items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from .._batches import Batch, Batches, LabelledBatch
from ._prefetch import prefetched

Loss = Callable[[nn.Module, Batch | LabelledBatch], Tensor]


class LossMean:
    """Weighted mean of losses that stays on the device until it is read."""

    def __init__(self, device: torch.device, total: float = 0.0, weight: int = 0):
        # A float32 sum would lose the later ones of millions of losses. Apple's GPUs lack float64.
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        self._total = torch.tensor(total, dtype=dtype, device=device)
        self._weight = weight

    def add(self, loss: Tensor, weight: int) -> None:
        """Add the loss of a batch."""
        self._total.add_(loss, alpha=weight)
        self._weight += weight

    def value(self) -> float:
        """Return the mean so far."""
        return float(self._total) / self._weight

    def sums(self) -> tuple[float, int]:
        """Return the weighted sum of losses and the sum of weights so far."""
        return float(self._total), self._weight


def read_ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Prefetch batches in the background, in pinned memory if `device` is a GPU."""
    on_gpu = torch.device(device).type == "cuda"
    return prefetched((batch.pin_memory() for batch in batches) if on_gpu else batches)


def mean_loss(module: nn.Module, loss: Loss, batches: Batches, device: torch.device) -> float:
    """Return the mean of `loss` over the items of `batches`, in evaluation mode."""
    module.to(device).eval()
    losses = LossMean(device)
    with torch.no_grad():
        for batch in read_ahead(batches, device):
            losses.add(loss(module, batch.to(device)), batch.n_items)
    return losses.value()
