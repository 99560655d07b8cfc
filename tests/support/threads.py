"""Processes of a training that are threads of the test: what they exchange needs no connections."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local

import torch.distributed as dist

from relcon_sklearn._training._distributed import Processes, together


def in_threads_as_processes(n, function, monkeypatch):
    """Return what ``function(processes)`` returns in each of `n` threads, within `together`."""
    here, given, barrier = local(), {}, Barrier(n)

    def all_reduce(tensor, op=dist.ReduceOp.SUM):
        given[here.rank] = tensor.clone()
        barrier.wait(timeout=30)
        total = sum(given[rank] for rank in range(n))
        barrier.wait(timeout=30)
        tensor.copy_(total)

    def run(rank):
        here.rank = rank
        try:
            with together(Processes(rank, n)):
                return function(Processes(rank, n))
        except BaseException:
            barrier.abort()  # the others do not wait
            raise

    with monkeypatch.context() as patch, ThreadPoolExecutor(n) as pool:
        patch.setattr(dist, "all_reduce", all_reduce)
        return [future.result() for future in [pool.submit(run, rank) for rank in range(n)]]
