"""Real recordings as windows: read an npz file, resample, cut and label.

The format of the files is that of `relcon_sklearn.datasets.load_npz_recordings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings

RATE = 100  # Hz, after resampling
N_TIMESTEPS = 256  # 2.56 s


@dataclass(frozen=True)
class Windows:
    """Windows of one data set; `label` is "" where a window has none of the activities."""

    name: str
    X: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    recording: np.ndarray
    n_recordings: int
    n_too_short: int

    def take(self, rows: np.ndarray) -> Windows:
        """Return some of the windows."""
        arrays = (self.X[rows], self.label[rows], self.subject[rows], self.recording[rows])
        return Windows(self.name, *arrays, self.n_recordings, self.n_too_short)

    def describe(self) -> str:
        """Return one line of what there is."""
        labelled = self.label != ""
        return (
            f"{len(self.X)} windows ({labelled.sum()} labelled, "
            f"{len(np.unique(self.label[labelled]))} activities), "
            f"{len(np.unique(self.subject))} subjects, {self.n_recordings} recordings "
            f"({self.n_too_short} more too short for one window)"
        )


class _Source(NamedTuple):
    """A file, which of its recordings to keep, and which of its labels."""

    file: str
    keep: Callable = lambda data: np.ones(len(data.subjects), dtype=bool)
    activities: Callable = lambda data: data.label_names


SOURCES = {
    # The last six of the twelve are postural transitions.
    "hapt": _Source("hapt.npz", activities=lambda data: data.label_names[:6]),
    "smartfallmm": _Source(
        "smartfallmm_wrist.npz", keep=lambda data: data.recording_native_rate == 50
    ),
    "wisdm": _Source("wisdm51_watch_reduced.npz"),
}


def load_windows(folder: str | Path, name: str) -> Windows:
    """Return the windows of data set `name`, cut from 100 Hz without overlap."""
    source = SOURCES[name]
    path = Path(folder) / source.file
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: is {folder} the folder of the npz files?")
    data = load_npz_recordings(path)
    kept, activities = np.flatnonzero(source.keep(data)), source.activities(data)
    recordings = [data.recordings[i] for i in kept]
    labels = [np.where(np.isin(data.labels[i], activities), data.labels[i], "") for i in kept]

    def cut(**labelling):
        return segment_recordings(
            recordings,
            data.sampling_rate,
            units=data.units,
            window=N_TIMESTEPS / RATE,
            target_rate=RATE,
            subjects=kept,  # the recordings, to find windows by
            short="skip",
            **labelling,
        )

    # Pretraining has all windows, whether or not one activity covers more than half of them.
    segments, labelled = cut(), cut(labels=labels)
    label = np.full(len(segments.X), "", dtype=labelled.y.dtype)
    label[np.isin(_keys(segments), _keys(labelled))] = labelled.y
    n_too_short = segments.dropped["recordings_too_short"]
    return Windows(
        name,
        segments.X,
        label,
        data.subjects[segments.groups],
        segments.groups,
        len(kept) - n_too_short,
        n_too_short,
    )


def _keys(segments) -> np.ndarray:
    """Return the recording and the start of each segment as one number."""
    return segments.groups + 1j * segments.start_times


def balanced_rows(labels: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `n` rows, as many of each label as there are, in random order within a label."""
    order = rng.permutation(len(labels))
    turn = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        turn[rows] = np.arange(len(rows))
    return order[np.argsort(turn[order], kind="stable")][:n]
