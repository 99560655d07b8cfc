"""The processes that train one model together, and how they share the work of a step.

Every process draws the same batches. Of the loss of a batch, it computes the terms of its share of
the rows, which are segments or anchors, divided by the number of all rows. It makes the lists of
candidates of its own anchors only. The losses of all processes sum to the loss of one process.

A term may need outputs for rows of other processes, such as the embeddings of candidates. These are
gathered, and the backward pass sums their gradients over the processes. So each process has the
gradients of the whole loss that go through its own rows. Their sum over the processes is the
gradient of one process.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .._utils._global_rng import seed_global_rng
from .._utils._memory_advice import is_out_of_memory
from ._checkpoints import differences
from ._mean_loss import Loss

T = TypeVar("T")

# What torch needs to connect the processes, in addition to WORLD_SIZE.
_VARIABLES = ("RANK", "MASTER_ADDR", "MASTER_PORT")

# Attribute of errors that all processes raise.
_OF_ALL = "_of_all_processes"


class Processes(NamedTuple):
    """The processes of a training, as one of them sees them. By default, it is the only one.

    All of them must make the same calls in the same order.

    Parameters
    ----------
    rank : int, default=0
        Number of this process.
    size : int, default=1
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes, logs and decides."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """Return the rows of `n` that are the share of this process. Shares may be empty."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def total(self, own: Tensor) -> Tensor:
        """Return the sum over all processes of a value that each of them has."""
        return own if self.size == 1 else SumOverProcesses.apply(own.detach())

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients of this process by their sums over all processes.

        This is a call for all gradients after the backward pass. DistributedDataParallel would
        take their means, and needs all forward passes to go through a wrapper of the module.
        """
        if self.size == 1:
            return
        own = [p for p in parameters if p.requires_grad]
        # A module that skips layers at random has their gradients in some of the processes only.
        is_used = self.any(*(p.grad is not None for p in own))
        trained = list(itertools.compress(own, is_used))
        if not trained:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        every = torch.cat([gradient.reshape(-1) for gradient in gradients])
        with exchange():
            dist.all_reduce(every)
        parts = every.split([gradient.numel() for gradient in gradients])
        for parameter, gradient, part in zip(trained, gradients, parts, strict=True):
            parameter.grad = gradient.copy_(part.view(gradient.shape))

    def adopt_first(self, module: nn.Module) -> None:
        """Replace weights and buffers by those of the first process."""
        if self.size == 1:
            return
        for value in module.state_dict().values():
            first = value.contiguous()  # weights of convolutions can be channels-last
            with exchange():
                dist.broadcast(first, src=0)
            value.copy_(first)

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set in any process."""
        if self.size == 1:
            return flags
        values = torch.tensor(flags, dtype=torch.int32)
        with exchange():
            dist.all_reduce(values, op=dist.ReduceOp.MAX)
        return tuple(map(bool, values.tolist()))

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what `make` returns in the first process, the only one that calls it.

        If it raises an error there, the error is raised in all processes.
        """
        if self.size == 1:
            return make()
        result: list[Any] = [None, None]
        if self.is_first:
            try:
                result[0] = make()
            except Exception as error:
                result[1] = error
        failure = result[1]
        with exchange():
            dist.broadcast_object_list(result, src=0)
        if (error := failure or result[1]) is not None:
            raise _of_all(error)
        return result[0]

    def drawing_apart(self, loss: Loss, device: torch.device) -> Loss:
        """Return a loss for whose training steps each process seeds the global generators anew.

        Between steps, their states are the same in all processes. The seeds are drawn from them.
        """
        if self.size == 1:
            return loss
        devices = [device] if device.type == "cuda" else []

        def apart(module: nn.Module, batch: Any) -> Tensor:
            if not module.training:
                return loss(module, batch)
            seed = int(torch.randint(2**62, ())) + self.rank
            with torch.random.fork_rng(devices=devices):
                seed_global_rng(seed, device)
                return loss(module, batch)

        return apart

    def check_same(self, fingerprint: dict) -> None:
        """Raise ValueError in all processes if one has another fingerprint than the first."""
        if self.size == 1:
            return
        every: list[Any] = [None] * self.size
        with exchange():
            dist.all_gather_object(every, fingerprint)
        for rank, other in enumerate(every):
            if changes := differences(every[0], other):
                error = ValueError(
                    f"Process {rank} of {self.size} fits something else than process 0: "
                    f"{'; '.join(changes)}. Pass the same X, groups and parameters in every "
                    "process, because fit shares every step out between them. If only the "
                    "precision differs, pass precision='float32'. To train different models, "
                    "unset WORLD_SIZE."
                )
                raise _of_all(error)


ALONE = Processes()

_current: ContextVar[Processes] = ContextVar("processes", default=ALONE)


# Whether this is a fork of a connected process, which cannot use the connections of that.
_is_fork = False

# Whether fit has connected this process, instead of the caller.
_is_connected_here = False

# Number of trainings in which this process has joined others, and whether an error has ended one.
_n_joined = 0
_is_broken = False


def _after_fork() -> None:
    global _is_fork
    _is_fork = dist.is_available() and dist.is_initialized()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def join(device: torch.device) -> Processes:
    """Return the processes that train with this one, and connect them if they are not.

    Processes are connected if the caller has connected them (``torch.distributed``), or if
    torchrun, or another program that sets the same environment variables, has started them. Other
    processes, such as the workers of joblib, are alone.

    Parameters
    ----------
    device : torch.device
        Device to train on. If it is a GPU without a number, the current GPU becomes that of
        ``LOCAL_RANK``.

    Raises
    ------
    ValueError
        If several processes cannot train on the device, or if an environment variable is missing.
    RuntimeError
        If an error has ended an earlier training of this process with others.
    """
    global _is_connected_here, _n_joined
    if _is_fork or not dist.is_available():
        return ALONE
    if not (dist.get_world_size() > 1 if dist.is_initialized() else _is_launched()):
        return ALONE
    if _is_broken:
        raise RuntimeError(
            "An earlier fit ended with an error in this process, so that it no longer takes the "
            "same steps as the other processes. End all of them, and start them again."
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(
            f"device={device.type!r}: several processes train together on CPUs or CUDA GPUs only. "
            "Start one process, or pass device='cpu'."
        )
    if device.type == "cuda" and device.index is None:
        _choose_gpu()
    if not dist.is_initialized():
        # Optimizers import this module, whose functions keep the group of that time as a default.
        # Then _leave would not end the group, whose threads may abort the exit of the interpreter.
        importlib.import_module("torch.distributed.nn")
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        atexit.register(_leave)
        _is_connected_here = True
    backends = dist.get_backend_config()
    for kind in {"cpu", device.type}:
        if f"{kind}:" not in backends:
            raise ValueError(
                f"The process group of torch.distributed has the backends {backends!r}, but none "
                f"for {kind!r}. Let fit make the group, or make it with "
                "init_process_group('cpu:gloo,cuda:nccl')."
            )
    _n_joined += 1
    return Processes(dist.get_rank(), dist.get_world_size())


def breaks_off_for_all(fit: Callable[..., T]) -> Callable[..., T]:
    """Decorate a ``fit``, so that an error in one process ends it in all of them.

    If it has joined other processes, they may be in the middle of another exchange. It therefore
    closes the connections, and joins no other training. Errors that all processes raise at the same
    step are exceptions: the processes can train again.
    """

    @functools.wraps(fit)
    def fit_or_break_off(*args, **kwargs):
        before = _n_joined
        try:
            return fit(*args, **kwargs)
        except BaseException as error:
            if _n_joined > before and not getattr(error, _OF_ALL, False):
                _break_off()
            raise

    return fit_or_break_off


@contextmanager
def exchange() -> Iterator[None]:
    """Say in errors of the exchanges within the block that they are of another process."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise RuntimeError(
            "The connection to another process of this training is lost. That process has ended, "
            "or has raised an error: see its output. Start all processes again. With "
            "checkpoint_dir, they resume."
        ) from error


