"""The model that a command is given."""

from __future__ import annotations

from pathlib import Path

from .._classifier import RelConClassifier
from .._files import class_in_file


def load_model(model: str):
    """Return the fitted model in a file. The only place that knows what ``--model`` may be."""
    kind = class_in_file(Path(model)) or RelConClassifier  # whose error says what is wrong
    return kind.load(model)
