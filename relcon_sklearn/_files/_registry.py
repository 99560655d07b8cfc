"""The estimators that files can be of."""

from .._classifier import RelConClassifier
from .._embedder import RelConEmbedder
from .._motif_distance import LearnedMotifDistance
from .._regressor import RelConRegressor

ESTIMATORS = {
    kind.__name__: kind
    for kind in (LearnedMotifDistance, RelConEmbedder, RelConClassifier, RelConRegressor)
}
"""Nothing else is ever made of what a file says."""

NOT_IN_FILES = {"checkpoint_dir"}
"""Parameters that are left at their defaults: a folder of the machine of the training."""

METHODS = ("fit", "predict", "predict_proba", "score", "transform")
"""For which metadata may be requested."""

OUTPUTS = ("default", "pandas", "polars")
"""Containers that ``set_output`` knows."""
