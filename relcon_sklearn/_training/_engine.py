"""The training loop: skorch's loop, with the parts replaced that are slow or hide errors."""

from __future__ import annotations

import itertools
import logging
import math
import time
from contextlib import nullcontext

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn

from .._batches import Batch, Batches
from ._callbacks import KeepBest, ProgressBar, WarmupCosine, requires_grad_kept
from ._interruption import Interruption
from ._mean_loss import Loss, LossMean, read_ahead
from ._memory import kept_memory
from ._options import TrainingOptions
from ._saver import Position, Saver
from ._skorch_callbacks import check_callbacks, without_name
from ._time_estimate import TimeEstimate

logger = logging.getLogger("relcon_sklearn")

# Steps between checks of the loss within an epoch, which can last days. Reading the loss waits for
# the GPU, so that checking every step would be slow.
_STEPS_BETWEEN_CHECKS = 200


class TrainingNet(NeuralNet):
    """A NeuralNet whose loss is a function of the module and a batch.

    The differences from skorch's loop are:

    - the loss is not read for every batch, because each reading waits for the GPU;
    - the history has one row per epoch, and one row for the current batch only, in which callbacks
      can record values;
    - the mode of the module is set once per epoch, because skorch visits all submodules each time;
    - batches are prefetched in the background;
    - a loss or weight that is not finite is an error;
    - ``KeyboardInterrupt`` reaches the caller, unless a callback raised it at the end of an epoch;
    - training can be saved between any two steps, and then continues as if uninterrupted;
    - the remaining time is estimated from the first steps.

    Parameters
    ----------
    module : nn.Module
        The initialised module to train.
    loss : callable
        ``loss(module, batch)`` returns a scalar tensor.
    estimate : TimeEstimate
        Estimate of the remaining time.
    saver : Saver or None, default=None
        Saver that writes and reads checkpoints. If None, there are no checkpoints.
    description : str, default="fit"
        Name of the trained model in the log.
    **kwargs
        Parameters of :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        loss: Loss,
        estimate: TimeEstimate,
        saver: Saver | None = None,
        description: str = "fit",
        **kwargs,
    ):
        self.loss = loss
        self.estimate = estimate
        self.saver = saver
        self.description = description
        super().__init__(module, criterion=nn.Identity, train_split=None, **kwargs)

    @property
    def _default_callbacks(self):
        return []

    def train(self, batches: Batches, valid: Batches | None) -> list[dict]:
        """Train on `batches` for ``max_epochs`` epochs, and return the history."""
        self.initialize()
        # Listed once, because listing visits all submodules.
        self._named_parameters = list(self.module_.named_parameters())
        with Interruption(wait=self.saver is not None) as self.interruption:
            self.notify("on_train_begin", X=batches, y=None)
            self.position = Position() if self.saver is None else self.saver.restore(self)
            while self.position.epoch < self.max_epochs:
                self._run_epoch(batches, valid)
            self._save(batches)
            self.notify("on_train_end", X=batches, y=None)
        return self._record()

    def _run_epoch(self, batches: Batches, valid: Batches | None) -> None:
        """Continue the epoch from the current position, and move the position to the next epoch."""
        start = time.monotonic()
        batches.epoch = self.position.epoch
        if self.position.step == 0:
            self.notify("on_epoch_begin", dataset_train=batches, dataset_valid=valid)
        self._train_epoch(batches)
        self._check_weights()
        if valid is not None:
            self._validate(valid, batches)
            *earlier, loss = self.history[:, "valid_loss"]
            self.history.record("valid_loss_best", loss < min(earlier, default=math.inf))
        self.history[-1]["batches"].clear()
        self._log(time.monotonic() - start)
        epoch = self.position.epoch + 1
        try:
            self.notify("on_epoch_end", dataset_train=batches, dataset_valid=valid)
        except KeyboardInterrupt:
            if self.interruption.requested:
                raise
            epoch = self.max_epochs  # skorch's EarlyStopping ends training by this error
        self.position = Position(epoch)

    def _train_epoch(self, batches: Batches) -> None:
        """Take the remaining steps of the epoch, and record the mean loss per item."""
        start = self.position
        losses = LossMean(self.device, start.total_loss, start.n_items)
        self.module_.train()
        n_after_epoch = (self.max_epochs - start.epoch - 1) * len(batches)
        self.estimate.start_epoch()
        remaining = read_ahead(batches.starting_at(start.step), self.device)
        for step, batch in enumerate(remaining, start.step + 1):
            self._process(batch, losses, training=True)
            self.estimate.count(n_after_epoch + len(batches) - step)
            if step % _STEPS_BETWEEN_CHECKS == 0:
                self._check_finite("train_loss", losses.value())
            if self.saver is not None:
                due = self.saver.is_due()
                if due or self.interruption.requested or step == len(batches):
                    total_loss, n_items = losses.sums()
                    self.position = Position(start.epoch, step, total_loss, n_items)
                if due or self.interruption.requested:
                    self._save(batches)
        self._check_finite("train_loss", losses.value())
        self.history.record("train_loss", losses.value())

    def _validate(self, valid: Batches, batches: Batches) -> None:
        """Record the mean loss per item of the validation data."""
        losses = LossMean(self.device)
        self.module_.eval()
        for batch in read_ahead(valid, self.device):
            self._process(batch, losses, training=False)
            if self.saver is not None and self.interruption.requested:
                self._save(batches)
        self._check_finite("valid_loss", losses.value())
        self.history.record("valid_loss", losses.value())

    def _process(self, batch: Batch, losses: LossMean, training: bool) -> None:
        """Take a training step or a validation step with a batch, and notify callbacks."""
        self.notify("on_batch_begin", batch=batch, training=training)
        step_fn = self.train_step if training else self.validation_step
        step = step_fn(batch.to(self.device))
        losses.add(step["loss"], batch.n_items)
        self.notify("on_batch_end", batch=batch, training=training, **step)

    def _save(self, batches: Batches) -> None:
        """Write a checkpoint if there is a saver; then stop if a signal has requested it."""
        if self.saver is None:
            return
        self._check_weights()
        n_steps = self.position.epoch * len(batches) + self.position.step
        self.saver.save(self, self.position, n_steps)
        if self.interruption.requested:
            raise KeyboardInterrupt

    def _check_finite(self, name: str, value: float) -> None:
        """Raise FloatingPointError if a value is NaN or infinite."""
        if math.isfinite(value):
            return
        hint = "" if self.saver is None else self.saver.recovery_hint()
        raise FloatingPointError(
            f"{name} became {value} in epoch {len(self.history)}: training diverged. "
            f"Try a smaller lr, or precision='float32'.{hint}"
        )

    def _check_weights(self) -> None:
        """Raise FloatingPointError if a weight or buffer is NaN or infinite."""
        for name, value in itertools.chain(self._named_parameters, self.module_.named_buffers()):
            if not (finite := torch.isfinite(value)).all():
                self._check_finite(f"weight {name}", float(value.detach()[~finite][0]))

    def _log(self, seconds: float) -> None:
        """Log a line about the last epoch, with its seconds in this process."""
        row = self._record()[-1]
        losses = ", ".join(f"{k} {row[k]:.4g}" for k in ("train_loss", "valid_loss") if k in row)
        logger.info(
            "%s: epoch %d/%d, %s, %.1f s",
            self.description,
            row["epoch"],
            self.max_epochs,
            losses,
            seconds,
        )

    def _record(self) -> list[dict]:
        """Return the history of the epochs, without what callbacks have recorded."""
        keys = ("epoch", "train_loss", "valid_loss")
        return [{k: row[k] for k in keys if k in row} for row in self.history]

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Replace the history row of the previous batch by an empty row for this batch."""
        self.history[-1]["batches"] = [{}]

    def train_step(self, batch, **fit_params):
        """Take one optimizer step."""
        self.optimizer_.zero_grad(set_to_none=True)
        loss = self.loss(self.module_, batch)
        loss.backward()
        self.notify(
            "on_grad_computed", named_parameters=self._named_parameters, batch=batch, training=True
        )
        self.optimizer_.step()
        return {"loss": loss.detach()}

    def validation_step(self, batch, **fit_params):
        """Compute the loss without gradients."""
        with torch.no_grad():
            return {"loss": self.loss(self.module_, batch)}


