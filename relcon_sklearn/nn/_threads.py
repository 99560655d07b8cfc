"""Tasks that run in several threads, each of which uses one of torch's threads.

torch keeps one number of threads for the process. Every thread copies it when it first computes,
and setting it in one thread sets it for all threads that start later. The number affects the last
digits of sums, and therefore the weights after a training, so no other thread may copy the number
that is meant for the workers of this module. The workers are therefore created once and stay idle
between calls, as torch's own threads do.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import torch

# Held while torch's number of threads is the number for workers.
_lock = threading.Lock()


def own_num_threads() -> int:
    """Return the number of threads that torch uses in the current thread.

    From then on, the current thread keeps this number. Call this function before a thread that this
    package did not create computes for the first time.
    """
    with _lock:
        return torch.get_num_threads()


def one_by_one(task: Callable[[int], None], n: int) -> None:
    """Run ``task(0)`` to ``task(n - 1)`` in the current thread."""
    for i in range(n):
        task(i)


def in_threads(task: Callable[[int], None], n: int) -> None:
    """Run ``task(0)`` to ``task(n - 1)`` in as many threads as torch uses, without gradients.

    Each task uses one thread. This is for arrays that are too small for several threads to process
    one of them together. The result does not depend on the number of threads. Concurrent calls
    share the workers.
    """
    n_threads = own_num_threads()

    def run(i: int) -> None:
        with torch.no_grad():
            task(i)

    if n_threads == 1:
        one_by_one(run, n)
        return
    with _lock:
        # Workers do not survive a fork.
        pool = _make_workers(n_threads, os.getpid())
    runs = [pool.submit(run, i) for i in range(n)]
    try:
        for done in runs:
            done.result()
    finally:
        # After an error, no task may continue in the background.
        for remaining in runs:
            remaining.cancel()
        wait(runs)
        # Their error refers to this frame, which would keep its variables alive.
        runs = done = remaining = None


@functools.lru_cache(maxsize=2)
def _make_workers(n_threads: int, pid: int) -> ThreadPoolExecutor:
    """Make a pool of workers, and restore torch's number of threads."""
    pool = ThreadPoolExecutor(n_threads, "relcon-rank")
    all_started = threading.Barrier(n_threads + 1)

    def start() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # makes the thread copy the number
        all_started.wait()

    try:
        for _ in range(n_threads):
            pool.submit(start)
        all_started.wait()
    except BaseException:  # for example Ctrl-C, or if no more threads can be started
        all_started.abort()
        pool.shutdown()
        raise
    finally:
        torch.set_num_threads(n_threads)
    return pool
