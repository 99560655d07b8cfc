"""Selection of the segments of each training step: groups, order, and batches of several kinds."""

from ._batches import Batch, Batches, check_within_candidates, train_and_valid
from ._groups import GroupIndex, hold_out_groups
from ._labelled_batches import LabelledBatch, LabelledBatches
from ._on_device import DeviceSegments, on_device
from ._shared_batches import SharedBatches

__all__ = [
    "Batch",
    "Batches",
    "DeviceSegments",
    "GroupIndex",
    "LabelledBatch",
    "LabelledBatches",
    "SharedBatches",
    "check_within_candidates",
    "hold_out_groups",
    "on_device",
    "train_and_valid",
]
