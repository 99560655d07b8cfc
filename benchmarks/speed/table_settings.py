"""Settings of `bench_table`, and what a part of it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from relcon_sklearn._utils._precision import gains_from_bfloat16

THREADS = (1, 2)


class TableSettings(NamedTuple):
    """What is measured, and how often.

    Attributes
    ----------
    smoke : bool
        Whether to measure tiny sizes, once.
    repeats : int or None
        Number of turns. If None, each part has its own.
    threads : tuple of int
        Numbers of threads of the parts that use several.
    data : Path or None
        Folder of hapt.npz. If None, segments are generated.
    released : Path or None
        Checkout of the released code of RelCon.
    folder : Path
        Folder for temporary files.
    """

    smoke: bool
    repeats: int | None
    threads: tuple[int, ...]
    data: Path | None
    released: Path | None
    folder: Path

    def turns(self, default: int) -> int:
        """Return the number of turns of a part with a default."""
        return 1 if self.smoke else self.repeats or default


class Answer(NamedTuple):
    """A line of the summary: a row compared with another one, and the goal.

    Attributes
    ----------
    work : str
        What is compared.
    row : str
        Name of the row, with its group.
    goal : float or None
        Largest time relative to `against`, or smallest share of the limit.
    against : str or None
        Name of the other row, with its group. If None, the first row of the group. "the limit" for
        a share of the limit of the machine.
    """

    work: str
    row: str
    goal: float | None = None
    against: str | None = None


class TablePart(NamedTuple):
    """A part of the table.

    Attributes
    ----------
    measure : callable
        ``measure(settings)`` returns the records of the rows, or them and a dict of other figures.
    text : str
        What the rows are, for the page.
    unit : str
        Unit of the work of a row.
    answers : tuple of Answer
        Lines of the summary.
    columns : callable or None
        For a table of one number: ``columns(record)`` returns the title of the column of a record,
        and the number.
    """

    measure: Callable[[TableSettings], list[dict] | tuple[list[dict], dict]]
    text: str
    unit: str
    answers: tuple[Answer, ...] = ()
    columns: Callable[[dict], tuple[str, str]] | None = None


def precisions() -> list[str]:
    """Return the precisions to measure. bfloat16 is left out where the CPU would emulate it."""
    has_bfloat16 = gains_from_bfloat16(torch.device("cpu"))
    return ["float32", "bfloat16"] if has_bfloat16 else ["float32"]
