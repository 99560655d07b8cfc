"""Out-of-memory errors with advice on which parameters to change."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable

import torch

from ._precision import dtype_of

# Parts of the messages of plain RuntimeErrors of torch's allocators and of libraries it calls.
_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",
    "bad_alloc",
)

# Classes of errors that callers can catch, the most specific first. Any other out-of-memory error
# is a subclass of one of them, but not all can be made from a message (numpy's MemoryError cannot).
_KINDS = (
    torch.OutOfMemoryError,
    getattr(torch, "AcceleratorError", RuntimeError),  # missing in torch < 2.8
    MemoryError,
    RuntimeError,
)

_SMALLEST_ENCODER = "resnet14-half"

_BLOCK_REMEDIES = [
    "fewer segments in a call: the work is done in small blocks, but the result must fit",
    "shorter segments",
    "fewer calls at the same time",
]


def advises_on_memory(activity: str) -> Callable:
    """Decorate a method of a segment estimator, so that out-of-memory errors give advice.

    The new error has the same class as the original one, and its message starts with the advice.
    The frames of the failed calls are cleared. Their memory is therefore free where the error is
    caught, and not only when a notebook drops the traceback.

    Parameters
    ----------
    activity : {"training", "scoring", "embedding", "predicting", "comparing pairs"}
        Activity of the method. Training and scoring use batches, whose size is a parameter. The
        others use blocks of a fixed size.
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
                raise kind(_message(self, activity, error)) from error

        return advised

    return decorate


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that a device or the host is out of memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


def _message(estimator, activity: str, error: BaseException) -> str:
    params, device = estimator.get_params(deep=False), estimator._device()
    if activity == "training":
        remedies = training_remedies(params, device)
    else:
        remedies = batch_remedies(params) if activity == "scoring" else _BLOCK_REMEDIES
    if device.type != "cpu":
        remedies = [*remedies, "no other processes on the device", "device='cpu'"]
    listed = "\n".join(f"- {remedy}" for remedy in remedies)
    return (
        f"Out of memory while {activity}: {type(estimator).__name__} on {device}. "
        "To use less memory, try:\n"
        f"{listed}\n{str(error) or type(error).__name__}"
    )


def training_remedies(params: dict, device: torch.device) -> list[str]:
    """Return the changes of parameters that reduce the memory of a training step."""
    encoder, freeze = params.get("encoder"), params.get("freeze")
    remedies = batch_remedies(params)
    if params.get("candidates") == "independent":
        remedies.append(
            "candidates='shared' with an even smaller batch_size: a batch then has 1 + n_within "
            "times as many anchors"
        )
    # The training of a distance, which has no encoder, is always in float32.
    if encoder is not None and dtype_of(params["precision"], device) == torch.float32:
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


def batch_remedies(params: dict) -> list[str]:
    """Return the changes of parameters that reduce the memory of a batch."""
    remedies = [f"a smaller batch_size (now {params['batch_size']})"]
    if params.get("n_within"):
        remedies.append(
            f"a smaller n_within (now {params['n_within']}): a batch has up to "
            "batch_size * (1 + n_within) segments"
        )
    return remedies
