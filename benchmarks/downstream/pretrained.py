"""Pretrained encoders, kept in a cache by their method, data, settings and seed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.datasets import TASKS
from benchmarks.common.encoders import no_distances
from benchmarks.common.open_pool import load_pool, pool_key
from benchmarks.common.windows import WINDOW, Windows, load_windows
from benchmarks.downstream.objectives import Method, SharedTerms, make_encoder, pretrain
from relcon_sklearn import RelConEmbedder, list_pretrained
from relcon_sklearn.nn import ResNet1D

RATE = 50.0  # Hz
IN_DOMAIN_OVERLAP = 0.75


@dataclass(frozen=True)
class Data:
    """The folders of the recordings to probe and of the pool, and that of cached windows.

    Recordings to probe may be in the folder of the pool too.
    """

    folder: Path
    pool: Path
    cache: Path

    def task(self, name: str, window: float = WINDOW, overlap: float | None = None) -> Windows:
        """Return all windows of a task."""
        folder = self.folder if (self.folder / TASKS[name].file).is_file() else self.pool
        return load_windows(folder, name, RATE, window, self.cache, overlap)

    def source(self, setting: str, task: str, window: float) -> str:
        """Return a key of what `to_pretrain_on` returns."""
        if setting == "transfer":
            return f"pool {pool_key(self.pool, RATE, window)}"
        return f"{task} {window:g} s"

    def to_pretrain_on(
        self, setting: str, task: str, window: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return segments and groups: of the pool, or of the task if `setting` is "in_domain"."""
        if setting == "transfer":
            return load_pool(self.pool, RATE, window, self.cache)
        windows = self.task(task, window, IN_DOMAIN_OVERLAP)
        return windows.X, windows.subject


def pretrained(
    data: Data,
    method: Method,
    setting: str,
    task: str,
    window: float,
    terms: SharedTerms,
    seed: int,
) -> tuple[ResNet1D, dict]:
    """Return an encoder from the cache, or a newly pretrained one, and a record of its training.

    The key of the cache has the parameters but not the code. Empty the cache after a change to
    `objectives.py`.

    Parameters
    ----------
    data : Data
        The recordings.
    method : Method
        The method of pretraining.
    setting : {"transfer", "in_domain"}
        "transfer" pretrains on the pool, "in_domain" on the data set of the task.
    task : str
        The task, which only matters in domain.
    window : float
        Length of the windows in s.
    terms, seed : SharedTerms, int
        As for :func:`objectives.pretrain`.
    """
    source = data.source(setting, task, window)
    key = hashlib.sha256(repr((method, source, terms, seed)).encode()).hexdigest()[:16]
    path = data.cache / f"encoder-{key}.npz"
    if not path.is_file():
        X, groups = data.to_pretrain_on(setting, task, window)
        encoder, record = pretrain(method, X, groups, terms, seed)
        weights = {name: value.numpy() for name, value in encoder.state_dict().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{key}.{np.random.default_rng().integers(2**32)}.tmp.npz")
        np.savez(draft, record=json.dumps(record), **weights)
        draft.replace(path)
    with np.load(path) as arrays:
        record = json.loads(str(arrays["record"]))
        weights = {
            name: torch.from_numpy(arrays[name]) for name in arrays.files if name != "record"
        }
    encoder = make_encoder(method, terms, weights["stem_conv.weight"].shape[1])
    encoder.load_state_dict(weights)
    return encoder.eval(), record


def is_there(name: str, cache: Path) -> bool:
    """Return whether a model comes with the package, or is in the cache."""
    return name in list_pretrained() or _in_cache(name, cache).is_file()


def shipped(name: str, cache: Path) -> ResNet1D:
    """Return the encoder of a model that comes with the package, or of one in the cache."""
    if name in list_pretrained():
        return RelConEmbedder.from_pretrained(name, device="cpu").encoder_
    return RelConEmbedder.load(_in_cache(name, cache), device="cpu").encoder_


def _in_cache(name: str, cache: Path) -> Path:
    return cache / f"{name}.safetensors"


def weights_checksum(encoder: ResNet1D) -> str:
    """Return a checksum of the weights of an encoder."""
    content = hashlib.sha256()
    for value in encoder.state_dict().values():
        content.update(value.numpy().tobytes())
    return content.hexdigest()[:16]


def as_embedder(encoder: ResNet1D, preset: str, X: np.ndarray) -> RelConEmbedder:
    """Return a fitted embedder with the weights of `encoder`, for windows like `X`."""
    embedder = RelConEmbedder(
        no_distances, encoder=preset, max_epochs=0, validation_fraction=0, random_state=0
    ).fit(X[:2])
    embedder.encoder_.load_state_dict(encoder.state_dict())
    return embedder
