"""Batch norms whose statistics are those of the batch of all processes of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ._distributed import Processes, SumOverProcesses

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@contextmanager
def shared_batch_norms(module: nn.Module, processes: Processes) -> Iterator[None]:
    """Have the batch norms of `module` use all rows of all processes, within the block.

    The modules stay as they are: only their ``forward`` is replaced, in training mode.
    """
    norms = [m for m in module.modules() if isinstance(m, _BATCH_NORMS) and processes.size > 1]
    for norm in norms:
        norm.forward = _forward(norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _forward(norm: nn.Module) -> Callable[[Tensor], Tensor]:
    if next(norm.parameters(), torch.empty(0)).is_cuda:
        shared = nn.SyncBatchNorm.convert_sync_batchnorm(norm).train()  # with the same tensors
    else:  # torch has none for CPUs
        shared = partial(_normalise, norm)
    local = norm.forward
    return lambda x: shared(x) if norm.training else local(x)


def _normalise(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise the rows of this process with the moments of all rows, and count those."""
    over = [0, *range(2, x.ndim)]
    values = x.float()
    n = values.numel() // values.shape[1]
    if n > 0:
        variance, mean = torch.var_mean(values, over, correction=0)
    else:  # zeros with gradients, because the other processes wait for these
        variance = mean = values.sum(over)
    # Sums over the rows in float64, in which squares of means do not lose the variance.
    mean = mean.double()
    sums = torch.stack([torch.full_like(mean, n), n * mean, n * (variance + mean.square())])
    n, mean, square = SumOverProcesses.apply(sums)
    mean, square = mean / n, square / n
    variance = square - mean.square()
    if norm.track_running_stats:
        _track(norm, mean.detach(), (variance * n / (n - 1)).detach())
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
    shift = -mean * scale
    if norm.affine:
        shift = shift + norm.bias
    shape = (1, -1, *(1 for _ in over[1:]))
    return (values * scale.float().view(shape) + shift.float().view(shape)).to(x.dtype)


@torch.no_grad()
def _track(norm: nn.Module, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics, as batch norms do."""
    norm.num_batches_tracked.add_(1)
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    for running, value in [(norm.running_mean, mean), (norm.running_var, variance)]:
        running.lerp_(value.to(running.dtype), share)