@contextmanager
def together(processes: Processes) -> Iterator[None]:
    """Share rows out between processes, within the block.

    Outside of it, the functions below return what a process that is alone needs.
    """
    token = _current.set(processes)
    try:
        yield
    finally:
        _current.reset(token)


def own_share(rows: Tensor, n_views: int = 1) -> Tensor:
    """Return the share of this process of rows.

    Parameters
    ----------
    rows : Tensor of shape (n_views * n_rows, ...)
        Rows, one view of them after the other. A process has the same rows of each view.
    n_views : int, default=1
        Number of views.
    """
    processes, n = _current.get(), len(rows) // n_views
    if processes.size == 1:
        return rows
    return rows.unflatten(0, (n_views, n))[:, processes.share(n)].flatten(0, 1)


def gathered(own: Tensor, n_rows: int, n_views: int = 1) -> Tensor:
    """Return all rows, of which each process has its share.

    The gradients of the own rows are sums over the processes, which all have to compute gradients.

    Parameters
    ----------
    own : Tensor of shape (n_views * n_own, ...)
        The share of this process, one view after the other.
    n_rows : int
        Number of rows of all processes.
    n_views : int, default=1
        Number of views.

    Returns
    -------
    rows : Tensor of shape (n_views * n_rows, ...)
        If there are several processes, in float32: gradients are summed before they are rounded to
        the dtype of `own`.
    """
    processes = _current.get()
    if processes.size == 1:
        return own
    rows = processes.share(n_rows)
    own = own.float().unflatten(0, (n_views, rows.stop - rows.start))
    before, after = (
        own.new_zeros(n_views, n, *own.shape[2:]) for n in (rows.start, n_rows - rows.stop)
    )
    # A sum with zeros, since the shares have different sizes.
    every = SumOverProcesses.apply(torch.cat([before, own, after], dim=1))
    return every.flatten(0, 1)


