"""Progress bars, where they are wanted."""

from __future__ import annotations

import warnings

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # In a notebook without ipywidgets its bars are of text, which do as well; it would say so to
    # everybody who imports this package, bars or not.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

# From so many on, numbers are shown with k, M, G.
_MANY = 10_000


class Bar(tqdm):
    """A tqdm bar that starts no thread: tqdm's own, once begun, stays for as long as the process.

    That thread refreshes bars that stand still because their updates had become rare; here each
    update looks at the clock.
    """

    monitor_interval = 0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, miniters=1, **kwargs)


class NoBar:
    """What is called as a bar is, and shows nothing; even a disabled one of tqdm makes locks."""

    initial = 0

    def __init__(self):
        self.n = 0

    def __enter__(self) -> NoBar:
        return self

    def __exit__(self, *error) -> None:
        pass

    def update(self, n: int = 1) -> None:
        """Count."""
        self.n += n

    def set_postfix(self, *args, **kwargs) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


def progress_bar(total: int, description: str, unit: str, *, shown: bool) -> Bar | NoBar:
    """Return a bar of tqdm's kind, or what can be used as one and shows nothing.

    Parameters
    ----------
    total : int
        How much there is to do.
    description : str
        What it says on the left.
    unit : str
        What is counted, in the plural.
    shown : bool
        Whether there is a bar.
    """
    if not shown:
        return NoBar()
    return Bar(
        total=total,
        desc=description,
        unit=f" {unit}",
        unit_scale=total >= _MANY,
        dynamic_ncols=True,
    )
