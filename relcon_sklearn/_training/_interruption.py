"""Handling of Ctrl-C and SIGTERM during training."""

from __future__ import annotations

import signal
import threading


class Interruption:
    """Context manager that detects requests to stop, and restores the signal handlers at the end.

    With `wait`, Ctrl-C and SIGTERM only set :attr:`requested`, so that the training loop can finish
    the current step. After either, Ctrl-C raises KeyboardInterrupt at once. Another SIGTERM does
    not: torchrun and Slurm may both send one to the same process.

    Without `wait`, Ctrl-C raises KeyboardInterrupt at once, and the handler of SIGTERM is not
    changed. Then :attr:`requested` distinguishes Ctrl-C from a KeyboardInterrupt by which a
    callback ends training.

    If a request is pending at the end of the block, KeyboardInterrupt is raised there.

    Python delivers signals to the main thread only. In other threads the block has no effect.

    Parameters
    ----------
    wait : bool
        Whether to let the current step finish.

    Attributes
    ----------
    requested : bool
        Whether a signal has been received.
    """

    def __init__(self, wait: bool):
        self.wait = wait
        self.requested = False
        self._previous: dict = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM) if self.wait else (signal.SIGINT,):
                # None: the handler was not set from Python, and Python could not restore it.
                if (previous := signal.getsignal(number)) is not None:
                    self._previous[number] = previous
                    signal.signal(number, self._handle)
        return self

    def __exit__(self, kind, error, traceback) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        if kind is None and self.requested:
            raise KeyboardInterrupt

    def _handle(self, number, frame) -> None:
        waits = self.wait and (number == signal.SIGTERM or not self.requested)
        self.requested = True
        if not waits:
            raise KeyboardInterrupt
