"""Work spread over threads, each of which computes with one of torch's.

torch keeps one number of threads for the process, which every thread takes over when it first
computes; setting it for one thread sets it for all that come after. The number decides the last
digits of sums, and so the weights at the end of a training: no other thread may take over what is
meant for the workers here. They therefore are made once and stay, idle between calls, as torch's
own do.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import torch

# Held while the number that torch keeps is that of workers.
_lock = threading.Lock()


def own_num_threads() -> int:
    """Return how many threads torch computes with in this one, which it has from then on.

    To be called before a thread of which nothing is known computes.
    """
    with _lock:
        return torch.get_num_threads()


def one_by_one(task: Callable[[int], None], n: int) -> None:
    """Run ``task(0)`` to ``task(n - 1)``."""
    for i in range(n):
        task(i)


def in_threads(task: Callable[[int], None], n: int) -> None:
    """Run ``task(0)`` to ``task(n - 1)``, each on one of torch's number of threads, no gradients.

    For arrays too small for several threads to work on each of them. How many there are makes no
    difference to the result. Calls of several threads share the workers.
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
        # After an error too, nothing goes on behind the caller's back.
        for left in runs:
            left.cancel()
        wait(runs)
        runs = done = left = None  # the error in them holds this frame, and what is in it


@functools.lru_cache(maxsize=2)
def _make_workers(n_threads: int, pid: int) -> ThreadPoolExecutor:
    """Make a pool of workers, and leave torch's number of threads as it was."""
    pool, all_there = ThreadPoolExecutor(n_threads, "relcon-rank"), threading.Barrier(n_threads + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # takes it over
        all_there.wait()

    try:
        for _ in range(n_threads):
            pool.submit(begin)
        all_there.wait()
    except BaseException:  # Ctrl-C, or no more threads to be had
        all_there.abort()
        pool.shutdown()
        raise
    finally:
        torch.set_num_threads(n_threads)
    return pool