def train_module(
    module: nn.Module,
    loss: Loss,
    batches: Batches,
    valid: Batches | None,
    options: TrainingOptions,
) -> list[dict]:
    """Train `module` in place, as :func:`fit_module` describes; return the history."""
    check_callbacks(options.callbacks, validated=valid is not None)
    checkpoints = options.checkpoints
    callbacks = _callbacks(options, validated=valid is not None)
    on_cpu = options.device.type == "cpu"
    estimate = TimeEstimate(
        options.description,
        may_stop_early=any(_is_a(EarlyStopping, callback) for callback in callbacks),
        warns=on_cpu and options.verbose <= 0,
    )
    bar = ProgressBar(options.max_epochs, options.description, disable=options.verbose <= 0)
    net = TrainingNet(
        module,
        loss=loss,
        optimizer=torch.optim.Adam,
        lr=options.lr,
        max_epochs=options.max_epochs,
        device=options.device,
        callbacks=[*callbacks, ("relcon_progress", bar)],
        estimate=estimate,
        saver=None if checkpoints is None else Saver(checkpoints, global_rng=options.global_rng),
        description=options.description,
        verbose=options.verbose,  # callbacks that print depend on it
    )
    try:
        with (
            nullcontext() if checkpoints is None else checkpoints.locked(),
            # On a GPU, torch itself reuses memory.
            kept_memory() if on_cpu else nullcontext(),
            requires_grad_kept(module),
        ):
            return net.train(batches, valid)
    finally:
        bar.close()
        module.eval().zero_grad(set_to_none=True)  # gradients are as large as the module


def _callbacks(options: TrainingOptions, validated: bool) -> list:
    """Return the callbacks of the user and of the engine."""
    callbacks = list(options.callbacks)
    if not any(_is_a(LRScheduler, callback) for callback in callbacks):
        callbacks.append(("relcon_schedule", WarmupCosine(options.lr, options.max_epochs)))
    if not validated:
        return callbacks
    if options.patience is not None:
        stopping = EarlyStopping(
            monitor="valid_loss", patience=options.patience, threshold=0, sink=logger.info
        )
        callbacks.append(("relcon_early_stopping", stopping))
    # First, so that it sees the last epoch even if another callback then ends training.
    return [("relcon_keep_best", KeepBest()), *callbacks]


def _is_a(kind: type[Callback], callback) -> bool:
    """Whether a callback (an instance, a class, or either with a name) is of a kind."""
    callback = without_name(callback)
    return issubclass(callback if isinstance(callback, type) else type(callback), kind)
