"""Inference in blocks: a function applied to all segments with bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from .._utils._device import ready
from .._utils._precision import check_precision
from .._utils._progress import progress_bar
from ..segments._array import SegmentArray
from ._memory import kept_memory

# Number of time steps in a block, which decides whether the activations stay in the cache: 256
# segments of 128 time steps, 65 of 500. Of 16 to 512 segments, this was within 6 % of the fastest
# for both lengths, "resnet14-half" and "resnet34", in float32 and in bfloat16
# (docs/speed/embedding.md).
_CPU_BLOCK_STEPS = 2**15

# Size of the float32 segments in a block: the only limit on GPUs, which need more work at once, and
# one for segments of many channels. The activations of an encoder for three channels take about 30
# times as much memory.
_BLOCK_BYTES = 2**20

# Size of the float32 segments of a call for which changing the settings of the allocator, and
# returning memory to the system at the end, takes longer than what it saves.
_SMALL_BYTES = 2**14


def apply_in_blocks(
    function: Callable[[Tensor], Tensor],
    array: SegmentArray,
    device: torch.device,
    *,
    out: np.ndarray | None = None,
    description: str = "embed",
    verbose: int = 0,
) -> np.ndarray:
    """Apply a function to segments, one block at a time.

    Parameters
    ----------
    function : callable
        Maps a float32 tensor (n, n_channels, n_timesteps) on `device` to a tensor (n, n_outputs).
    array : SegmentArray
        The segments.
    device : torch.device
        Device to compute on.
    out : ndarray of shape (n_segments, n_outputs) or None, default=None
        Array to write the results to. If None, a new array is made.
    description : str, default="embed"
        Label of the progress bar.
    verbose : int, default=0
        If positive, show a progress bar, unless there is only one segment.

    Returns
    -------
    outputs : ndarray of shape (n_segments, n_outputs)
        The results: `out`, or a new float32 array.
    """
    _, n_timesteps, n_channels = array.shape
    on_cpu = device.type == "cpu"
    step_bytes = 4 * n_channels
    n_bytes = min(_CPU_BLOCK_STEPS * step_bytes, _BLOCK_BYTES) if on_cpu else _BLOCK_BYTES
    is_small = len(array) * n_timesteps * step_bytes <= _SMALL_BYTES
    shown = verbose > 0 and len(array) > 1
    with (
        kept_memory() if on_cpu and not is_small else nullcontext(),
        progress_bar(len(array), description, "segments", shown=shown) as bar,
        torch.inference_mode(),
    ):
        for rows in array.chunks(n_bytes):
            segments = torch.from_numpy(array.read(rows)).to(device)
            block = function(segments.transpose(1, 2)).cpu().numpy()
            if out is None:
                out = np.empty((len(array), block.shape[1]), dtype=np.float32)
            out[rows] = block
            bar.update(len(rows))
    return out


def make_embed(
    module: nn.Module, encoder, device: torch.device, precision: str
) -> Callable[[Tensor], Tensor]:
    """Return a function that embeds segments on a device, as :func:`apply_in_blocks` takes it.

    Parameters
    ----------
    module : nn.Module
        The encoder. It is moved to the device.
    encoder : object
        Value of the parameter `encoder`, for messages.
    device : torch.device
        Device to compute on.
    precision : {"auto", "float32", "bfloat16"}
        Precision of convolutions and matrix products, float32 if "auto". Lower precision moves
        nearest neighbours, so that it is not chosen without being told.

    Raises
    ------
    ValueError
        If `precision` is another value.
    """
    check_precision(precision)
    module = ready(module, device)
    lower = partial(torch.autocast, device.type, torch.bfloat16)
    context = lower if precision == "bfloat16" else nullcontext

    def embed(segments: Tensor) -> Tensor:
        with context():
            z = module(segments)
        return check_embeddings(z, len(segments), encoder)

    return embed


def check_embeddings(z: Tensor, n: int, encoder) -> Tensor:
    """Return embeddings as float32; raise ValueError if their shape or their values are invalid.

    Parameters
    ----------
    z : Tensor
        Output of the encoder.
    n : int
        Number of segments in its input.
    encoder : object
        Value of the parameter `encoder`, for the message.
    """
    if z.ndim != 2 or len(z) != n:
        raise ValueError(
            f"encoder={encoder!r} mapped {n} segments to a tensor of shape {tuple(z.shape)}; "
            f"expected ({n}, n_features)."
        )
    z = z.float()
    if not torch.isfinite(z).all():
        raise ValueError(
            f"encoder={encoder!r} returned embeddings that are NaN or infinite in float32."
        )
    return z
