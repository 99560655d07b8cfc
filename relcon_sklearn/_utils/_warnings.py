"""Warnings that point to the line of code of the user."""

from __future__ import annotations

import os
import sys
import warnings

import sklearn

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Frames of scikit-learn are between the user and the estimators in pipelines and searches, and
# because scikit-learn decorates every ``fit``.
_LIBRARY_FOLDERS = tuple(
    os.path.join(folder, "") for folder in (_PACKAGE, os.path.dirname(sklearn.__file__))
)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the file and line of the innermost frame outside this package and scikit-learn.

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type of Warning, default=UserWarning
        Category of the warning.
    """
    warnings.warn(message, category, stacklevel=_level_of_user())


def _level_of_user() -> int:
    """Return the `stacklevel`, for a call in the calling function, of the user's frame."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_LIBRARY_FOLDERS):
        level, frame = level + 1, frame.f_back
    return level
