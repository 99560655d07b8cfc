"""Which callbacks of skorch work in the training loop, and what to use instead of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from inspect import signature
from typing import Any

from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    PassthroughScoring,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    TrainEndCheckpoint,
    WandbLogger,
)
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .._utils._text import shortened

_SCORES = (
    "training makes no predictions and keeps no scores of batches. For the loss on held-out "
    "groups, set validation_fraction. For another score, derive a class from "
    "skorch.callbacks.Callback whose on_epoch_end computes it with net.module_ and passes it to "
    "net.history.record."
)
_FILES = (
    "it saves or reads parts of skorch's net that do not exist here. To save a training and "
    "resume it, set checkpoint_dir. To save the result, call save after fit. With "
    "validation_fraction above 0, fit keeps the weights of the best epoch."
)

# The reason, and what to use instead. Subclasses are refused too.
_UNSUPPORTED: dict[type[Callback], str] = {
    BatchScoring: _SCORES,
    EpochScoring: _SCORES,
    PassthroughScoring: _SCORES,
    Checkpoint: _FILES,
    TrainEndCheckpoint: _FILES,
    LoadInitState: _FILES,
    ProgressBar: "it cannot tell the number of steps. Set verbose=1 for a progress bar.",
    InputShapeSetter: "modules are made for the shape of X already. Remove it.",
}

# Callbacks that can log what the history has of each batch.
_BATCH_LOGGERS = (MlflowLogger, NeptuneLogger, SacredLogger)

# Callbacks that log a training elsewhere. Of several processes, one has them.
LOGGERS = (*_BATCH_LOGGERS, TensorBoard, WandbLogger)

# Callbacks whose settings decide whether they work.
_WITH_SETTINGS = (*_BATCH_LOGGERS, WandbLogger, EarlyStopping, LRScheduler)

# Values that the training loop records, in each epoch and not in each batch.
_VALIDATION = ("valid_loss", "valid_loss_best")
_LOSSES = ("train_loss", *_VALIDATION)


def check_callbacks(callbacks: Iterable, *, validated: bool) -> None:
    """Raise ValueError unless all callbacks work in the training loop.

    Parameters
    ----------
    callbacks : iterable of skorch callbacks
        Callbacks: instances, classes, or pairs of a name and one of these.
    validated : bool
        Whether there is a validation loss.
    """
    entries = [(f"callbacks[{number}]", given) for number, given in enumerate(callbacks)]
    kinds = []
    for where, given in entries:
        kind, callback = _kind_and_callback(where, given)
        if (problem := _problem(kind, callback, validated)) is not None:
            raise ValueError(f"{where}: {kind.__name__} {problem}")
        kinds.append(kind)
    default_names = [kind.__name__ for kind in kinds]
    names = [given[0] if _is_pair(given) else None for _, given in entries]
    used = Counter(name or default for name, default in zip(names, default_names, strict=True))
    for (where, _), name in zip(entries, names, strict=True):
        if name is not None and used[name] > 1:
            raise ValueError(
                f"{where} has the name {name!r}, which another callback has too. Give each "
                "callback its own name."
            )


def without_name(given: Any) -> Any:
    """Return the callback, or the class of one, of an entry that may have a name."""
    return given[1] if _is_pair(given) else given


def _kind_and_callback(where: str, given: Any) -> tuple[type[Callback], Any]:
    """Return the class of the callback of an entry, and the callback itself.

    If the entry has a class, an instance is made only of a class whose settings are checked: others
    may open a file or a run. Otherwise the class stands for it.
    """
    callback = without_name(given)
    if isinstance(callback, type) and issubclass(callback, Callback):
        try:
            signature(callback).bind()
            return callback, callback() if issubclass(callback, _WITH_SETTINGS) else callback
        except TypeError as error:
            raise ValueError(f"{where}: {error}. Pass an instance, not the class.") from error
    if not isinstance(callback, Callback):
        raise ValueError(
            f"{where} is not a skorch callback. Expected an instance or a subclass of "
            "skorch.callbacks.Callback, or a pair of a name and one of these. Got "
            f"{shortened(repr(given))}."
        )
    return type(callback), callback


def _problem(kind: type[Callback], callback: Any, validated: bool) -> str | None:
    """Return why a callback does not work, and what to do, or None if it works."""
    for unsupported, reason in _UNSUPPORTED.items():
        if issubclass(kind, unsupported):
            return f"is not supported, because {reason}"
    if isinstance(callback, _BATCH_LOGGERS) and getattr(callback, "log_on_batch_end", False):
        return (
            "has log_on_batch_end=True, but the history has the losses of epochs only. Set "
            "log_on_batch_end=False. For the loss of each step, derive a class from "
            "skorch.callbacks.Callback whose on_batch_end uses its argument loss."
        )
    monitor = _monitored(callback)
    if _steps_by_batch(callback) and monitor in _LOSSES:
        return (
            f"monitors {monitor!r} in every batch, but the history has the losses of epochs only. "
            "Set step_every='epoch'."
        )
    if monitor in _VALIDATION and not validated:
        instead = (
            "save_model=False" if isinstance(callback, WandbLogger) else "monitor='train_loss'"
        )
        return (
            f"reads {monitor!r}, but there is no validation. Set validation_fraction above 0, with "
            f"enough groups to hold some out, or set {instead}."
        )
    return None


def _monitored(callback: Callback) -> Any:
    """Return the value of the history that a callback of skorch reads, or None."""
    # A subclass with a constructor of its own may lack the attributes.
    if isinstance(callback, WandbLogger):
        return "valid_loss_best" if getattr(callback, "save_model", False) else None
    plateau = (ReduceLROnPlateau, ReduceLROnPlateau.__name__)
    reads = isinstance(callback, EarlyStopping) or (
        isinstance(callback, LRScheduler) and getattr(callback, "policy", None) in plateau
    )
    return getattr(callback, "monitor", None) if reads else None


def _steps_by_batch(callback: Callback) -> bool:
    return isinstance(callback, LRScheduler) and getattr(callback, "step_every", None) == "batch"


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str)
