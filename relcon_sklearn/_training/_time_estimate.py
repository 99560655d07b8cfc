"""An estimate of how long a training takes, reported once after its first steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from .._utils._text import duration
from .._utils._warnings import warn

logger = logging.getLogger("relcon_sklearn")

# Seconds of steps to measure before the report. Shorter trainings need no report.
_SECONDS_MEASURED = 10.0

# Remaining seconds from which on a silent training is worth a warning.
_SECONDS_TOO_LONG = 600.0


class TimeEstimate:
    """Estimate of the remaining time of a training, from the duration of its first steps.

    The first step is not measured: it compiles, allocates memory and fills caches.

    Parameters
    ----------
    description : str
        Name of the trained model.
    may_stop_early : bool
        Whether the training may end before its last epoch.
    warns : bool
        Whether to warn, and not only log, if more than ten minutes remain.
    clock : callable, default=time.monotonic
        Returns the time in seconds.
    """

    def __init__(
        self,
        description: str,
        *,
        may_stop_early: bool,
        warns: bool,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.description = description
        self.may_stop_early = may_stop_early
        self.warns = warns
        self.clock = clock
        self._n_taken = 0
        self._seconds = 0.0
        self._reported = False

    def start_epoch(self) -> None:
        """Start the clock, so that the time between epochs is not part of a step."""
        self._last = self.clock()

    def count(self, n_remaining: int) -> None:
        """Count a step, after which `n_remaining` steps remain. Report when enough is measured."""
        if self._reported:
            return
        now = self.clock()
        if self._n_taken > 0:
            self._seconds += now - self._last
        self._n_taken += 1
        self._last = now
        if self._seconds >= _SECONDS_MEASURED:
            self._reported = True
            self._report(n_remaining, self._seconds / (self._n_taken - 1))

    def _report(self, n_remaining: int, seconds_per_step: float) -> None:
        """Log the remaining time, and warn about a long one."""
        seconds = n_remaining * seconds_per_step
        text = (
            f"{self.description}: {'at most about' if self.may_stop_early else 'about'} "
            f"{duration(seconds)} of training remain, {n_remaining:,} steps of "
            f"{duration(seconds_per_step)}. Validation and other stages of this fit are not "
            "included."
        )
        logger.info("%s", text)
        if self.warns and seconds > _SECONDS_TOO_LONG:
            warn(
                f"{text} To train faster, choose fewer steps (max_epochs or, for an embedder or "
                "a distance, steps_per_epoch), a smaller encoder or, for a distance, "
                "LearnedMotifDistance.for_cpu, or train on a GPU (device='cuda'). To silence this "
                "warning, pass verbose=1, which shows a progress bar."
            )
