"""The training engine: skorch inside, arrays and torch modules outside."""

from ._compile import CompiledCall
from ._engine import Loss, fit_module, mean_loss
from ._losses import ranking_loss, reconstruction_loss
from ._memory import kept_memory
from ._rankers import MotifRanker, PairwiseRanker

__all__ = [
    "CompiledCall",
    "Loss",
    "MotifRanker",
    "PairwiseRanker",
    "fit_module",
    "kept_memory",
    "mean_loss",
    "ranking_loss",
    "reconstruction_loss",
]
