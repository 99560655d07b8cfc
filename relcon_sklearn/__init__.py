"""Motion foundation models for wearable data, pretrained with scikit-learn's ``fit``."""

from ._classifier import RelConClassifier
from ._embedder import RelConEmbedder
from ._motif_distance import LearnedMotifDistance
from ._regressor import RelConRegressor
from ._version import __version__
from .recordings import Segments, segment_recordings
from .segments import LazyWindows, RandomAugmentations, SegmentWriter, open_segments
from .training import Checkpoints

__all__ = [
    "Checkpoints",
    "LazyWindows",
    "LearnedMotifDistance",
    "RandomAugmentations",
    "RelConClassifier",
    "RelConEmbedder",
    "RelConRegressor",
    "SegmentWriter",
    "Segments",
    "__version__",
    "open_segments",
    "segment_recordings",
]
