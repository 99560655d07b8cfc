"""Steps of time, and the votes of the windows that cover them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """Steps of time that windows cover, given by their stretch and samples of it."""

    stretch: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    first: np.ndarray  # whether the step is the first of its stretch


def count_votes(
    outputs: np.ndarray, stretch: np.ndarray, n_timesteps: int, stride_samples: int
) -> tuple[Steps, np.ndarray]:
    """Return the steps that windows cover, and the mean output of the windows over each.

    A step is as long as the stride. A window counts for a step by the share of the step that it
    covers. The last step of a stretch ends with the last window.

    Parameters
    ----------
    outputs : ndarray of shape (n_windows, n_outputs)
        What the model says about each window.
    stretch : ndarray of shape (n_windows,)
        The stretch of each window, not decreasing. The windows of a stretch start at its samples
        0, `stride_samples`, 2 * `stride_samples` and so on.
    n_timesteps, stride_samples : int
        Length of a window, and distance of their starts. The stride is not above the length.

    Returns
    -------
    steps : Steps
        The steps, in the order of time.
    means : ndarray of shape (n_steps, n_outputs)
        Mean output.
    """
    n_later = -(-n_timesteps // stride_samples) - 1  # steps after its first that a window reaches
    _, first, n_windows = np.unique(stretch, return_index=True, return_counts=True)
    n_steps = n_windows + n_later
    start = np.cumsum(n_steps) - n_steps
    number = np.arange(n_steps.sum()) - np.repeat(start, n_steps)
    step_of = np.arange(len(stretch)) + np.repeat(start - first, n_windows)
    total = np.zeros((len(number), outputs.shape[1]))
    weight = np.zeros((len(number), 1))
    for later in range(n_later + 1):
        share = min(n_timesteps - later * stride_samples, stride_samples) / stride_samples
        total[step_of + later] += share * outputs
        weight[step_of + later] += share
    last = np.repeat((n_windows - 1) * stride_samples + n_timesteps, n_steps)
    begin = number * stride_samples
    end = np.minimum(begin + stride_samples, last)
    steps = Steps(np.repeat(stretch[first], n_steps), begin, end, number == 0)
    return steps, total / weight
