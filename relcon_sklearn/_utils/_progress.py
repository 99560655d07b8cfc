"""Progress bars, and a substitute that shows nothing."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm falls back to text bars, which are enough. It would
    # warn about this on every import of this package, even if no bar is shown.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

# From this total on, numbers are shown with k, M, G.
_MANY = 10_000


# Seconds between lines of a bar in a file, where each line stays.
_SECONDS_BETWEEN_LINES = 10.0


class Bar(tqdm):
    """A tqdm bar without tqdm's monitor thread, and with few lines in files.

    That thread, which would run until the process ends, refreshes bars whose updates have become
    rare. Here every update checks the time instead. In a file, a pipe or a log, a line is written
    at the start, at the end, and at most every ten seconds between.
    """

    monitor_interval = 0

    def __init__(self, *args, **kwargs):
        self._overwrites = _overwrites(sys.stderr)
        if not self._overwrites:
            kwargs |= {"mininterval": _SECONDS_BETWEEN_LINES}
        super().__init__(*args, miniters=1, **kwargs)

    def set_postfix(self, *args, **kwargs) -> None:
        """Set the values after the bar, and show them at once if this overwrites the last line."""
        super().set_postfix(*args, refresh=self._overwrites, **kwargs)


def _overwrites(stream) -> bool:
    """Return whether a new line of a bar replaces the last one: in terminals and notebooks."""
    in_notebook = type(stream).__module__.startswith("ipykernel.")
    return in_notebook or (hasattr(stream, "isatty") and stream.isatty())


class NoBar:
    """A bar that shows nothing, and unlike a disabled bar of tqdm makes no locks."""

    initial = 0

    def __init__(self):
        self.n = 0

    def __enter__(self) -> NoBar:
        return self

    def __exit__(self, *error) -> None:
        pass

    def update(self, n: int = 1) -> None:
        """Count steps."""
        self.n += n

    def set_postfix(self, *args, **kwargs) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


_are_hidden = ContextVar("_are_hidden", default=False)


@contextmanager
def hidden_bars() -> Iterator[None]:
    """Show no new bars within the block, for example in calls that are parts of one with a bar."""
    token = _are_hidden.set(True)
    try:
        yield
    finally:
        _are_hidden.reset(token)


def progress_bar(total: int, description: str, unit: str, *, shown: bool) -> Bar | NoBar:
    """Return a tqdm bar, or a substitute that shows nothing.

    Parameters
    ----------
    total : int
        Number of units at 100 %.
    description : str
        Label to the left of the bar.
    unit : str
        Name of the unit, in the plural.
    shown : bool
        Whether to show a bar, unless in a block of :func:`hidden_bars`.
    """
    if not shown or _are_hidden.get():
        return NoBar()
    return Bar(
        total=total,
        desc=description,
        unit=f" {unit}",
        unit_scale=total >= _MANY,
        dynamic_ncols=True,
    )
