"""Cells of the downstream results: what each is, and the file they are kept in, a line a cell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class Cell:
    """One result: a method on a task, in a setting.

    Attributes
    ----------
    setting : str
        "transfer" (pretrained on all other data sets), "in_domain" (on the training subjects of
        the task's own) or "none" (methods without pretraining).
    task : str
        A name in `_downstream_data.TASKS`.
    method : str
        What gives the features or the predictions.
    protocol : str
        What predicts from it: "linear", "mlp", "fine_tune", "fine_tune_longer" (three times the
        steps), or "own" for methods that predict.
    seed : int
        Of pretraining and of all draws.
    window : float
        Length of the windows in s.
    labelled : float
        Share of the training subjects that have labels; at least one has.
    """

    setting: str
    task: str
    method: str
    protocol: str
    seed: int = 0
    window: float = 2.56
    labelled: float = 1.0


class CellFile:
    """Results by cell in a file of JSON lines, to which several processes may add.

    Parameters
    ----------
    path : Path
        The file; made when there is something to put in it.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = FileLock(f"{path}.lock")

    def read(self) -> dict[Cell, dict]:
        """Return the record of each cell; the last, where there are several."""
        if not self.path.is_file():
            return {}
        with self._lock:  # or half of a line that another process is writing is read
            lines = self.path.read_text().splitlines()
        records = [record for record in map(_parsed, lines) if record is not None]
        return {Cell(**record["cell"]): record for record in records}

    def add(self, cell: Cell, record: dict) -> None:
        """Add the record of a cell."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"cell": asdict(cell), **record}, default=lambda value: value.item())
        with self._lock, self.path.open("a") as file:
            # A writer that was killed may have left a line without an end.
            file.write(("\n" if _lacks_end(self.path) else "") + line + "\n")


def _parsed(line: str) -> dict | None:
    """Return the record of a line; None for what a killed writer left."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _lacks_end(path: Path) -> bool:
    text = path.read_bytes()
    return bool(text) and not text.endswith(b"\n")
