"""Motion foundation models for wearable data, pretrained with scikit-learn's ``fit``."""

from ._embedder import RelConEmbedder
from ._motif_distance import LearnedMotifDistance
from ._version import __version__
from .segments import RandomAugmentations

__all__ = ["LearnedMotifDistance", "RandomAugmentations", "RelConEmbedder", "__version__"]
