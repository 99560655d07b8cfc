"""The pool to pretrain on: windows of many public data sets, none of which is probed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings

# Data sets that are probed, or hold the same people.
NOT_IN_POOL = ("motionsense_pocket", "wisdm51_phone", "wisdm51_watch")

# A set contributes this number of windows, times the square root of the number that it has. With
# all windows, the longest recordings would be most of the pool.
_WINDOWS_PER_ROOT = 25


def pool_files(folder: str | Path) -> list[Path]:
    """Return the files of the pool, by name."""
    files = sorted(Path(folder).glob("*.npz"))
    return [path for path in files if path.stem not in NOT_IN_POOL]


def load_pool(
    folder: str | Path, rate: float, window: float, cache: Path
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

    Returns
    -------
    X : memory map of shape (n_segments, n_timesteps, 3), dtype float32
        Accelerations in g.
    groups : ndarray of shape (n_segments,) of str
        The group of each window: "set/subject/recording".
    """
    files = pool_files(folder)
    if not files:
        raise FileNotFoundError(f"{folder} has no npz files to pretrain on.")
    made_by = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    made_by += [rate, window, Path(__file__).read_bytes()]
    key = hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
    folder = Path(cache) / f"pool-{key}"
    if not folder.is_dir():
        parts = [_windows(path, rate, window) for path in files]
        X, groups = (np.concatenate(part) for part in zip(*parts, strict=True))
        draft = folder.with_name(f"{folder.name}.{np.random.default_rng().integers(2**32)}.tmp")
        draft.mkdir(parents=True)
        np.save(draft / "X.npy", X)
        np.save(draft / "groups.npy", groups)
        draft.rename(folder)
    return np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "groups.npy")


def _windows(path: Path, rate: float, window: float) -> tuple[np.ndarray, np.ndarray]:
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
    n = int(_WINDOWS_PER_ROOT * np.sqrt(len(segments.X)))
    rows = np.sort(np.random.default_rng(0).permutation(len(segments.X))[:n])
    recording = segments.groups[rows]
    subject = np.asarray(data.subjects)[recording]
    groups = [f"{path.stem}/{s}/{r}" for s, r in zip(subject, recording, strict=True)]
    return segments.X[rows], np.array(groups)


def some_people(groups: np.ndarray, share: float) -> np.ndarray:
    """Return a mask of the windows of a share of the people of each set, and at least one."""
    people = np.array([group.rpartition("/")[0] for group in groups])
    kept = []
    for name in np.unique([person.partition("/")[0] for person in people]):
        of_set = np.unique(people[np.char.startswith(people, f"{name}/")])
        n = max(1, round(share * len(of_set)))
        kept += np.random.default_rng(0).permutation(of_set)[:n].tolist()
    return np.isin(people, kept)
