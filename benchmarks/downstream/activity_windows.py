"""What the model of activities is fitted on: embeddings and features of labelled windows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.common import windows as common
from benchmarks.common.windows import balanced_rows, cut_windows
from benchmarks.downstream import activity_sets
from benchmarks.downstream.activity_sets import FILES, task_of
from benchmarks.downstream.pretrained import weights_checksum
from relcon_sklearn import MotionFeatures, RelConEmbedder

RATE = 50.0  # Hz
NOISE = (0.001, 0.04)  # g, least and largest standard deviation of noise added to copies
REST_NOISE = (0.0005, 0.002, 0.005, 0.01, 0.02, 0.04)  # g, of devices at rest
N_AT_REST = 200  # windows of each level of noise


@dataclass(frozen=True)
class Described:
    """Labelled windows, described by an encoder and by features.

    Attributes
    ----------
    y : ndarray of shape (n,) of str
        Classes.
    file, subject : ndarray of shape (n,) of str
        The file that each window is from, and the person.
    embeddings, features : ndarray of shape (n, n_features)
        Of the windows as they were recorded.
    embeddings_rotated, features_rotated : ndarray of shape (n, n_features)
        Of the windows after a rotation by chance.
    embeddings_noisy, features_noisy : ndarray of shape (n, n_features)
        Of the same with added noise.
    """

    y: np.ndarray
    file: np.ndarray
    subject: np.ndarray
    embeddings: np.ndarray
    features: np.ndarray
    embeddings_rotated: np.ndarray
    features_rotated: np.ndarray
    embeddings_noisy: np.ndarray
    features_noisy: np.ndarray

    def take(self, rows: np.ndarray) -> Described:
        """Return the windows at `rows`, or in a mask."""
        return Described(**{name: values[rows] for name, values in vars(self).items()})

    def of_each_file(self, n: int) -> Described:
        """Return `n` windows of each file by chance; all of a file that does not have more."""
        rng = np.random.default_rng(0)
        rows = [
            rng.permutation(np.flatnonzero(self.file == name))[:n] for name in np.unique(self.file)
        ]
        return self.take(np.sort(np.concatenate(rows)))

    @property
    def set(self) -> np.ndarray:
        """The name of the set of each window."""
        return np.array([FILES[name].set for name in self.file])

    @property
    def on_wrist(self) -> np.ndarray:
        """A mask of the windows of devices on a wrist."""
        return np.array([FILES[name].placement == "wrist" for name in self.file])


def find_files(*folders: Path) -> dict[str, Path]:
    """Return the paths of the labelled files that are in the folders, by name."""
    paths = [Path(folder) / name for name in FILES for folder in folders]
    return {path.name: path for path in paths if path.is_file()}


def load_described(
    paths: dict[str, Path], window: float, embedder: RelConEmbedder, n_windows: int, cache: Path
) -> Described:
    """Return up to `n_windows` described windows of each file."""
    parts = [_load(path, window, embedder, n_windows, cache) for path in paths.values()]
    names = np.repeat(list(paths), [len(part["y"]) for part in parts])
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Described(file=names, **columns)


def _load(
    path: Path, window: float, embedder: RelConEmbedder, n_windows: int, cache: Path
) -> dict[str, np.ndarray]:
    cached = cache / f"activity-{_key(path, window, embedder, n_windows)}.npz"
    if not cached.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        draft = cached.with_suffix(".tmp.npz")
        np.savez(draft, **_describe(path, window, embedder, n_windows))
        draft.replace(cached)
    with np.load(cached) as arrays:
        return {**arrays}


def _key(path: Path, window: float, embedder: RelConEmbedder, n_windows: int) -> str:
    # Changed code changes the key too.
    modules = (__file__, common.__file__, activity_sets.__file__)
    made_by = (
        *(path.name, path.stat().st_size, window, n_windows),
        weights_checksum(embedder.encoder_),
        *(Path(module).read_bytes() for module in modules),
    )
    return hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]


def _describe(
    path: Path, window: float, embedder: RelConEmbedder, n_windows: int
) -> dict[str, np.ndarray]:
    """Return what is known about the labelled windows of a file: as many of each class."""
    windows = cut_windows(path, task_of(path.name), window, RATE).labelled()
    chosen = balanced_rows(windows.y, n_windows, np.random.default_rng(0), windows.subject)
    windows = windows.take(np.sort(chosen))
    rotations = Rotation.random(len(windows), random_state=0).as_matrix().astype(np.float32)
    rotated = np.einsum("nij,ntj->nti", rotations, windows.X)
    noisy = with_noise(rotated, np.random.default_rng(0))
    described = {"y": windows.y, "subject": windows.subject}
    for suffix, X in (("", windows.X), ("_rotated", rotated), ("_noisy", noisy)):
        described |= {f"{name}{suffix}": Z for name, Z in inputs_of(X, embedder).items()}
    return described


def inputs_of(X: np.ndarray, embedder: RelConEmbedder) -> dict[str, np.ndarray]:
    """Return the embeddings and the features of windows."""
    features = MotionFeatures(sampling_rate=RATE).fit_transform(X)
    return {"embeddings": embedder.transform(X), "features": features}


def with_noise(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add white noise, of a level by chance for each window.

    The recordings of most sets were made at 20 or 25 Hz and with their own devices. White noise of
    all frequencies hides what only one of them has.
    """
    level = np.exp(rng.uniform(*np.log(NOISE), size=(len(X), 1, 1)))
    return (X + level * rng.normal(size=X.shape)).astype(np.float32)


def at_rest(noise: float, window: float) -> np.ndarray:
    """Return windows of devices at rest, with gravity in any direction and with noise in g."""
    rng = np.random.default_rng(0)
    gravity = rng.normal(size=(N_AT_REST, 1, 3))
    gravity /= np.linalg.norm(gravity, axis=2, keepdims=True)
    shape = (N_AT_REST, round(window * RATE), 3)
    return (gravity + noise * rng.normal(size=shape)).astype(np.float32)
