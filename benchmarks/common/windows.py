"""Windows of the public recordings: loading and drawing them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from benchmarks.common import datasets
from benchmarks.common.datasets import TASKS, Spans, Task
from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings

WINDOW = 2.56  # s; the length of windows unless a benchmark says otherwise


@dataclass(frozen=True)
class Windows:
    """Windows of one data set.

    Attributes
    ----------
    X : ndarray of shape (n_segments, n_timesteps, n_channels), dtype float32
        Accelerations in g.
    y : ndarray of shape (n_segments,) of str, or (n_segments, n_targets) of float
        Labels, "" where there is none; or targets, NaN where there is none.
    subject, recording : ndarray of shape (n_segments,)
        The subject and the recording that each window belongs to.
    """

    X: np.ndarray
    y: np.ndarray
    subject: np.ndarray
    recording: np.ndarray

    def __len__(self) -> int:
        return len(self.X)

    @property
    def known(self) -> np.ndarray:
        """A mask of the windows that have a label or target."""
        return self.y != "" if self.y.dtype.kind == "U" else np.isfinite(self.y).all(axis=1)

    def take(self, rows: np.ndarray) -> Windows:
        """Return the windows at `rows`."""
        return Windows(self.X[rows], self.y[rows], self.subject[rows], self.recording[rows])

    def labelled(self) -> Windows:
        """Return the windows that have a label or target."""
        return self.take(np.flatnonzero(self.known))

    def summary(self) -> str:
        """Return one line with the counts of labelled windows, activities and subjects."""
        labels = self.y[self.known]
        return (
            f"{len(self)} windows ({len(labels)} labelled, {len(np.unique(labels))} activities), "
            f"{len(np.unique(self.subject))} subjects, {len(np.unique(self.recording))} recordings"
        )


# -- loading ---------------------------------------------------------------------------------------


def load_windows(
    folder: str | Path,
    name: str,
    rate: float,
    window: float = WINDOW,
    cache: Path | None = None,
    overlap: float | None = None,
) -> Windows:
    """Return the windows of a task.

    Parameters
    ----------
    folder : path
        Folder of the npz files.
    name : str
        A name in `TASKS`.
    rate : float
        Sampling rate of the windows in Hz.
    window : float, default=2.56
        Length of the windows in s.
    cache : Path or None, default=None
        Folder that keeps windows for the next call. If None, the windows are always cut again.
    overlap : float or None, default=None
        Overlap of neighbouring windows, as a fraction of their length. If None, that of the task.
    """
    path = find_file(folder, name)
    task = TASKS[name]
    if overlap is not None:
        task = task._replace(overlap=overlap)
    if cache is None:
        return cut_windows(path, task, window, rate)
    # A changed file, or changed code, changes the key.
    code = [Path(file).read_bytes() for file in (__file__, datasets.__file__)]
    made_by = path.stat().st_size, path.stat().st_mtime_ns, code
    key = hashlib.sha256(
        repr((str(path), made_by, window, rate, task.overlap)).encode()
    ).hexdigest()[:16]
    cached = cache / f"windows-{name}-{key}.npz"
    if not cached.is_file():
        windows = cut_windows(path, task, window, rate)
        cache.mkdir(parents=True, exist_ok=True)
        draft = cached.with_name(f"{key}.{np.random.default_rng().integers(2**32)}.tmp.npz")
        np.savez(draft, **vars(windows))
        draft.replace(cached)
    with np.load(cached) as arrays:
        return Windows(**arrays)


def find_file(folder: str | Path, name: str) -> Path:
    """Return the path of the npz file of a task, or raise FileNotFoundError."""
    path = Path(folder) / TASKS[name].file
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Is {folder} the folder of the npz files?")
    return path


def cut_windows(path: Path, task: Task, window: float, rate: float) -> Windows:
    """Return the windows of `window` seconds, at `rate` Hz, of the npz file of a task."""
    data = load_npz_recordings(path)
    kept = np.flatnonzero(task.keep(data))
    # All windows are kept, with or without a label: pretraining uses them too.
    segments = segment_recordings(
        [data.recordings[i] for i in kept],
        data.sampling_rate,
        units=data.units,
        window=window,
        overlap=task.overlap,
        target_rate=rate,
        subjects=kept,  # the numbers of the recordings, which identify the windows
        short="skip",
    )
    start = np.round(segments.start_times * data.sampling_rate).astype(int)
    n_samples = round(window * data.sampling_rate)
    lengths = np.array([len(recording) for recording in data.recordings])
    stop = np.minimum(start + n_samples, lengths[segments.groups])
    y = task.label(data, Spans(segments.groups, start, stop))
    return Windows(segments.X, y, data.subjects[segments.groups], segments.groups)


# -- drawing ---------------------------------------------------------------------------------------


def draw(windows: Windows, n: int, seed: int) -> Windows:
    """Return `n` windows drawn at random, in order; all if there are not more."""
    if len(windows) <= n:
        return windows
    return windows.take(np.sort(np.random.default_rng(seed).permutation(len(windows))[:n]))


def balanced_rows(
    y: np.ndarray, n: int, rng: np.random.Generator, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw `n` rows, or all: labels in turn and, within each label, groups in turn.

    Targets of regression, which are floats, count as one label.
    """
    if groups is None:
        groups = np.zeros(len(y), dtype=int)
    group = np.unique(groups, return_inverse=True)[1]
    label = np.zeros(len(y), dtype=int)
    if y.dtype.kind != "f":
        label = np.unique(y, return_inverse=True)[1]
    order = rng.permutation(len(y))
    for keys in (label * (group.max() + 1) + group, label):
        turn = np.empty(len(y), dtype=int)
        for key in np.unique(keys):
            rows = order[keys[order] == key]
            turn[rows] = np.arange(len(rows))
        order = order[np.argsort(turn[order], kind="stable")]
    return order[:n]


def shorten(X: np.ndarray, n_timesteps: int) -> np.ndarray:
    """Return segments resampled to `n_timesteps`; shorter ones unmodified."""
    if X.shape[1] <= n_timesteps:
        return X
    return resample_poly(X, n_timesteps, X.shape[1], axis=1, padtype="line")
