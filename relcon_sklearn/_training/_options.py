"""How a module is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ._checkpoints import CheckpointFolder


@dataclass(frozen=True)
class TrainingOptions:
    """Everything that :func:`fit_module` is told apart from the module, the loss and the data.

    Parameters
    ----------
    lr : float
        Peak learning rate.
    max_epochs : int
        Number of epochs. With 0 the module stays as it is.
    device : torch.device
        Device to train on.
    patience : int or None, default=None
        With validation, training ends when the validation loss has not fallen for this number of
        epochs. If None, it takes all epochs.
    callbacks : sequence of skorch callbacks, default=()
        A learning-rate scheduler among them replaces the built-in one.
    verbose : int, default=0
        Progress bar if positive.
    description : str, default="fit"
        What is trained: the label of the progress bar, and of a line that is logged every epoch.
    checkpoints : CheckpointFolder or None, default=None
        Where the training is saved from time to time. If it was begun there, it continues from the
        last checkpoint. Ctrl-C and SIGTERM then finish the current step, save it, and raise
        KeyboardInterrupt.
    global_rng : bool, default=False
        Whether the module draws from torch's global generators. Their state is then saved too.
    """

    lr: float
    max_epochs: int
    device: torch.device
    patience: int | None = None
    callbacks: Sequence = ()
    verbose: int = 0
    description: str = "fit"
    checkpoints: CheckpointFolder | None = None
    global_rng: bool = False
