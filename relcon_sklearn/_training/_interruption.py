"""Ctrl-C and SIGTERM while training."""

from __future__ import annotations

import signal
import threading


class Interruption:
    """Notice requests to stop, within a block, and put the signals' handlers back at its end.

    With `wait`, Ctrl-C and SIGTERM only set :attr:`requested`; whoever trains then comes to a good
    end. A second one does not wait. Without, Ctrl-C raises KeyboardInterrupt at once as ever, and
    SIGTERM is left alone; :attr:`requested` then tells Ctrl-C from a KeyboardInterrupt by which a
    callback ends training. A request that nobody has answered is raised at the end of the block.

    Signals reach Python's main thread only: in other threads the block changes nothing.

    Parameters
    ----------
    wait : bool
        Whether to let the step at hand be finished.

    Attributes
    ----------
    requested : bool
        Whether a signal has come.
    """

    def __init__(self, wait: bool):
        self.wait = wait
        self.requested = False
        self._previous: dict = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM) if self.wait else (signal.SIGINT,):
                # None: set by something else than Python, to which it could not be given back.
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
        waits = self.wait and not self.requested
        self.requested = True
        if not waits:
            raise KeyboardInterrupt
