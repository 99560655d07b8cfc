"""Arrays in, batches out: reading rows, groups, candidates, augmentations."""

from ._array import LARGEST_VALUE, ONE_LENGTH, SegmentArray
from ._augmentations import (
    ChannelShuffle,
    Jitter,
    Negation,
    Permutation,
    RandomAugmentations,
    Rotation,
    Scaling,
    TimeFlip,
    TimeWarp,
    default_augmentations,
)
from ._batches import Batch, Batches
from ._chosen_rows import ChosenRows
from ._groups import GroupIndex, hold_out_groups
from ._labelled_batches import LabelledBatch, LabelledBatches
from ._lazy import LazyArray
from ._on_device import DeviceSegments, on_device
from ._runs import RunLabels
from ._shared_batches import SharedBatches
from ._store import SegmentStore, open_segments
from ._windows import LazyWindows
from ._writer import SegmentWriter

__all__ = [
    "LARGEST_VALUE",
    "ONE_LENGTH",
    "Batch",
    "Batches",
    "ChannelShuffle",
    "ChosenRows",
    "DeviceSegments",
    "GroupIndex",
    "Jitter",
    "LabelledBatch",
    "LabelledBatches",
    "LazyArray",
    "LazyWindows",
    "Negation",
    "Permutation",
    "RandomAugmentations",
    "Rotation",
    "RunLabels",
    "Scaling",
    "SegmentArray",
    "SegmentStore",
    "SegmentWriter",
    "SharedBatches",
    "TimeFlip",
    "TimeWarp",
    "default_augmentations",
    "hold_out_groups",
    "on_device",
    "open_segments",
]
