"""Warnings that point at the user's own line of code."""

from __future__ import annotations

import os
import sys
import warnings

import sklearn

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# scikit-learn's code stands between a user and our estimators in pipelines and searches, and as
# the decorator of every fit.
_NOT_THE_USER = tuple(
    os.path.join(folder, "") for folder in (_PACKAGE, os.path.dirname(sklearn.__file__))
)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the file and line of the innermost frame outside of this package.

    Parameters
    ----------
    message : str
        The warning.
    category : type of Warning, default=UserWarning
        Its category.
    """
    warnings.warn(message, category, stacklevel=_level_of_user())


def _level_of_user() -> int:
    """Return the `stacklevel`, for a call in the calling function, of the user's frame."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_THE_USER):
        level, frame = level + 1, frame.f_back
    return level
