"""Options of the training engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ._checkpoints import CheckpointFolder
from ._distributed import ALONE, Processes


@dataclass(frozen=True)
class TrainingOptions:
    """Options of :func:`fit_module`: everything except the module, the loss and the data.

    Parameters
    ----------
    lr : float
        Peak learning rate.
    max_epochs : int
        Number of epochs. With 0, the weights stay unchanged.
    device : torch.device
        Device to train on.
    patience : int or None, default=None
        With validation, training ends when the validation loss has not decreased for this number of
        epochs. If None, training takes all epochs.
    callbacks : sequence of skorch callbacks, default=()
        Callbacks. A learning-rate scheduler among them replaces the built-in schedule.
    verbose : int, default=0
        If positive, show a progress bar.
    description : str, default="fit"
        Name of the trained model in the progress bar and in the log line of every epoch.
    checkpoints : CheckpointFolder or None, default=None
        Folder in which the training is saved at intervals. If the training started there before, it
        resumes from the last checkpoint. Ctrl-C and SIGTERM then finish the current step, save
        the training, and raise KeyboardInterrupt. If None, nothing is saved.
    global_rng : bool, default=False
        Whether the module draws from torch's global generators. Their state is then saved too.
    processes : Processes, default=ALONE
        The processes that train the module together.
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
    processes: Processes = ALONE
