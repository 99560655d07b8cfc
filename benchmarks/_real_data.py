"""Real recordings as windows: read an npz file, resample, cut and label.

The format of the files is that of the project's folder of development data: ``signal`` (N, 3) in g
with the recordings end to end, ``recording_start`` with one offset more than there are recordings,
``recording_subject``, ``recording_label``, ``sampling_rate``; HAPT has labels by sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import resample_poly

RATE = 100  # Hz, after resampling
N_TIMESTEPS = 256  # 2.56 s
PURITY = 0.5  # a window has the label that covers more than this share of it


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
    """A file, which recordings to keep, and labels: (code of each sample, name of each code).

    Code 0 is none of the activities, and so is any other code with the name "".
    """

    file: str
    keep: Callable
    labels: Callable


def _all_recordings(data) -> np.ndarray:
    return np.ones(len(data["recording_subject"]), dtype=bool)


def _recording_labels(data) -> tuple[np.ndarray, np.ndarray]:
    names, codes = np.unique(data["recording_label"], return_inverse=True)
    return np.repeat(codes + 1, np.diff(data["recording_start"])), np.array(["", *names])


def _hapt_labels(data) -> tuple[np.ndarray, np.ndarray]:
    names = data["label_names"].copy()
    names[0] = ""  # unlabelled
    names[7:] = ""  # postural transitions
    return data["sample_label"], names


SOURCES = {
    "hapt": _Source("hapt.npz", _all_recordings, _hapt_labels),
    "smartfallmm": _Source(
        "smartfallmm_wrist.npz",
        lambda data: data["recording_native_rate"] == 50,
        _recording_labels,
    ),
    "wisdm": _Source("wisdm51_watch_reduced.npz", _all_recordings, _recording_labels),
}


def load_windows(folder: str | Path, name: str) -> Windows:
    """Return the windows of data set `name`, cut from 100 Hz without overlap."""
    path = Path(folder) / SOURCES[name].file
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: is {folder} the folder of the npz files?")
    with np.load(path, allow_pickle=False) as data:
        signal, starts = data["signal"], data["recording_start"]
        subjects, rate = data["recording_subject"], float(data["sampling_rate"])
        keep = np.flatnonzero(SOURCES[name].keep(data))
        codes, names = SOURCES[name].labels(data)
    segments, labels, recordings = [], [], []
    for recording in keep:
        samples = slice(starts[recording], starts[recording + 1])
        cut = cut_windows(resample(signal[samples], rate))
        segments.append(cut)
        labels.append(names[majority_labels(codes[samples], rate, len(cut))])
        recordings.append(np.full(len(cut), recording))
    recording = np.concatenate(recordings)
    n_too_short = sum(len(cut) == 0 for cut in segments)
    return Windows(
        name,
        np.concatenate(segments),
        np.concatenate(labels),
        subjects[recording],
        recording,
        len(keep) - n_too_short,
        n_too_short,
    )


def resample(signal: np.ndarray, rate: float) -> np.ndarray:
    """Resample (n_samples, n_channels) from `rate` to 100 Hz."""
    ratio = Fraction(RATE) / Fraction(rate).limit_denominator(1000)
    # Extended along a line at both ends: zeros would make a step of the size of gravity there.
    return resample_poly(signal, ratio.numerator, ratio.denominator, axis=0, padtype="line")


def cut_windows(signal: np.ndarray) -> np.ndarray:
    """Cut (n_samples, n_channels) into whole windows; what is left at the end is dropped."""
    n_windows = len(signal) // N_TIMESTEPS
    windows = signal[: n_windows * N_TIMESTEPS].reshape(n_windows, N_TIMESTEPS, signal.shape[1])
    return windows.astype(np.float32)


def majority_labels(codes: np.ndarray, rate: float, n_windows: int) -> np.ndarray:
    """Return the code that covers most of each window; 0 unless more than `PURITY` of it."""
    at = ((np.arange(n_windows * N_TIMESTEPS) + 0.5) * (rate / RATE)).astype(int)
    windows = codes[at].reshape(n_windows, N_TIMESTEPS)
    counts = np.stack([(windows == code).sum(axis=1) for code in range(codes.max() + 1)], axis=1)
    return np.where(counts.max(axis=1) > PURITY * N_TIMESTEPS, counts.argmax(axis=1), 0)


def balanced_rows(labels: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `n` rows, as many of each label as there are, in random order within a label."""
    order = rng.permutation(len(labels))
    turn = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        turn[rows] = np.arange(len(rows))
    return order[np.argsort(turn[order], kind="stable")][:n]
