"""The pool to pretrain on: windows of many public data sets, none of which is probed."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
from filelock import FileLock

from benchmarks.common.datasets import TASKS
from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings

# Files of data sets that are probed, or of the same people.
NOT_IN_POOL = {*(task.file for task in TASKS.values()), "wisdm51_phone.npz"}

# Devices differ, and so do those of the people to predict for.
warnings.filterwarnings("ignore", message="Still stretches differ")

# A set contributes this number of windows, times the square root of the number that it has. With
# all windows, the longest recordings would be most of the pool.
WINDOWS_PER_ROOT = 25


def pool_files(folder: str | Path) -> list[Path]:
    """Return the files of the pool, by name."""
    files = sorted(Path(folder).glob("*.npz"))
    return [path for path in files if path.name not in NOT_IN_POOL]


def pool_key(
    folder: str | Path, rate: float, window: float, per_root: int = WINDOWS_PER_ROOT
) -> str:
    """Return a key of the windows of the pool, which changes with the files and the settings.

    Raises FileNotFoundError if the folder has no files of the pool.
    """
    files = pool_files(folder)
    if not files:
        raise FileNotFoundError(f"{folder} has no npz files to pretrain on.")
    sizes = [(path.name, path.stat().st_size) for path in files]
    made_by = repr((sizes, rate, window, per_root))
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


def load_pool(
    folder: str | Path,
    rate: float,
    window: float,
    cache: Path,
    per_root: int = WINDOWS_PER_ROOT,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows of the pool and their groups.

    Windows overlap by half. Those of a set are drawn at random.

    Parameters
    ----------
    folder : path
        Folder of the npz files.
    rate : float
        Sampling rate of the windows in Hz.
    window : float
        Length of the windows in s.
    cache : Path
        Folder that keeps the windows for the next call.
    per_root : int
        A set contributes this number of windows, times the square root of the number that it has,
        and at most all.

    Returns
    -------
    X : memory map of shape (n_segments, n_timesteps, 3), dtype float32
        Accelerations in g.
    groups : ndarray of shape (n_segments,) of str
        The group of each window: "set/subject".
    """
    files = pool_files(folder)
    folder = Path(cache) / f"pool-{pool_key(folder, rate, window, per_root)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # several processes may need it
        if not (folder / "groups.npy").is_file():
            parts = [_windows(path, rate, window, per_root) for path in files]
            X, groups = (np.concatenate(part) for part in zip(*parts, strict=True))
            folder.mkdir(exist_ok=True)
            np.save(folder / "X.npy", X)
            np.save(folder / "groups.tmp.npy", groups)
            (folder / "groups.tmp.npy").rename(folder / "groups.npy")  # the last step
    return np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "groups.npy")


def _windows(
    path: Path, rate: float, window: float, per_root: int
) -> tuple[np.ndarray, np.ndarray]:
    data = load_npz_recordings(path)
    # Four of UMAFall's recordings are too far from 1 g for `segment_recordings`.
    medians = [np.median(np.linalg.norm(x, axis=1)) for x in data.recordings]
    kept = np.flatnonzero(np.abs(np.log(medians)) < np.log(3))
    segments = segment_recordings(
        [data.recordings[i] for i in kept],
        data.sampling_rate,
        units=data.units,
        window=window,
        overlap=0.5,
        target_rate=rate,
        subjects=kept,
        short="skip",
    )
    n = int(per_root * np.sqrt(len(segments.X)))
    rows = np.sort(np.random.default_rng(0).permutation(len(segments.X))[:n])
    subjects = np.asarray(data.subjects)[segments.groups[rows]]
    return segments.X[rows], np.array([f"{path.stem}/{subject}" for subject in subjects])


def some_people(groups: np.ndarray, share: float) -> np.ndarray:
    """Return a mask of the windows of a share of the people of each set, and of at least one."""
    people = np.unique(groups)
    set_of = np.array([person.partition("/")[0] for person in people])
    kept = []
    for name in np.unique(set_of):
        of_set = np.random.default_rng(0).permutation(people[set_of == name])
        kept += of_set[: max(1, round(share * len(of_set)))].tolist()
    return np.isin(groups, kept)


def motion_weights(X: np.ndarray) -> np.ndarray:
    """Return weights of windows that grow with their standard deviation, with a sum of one.

    The standard deviation is the mean over the channels, clipped to 0.02 to 0.5 g.
    """
    chunks = np.array_split(X, max(1, len(X) // 4096))
    weights = np.concatenate([x.std(axis=1).mean(axis=1) for x in chunks]).clip(0.02, 0.5)
    weights = weights.astype(float)
    return weights / weights.sum()
