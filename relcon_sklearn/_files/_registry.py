"""The classes of estimators, and other names, that a file may contain."""

from typing import TypeVar

Estimator = TypeVar("Estimator", bound=type)

ESTIMATORS: dict[str, type] = {}
"""Registered classes by name. No estimator of any other class is ever made from a file."""


def saved_in_files(kind: Estimator) -> Estimator:
    """Register a class of estimators that files may name.

    A decorator, and not ``__init_subclass__``: a subclass that a user writes must not register
    itself, because a file could then make it without the user's knowledge.
    """
    ESTIMATORS[kind.__name__] = kind
    return kind


NOT_IN_FILES = {"checkpoint_dir"}
"""Parameters that are not saved: `checkpoint_dir` is a folder on the machine of the training."""

METHODS = ("fit", "predict", "predict_proba", "score", "transform")
"""Methods for which metadata may be requested."""

OUTPUTS = ("default", "pandas", "polars")
"""Containers that ``set_output`` accepts."""