def part_of_mean(own: Tensor, n_rows: int) -> Tensor:
    """Return what the values of the own rows add to the mean of the values of `n_rows` rows."""
    if len(own) == n_rows:  # of one process, with the rounding of a mean
        return own.mean()
    return own.sum() / (n_rows * own.shape[1:].numel())


class SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone()
        with exchange():
            dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        with exchange():
            dist.all_reduce(total)
        return total


def _is_launched() -> bool:
    """Return whether a program such as torchrun has started this process as one of several."""
    size = os.environ.get("WORLD_SIZE", "")
    # A worker, such as those of joblib, has the environment of the process that started it.
    is_worker = multiprocessing.parent_process() is not None
    if is_worker or not size.isdecimal() or int(size) < 2:
        return False
    if missing := [name for name in _VARIABLES if name not in os.environ]:
        raise ValueError(
            f"WORLD_SIZE={size}: this is one of {size} processes, but {', '.join(missing)} is not "
            "set, so that they cannot connect. Start them with torchrun. To train different "
            "models, or to start one process only, unset WORLD_SIZE."
        )
    return True


def _choose_gpu() -> None:
    """Make the GPU of this process the current one."""
    number, n_gpus = int(os.environ.get("LOCAL_RANK", "-1")), torch.cuda.device_count()
    if number >= n_gpus:
        raise ValueError(
            f"LOCAL_RANK={number}: this machine has {n_gpus} GPU(s), and each process needs its "
            f"own. Start torchrun with --nproc-per-node {n_gpus}, or pass device='cpu'."
        )
    if number >= 0:
        torch.cuda.set_device(number)


def _of_all(error: BaseException) -> BaseException:
    """Mark an error that all processes raise at the same step."""
    setattr(error, _OF_ALL, True)
    return error


def _break_off() -> None:
    """Join no other training, and end the exchanges that other processes wait in."""
    global _is_broken
    _is_broken = True
    # Groups of NCCL may wait for the other processes, which would hide the error.
    if _is_connected_here and dist.is_initialized() and "nccl" not in dist.get_backend_config():
        _leave()


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
