"""One try of one kind of failure, and what can come of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from relcon_sklearn.exceptions import DamagedFileError

SURVIVED = "survived"
WRONG_ERROR = "wrong kind of error"
EXHAUSTED = "hung or too much memory"
WRONG_DATA = "wrong data"
OUTCOMES = (SURVIVED, WRONG_ERROR, EXHAUSTED, WRONG_DATA)

Try = Callable[[np.random.Generator], None]
"""One try. It returns if the result is right, and raises WrongData or what the library raised."""


class WrongData(Exception):
    """A result that differs from the right one, without an error of the library."""


class Kind(NamedTuple):
    """A kind of failure.

    Attributes
    ----------
    prepare : callable
        ``prepare(folder)`` returns the function that makes one try. It may use the folder.
    documents : callable
        Whether an error is one that the documentation of the library promises.
    seconds : float
        Limit of the time of one try, on a busy machine.
    """

    prepare: Callable[[Path], Try]
    documents: Callable[[Exception], bool]
    seconds: float = 10


def generator(kind: str, seed: int, number: int) -> np.random.Generator:
    """Return the random generator of one try, from which all its inputs follow."""
    return np.random.default_rng([seed, *kind.encode(), number])


def outcome_of(kind: Kind, attempt: Try, rng: np.random.Generator) -> tuple[str, str]:
    """Make one try; return the outcome and the error, "" if there was none."""
    try:
        attempt(rng)
    except WrongData as error:
        return WRONG_DATA, str(error)
    except MemoryError as error:
        return EXHAUSTED, repr(error)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return SURVIVED if kind.documents(error) else WRONG_ERROR, text
    return SURVIVED, ""


def is_damage(error: Exception) -> bool:
    """Whether an error is DamagedFileError."""
    return isinstance(error, DamagedFileError)


def is_damage_or(*texts: str) -> Callable[[Exception], bool]:
    """Return a function that also accepts a ValueError whose message has one of some texts."""

    def documents(error: Exception) -> bool:
        return is_damage(error) or (
            type(error) is ValueError and any(text in str(error) for text in texts)
        )

    return documents


def require(holds: bool, what: str) -> None:
    """Raise WrongData unless a condition holds."""
    if not holds:
        raise WrongData(what)


@contextmanager
def new_folder(within: Path) -> Iterator[Path]:
    """Return a new folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(dir=within) as folder:
        yield Path(folder)
