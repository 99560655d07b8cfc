"""fit_module: training of a module by the engine, which is imported with the first training."""

from __future__ import annotations

from torch import nn

from .._batches import Batches
from ._mean_loss import Loss
from ._options import TrainingOptions


def fit_module(
    module: nn.Module,
    loss: Loss,
    batches: Batches,
    valid: Batches | None,
    options: TrainingOptions,
) -> list[dict]:
    """Train `module` in place with Adam, a short warm-up and a cosine decay.

    Parameters
    ----------
    module : nn.Module
        Module to train. It ends in evaluation mode, with the weights of the epoch of lowest
        validation loss, or of the last epoch if there is no validation.
    loss : callable
        ``loss(module, batch)`` returns a scalar tensor. Of several processes, it is the part of the
        loss that the rows of this process have.
    batches : Batches
        Training data.
    valid : Batches or None
        Validation data.
    options : TrainingOptions
        Options of the training.

    Returns
    -------
    history : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``.

    Raises
    ------
    ValueError
        If a callback does not work in this loop, or needs the validation that is missing.
    FloatingPointError
        If the loss or a weight became NaN or infinite. Checkpoints contain finite values only.
    OSError
        If a checkpoint cannot be written. It is a DamagedFileError if those to resume from are
        damaged.

    Warns
    -----
    UserWarning
        If training would take more than ten minutes on a CPU, unless `verbose` is positive.
    """
    from ._engine import train_module  # imports skorch, which takes a tenth of a second

    return train_module(module, loss, batches, valid, options)
