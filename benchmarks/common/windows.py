"""The data sets of the downstream benchmark: windows to pretrain on, and tasks to probe with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings


@dataclass(frozen=True)
class Windows:
    """Windows of one data set.

    Attributes
    ----------
    X : ndarray of shape (n_segments, n_timesteps, n_channels), dtype float32
        In g.
    y : ndarray of shape (n_segments,) of str, or (n_segments, n_targets) of float
        Labels, "" for none; or targets, NaN for none.
    subject, recording : ndarray of shape (n_segments,)
        Whose each window is, and of which recording.
    """

    X: np.ndarray
    y: np.ndarray
    subject: np.ndarray
    recording: np.ndarray

    def __len__(self) -> int:
        return len(self.X)

    @property
    def known(self) -> np.ndarray:
        """Which windows have a label or target, as a mask."""
        return self.y != "" if self.y.dtype.kind == "U" else np.isfinite(self.y).all(axis=1)

    def take(self, rows: np.ndarray) -> Windows:
        """Return some of the windows."""
        return Windows(self.X[rows], self.y[rows], self.subject[rows], self.recording[rows])


class _Spans(NamedTuple):
    """Where windows lie: recording, first sample and one past the last, at the original rate."""

    recording: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def _majority_labels(keep: Callable) -> Callable:
    """Label windows by what more than half of their samples have, if `keep` has it."""

    def label(data, spans: _Spans) -> np.ndarray:
        kept = set(keep(data))
        found = []
        for recording, start, stop in zip(*spans, strict=True):
            names, counts = np.unique(data.labels[recording][start:stop], return_counts=True)
            name = names[counts.argmax()]
            found.append(name if 2 * counts.max() > counts.sum() and name in kept else "")
        return np.array(found)

    return label


def _sisfall_codes(*, falls: bool) -> Callable:
    """Label windows of activities by their code, and that of a fall's peak by "fall"."""

    def label(data, spans: _Spans) -> np.ndarray:
        names = np.where(data.recording_is_fall, "", data.recording_code)[spans.recording]
        if not falls:
            return names
        peaks = np.array([np.square(r).sum(axis=1).argmax() for r in data.recordings])
        peak = peaks[spans.recording]
        hit = data.recording_is_fall[spans.recording] & (spans.start <= peak) & (peak < spans.stop)
        return np.where(hit, "fall", names)

    return label


def _gait_targets(data, spans: _Spans) -> np.ndarray:
    """Return speed, cadence and double support of the walk that a window lies in."""
    columns = (
        data.recording_speed_m_per_s,
        data.recording_cadence_steps_per_min,
        100 * data.recording_double_support_fraction,
    )
    targets = np.stack(columns, axis=1)[spans.recording].astype(float)
    inside = (spans.start >= data.recording_walk_start[spans.recording]) & (
        spans.stop <= data.recording_walk_stop[spans.recording]
    )
    return np.where(inside[:, None], targets, np.nan)


def _treadmill_speed(data, spans: _Spans) -> np.ndarray:
    """Return the speed of windows of one speed throughout; NaN at rest."""
    found = []
    for recording, start, stop in zip(*spans, strict=True):
        speeds = data.sample_speed_m_per_s[recording][start:stop]
        found.append(speeds[0] if speeds[0] > 0 and (speeds == speeds[0]).all() else np.nan)
    return np.array(found, dtype=float)[:, None]


class Task(NamedTuple):
    """What is asked of a data set.

    Attributes
    ----------
    title : str
        For tables.
    file : str
        Name of the npz file.
    label : callable
        ``label(data, spans)`` gives labels or targets.
    targets : tuple of str
        Names of regression targets; empty for classification.
    keep : callable
        Which recordings to use.
    overlap : float
        Of neighbouring windows.
    """

    title: str
    file: str
    label: Callable
    targets: tuple[str, ...] = ()
    keep: Callable = lambda data: np.ones(len(data.subjects), dtype=bool)
    overlap: float = 0.0


