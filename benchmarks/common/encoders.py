"""Encoders outside of the estimators: embedding segments, and statistics of batch norms."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

_CHUNK = 128  # segments at a time, to bound memory


@torch.inference_mode()
def embed(encoder: nn.Module, X: np.ndarray) -> np.ndarray:
    """Return the embeddings of segments by an encoder in evaluation mode."""
    parts = np.array_split(X, max(1, len(X) // _CHUNK))
    return np.concatenate([encoder(torch.from_numpy(x).transpose(1, 2)).numpy() for x in parts])


def warm_batch_norm(
    encoder: nn.Module, X: np.ndarray, seed: int, n_segments: int = 4096, batch_size: int = 128
) -> None:
    """Set the batch-norm statistics of an untrained encoder to their means over batches of `X`."""
    device = next(encoder.parameters()).device
    norms = [m for m in encoder.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    rows = np.random.default_rng(seed).permutation(len(X))[:n_segments]
    encoder.train()
    with torch.no_grad():
        for batch in np.array_split(rows, max(1, len(rows) // batch_size)):
            encoder(torch.from_numpy(X[batch]).transpose(1, 2).to(device))
    encoder.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def no_distances(anchors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return a distance of zero for all pairs, for embedders that are not trained."""
    return np.zeros((len(anchors), len(candidates)))
