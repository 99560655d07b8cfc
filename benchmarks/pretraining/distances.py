"""Training of the learned distance on the windows of a benchmark."""

from __future__ import annotations

import time

from benchmarks.common.windows import Windows
from relcon_sklearn import LearnedMotifDistance


def fit_distance(
    train: Windows, n_segments: int, seed: int, **params
) -> tuple[LearnedMotifDistance, float]:
    """Return a distance trained on `train`, and the seconds of its training.

    Parameters
    ----------
    train : Windows
        Windows to train on. Their subjects are the groups.
    n_segments : int
        Number of segments seen in training, rounded to whole epochs.
    seed : int
        The `random_state` of the distance.
    **params
        Other parameters of the distance.
    """
    distance = LearnedMotifDistance(
        max_epochs=max(1, round(n_segments / len(train))), random_state=seed, **params
    )
    start = time.perf_counter()
    distance.fit(train.X, groups=train.subject)
    return distance, time.perf_counter() - start
