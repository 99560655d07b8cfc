"""The classes of estimators, and other names, that a file may contain."""

from typing import TypeVar

Estimator = TypeVar("Estimator", bound=type)

ESTIMATORS: dict[str, type] = {}
"""Registered classes by name. No estimator of any other class is ever made from a file."""


def saved_in_files(kind: Estimator) -> Estimator:
    """Register a class of estimators that files may name.

    A decorator, and not ``__init_subclass__``: a subclass that a user writes must not register
    itself, because a file could then make it without the user's knowledge.

    Raises
    ------
    ValueError
        If another class of this name is registered, which files could not tell apart.
    """
    known = ESTIMATORS.get(kind.__name__, kind)
    if known.__module__ != kind.__module__:
        raise ValueError(f"{kind.__name__} is registered already, in {known.__module__}.")
    ESTIMATORS[kind.__name__] = kind
    return kind


NESTED = {
    "RelConEmbedder": ("LearnedMotifDistance", "FeatureDistance"),
    "RelConClassifier": ("RelConEmbedder",),
    "RelConRegressor": ("RelConEmbedder",),
}
"""The classes of estimators that may be nested in an estimator of a class, by their names.

Estimators are therefore nested at most three deep. Deeper nesting has no use, and the time of its
``repr``, which error messages contain, grows exponentially with the depth.
"""

MAX_ESTIMATORS = 4
"""Number of estimators in the largest file: a classifier or regressor, its embedder, and the
embedder's distance before and after ``fit``."""

NOT_IN_FILES = {"checkpoint_dir"}
"""Parameters that are not saved: `checkpoint_dir` is a folder on the machine of the training."""

METHODS = ("fit", "partial_fit", "predict", "predict_proba", "score", "transform")
"""Methods for which metadata may be requested."""

OUTPUTS = ("default", "pandas", "polars")
"""Containers that ``set_output`` accepts."""
