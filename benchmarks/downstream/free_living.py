"""Labels that a model of activities gives to recordings of free living, which have no labels.

Nobody has watched the nurses of these recordings, so that a share cannot be right or wrong. But
people in a hospital neither cycle nor run much.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.downstream.activity_sets import CLASSES
from relcon_sklearn import RelConClassifier, segment_recordings
from relcon_sklearn.datasets import load_npz_recordings

FREE_LIVING = "nurse_wrist.npz"


def predict_free_living(
    model: RelConClassifier, path: Path, window: float, n_recordings: int | None = None
) -> dict:
    """Return hours, people, and the share of each label: of all time, and of single people.

    Parameters
    ----------
    model : RelConClassifier
        The model. It knows its sampling rate.
    path : Path
        The npz file.
    window : float
        Length of the windows in s.
    n_recordings : int or None, default=None
        Number of recordings to use. If None, all.
    """
    data = load_npz_recordings(path)
    segments = segment_recordings(
        data.recordings[:n_recordings],
        data.sampling_rate,
        units=data.units,
        window=window,
        target_rate=model.sampling_rate_,
        subjects=data.subjects[:n_recordings],
        short="skip",
    )
    shares, people = label_shares(model.predict(segments.X), segments.groups)
    return {
        "hours": len(segments.X) * window / 3600,
        "people": len(people),
        "shares": shares,
        "of_people": {
            label: [float(np.min(values)), float(np.max(values))]
            for label, values in zip(CLASSES, np.transpose(people), strict=True)
        },
    }


def label_shares(labels: np.ndarray, groups: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Return the share of each label, by name, and in each group, (n_groups, n_classes)."""
    is_label = labels[:, None] == np.array(CLASSES)
    in_groups = np.array([is_label[groups == group].mean(axis=0) for group in np.unique(groups)])
    return dict(zip(CLASSES, is_label.mean(axis=0).tolist(), strict=True)), in_groups
