"""Warnings that point to the line of code of the user."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import sklearn

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Frames of scikit-learn and joblib are between the user and the estimators in pipelines and
# searches. scikit-learn also decorates every ``fit``.
_LIBRARY_FOLDERS = tuple(
    os.path.join(folder, "")
    for folder in (_PACKAGE, os.path.dirname(sklearn.__file__), os.path.dirname(joblib.__file__))
)


# In a thread that works for another one: the warnings, which the other one shows.
_background = threading.local()


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the file and line of the innermost frame of the user's code.

    Frames of this package, of scikit-learn and of joblib are skipped. In a background thread, which
    has no frame of the user, the warning is kept for :func:`kept_warnings`.

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type of Warning, default=UserWarning
        Category of the warning.
    """
    if (kept := getattr(_background, "kept", None)) is not None:
        kept.append((message, category))
    else:
        warnings.warn(message, category, stacklevel=_level_of_user())


@contextmanager
def kept_warnings() -> Iterator[list[tuple[str, type[Warning]]]]:
    """Keep the warnings of this thread in a list within the block.

    The thread that it works for takes them from the list, and passes each to :func:`warn`.
    """
    _background.kept = []
    try:
        yield _background.kept
    finally:
        _background.kept = None


def _level_of_user() -> int:
    """Return the `stacklevel`, for a call in the calling function, of the user's frame."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_LIBRARY_FOLDERS):
        level, frame = level + 1, frame.f_back
    return level
