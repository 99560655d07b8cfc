"""Cells of the downstream results, and the file that keeps them, one line for each cell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from benchmarks.common.windows import WINDOW


@dataclass(frozen=True)
class Cell:
    """The identity of one result: a method on a task, in a setting.

    Attributes
    ----------
    setting : str
        "transfer" (pretrained on the pool of open recordings, which has no person of the task),
        "in_domain" (pretrained on the windows of the same data set, without labels), "shipped" (a
        model that comes with the package) or "none" (methods without pretraining).
    task : str
        A name in `benchmarks.common.datasets.TASKS`.
    method : str
        The method that computes the features or the predictions.
    protocol : str
        The way to predict from features: "linear" or "fine_tune". "own" for methods that predict
        themselves.
    seed : int
        Seed of pretraining and of all draws.
    window : float
        Length of the windows in s, of the task and of pretraining.
    labelled : float
        Share of the training subjects that have labels. At least one subject has.
    """

    setting: str
    task: str
    method: str
    protocol: str
    seed: int = 0
    window: float = WINDOW
    labelled: float = 1.0


class CellFile:
    """Records by cell in a file of JSON lines. Several processes may add to it.

    Parameters
    ----------
    path : Path
        The file. It is created with the first record.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = FileLock(f"{path}.lock")

    def read(self) -> dict[Cell, dict]:
        """Return the record of each cell; the last one if there are several."""
        if not self.path.is_file():
            return {}
        with self._lock:  # another process may be writing a line
            lines = self.path.read_text().splitlines()
        records = [record for record in map(_parsed, lines) if record is not None]
        return {Cell(**record["cell"]): record for record in records}

    def add(self, cell: Cell, record: dict) -> None:
        """Add the record of a cell."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"cell": asdict(cell), **record}, default=lambda value: value.item())
        with self._lock, self.path.open("a") as file:
            # A writer that was killed may have left a line without a line break.
            file.write(("\n" if _lacks_end(self.path) else "") + line + "\n")


def _parsed(line: str) -> dict | None:
    """Return the record of a line; None for an incomplete line."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _lacks_end(path: Path) -> bool:
    text = path.read_bytes()
    return bool(text) and not text.endswith(b"\n")
