"""learn_transitions, assume_transitions: how often a label follows another."""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

_RELATIVE_TOLERANCE = 0.01  # of the time between segments


class Transitions(NamedTuple):
    """How often a label follows another.

    It is what :func:`learn_transitions` and :func:`assume_transitions` return.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.

    shares : ndarray of shape (n_classes,), dtype float64
        Share of each label.

    matrix : ndarray of shape (n_classes, n_classes), dtype float64
        Probability of the next label, a row for each label. Rows sum to 1.

    step : float or None
        Time from one label to the next in s, None if it is not known.

    See Also
    --------
    predict_timeline : Smooth a timeline with them.
    """

    classes: np.ndarray
    shares: np.ndarray
    matrix: np.ndarray
    step: float | None


def learn_transitions(labels, groups=None, *, start_times=None):
    """Learn from labelled sequences how often a label follows another.

    Parameters
    ----------
    labels : array-like of shape (n_segments,)
        Labels of segments, in the order of time within each group.

    groups : array-like of shape (n_segments,) or None, default=None
        The recording or subject of each segment. A change of group is no transition. If None, all
        are of one group.

    start_times : array-like of shape (n_segments,) or None, default=None
        Start of each segment, as datetime64 or in seconds, such as ``segments.start_times``. Labels
        are successive if their times differ by the step, the median difference within groups.
        Pass it if segments are missing in between. If None, each label of a group follows the
        label before it.

    Returns
    -------
    transitions : Transitions
        A named tuple ``(classes, shares, matrix, step)``.

    Raises
    ------
    ValueError
        If lengths differ, if labels are missing, or if no label follows another.

    See Also
    --------
    assume_transitions : Transitions of bouts with a mean length, without labels.
    predict_timeline : Smooth a timeline with the transitions.

    Notes
    -----
    Each transition counts once more than it was seen, so that none is impossible.

    Use labels of daily life. In a laboratory, people change activities as often as the protocol
    says.

    Examples
    --------
    >>> from relcon_sklearn.timelines import learn_transitions
    >>> labels = ["sit", "sit", "sit", "walk", "walk", "sit"]
    >>> transitions = learn_transitions(labels, groups=[0, 0, 0, 0, 1, 1])
    >>> transitions.classes.tolist()
    ['sit', 'walk']
    >>> transitions.matrix.round(2)
    array([[0.6 , 0.4 ],
           [0.67, 0.33]])
    """
    labels = np.asarray(labels)
    _check(labels, "labels", len(labels))
    if labels.dtype.kind == "O":
        labels = _without_missing(labels)
    successive = np.ones(max(len(labels) - 1, 0), dtype=bool)
    if groups is not None:
        groups = np.asarray(groups)
        _check(groups, "groups", len(labels))
        successive &= groups[1:] == groups[:-1]
    step = None
    if start_times is not None:
        start_times = np.asarray(start_times)
        _check(start_times, "start_times", len(labels))
        apart = np.diff(start_times)
        if apart.dtype.kind == "m":
            apart = apart / np.timedelta64(1, "s")
        if successive.any():
            step = float(np.median(apart[successive]))
            successive &= np.isclose(apart, step, rtol=_RELATIVE_TOLERANCE, atol=0)
    if not successive.any() or (step is not None and step <= 0):
        raise ValueError(
            "labels has no label that follows another one of its group. Pass the labels of "
            "recordings in the order of time."
        )
    classes, codes = np.unique(labels, return_inverse=True)
    counts = np.ones((len(classes), len(classes)))
    np.add.at(counts, (codes[:-1][successive], codes[1:][successive]), 1)
    shares = np.bincount(codes) / len(codes)
    return Transitions(classes, shares, counts / counts.sum(axis=1, keepdims=True), step)


@validate_params(
    {
        "classes": ["array-like"],
        "bout": [Interval(Real, 0, None, closed="neither")],
        "step": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def assume_transitions(classes, *, bout=30, step):
    """Return transitions of labels whose bouts have a mean length, without any data.

    A label follows itself with the probability ``1 - step / bout``. Otherwise, each other label is
    equally likely.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        The labels, such as ``model.classes_``. At least two.

    bout : float, default=30
        Mean length of a bout in s, above `step`. The longer it is, the more short bouts are
        smoothed away. The default suits bouts of minutes, see Notes.

    step : float
        Time from one label to the next in s: that of the timeline.

    Returns
    -------
    transitions : Transitions
        A named tuple ``(classes, shares, matrix, step)``. All labels have the same share, as for a
        model that was trained with equal weights of classes.

    Raises
    ------
    ValueError
        If there are less than two classes, or if `bout` is not above `step`.

    See Also
    --------
    learn_transitions : Learn them from labelled sequences of daily life.
    predict_timeline : Smooth a timeline with the transitions.

    Notes
    -----
    A hidden Markov model takes the errors of successive steps as independent. Those of a person
    come in groups, so that the evidence of several steps counts too much. For the models of
    activities in the package, a length of 30 s is therefore better than the true one, also for
    bouts of 20 minutes.

    Examples
    --------
    >>> from relcon_sklearn.timelines import assume_transitions
    >>> transitions = assume_transitions(["sit", "stand", "walk"], bout=50, step=10)
    >>> transitions.matrix.round(2)
    array([[0.8, 0.1, 0.1],
           [0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8]])
    """
    classes = np.unique(np.asarray(classes))
    n = len(classes)
    if n < 2:
        raise ValueError(f"classes has {n} labels. Pass at least two.")
    if bout <= step:
        raise ValueError(
            f"bout={bout:g} s is not above step={step:g} s, so that no bout would have two steps. "
            "Pass a longer bout, or a shorter step."
        )
    matrix = np.full((n, n), step / bout / (n - 1))
    np.fill_diagonal(matrix, 1 - step / bout)
    return Transitions(classes, np.full(n, 1 / n), matrix, float(step))


def in_order_of(transitions: Transitions, classes: np.ndarray, step: float) -> Transitions:
    """Return transitions with their labels in the order of the classes of a model.

    Raises
    ------
    ValueError
        If they have other labels, or are those of another step.
    """
    known, wanted = transitions.classes.tolist(), list(classes)
    if len(known) != len(wanted) or any(name not in known for name in wanted):
        raise ValueError(
            f"smoothing has transitions of the labels {known}, but the model has the classes "
            f"{np.asarray(wanted).tolist()}. Learn the transitions from labels of these classes."
        )
    own = transitions.step
    if own is not None and not math.isclose(own, step, rel_tol=_RELATIVE_TOLERANCE):
        raise ValueError(
            f"smoothing has transitions after {own:g} s, but the steps of the timeline have "
            f"{step:g} s. Pass step={own:g}, or learn transitions from segments with "
            f"stride={step:g}."
        )
    order = [known.index(name) for name in wanted]
    return Transitions(
        np.asarray(classes),
        transitions.shares[order],
        transitions.matrix[np.ix_(order, order)],
        own,
    )


def _check(values: np.ndarray, name: str, n: int) -> None:
    if values.shape != (n,):
        raise ValueError(
            f"{name} has shape {values.shape}; expected one value for each of {n} labels."
        )


def _without_missing(labels: np.ndarray) -> np.ndarray:
    """Return labels as an array of their own type."""
    missing = sum(label is None or label != label for label in labels)
    if missing:
        raise ValueError(
            f"labels has {missing} missing values (None or NaN). Leave these segments out."
        )
    return np.array(labels.tolist())
