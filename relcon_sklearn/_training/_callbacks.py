"""Callbacks of the training loop: learning rate, best epoch and progress bar."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from skorch.callbacks import Callback
from torch import nn

from .._utils._progress import progress_bar

_WARMUP = 0.1


def warmup_cosine(progress: float) -> float:
    """Return the learning-rate factor at `progress` in [0, 1]: linear rise, then half a cosine."""
    if progress < _WARMUP:
        return progress / _WARMUP
    return 0.5 * (1 + math.cos(math.pi * (progress - _WARMUP) / (1 - _WARMUP)))


class WarmupCosine(Callback):
    """Callback that sets the learning rate of every step from the fraction of steps taken."""

    def __init__(self, lr: float, max_epochs: int):
        self.lr = lr
        self.max_epochs = max_epochs

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Compute the number of steps, and start to count."""
        self.n_steps = len(X) * self.max_epochs
        self.step = 0

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Set the learning rate of the next step."""
        if training:
            self.step += 1
            for group in net.optimizer_.param_groups:
                group["lr"] = self.lr * warmup_cosine((self.step - 0.5) / self.n_steps)


class KeepBest(Callback):
    """Callback that, at the end, restores the weights of the lowest validation loss."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start without weights."""
        self.best = None
        self._shapes = _shapes(net.module_.state_dict())

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Copy the weights if they are the best so far."""
        if net.history[-1, "valid_loss_best"]:
            state = net.module_.state_dict()
            self.best = {name: value.detach().clone() for name, value in state.items()}

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Restore the best weights."""
        if len(net.history):
            net.module_.load_state_dict(self.best)

    def state_dict(self):
        """Return the best weights so far."""
        return {"best": self.best}

    def load_state_dict(self, state):
        """Restore weights. Raise ValueError, and not only at the end, if they do not fit."""
        self.best = state["best"]
        if self.best is not None and _shapes(self.best) != self._shapes:
            raise ValueError("the best weights are not those of this module")


def _shapes(weights: dict) -> dict:
    return {name: value.shape for name, value in weights.items()}


class ProgressBar(Callback):
    """Callback with a tqdm bar over the steps of all epochs, which shows the last losses."""

    def __init__(self, max_epochs: int, description: str, disable: bool):
        self.max_epochs = max_epochs
        self.description = description
        self.disable = disable
        self.bar = None

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the bar."""
        total = len(X) * self.max_epochs
        self.bar = progress_bar(total, self.description, "steps", shown=not self.disable)

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Advance the bar by one step."""
        if training:
            self.bar.update()

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Show the losses."""
        row = net.history[-1]
        self.bar.set_postfix({k: f"{row[k]:.4g}" for k in ("train_loss", "valid_loss") if k in row})

    def state_dict(self):
        """Return the number of steps done."""
        return {"n": self.bar.n}

    def load_state_dict(self, state):
        """Continue from a number of steps; the displayed rate counts only the steps from now on."""
        self.bar.n = self.bar.initial = state["n"]

    def close(self):
        """Close the bar, also if training raised an error."""
        if self.bar is not None:
            self.bar.close()


@contextmanager
def requires_grad_kept(module: nn.Module) -> Iterator[None]:
    """Restore ``requires_grad`` of all parameters at the end, after callbacks have frozen some."""
    before = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        yield
    finally:
        for parameter, requires_grad in before:
            parameter.requires_grad_(requires_grad)
