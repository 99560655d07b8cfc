"""The most likely sequence of labels, given probabilities of each step and of transitions."""

from __future__ import annotations

import numpy as np

# Probabilities of a model below this count as this: a label that it excludes is not impossible.
_SMALLEST = 1e-6


def most_likely_labels(
    probabilities: np.ndarray, first: np.ndarray, shares: np.ndarray, matrix: np.ndarray
) -> np.ndarray:
    """Return the code of each step in the most likely sequence of each run.

    The model is a hidden Markov model. The likelihood of a label at a step is proportional to its
    probability divided by its share of the training labels (Bourlard and Morgan, 1994).

    Parameters
    ----------
    probabilities : ndarray of shape (n_steps, n_classes)
        Probability of each label at each step, given the data of the step.
    first : ndarray of shape (n_steps,), dtype bool
        Whether each step is the first of a run.
    shares : ndarray of shape (n_classes,)
        Share of each label.
    matrix : ndarray of shape (n_classes, n_classes)
        Probabilities of the next label, a row for each label.
    """
    log_shares, log_matrix = np.log(shares), np.log(matrix)
    log_likelihoods = np.log(np.maximum(probabilities, _SMALLEST)) - log_shares
    starts = np.flatnonzero(first)
    codes = np.empty(len(probabilities), dtype=np.int64)
    for run in map(slice, starts, np.append(starts[1:], len(codes))):
        codes[run] = best_path(log_likelihoods[run], log_shares, log_matrix)
    return codes


def best_path(
    log_likelihoods: np.ndarray, log_start: np.ndarray, log_matrix: np.ndarray
) -> np.ndarray:
    """Return the states of the path with the largest sum, by the algorithm of Viterbi (1967)."""
    n, n_states = log_likelihoods.shape
    states = np.arange(n_states)
    score = log_start + log_likelihoods[0]
    previous = np.empty((n, n_states), dtype=np.intp)  # state before each state, on its best path
    for i in range(1, n):
        reached = score[:, None] + log_matrix
        previous[i] = reached.argmax(axis=0)
        score = reached[previous[i], states] + log_likelihoods[i]
    path = np.empty(n, dtype=np.int64)
    path[-1] = score.argmax()
    for i in range(n - 1, 0, -1):
        path[i - 1] = previous[i, path[i]]
    return path
