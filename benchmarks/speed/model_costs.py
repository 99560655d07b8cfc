"""What a model costs in a training: parameters, memory, checkpoints, and features that rank."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.common.encoders import no_distances
from relcon_sklearn import Checkpoints, FeatureDistance, RelConEmbedder
from relcon_sklearn._training import CheckpointFolder


def costs_of(encoder: str, n_timesteps: int, repeats: int) -> dict:
    """Measure an encoder with the published settings, on generated segments of three channels."""
    rng = np.random.default_rng(0)
    X = rng.normal(0.6, 0.2, (64, n_timesteps, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        embedder = RelConEmbedder.published(
            no_distances,
            encoder=encoder,
            max_epochs=1,
            steps_per_epoch=1,
            batch_size=8,
            n_within=1,
            validation_fraction=0,
            checkpoint_dir=folder,
            device="cpu",
            random_state=0,
        ).fit(X, groups=np.arange(len(X)) // 4)
        checkpoint = checkpoint_costs(Path(folder), repeats)
    return {
        "parameters": sum(value.numel() for value in embedder.encoder_.parameters()),
        "features": embedder.transform(X[:1]).shape[1],
        "saved_kb_per_segment": saved_bytes(embedder.encoder_, torch.from_numpy(X[:16]))
        / 1024
        / 16,
        **checkpoint,
        **feature_costs(X, repeats),
    }


def feature_costs(X: np.ndarray, repeats: int) -> dict:
    """Return the number of features that candidates are ranked by, and segments per second."""
    segments = np.tile(X, (16, 1, 1))
    distance, seconds = FeatureDistance(sampling_rate=100).fit(X), []
    for _ in range(repeats):
        start = time.process_time()
        vectors = distance._describe(segments)
        seconds.append(time.process_time() - start)
    return {
        "vector_size": vectors.shape[1],
        "vectors_per_cpu_s": len(segments) / statistics.median(seconds),
    }


def checkpoint_costs(folder: Path, repeats: int) -> dict:
    """Return the size of the last checkpoint in a folder, and the seconds to write and read it."""
    record = json.loads((folder / "training.json").read_text())
    checkpoints = CheckpointFolder(Checkpoints(folder), record["fingerprint"], record["seed"])
    writing, reading = [], []
    for i in range(repeats):
        start = time.perf_counter()
        state = checkpoints.read()
        reading.append(time.perf_counter() - start)
        start = time.perf_counter()
        checkpoints.write(1000 + i, state)
        writing.append(time.perf_counter() - start)
    return {
        "checkpoint_mb": checkpoints.newest.stat().st_size / 1e6,
        "write_s": statistics.median(writing),
        "read_s": statistics.median(reading),
    }


def saved_per_segment(
    encoder: nn.Module, segments: torch.Tensor, dtype: torch.dtype = torch.bfloat16
) -> float:
    """Return the bytes of each segment that a forward pass keeps for the backward pass.

    This is a difference of two passes, since a pass also keeps weights.
    """
    n = len(segments) // 2
    both, one = (saved_bytes(encoder, segments[: k * n], dtype) for k in (2, 1))
    return (both - one) / n


def saved_bytes(
    encoder: nn.Module, segments: torch.Tensor, dtype: torch.dtype = torch.bfloat16
) -> int:
    """Return the bytes that a forward pass keeps for the backward pass."""
    kept = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return value

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
        torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32),
    ):
        # A copy, because views share the storage of all segments. The output is held, so that no
        # storage is reused.
        output = encoder.train()(segments.clone().transpose(1, 2))
    del output
    encoder.eval()
    return sum(kept.values())
