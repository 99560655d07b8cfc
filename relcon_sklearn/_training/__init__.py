"""The training engine, which uses skorch internally and takes torch modules and batches.

The modules that need skorch are imported when a training starts, so that users who only embed or
predict do not wait for it.
"""

from ._checkpoints import CheckpointFolder, Checkpoints
from ._fit_module import fit_module
from ._losses import FeatureLoss, ranking_loss, reconstruction_loss
from ._mean_loss import Loss, mean_loss
from ._memory import kept_memory
from ._options import TrainingOptions
from ._rankers import MotifRanker, PairwiseRanker, VectorRanker
from ._supervised import classification_loss, regression_loss

__all__ = [
    "CheckpointFolder",
    "Checkpoints",
    "FeatureLoss",
    "Loss",
    "MotifRanker",
    "PairwiseRanker",
    "TrainingOptions",
    "VectorRanker",
    "classification_loss",
    "fit_module",
    "kept_memory",
    "mean_loss",
    "ranking_loss",
    "reconstruction_loss",
    "regression_loss",
]
