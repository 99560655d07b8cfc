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
    ("LearnedMotifDistance", "init"): ("LearnedMotifDistance",),
    ("RelConEmbedder", "distance"): ("LearnedMotifDistance", "FeatureDistance"),
    ("RelConEmbedder", "init"): ("RelConEmbedder",),
    ("RelConClassifier", "encoder"): ("RelConEmbedder",),
    ("RelConRegressor", "encoder"): ("RelConEmbedder",),
}
"""The classes of estimators that may be nested in an estimator, by its class and the parameter."""

WITH_ENCODER = ("RelConEmbedder", "RelConClassifier", "RelConRegressor")
"""The classes of estimators with an encoder, which the training of a RelConEmbedder can start from
if they are in a file."""

MAX_DEPTH = 4
"""Depth of nesting in the deepest file: a classifier or regressor, its embedder, the distance or
the initial model of that, and the initial model or the distance of the last.

The time of the ``repr`` of an estimator, which error messages contain, grows exponentially with the
depth.
"""

MAX_ESTIMATORS = 9
"""Number of estimators in the largest file: a classifier or regressor, its embedder, the embedder's
distance before and after ``fit``, each with an initial model, and the initial model of the
embedder with its distances."""


def may_be_nested(inner: str, holder: str, attribute: str) -> bool:
    """Whether files hold estimators of a class as an attribute of those of the class `holder`.

    ``distance_``, which ``fit`` sets, may be what the parameter `distance` may be.
    """
    return inner in NESTED.get((holder, attribute.rstrip("_")), ())


def parameter_for(inner: str, holder: str) -> str | None:
    """Return the parameter of the class `holder` that takes estimators of a class, if any."""
    names = (name for (kind, name), inside in NESTED.items() if kind == holder and inner in inside)
    return next(names, None)


NOT_IN_FILES = {"checkpoint_dir"}
"""Parameters that are not saved: `checkpoint_dir` is a folder on the machine of the training."""

METHODS = ("fit", "predict", "predict_proba", "score", "transform")
"""Methods for which metadata may be requested."""

OUTPUTS = ("default", "pandas", "polars")
"""Containers that ``set_output`` accepts."""