TASKS = {
    # The last six of HAPT's twelve labels are postural transitions.
    "hapt": Task("HAPT, waist", "hapt.npz", _majority_labels(lambda data: data.label_names[:6])),
    "sisfall": Task("SisFall, waist", "sisfall_100hz.npz", _sisfall_codes(falls=False)),
    "sisfall_falls": Task(
        "SisFall with falls, waist", "sisfall_100hz.npz", _sisfall_codes(falls=True)
    ),
    "smartfallmm": Task(
        "SmartFallMM, wrist",
        "smartfallmm_wrist.npz",
        _majority_labels(lambda data: data.label_names),
        # The others were recorded at 25 Hz.
        keep=lambda data: data.recording_native_rate == 50,
    ),
    "wisdm": Task(
        "WISDM, watch", "wisdm51_watch_reduced.npz", _majority_labels(lambda d: d.label_names)
    ),
    "ipol": Task(
        "IPOL gait, lower back",
        "ipol_gait497_lower_back.npz",
        _gait_targets,
        ("speed (m/s)", "cadence (steps/min)", "double support (%)"),
        overlap=0.5,
    ),
    "troika": Task(
        "TROIKA, wrist", "troika_wrist_treadmill.npz", _treadmill_speed, ("speed (m/s)",)
    ),
}

# Data sets as sources of pretraining; both tasks of SisFall are one of them.
SOURCES = ("hapt", "sisfall", "smartfallmm", "wisdm", "ipol", "troika")


def source_of(task: str) -> str:
    """Return the name in `SOURCES` of the data that a task is made of."""
    return next(source for source in SOURCES if TASKS[source].file == TASKS[task].file)


def load_task(folder: str | Path, name: str, window: float, rate: float, cache: Path) -> Windows:
    """Return the windows of a task, cut anew or from the cache.

    Parameters
    ----------
    folder : path
        Where the npz files are.
    name : str
        One of `TASKS`.
    window : float
        Length in s.
    rate : float
        Rate of the windows in Hz.
    cache : Path
        Folder of windows cut before.
    """
    task = TASKS[name]
    path = Path(folder) / task.file
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: is {folder} the folder of the npz files?")
    # A changed file or way of cutting it is another key.
    made_by = path.stat().st_size, path.stat().st_mtime_ns, Path(__file__).read_bytes()
    key = hashlib.sha256(repr((str(path), made_by, window, rate)).encode()).hexdigest()[:16]
    cached = cache / f"windows-{name}-{key}.npz"
    if not cached.is_file():
        windows = _cut(path, task, window, rate)
        cache.mkdir(parents=True, exist_ok=True)
        draft = cached.with_name(f"{key}.{np.random.default_rng().integers(2**32)}.tmp.npz")
        np.savez(draft, **vars(windows))
        draft.replace(cached)
    with np.load(cached) as arrays:
        return Windows(**arrays)


def _cut(path: Path, task: Task, window: float, rate: float) -> Windows:
    data = load_npz_recordings(path)
    kept = np.flatnonzero(task.keep(data))
    segments = segment_recordings(
        [data.recordings[i] for i in kept],
        data.sampling_rate,
        units=data.units,
        window=window,
        overlap=task.overlap,
        target_rate=rate,
        subjects=kept,  # the recordings, to find windows by
        short="skip",
    )
    start = np.round(segments.start_times * data.sampling_rate).astype(int)
    n_samples = round(window * data.sampling_rate)
    lengths = np.array([len(recording) for recording in data.recordings])
    stop = np.minimum(start + n_samples, lengths[segments.groups])
    y = task.label(data, _Spans(segments.groups, start, stop))
    return Windows(segments.X, y, data.subjects[segments.groups], segments.groups)


def draw(windows: Windows, n: int, seed: int) -> Windows:
    """Return `n` windows at random, in order; all if there are no more."""
    if len(windows) <= n:
        return windows
    return windows.take(np.sort(np.random.default_rng(seed).permutation(len(windows))[:n]))


def pool(parts: dict[str, Windows]) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows of several data sets, and their groups: data set, subject, recording."""
    groups = [
        [f"{name}/{s}/{r}" for s, r in zip(part.subject, part.recording, strict=True)]
        for name, part in parts.items()
    ]
    return np.concatenate([part.X for part in parts.values()]), np.concatenate(groups)
