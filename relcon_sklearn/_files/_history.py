"""The training history in a header."""

from __future__ import annotations

from ._entries import check_entry
from ._values import from_json_object, to_json_known


def write_history(history: list[dict]) -> list[dict]:
    """Return the header entry of a training history."""
    return [{key: to_json_known(value, key) for key, value in row.items()} for row in history]


def read_history(rows) -> list[dict]:
    """Return the training history that :func:`write_history` wrote."""
    check_entry(isinstance(rows, list), "history_")
    return [from_json_object(row) for row in rows]
