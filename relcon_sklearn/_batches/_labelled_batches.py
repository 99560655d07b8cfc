"""Batches of segments with their targets and weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..segments._array import SegmentArray
from ._batches import Batches
from ._groups import GroupIndex
from ._on_device import DeviceSegments


class LabelledBatch(NamedTuple):
    """Segments of a training step with their targets and weights.

    `segments` is (n, n_timesteps, n_channels) float32, `targets` (n,) or (n, n_outputs), and
    `weights` (n,) float32.
    """

    segments: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor

    @property
    def n_items(self) -> int:
        """Number of items that the loss of the batch is the mean of: segments."""
        return len(self.targets)

    def to(self, device) -> LabelledBatch:
        """Move the tensors to `device`."""
        device = torch.device(device)
        if all(x.device == device for x in self):
            return self  # for the same reason as in Batch.to
        return LabelledBatch(*(x.to(device, non_blocking=True) for x in self))

    def pin_memory(self) -> LabelledBatch:
        """Copy tensors on the CPU to pinned memory, from which a GPU can copy asynchronously."""
        return LabelledBatch(*(x.pin_memory() if x.device.type == "cpu" else x for x in self))


class LabelledBatches(Batches):
    """Batches of an epoch, with each row in use once, in random order, and its target.

    Parameters
    ----------
    array : SegmentArray or DeviceSegments
        The data.
    index : GroupIndex
        Rows of `array` to use, and their groups.
    batch_size : int
        Number of segments per batch.
    seed : int
        Seed of the order.
    targets : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Target of each row of `array`, whether in use or not.
    weights : ndarray of shape (n_rows,)
        Weight of each row of `array`. Weights are scaled to a mean of one over the rows in use, so
        that the mean over an epoch of losses times weights is the weighted mean loss.

    Attributes
    ----------
    epoch : int
        Number of the epoch whose batches the next iteration returns. Set it to get other batches.
    """

    def __init__(
        self,
        array: SegmentArray | DeviceSegments,
        index: GroupIndex,
        batch_size: int,
        seed: int,
        *,
        targets: np.ndarray,
        weights: np.ndarray,
    ):
        super().__init__(array, index, batch_size, seed)
        self.targets = targets
        self.weights = (weights / weights[index.rows].mean()).astype(np.float32)

    def _make(self, items: np.ndarray, n_pass: int, rng: np.random.Generator) -> LabelledBatch:
        # In the order of the file, which is read fastest.
        rows = np.sort(self.index.rows_at(items))
        return LabelledBatch(
            torch.as_tensor(self.array.read(rows)),
            torch.from_numpy(self.targets[rows]),
            torch.from_numpy(self.weights[rows]),
        )
