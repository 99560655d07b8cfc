"""Names of subjects: those that a user chooses, and those of several stores.

In several stores, subjects of one name may be different people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from .._utils._text import listed
from .._utils._warnings import warn


def wanted_subjects(subjects: Iterable[str], known: np.ndarray) -> np.ndarray:
    """Return chosen names without repetitions; raise ValueError if one of them is not known."""
    if isinstance(subjects, str):  # its letters could be names
        raise ValueError(
            f"subjects is {subjects!r}. Pass a list of names, for example [{subjects!r}]."
        )
    wanted = np.unique([str(name) for name in subjects])
    unknown = np.setdiff1d(wanted, known)
    if len(unknown) or not len(wanted):
        raise ValueError(
            f"subjects has {unknown.tolist()}, which the store does not have. It has "
            f"{listed(known.tolist(), 5)}."
            if len(unknown)
            else "subjects is empty. Pass at least one name."
        )
    return wanted


def joined_names(
    paths: Sequence[Path], subjects: Sequence[np.ndarray], join: bool | None
) -> list[np.ndarray]:
    """Return the names that the subjects of several stores get when the stores are one.

    Parameters
    ----------
    paths : sequence of Path
        Path of each store. They are different.
    subjects : sequence of ndarray of str
        Names of the subjects of each store, without repetitions.
    join : bool or None
        Whether subjects of the same name are one subject. If False, the folder of the store is
        put before a name that several stores have. None is like False, with a warning.

    Returns
    -------
    names : list of ndarray of str
        A name for each entry of `subjects`.

    Raises
    ------
    ValueError
        If a name with a folder is already the name of another subject.
    """
    names, counts = np.unique(np.concatenate(subjects), return_counts=True)
    shared = names[counts > 1]
    if join or len(shared) == 0:
        return list(subjects)
    folders = _short_names(paths)
    apart = [
        np.where(np.isin(own, shared), np.char.add(f"{folder}/", own), own)
        for folder, own in zip(folders, subjects, strict=True)
    ]
    names, counts = np.unique(np.concatenate(apart), return_counts=True)
    if len(taken := names[counts > 1]):
        raise ValueError(
            f"Subjects of the same name cannot be kept apart, because {str(taken[0])!r} is also "
            "the name of a subject. Rename the folder of a store, or pass join_subjects=True if "
            "subjects of the same name are one person."
        )
    if join is None:
        _warn_of_shared_names(shared, paths, subjects, folders)
    return apart


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Return the ends of different paths: as many of the last parts as make them different."""
    for n in count(1):
        ends = ["/".join(path.parts[-n:]) for path in paths]
        if len(set(ends)) == len(ends):
            return ends


def _warn_of_shared_names(
    shared: np.ndarray, paths: Sequence[Path], subjects: Sequence[np.ndarray], folders: list[str]
) -> None:
    name = str(shared[0])
    first, second = [i for i, own in enumerate(subjects) if name in own][:2]
    warn(
        f"Several stores have subjects of the same name, {len(shared)} in total, for example "
        f"{name!r} in {paths[first]} and {paths[second]}. Their segments are kept apart, as "
        f"'{folders[first]}/{name}' and '{folders[second]}/{name}'. If subjects of the same name "
        "are one person, pass join_subjects=True. To keep them apart without this warning, pass "
        "join_subjects=False."
    )
