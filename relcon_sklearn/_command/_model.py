"""The model that a command is given."""

from __future__ import annotations

from pathlib import Path

from .._classifier import RelConClassifier
from .._files import class_in_file, list_pretrained
from .._files._shipped import shipped_path

DEFAULT_MODEL = "activity-small"


def model_path(model: str) -> Path:
    """Return the file of ``--model``, which is a file or the name of a model of the package."""
    return shipped_path(model) if model in list_pretrained() else Path(model).expanduser()


def load_model(model: str):
    """Return the fitted model of ``--model``. The only place that knows what it may be."""
    path = model_path(model)
    if not path.exists():
        raise FileNotFoundError(
            f"--model is {model}, and there is no such file. Pass a file that the method save of a "
            f"classifier or regressor wrote, or one of the names {', '.join(_names())}."
        )
    # The name does not mean a folder, which the command does not take. It is often that of --out.
    given = path if Path(model).is_dir() else model
    kind = class_in_file(path) or RelConClassifier  # whose error says what is wrong
    return kind.load(path) if path.is_dir() else kind.from_pretrained(given)


def _names() -> list[str]:
    """Return the names of the models of the package that predict."""
    return [
        name for name in list_pretrained() if hasattr(class_in_file(shipped_path(name)), "predict")
    ]
