"""Errors for want of memory, on a device or the host, that say what to change."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable

import torch

from ._precision import dtype_of

# What torch's allocators, and the libraries it calls, say in a plain RuntimeError.
_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",
    "bad_alloc",
)

# Kinds of errors that callers may wait for, the most special first. Others are of one of these
# kinds too, but cannot all be made from a message (numpy's MemoryError cannot).
_KINDS = (
    torch.OutOfMemoryError,
    getattr(torch, "AcceleratorError", RuntimeError),  # torch < 2.8 has none
    MemoryError,
    RuntimeError,
)

_SMALLEST_ENCODER = "resnet14-half"

_OF_BLOCKS = [
    "fewer segments in a call: the work is done in small blocks, but what is returned has to fit",
    "shorter segments",
    "fewer calls at the same time",
]


def advises_on_memory(doing: str) -> Callable:
    """Decorate a method of a segment estimator: out of memory, it says what to change.

    The error is of the same kind as the one it came from, with the advice ahead of the message.
    What the calls that failed held is let go of, so that the memory is free where the error is
    caught (and not only when a notebook forgets the traceback).

    Parameters
    ----------
    doing : {"training", "scoring", "embedding", "predicting", "comparing pairs"}
        What the method does. Training and scoring work on batches, whose size is a parameter; all
        else on blocks of a fixed size.
    """

    def decorate(method):
        @functools.wraps(method)
        def advised(self, *args, **kwargs):
            try:
                return method(self, *args, **kwargs)
            except _KINDS as error:
                if not is_out_of_memory(error) or is_out_of_memory(error.__cause__):
                    raise
                traceback.clear_frames(error.__traceback__)
                kind = next(kind for kind in _KINDS if isinstance(error, kind))
                raise kind(_message(self, doing, error)) from error

        return advised

    return decorate


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error is for want of memory, of a device or of the host."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


def _message(estimator, doing: str, error: BaseException) -> str:
    params, device = estimator.get_params(deep=False), estimator._device()
    if doing == "training":
        remedies = of_training(params, device)
    else:
        remedies = of_batches(params) if doing == "scoring" else _OF_BLOCKS
    if device.type != "cpu":
        remedies = [*remedies, "other users of the device's memory, ended", "device='cpu'"]
    listed = "\n".join(f"- {remedy}" for remedy in remedies)
    return (
        f"Out of memory while {doing}: {type(estimator).__name__} on {device}. What takes less:\n"
        f"{listed}\n{str(error) or type(error).__name__}"
    )


def of_training(params: dict, device: torch.device) -> list[str]:
    """Return what makes a training step take less memory, by an estimator's parameters."""
    encoder, freeze = params.get("encoder"), params.get("freeze")
    remedies = of_batches(params)
    if params.get("candidates") == "independent":
        remedies.append(
            "candidates='shared' with an even smaller batch_size: a batch then has 1 + n_within "
            "times as many anchors"
        )
    if "precision" in params and dtype_of(params["precision"], device) == torch.float32:
        remedies.append(f"precision='bfloat16' (now {params['precision']!r}, which is float32)")
    if "temperature" in params and params["augmentation"] is not None:
        remedies.append("augmentation=None: half as many segments go through the encoder")
    if encoder is not None and encoder != _SMALLEST_ENCODER:
        now = f" (now {encoder!r}), such as {_SMALLEST_ENCODER!r}"
        remedies.append("a smaller encoder" + (now if isinstance(encoder, str) else ""))
    if freeze is not None and freeze != "encoder":
        remedies.append(f"freeze='encoder', or more of its stages (now {freeze!r})")
    if "embed_dim" in params:
        remedies.append(f"a smaller embed_dim (now {params['embed_dim']})")
    return [*remedies, "shorter segments", "fewer fits at the same time"]


def of_batches(params: dict) -> list[str]:
    """Return what makes batches take less memory, by an estimator's parameters."""
    remedies = [f"a smaller batch_size (now {params['batch_size']})"]
    if params.get("n_within"):
        remedies.append(
            f"a smaller n_within (now {params['n_within']}): a batch has up to "
            "batch_size * (1 + n_within) segments"
        )
    return remedies
