"""Arrays in, batches out: reading rows, groups, candidates, augmentations."""

from ._array import SegmentArray
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
from ._groups import GroupIndex, hold_out_groups

__all__ = [
    "Batch",
    "Batches",
    "ChannelShuffle",
    "GroupIndex",
    "Jitter",
    "Negation",
    "Permutation",
    "RandomAugmentations",
    "Rotation",
    "Scaling",
    "SegmentArray",
    "TimeFlip",
    "TimeWarp",
    "default_augmentations",
    "hold_out_groups",
]
