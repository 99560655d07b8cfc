"""The training loop: skorch's, with what costs time or hides trouble replaced."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext

import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, LRScheduler
from torch import Tensor, nn

from .._batches import Batch, Batches, LabelledBatch
from ._callbacks import KeepBest, ProgressBar, WarmupCosine
from ._interruption import Interruption
from ._memory import kept_memory
from ._options import TrainingOptions
from ._prefetch import prefetched
from ._saver import Position, Saver

logger = logging.getLogger("relcon_sklearn")

Loss = Callable[[nn.Module, Batch | LabelledBatch], Tensor]

# Steps after which the loss is looked at, for which a GPU has to be waited for; an epoch of a large
# training is days.
_CHECKED_STEPS = 200


class TrainingNet(NeuralNet):
    """A NeuralNet whose loss is a function of the module and a batch.

    Differences from skorch's loop, each for a reason:

    - the loss is read once an epoch, not once a batch (each reading waits for the GPU), and the
      history has one row per epoch and one for the batch at hand, in which callbacks may record;
    - the module's mode is set once an epoch (skorch walks all submodules for every batch);
    - batches are read ahead in the background;
    - a loss or weight that is not finite is an error;
    - ``KeyboardInterrupt`` reaches the caller, unless a callback raised it at the end of an epoch;
    - it can be saved between any two steps, and goes on from there as if nothing had happened.

    Parameters
    ----------
    module : nn.Module
        The module to train, initialised.
    loss : callable
        ``loss(module, batch)`` gives a scalar tensor.
    saver : Saver or None, default=None
        Saves and restores the training.
    description : str, default="fit"
        What is trained, for the log.
    **kwargs
        Passed on to :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        loss: Loss,
        saver: Saver | None = None,
        description: str = "fit",
        **kwargs,
    ):
        self.loss = loss
        self.saver = saver
        self.description = description
        super().__init__(module, criterion=nn.Identity, train_split=None, **kwargs)

    @property
    def _default_callbacks(self):
        return []

    def train(self, batches: Batches, valid: Batches | None) -> list[dict]:
        """Train on `batches` for ``max_epochs``, and return the record of the epochs."""
        self.initialize()
        # Once: finding them walks all submodules.
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
        """Go on with an epoch from the position at hand, and move that to the next."""
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
            epoch = self.max_epochs  # how skorch's EarlyStopping says that it is enough
        self.position = Position(epoch)

    def _train_epoch(self, batches: Batches) -> None:
        """Take the steps that are left of an epoch; record the mean loss per item."""
        start = self.position
        losses = LossMean(self.device, start.total_loss, start.n_items)
        self.module_.train()
        left = read_ahead(batches.starting_at(start.step), self.device)
        for step, batch in enumerate(left, start.step + 1):
            self._take(batch, losses, training=True)
            if step % _CHECKED_STEPS == 0:
                self._check("train_loss", losses.value())
            if self.saver is not None:
                due = self.saver.is_due()
                if due or self.interruption.requested or step == len(batches):
                    self.position = Position(start.epoch, step, *losses.sums())
                if due or self.interruption.requested:
                    self._save(batches)
        self._check("train_loss", losses.value())
        self.history.record("train_loss", losses.value())

    def _validate(self, valid: Batches, batches: Batches) -> None:
        """Record the mean loss per item of the validation part."""
        losses = LossMean(self.device)
        self.module_.eval()
        for batch in read_ahead(valid, self.device):
            self._take(batch, losses, training=False)
            if self.saver is not None and self.interruption.requested:
                self._save(batches)
        self._check("valid_loss", losses.value())
        self.history.record("valid_loss", losses.value())

    def _take(self, batch: Batch, losses: LossMean, training: bool) -> None:
        """Learn from a batch, or only look at it."""
        self.notify("on_batch_begin", batch=batch, training=training)
        step_fn = self.train_step if training else self.validation_step
        step = step_fn(batch.to(self.device))
        losses.add(step["loss"], batch.n_items)
        self.notify("on_batch_end", batch=batch, training=training, **step)

    def _save(self, batches: Batches) -> None:
        """Write a checkpoint, if they are wanted; then stop, if that is."""
        if self.saver is None:
            return
        self._check_weights()
        n_steps = self.position.epoch * len(batches) + self.position.step
        self.saver.save(self, self.position, n_steps)
        if self.interruption.requested:
            raise KeyboardInterrupt

    def _check(self, what: str, value: float) -> None:
        """Raise FloatingPointError for a value that is no number any more."""
        if math.isfinite(value):
            return
        more = "" if self.saver is None else self.saver.recovery_hint()
        raise FloatingPointError(
            f"{what} became {value} in epoch {len(self.history)}: training diverged. "
            f"Try a smaller lr, or precision='float32'.{more}"
        )

    def _check_weights(self) -> None:
        for name, value in itertools.chain(self._named_parameters, self.module_.named_buffers()):
            if not (finite := torch.isfinite(value)).all():
                self._check(f"weight {name}", float(value.detach()[~finite][0]))

    def _log(self, seconds: float) -> None:
        """Log a line about the epoch that has ended, which took so long since training went on."""
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
        keys = ("epoch", "train_loss", "valid_loss")
        return [{k: row[k] for k in keys if k in row} for row in self.history]

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Begin the row of the batch in the history, and forget that of the batch before."""
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
        """Compute the loss without learning from it."""
        with torch.no_grad():
            return {"loss": self.loss(self.module_, batch)}


class LossMean:
    """Mean of losses, weighted, that stays on the device until it is asked for."""

    def __init__(self, device: torch.device, total: float = 0.0, weight: int = 0):
        # Float32 would lose the later ones of millions of batches; Apple's GPUs have nothing else.
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        self._total = torch.tensor(total, dtype=dtype, device=device)
        self._weight = weight

    def add(self, loss: Tensor, weight: int) -> None:
        """Add the loss of a batch."""
        self._total.add_(loss, alpha=weight)
        self._weight += weight

    def value(self) -> float:
        """Return the mean so far."""
        return float(self._total) / self._weight

    def sums(self) -> tuple[float, int]:
        """Return the sum so far, and the weight."""
        return float(self._total), self._weight


def read_ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Make batches in the background, in memory from which a GPU fetches them by itself."""
    on_gpu = torch.device(device).type == "cuda"
    return prefetched((batch.pin_memory() for batch in batches) if on_gpu else batches)


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
        ``loss(module, batch)`` returns a scalar tensor.
    batches : Batches
        Training data.
    valid : Batches or None
        Validation data.
    options : TrainingOptions
        Everything else.

    Returns
    -------
    history : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``.

    Raises
    ------
    FloatingPointError
        If the loss or a weight became NaN or infinite. Checkpoints are older than that.
    OSError
        If a checkpoint cannot be written.
    """
    checkpoints = options.checkpoints
    bar = ProgressBar(options.max_epochs, options.description, disable=options.verbose <= 0)
    net = TrainingNet(
        module,
        loss=loss,
        optimizer=torch.optim.Adam,
        lr=options.lr,
        max_epochs=options.max_epochs,
        device=options.device,
        callbacks=[*_callbacks(options, validated=valid is not None), ("relcon_progress", bar)],
        saver=None if checkpoints is None else Saver(checkpoints, global_rng=options.global_rng),
        description=options.description,
        verbose=0,
    )
    try:
        with (
            nullcontext() if checkpoints is None else checkpoints.locked(),
            # A GPU's memory is kept by torch itself.
            kept_memory() if options.device.type == "cpu" else nullcontext(),
        ):
            return net.train(batches, valid)
    finally:
        bar.close()
        module.eval().zero_grad(set_to_none=True)  # gradients are as large as the module


def _callbacks(options: TrainingOptions, validated: bool) -> list:
    """Return the callbacks of the user, with those of the engine."""
    callbacks = list(options.callbacks)
    if not any(_is_scheduler(callback) for callback in callbacks):
        callbacks.append(("relcon_schedule", WarmupCosine(options.lr, options.max_epochs)))
    if not validated:
        return callbacks
    if options.patience is not None:
        stopping = EarlyStopping(monitor="valid_loss", patience=options.patience, threshold=0)
        callbacks.append(("relcon_early_stopping", stopping))
    # First, so that a callback which ends training cannot keep the last epoch from it.
    return [("relcon_keep_best", KeepBest()), *callbacks]


def _is_scheduler(callback) -> bool:
    """Whether a skorch callback (an instance, a class, or either with a name) sets the rate."""
    callback = callback[1] if isinstance(callback, tuple) else callback
    return issubclass(callback if isinstance(callback, type) else type(callback), LRScheduler)


def mean_loss(module: nn.Module, loss: Loss, batches: Batches, device: torch.device) -> float:
    """Return the mean of `loss` over the items of `batches`, in evaluation mode."""
    module.to(device).eval()
    losses = LossMean(device)
    with torch.no_grad():
        for batch in read_ahead(batches, device):
            losses.add(loss(module, batch.to(device)), batch.n_items)
    return losses.value()
