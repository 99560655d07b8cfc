"""Training for a given time: the clock, the learning rate along it, and probes on the way."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from skorch.callbacks import LRScheduler
from torch import nn

from relcon_sklearn._batches import Batch
from relcon_sklearn._training._callbacks import warmup_cosine

ENDLESS = 10**6  # epochs; the time decides when training ends
warnings.filterwarnings("ignore", message=".* of training remain")  # an estimate for these epochs


class BudgetSpent(Exception):
    """Raised when the time of a training is up."""


class Budget:
    """The time of one training: the learning rates that follow from it, and a record of the work.

    The clock runs from :meth:`start` and stops while the module is probed. Training ends, by an
    exception, with the first step that ends after the last checkpoint.

    Parameters
    ----------
    checkpoints : sequence of float
        Seconds after which to probe, ascending. The last one is the budget.
    lr : float
        Peak learning rate. The schedule is that of the library, over time instead of steps.
    probe : callable
        ``probe(module)`` returns the score of a module in evaluation mode.
    clock : callable, default=time.perf_counter
        Returns the time in seconds.

    Attributes
    ----------
    points : list of dict
        One record for each probe: the work done until then, the mean loss since the previous
        probe, and the score.
    """

    def __init__(
        self,
        checkpoints: Sequence[float],
        lr: float,
        probe: Callable[[nn.Module], float],
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.checkpoints = list(checkpoints)
        self.lr = lr
        self.probe = probe
        self.clock = clock
        self.points: list[dict] = []

    def start(self) -> None:
        """Start the clock."""
        self._done = {"steps": 0, "anchors": 0, "segments": 0, "pairs": 0}
        self._losses: list[float] = []
        self._zero = self.clock()

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        progress = (self.clock() - self._zero) / self.checkpoints[-1]
        return self.lr * warmup_cosine(min(1.0, progress))

    def after_step(self, module: nn.Module, batch: Batch, loss: float) -> None:
        """Count a step, and probe if it is time to; raise BudgetSpent if no time is left."""
        now = self.clock()
        seconds = now - self._zero
        self._losses.append(loss)
        self._done["steps"] += 1
        self._done["anchors"] += len(batch.anchors)
        self._done["segments"] += len(batch.segments)
        self._done["pairs"] += int((batch.candidates >= 0).sum())
        last = self.points[-1]["seconds"] if self.points else 0.0
        # A step may pass several checkpoints, if it is slow. Together they are one point.
        if not any(last < checkpoint <= seconds for checkpoint in self.checkpoints):
            return
        training = module.training
        score = self.probe(module.eval())
        module.train(training)
        loss = float(np.mean(self._losses))
        self.points.append({"seconds": seconds, **self._done, "train_loss": loss, "f1": score})
        self._losses = []
        probed = self.clock() - now
        self.points[-1]["probe_seconds"] = probed
        self._zero += probed
        if seconds >= self.checkpoints[-1]:
            raise BudgetSpent


class BudgetSchedule(LRScheduler):
    """A callback that trains by a budget. As a scheduler, it replaces that of the library."""

    def __init__(self, budget: Budget):
        self.budget = budget

    def initialize(self):
        """Return the callback, without a policy of skorch."""
        return self

    def on_train_begin(self, net, **kwargs):
        """Start the clock."""
        self.budget.start()

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Set the learning rate of the next step."""
        set_rate(net.optimizer_, self.budget.rate())

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        """Count the step, and probe or end the training if it is time to."""
        self.budget.after_step(net.module_, batch, float(loss))

    def on_epoch_end(self, net, **kwargs):
        """Leave the learning rate unchanged."""


class TimedTraining(LRScheduler):
    """A callback that ends a training after a time. As a scheduler, it replaces the library's.

    The schedule is that of the library, over time instead of steps. The training ends at the end of
    the epoch in which the time is up, so that epochs should be short. The time that an interrupted
    training has taken is part of its checkpoints.

    Parameters
    ----------
    seconds : float
        Time to train for.
    lr : float
        Peak learning rate.
    clock : callable
        Returns the time in seconds.
    """

    # Of checkpoints: a training that continues may have another time.
    _without_effect = frozenset({"seconds"})

    def __init__(self, seconds: float, lr: float, clock: Callable[[], float] = time.perf_counter):
        self.seconds = seconds
        self.lr = lr
        self.clock = clock

    def initialize(self):
        """Return the callback, without a policy of skorch."""
        return self

    def on_train_begin(self, net, **kwargs):
        """Start the clock."""
        self.spent, self._last = 0.0, self.clock()

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Set the learning rate of the next step."""
        now = self.clock()
        self.spent, self._last = self.spent + now - self._last, now
        set_rate(net.optimizer_, self.lr * warmup_cosine(min(1.0, self.spent / self.seconds)))

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Leave the learning rate unchanged."""

    def on_epoch_end(self, net, **kwargs):
        """End the training, as skorch's callbacks do, if the time is up."""
        if self.spent >= self.seconds:
            raise KeyboardInterrupt

    def state_dict(self) -> dict:
        """Return the time taken so far."""
        return {"spent": self.spent}

    def load_state_dict(self, state: dict) -> None:
        """Continue from the time taken before."""
        self.spent = state["spent"]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
