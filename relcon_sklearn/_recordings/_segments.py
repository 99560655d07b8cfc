"""What segment_recordings returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Segments(NamedTuple):
    """Segments returned by :func:`segment_recordings`.

    Attributes
    ----------
    X : ndarray of shape (n_segments, n_timesteps, n_channels), dtype float32
        The segments, in g, in the order of the recordings, then of time. They have their rate in Hz
        as the attribute `sampling_rate`, which estimators compare with that of their training, and
        so have selected rows and copies. ``numpy.asarray(X)`` and joined arrays have none.

    y : ndarray of shape (n_segments,) or None
        The label of each segment; "", -1 or NaN for segments without a label. None if no labels
        were given.

    groups : ndarray of shape (n_segments,)
        The subject of each segment.

    hour_groups : ndarray of shape (n_segments,), dtype int64
        The number of each segment's subject and hour. Two segments have the same number if and only
        if both are the same.

    start_times : ndarray of shape (n_segments,), dtype datetime64[ns] or float64
        The start time of each segment: UTC, or seconds if the recordings have no dates.

    dropped : dict of str to int or float
        Amount of data left out for each reason. The keys are always the same.

    See Also
    --------
    segment_recordings : Parameters and an example.
    """

    X: np.ndarray
    y: np.ndarray | None
    groups: np.ndarray
    hour_groups: np.ndarray
    start_times: np.ndarray
    dropped: dict

    def __repr__(self) -> str:
        labels = "" if self.y is None else ", with labels"
        return (
            f"<Segments: {len(self.X)} segments of {self.X.shape[1]} x {self.X.shape[2]}, "
            f"{len(np.unique(self.groups))} subjects{labels}>"
        )
