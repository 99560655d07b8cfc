"""Pretrained encoders, kept in a cache by their objective, data, settings and seed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.datasets import SOURCES, TASKS, source_of
from benchmarks.common.encoders import no_distances
from benchmarks.common.windows import WINDOW, Windows, draw, load_windows, pool
from benchmarks.downstream.objectives import SharedTerms, pretrain
from relcon_sklearn import RelConEmbedder
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS

RATE = 50.0  # Hz


@dataclass(frozen=True)
class Data:
    """The folder of the recordings, and the folder that caches windows and encoders."""

    folder: Path
    cache: Path

    def task(self, name: str, window: float = WINDOW) -> Windows:
        """Return all windows of a task."""
        return load_windows(self.folder, name, RATE, window, self.cache)

    def sources(self) -> list[str]:
        """Return the data sets whose files exist."""
        return [name for name in SOURCES if (self.folder / TASKS[name].file).is_file()]


def pretraining_windows(
    data: Data, setting: str, task: str, held_out: np.ndarray | None, cap: int
) -> dict[str, Windows]:
    """Return the windows to pretrain on, by data set.

    Parameters
    ----------
    data : Data
        The recordings.
    setting : {"transfer", "in_domain"}
        "transfer" uses all data sets except that of the task; "in_domain" uses only that of the
        task, without the held-out subjects.
    task : str
        The task that the encoder is pretrained for.
    held_out : ndarray or None
        For "in_domain": subjects whose windows are left out.
    cap : int
        Largest number of windows of a data set. They are drawn at random.
    """
    own = source_of(task)
    if setting == "transfer":
        parts = {name: data.task(name) for name in data.sources() if name != own}
    else:
        windows = data.task(own)
        parts = {own: windows.take(np.flatnonzero(~np.isin(windows.subject, held_out)))}
    return {name: draw(part, cap, 0) for name, part in parts.items()}


def pretrained(
    data: Data,
    objective,
    setting: str,
    task: str,
    held_out: np.ndarray | None,
    cap: int,
    terms: SharedTerms,
    seed: int,
) -> tuple[ResNet1D, dict]:
    """Return an encoder from the cache, or a newly pretrained one, and a record of its training.

    The key of the cache has the parameters but not the code. Empty the cache after a change to
    `objectives.py`.

    The parameters are those of :func:`pretraining_windows` and :func:`objectives.pretrain`.
    """
    files = sorted({TASKS[name].file for name in data.sources()})
    held = None if held_out is None else sorted(held_out.tolist())
    sources = source_of(task), setting, held, cap, files
    key = hashlib.sha256(repr((objective, sources, terms, seed)).encode()).hexdigest()[:16]
    path = data.cache / f"encoder-{key}.npz"
    if not path.is_file():
        parts = pretraining_windows(data, setting, task, held_out, cap)
        encoder, record = pretrain(objective, *pool(parts), terms, seed)
        record["windows"] = {name: len(part) for name, part in parts.items()}
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
    encoder = ENCODER_PRESETS[terms.encoder].make(weights["stem_conv.weight"].shape[1])
    encoder.load_state_dict(weights)
    return encoder.eval(), record


def as_embedder(encoder: ResNet1D, preset: str, X: np.ndarray) -> RelConEmbedder:
    """Return a fitted embedder with the weights of `encoder`, for windows like `X`."""
    embedder = RelConEmbedder(
        no_distances, encoder=preset, max_epochs=0, validation_fraction=0, random_state=0
    ).fit(X[:2])
    embedder.encoder_.load_state_dict(encoder.state_dict())
    return embedder
