"""Motion foundation models for wearable data, pretrained with scikit-learn's ``fit``."""

from ._classifier import RelConClassifier
from ._embedder import RelConEmbedder
from ._feature_distance import FeatureDistance
from ._files import list_pretrained
from ._motif_distance import LearnedMotifDistance
from ._motion_features import MotionFeatures
from ._recordings import Segments, segment_recordings
from ._regressor import RelConRegressor
from ._training import Checkpoints
from ._version import __version__
from .augmentations import RandomAugmentations
from .segments import LazyWindows, SegmentWriter, open_segments

__all__ = [
    "Checkpoints",
    "FeatureDistance",
    "LazyWindows",
    "LearnedMotifDistance",
    "MotionFeatures",
    "RandomAugmentations",
    "RelConClassifier",
    "RelConEmbedder",
    "RelConRegressor",
    "SegmentWriter",
    "Segments",
    "__version__",
    "list_pretrained",
    "open_segments",
    "segment_recordings",
]
