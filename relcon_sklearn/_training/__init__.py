"""The training engine, which uses skorch internally and takes torch modules and batches."""

from ._checkpoints import CheckpointFolder, Checkpoints
from ._compile import CompiledCall
from ._engine import Loss, fit_module, mean_loss
from ._losses import FeatureLoss, ranking_loss, reconstruction_loss
from ._memory import kept_memory
from ._options import TrainingOptions
from ._rankers import MotifRanker, PairwiseRanker, VectorRanker
from ._skorch_callbacks import check_callbacks
from ._supervised import classification_loss, regression_loss

__all__ = [
    "CheckpointFolder",
    "Checkpoints",
    "CompiledCall",
    "FeatureLoss",
    "Loss",
    "MotifRanker",
    "PairwiseRanker",
    "TrainingOptions",
    "VectorRanker",
    "check_callbacks",
    "classification_loss",
    "fit_module",
    "kept_memory",
    "mean_loss",
    "ranking_loss",
    "reconstruction_loss",
    "regression_loss",
]
