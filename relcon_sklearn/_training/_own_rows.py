"""Segments of which each process of a training reads its share only."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from .._batches import Batch, DeviceSegments
from ..augmentations import RandomAugmentations, default_augmentations
from ..segments._array import SegmentArray
from ._distributed import Processes, gathered, own_share
from ._mean_loss import Loss

_EACH_ALONE = tuple(map(type, default_augmentations()))


class OwnRows:
    """Segments of which a process reads its share of a batch. The other rows are NaN.

    The rows keep their places, so that the batch has the size and the random draws that it has in
    one process. If a loss used a row of another process, it would be NaN, which is an error. A loss
    that needs all rows gets them by :func:`of_whole_batches`.

    Parameters
    ----------
    array : SegmentArray
        All segments.
    processes : Processes
        The processes of the training.
    """

    def __init__(self, array: SegmentArray, processes: Processes):
        self.array = array
        self.processes = processes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 segments (len(rows), n_timesteps, n_channels), of which some are NaN."""
        segments = np.full((len(rows), *self.array.shape[1:]), np.nan, dtype=np.float32)
        own = self.processes.share(len(rows))
        if own.start < own.stop:
            segments[own] = self.array.read(rows[own])
        return segments


def own_rows(
    data: SegmentArray | DeviceSegments, processes: Processes
) -> SegmentArray | DeviceSegments | OwnRows:
    """Return segments of which a process reads its share, unless it is alone.

    Segments in the memory of a device are returned unmodified: nothing is read there.
    """
    if processes.size == 1 or isinstance(data, DeviceSegments):
        return data
    return OwnRows(data, processes)


def of_whole_batches(loss: Loss, data: SegmentArray | DeviceSegments | OwnRows) -> Loss:
    """Return a loss that gets all rows of batches of `data`.

    Of :class:`OwnRows`, the processes exchange the segments that they have read. On a disk that
    they share, each segment is then read once instead of once for each process.
    """
    if not isinstance(data, OwnRows):
        return loss

    def of_whole(module: nn.Module, batch: Batch) -> Tensor:
        segments = gathered(own_share(batch.segments), len(batch.segments))
        return loss(module, batch._replace(segments=segments))

    return of_whole


def augments_each_alone(augmentation) -> bool:
    """Return whether an augmented segment is known not to depend on the other segments.

    A function of the user may mix segments.
    """
    if type(augmentation) is RandomAugmentations:
        return all(map(augments_each_alone, augmentation.augmentations))
    return augmentation is None or type(augmentation) in _EACH_ALONE
