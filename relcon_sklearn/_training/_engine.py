"""The training loop: skorch's loop, with the parts replaced that are slow or hide errors."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn

from .._batches import Batch, Batches
from ._batch_norm import shared_batch_norms
from ._callbacks import KeepBest, ProgressBar, WarmupCosine, requires_grad_kept
from ._distributed import ALONE, Processes, together
from ._interruption import Interruption
from ._mean_loss import Loss, LossMean, read_ahead
from ._memory import kept_memory
from ._options import TrainingOptions
from ._saver import Position, Saver
from ._skorch_callbacks import LOGGERS, check_callbacks, without_name
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
    - several processes can train the module together;
    - the remaining time is estimated from the first steps.

    Parameters
    ----------
    module : nn.Module
        The initialised module to train.
    loss : callable
        ``loss(module, batch)`` returns a scalar tensor. Of several processes, it is the part of the
        loss that the rows of this process have.
    estimate : TimeEstimate
        Estimate of the remaining time.
    saver : Saver or None, default=None
        Saver that writes and reads checkpoints. If None, there are no checkpoints.
    processes : Processes, default=ALONE
        The processes that train the module together.
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
        processes: Processes = ALONE,
        description: str = "fit",
        **kwargs,
    ):
        self.loss = loss
        self.estimate = estimate
        self.saver = saver
        self.processes = processes
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
            self.processes.adopt_first(self.module_)
            while self.position.epoch < self.max_epochs:
                self._run_epoch(batches, valid)
            self._save(batches)
            self.notify("on_train_end", X=batches, y=None)
            self.processes.adopt_first(self.module_)
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
        ends = False
        try:
            self.notify("on_epoch_end", dataset_train=batches, dataset_valid=valid)
        except KeyboardInterrupt:
            if self.interruption.requested:
                raise
            ends = True  # skorch's EarlyStopping ends training by this error
        (ends,) = self.processes.any(ends)
        self.position = Position(self.max_epochs if ends else self.position.epoch + 1)

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
                self._finite_mean("train_loss", losses)
            if self.saver is not None:
                due, stop = self.processes.any(self.saver.is_due(), self.interruption.requested)
                if due or stop or step == len(batches):
                    total_loss, n_items = losses.sums()
                    self.position = Position(start.epoch, step, total_loss, n_items)
                if due or stop:
                    self._save(batches)
        self._record_loss("train_loss", losses)

    def _validate(self, valid: Batches, batches: Batches) -> None:
        """Record the mean loss per item of the validation data."""
        losses = LossMean(self.device)
        self.module_.eval()
        for batch in read_ahead(valid, self.device):
            self._process(batch, losses, training=False)
            if self.saver is not None and self.processes.any(self.interruption.requested)[0]:
                self._save(batches)
        self._record_loss("valid_loss", losses)

    def _record_loss(self, name: str, losses: LossMean) -> None:
        """Record the mean of losses, which must be the same in all processes, to the last digit."""
        self.history.record(name, self._finite_mean(name, losses))

    def _finite_mean(self, name: str, losses: LossMean) -> float:
        """Return the mean of losses in the first process. If it is not finite, all raise."""

        def finite_mean() -> float:
            value = losses.value()
            self._check_finite(name, value)
            return value

        return self.processes.from_first(finite_mean)

    def _process(self, batch: Batch, losses: LossMean, training: bool) -> None:
        """Take a training step or a validation step with a batch, and notify callbacks."""
        self.notify("on_batch_begin", batch=batch, training=training)
        step_fn = self.train_step if training else self.validation_step
        with together(self.processes):
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
        if self.processes.any(self.interruption.requested)[0]:
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
        """Raise FloatingPointError in all processes if a weight or buffer is NaN or infinite."""

        def check() -> None:
            values = itertools.chain(self._named_parameters, self.module_.named_buffers())
            for name, value in values:
                if not (finite := torch.isfinite(value)).all():
                    self._check_finite(f"weight {name}", float(value.detach()[~finite][0]))

        self.processes.from_first(check)  # all have the same weights

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
        self.processes.sum_gradients(parameter for _, parameter in self._named_parameters)
        self.notify(
            "on_grad_computed", named_parameters=self._named_parameters, batch=batch, training=True
        )
        self.optimizer_.step()
        return {"loss": self.processes.total(loss.detach())}

    def validation_step(self, batch, **fit_params):
        """Compute the loss without gradients."""
        with torch.no_grad():
            return {"loss": self.processes.total(self.loss(self.module_, batch))}


def train_module(
    module: nn.Module,
    loss: Loss,
    batches: Batches,
    valid: Batches | None,
    options: TrainingOptions,
) -> list[dict]:
    """Train `module` in place, as :func:`fit_module` describes; return the history."""
    check_callbacks(options.callbacks, validated=valid is not None)
    checkpoints, processes = options.checkpoints, options.processes
    callbacks = _callbacks(options, validated=valid is not None)
    on_cpu = options.device.type == "cpu"
    estimate = TimeEstimate(
        options.description,
        may_stop_early=any(_is_a(EarlyStopping, callback) for callback in callbacks),
        warns=on_cpu and options.verbose <= 0 and processes.is_first,
    )
    verbose = options.verbose if processes.is_first else 0
    bar = ProgressBar(options.max_epochs, options.description, disable=verbose <= 0)
    saver = None
    if checkpoints is not None:
        saver = Saver(checkpoints, global_rng=options.global_rng, processes=processes)
    if options.global_rng:
        loss = processes.drawing_apart(loss, options.device)
    net = TrainingNet(
        module,
        loss=loss,
        optimizer=torch.optim.Adam,
        lr=options.lr,
        max_epochs=options.max_epochs,
        device=options.device,
        callbacks=[*callbacks, ("relcon_progress", bar)],
        estimate=estimate,
        saver=saver,
        processes=processes,
        description=options.description,
        verbose=verbose,  # callbacks that print depend on it
    )
    try:
        with (
            ExitStack() as lock,
            # On a GPU, torch itself reuses memory.
            kept_memory() if on_cpu else nullcontext(),
            requires_grad_kept(module),
            shared_batch_norms(module.to(options.device), processes),
            nullcontext() if processes.is_first else _without_log(),
        ):
            if checkpoints is not None:
                processes.from_first(lambda: lock.enter_context(checkpoints.locked()))
            return net.train(batches, valid)
    finally:
        bar.close()
        module.eval().zero_grad(set_to_none=True)  # gradients are as large as the module


@contextmanager
def _without_log() -> Iterator[None]:
    """Log nothing within the block."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _callbacks(options: TrainingOptions, validated: bool) -> list:
    """Return the callbacks of the user and of the engine."""
    callbacks = list(options.callbacks)
    if not options.processes.is_first:
        callbacks = [callback for callback in callbacks if not _is_a(LOGGERS, callback)]
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


def _is_a(kind: type[Callback] | tuple[type[Callback], ...], callback) -> bool:
    """Whether a callback (an instance, a class, or either with a name) is of a kind."""
    callback = without_name(callback)
    return issubclass(callback if isinstance(callback, type) else type(callback), kind)
