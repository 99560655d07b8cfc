"""Batches of segments with what is to be predicted from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..segments._array import SegmentArray
from ._batches import Batches
from ._groups import GroupIndex
from ._on_device import DeviceSegments


class LabelledBatch(NamedTuple):
    """Segments with their targets and weights.

    `segments` is (n, n_timesteps, n_channels) float32, `targets` (n,) or (n, n_outputs), and
    `weights` (n,) float32.
    """

    segments: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor

    @property
    def n_items(self) -> int:
        """How many items the loss of the batch is the mean of: segments."""
        return len(self.targets)

    def to(self, device) -> LabelledBatch:
        """Move the tensors to `device`."""
        device = torch.device(device)
        if all(x.device == device for x in self):
            return self  # as Batch does, for the sake of the thread that makes the next one
        return LabelledBatch(*(x.to(device, non_blocking=True) for x in self))

    def pin_memory(self) -> LabelledBatch:
        """Copy what is in the host's memory to where a GPU can fetch it from by itself."""
        return LabelledBatch(*(x.pin_memory() if x.device.type == "cpu" else x for x in self))


class LabelledBatches(Batches):
    """The batches of an epoch: each row in use once, in random order, with its target.

    Parameters
    ----------
    array : SegmentArray or DeviceSegments
        The data.
    index : GroupIndex
        Rows of `array` to use, and their groups.
    batch_size : int
        Segments per batch.
    seed : int
        Seed of the order.
    targets : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Target of each row of `array`, in use or not.
    weights : ndarray of shape (n_rows,)
        Weight of each row of `array`. They are scaled so that those of the rows in use have a
        mean of one: losses times weights then average, over an epoch, to the weighted mean loss.

    Attributes
    ----------
    epoch : int
        Number of the epoch that the next iteration gives. Set it to get other batches.
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

    def _make(self, items: np.ndarray, rng: np.random.Generator) -> LabelledBatch:
        # In the order of the file, in which it is read fastest.
        rows = np.sort(self.index.rows_at(items))
        return LabelledBatch(
            torch.as_tensor(self.array.read(rows)),
            torch.from_numpy(self.targets[rows]),
            torch.from_numpy(self.weights[rows]),
        )
