"""Saving a training at intervals, and restoring it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from skorch import NeuralNet
from torch import Tensor

from .._utils._damage import is_damage
from .._utils._text import shortened
from ..exceptions import DamagedFileError
from ._checkpoints import CheckpointFolder
from ._distributed import ALONE, Processes
from ._state import restore_training, training_state

logger = logging.getLogger("relcon_sklearn")


class Position(NamedTuple):
    """Position of a training: the epoch, the steps taken in it, and the sum of their losses."""

    epoch: int = 0
    step: int = 0
    total_loss: float = 0.0
    n_items: int = 0


def _as_position(values) -> Position:
    """Return the position in a checkpoint; raise TypeError or ValueError if it is not one."""
    epoch, step, total_loss, n_items = values
    position = Position(epoch, step, total_loss, n_items)
    are_counts = all(type(n) is int and n >= 0 for n in (epoch, step, n_items))
    if not are_counts or type(total_loss) is not float:
        raise ValueError(f"the position is {position}")
    return position


def _check_finite(weights: dict[str, Tensor]) -> None:
    """Raise ValueError if a weight is NaN or infinite, which no training has saved."""
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} is NaN or infinite")


class Saver:
    """Writer and reader of the checkpoints of a training.

    Parameters
    ----------
    folder : CheckpointFolder
        Folder of the checkpoints.
    global_rng : bool
        Whether the module draws from torch's global generators. Nothing else in a training has a
        random state: batches, augmentations and dropout follow from the seed and the position.
    processes : Processes, default=ALONE
        The processes of the training. The first one writes and reads. All have the same state.
    clock : callable, default=time.monotonic
        Returns the time in seconds.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        *,
        global_rng: bool,
        processes: Processes = ALONE,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.folder = folder
        self.global_rng = global_rng
        self.processes = processes
        self.clock = clock
        self._last = clock()
        self._n_steps = 0
        self._saved: Position | None = None

    def restore(self, net: NeuralNet) -> Position:
        """Restore `net` from the last checkpoint, if there is one; return the position.

        Raises
        ------
        ValueError
            If the checkpoint belongs to another training.
        DamagedFileError
            If no checkpoint can be read, or if `net` cannot be restored from it.
        """
        state = self.processes.from_first(self.folder.read)
        self._last = self.clock()
        if state is None:
            return Position()
        try:
            self._saved = _as_position(state["position"])
            restore_training(net, state["training"])
            _check_finite(net.module_.state_dict())
        except Exception as error:  # of torch and of callbacks, which can be any
            if not is_damage(error):  # such as a device out of memory
                raise
            raise DamagedFileError(
                f"The checkpoints in {self.folder.path} do not fit this training "
                f"({type(error).__name__}: {shortened(str(error))}). They are damaged, or were "
                "written with other versions of torch or of a callback. Choose another folder as "
                "checkpoint_dir."
            ) from error
        logger.info("Continuing from %s", self.folder.newest)
        return self._saved

    def is_due(self) -> bool:
        """Count a step, and return whether to save after it."""
        settings = self.folder.settings
        self._n_steps += 1
        if settings.every_steps is not None and self._n_steps >= settings.every_steps:
            return True
        seconds = settings.every_seconds
        return seconds is not None and self.clock() - self._last >= seconds

    def save(self, net: NeuralNet, position: Position, n_steps: int) -> None:
        """Write a checkpoint of `net` after `n_steps` steps in total, unless it exists."""
        if position == self._saved:
            return
        self.processes.from_first(lambda: self._write(net, position, n_steps))
        self._last, self._n_steps, self._saved = self.clock(), 0, position

    def _write(self, net: NeuralNet, position: Position, n_steps: int) -> None:
        training = training_state(net, global_rng=self.global_rng)
        self.folder.write(n_steps, {"position": tuple(position), "training": training})

    def recovery_hint(self) -> str:
        """Return a sentence about the last checkpoint for the error of a diverged training."""
        newest = self.folder.newest
        if newest is None:
            return ""
        return (
            f" The last checkpoint, {newest}, was written before that. To train with other "
            "parameters, choose another checkpoint_dir."
        )
