"""Retrieval across people: does the nearest segment of another subject have the same activity?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.common.windows import Windows, balanced_rows


class RetrievalTask(NamedTuple):
    """Rows of windows that are compared.

    Attributes
    ----------
    anchors : ndarray of shape (n_anchors,)
        Rows whose activity is searched.
    candidates : ndarray of shape (n_candidates,)
        Rows to find.
    allowed : ndarray of shape (n_anchors, n_candidates), dtype bool
        Whether the candidate belongs to another subject than the anchor.
    """

    anchors: np.ndarray
    candidates: np.ndarray
    allowed: np.ndarray


def draw_retrieval_task(
    windows: Windows, n_anchors: int, n_candidates: int, rng: np.random.Generator
) -> RetrievalTask:
    """Draw labelled windows: activities in turn and, within each activity, subjects in turn.

    Activities of only one subject are left out, and so are anchors without a candidate of their
    activity from another subject, since no distance could find one.
    """
    pairs = np.unique(np.stack([windows.y, windows.subject.astype(str)]), axis=1)
    labels, n_subjects = np.unique(pairs[0], return_counts=True)
    rows = np.flatnonzero(np.isin(windows.y, labels[n_subjects >= 2]) & windows.known)
    total = n_anchors + n_candidates
    rows = rows[balanced_rows(windows.y[rows], total, rng, windows.subject[rows])]
    anchors, candidates = train_test_split(
        rows,
        train_size=n_anchors / total,
        stratify=windows.y[rows],
        random_state=int(rng.integers(2**31)),
    )
    allowed = windows.subject[anchors][:, None] != windows.subject[candidates]
    same = windows.y[anchors][:, None] == windows.y[candidates]
    findable = (allowed & same).any(axis=1)
    return RetrievalTask(anchors[findable], candidates, allowed[findable])


def precision_at_1(distances: np.ndarray, windows: Windows, task: RetrievalTask) -> dict:
    """Return the share of anchors whose nearest allowed candidate has the same activity.

    The share of each subject counts once. The standard error is that of the mean over subjects.

    Parameters
    ----------
    distances : ndarray of shape (n_anchors, n_candidates)
        Distances of the anchors of the task from its candidates.
    """
    nearest = np.where(task.allowed, distances, np.inf).argmin(axis=1)
    hits = windows.y[task.candidates[nearest]] == windows.y[task.anchors]
    return _over_subjects(hits, windows.subject[task.anchors])


def chance(windows: Windows, task: RetrievalTask) -> float:
    """Return the precision of a candidate that is drawn at random from the allowed ones."""
    same = windows.y[task.anchors][:, None] == windows.y[task.candidates]
    share = (same & task.allowed).sum(axis=1) / task.allowed.sum(axis=1)
    return _over_subjects(share, windows.subject[task.anchors])["mean"]


def _over_subjects(values: np.ndarray, subject: np.ndarray) -> dict:
    means = np.array([values[subject == one].mean() for one in np.unique(subject)])
    return {
        "mean": float(means.mean()),
        "standard_error": float(means.std(ddof=1) / np.sqrt(len(means))),
    }
