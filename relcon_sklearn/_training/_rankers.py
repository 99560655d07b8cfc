"""Rankers: how far each candidate of a batch is from its anchor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .._batches import Batch
from ..nn import MotifCrossAttention, encode_in_chunks, motif_distances

# Where lists are short, calls of torch take longer than what they compute for one anchor.
_ANCHORS_AT_ONCE = 8


class MotifRanker:
    """Rank by the learned motif distance.

    Parameters
    ----------
    net : MotifCrossAttention
        The trained distance. It is used, never trained.
    dtype : torch.dtype or None, default=None
        Of convolutions and scores; None is that of the segments.
    query_stride : int, default=1
        With more than 1, an approximation by every so manyth time step of the anchors.
    """

    def __init__(
        self,
        net: MotifCrossAttention,
        dtype: torch.dtype | None = None,
        query_stride: int = 1,
    ):
        self.net = net
        self.dtype = dtype
        self.query_stride = query_stride

    def __call__(self, batch: Batch) -> Tensor:
        """Return distances of shape (n_anchors, n_candidates); any number where there is none."""
        segments = batch.segments.transpose(1, 2)
        features = encode_in_chunks(self.net, segments, self.dtype)
        # A missing candidate costs a distance that nobody looks at; lists are mostly full.
        index = batch.candidates.clamp(min=0)
        return motif_distances(
            self.net,
            segments[batch.anchors],
            features,
            index,
            self.query_stride,
            _ANCHORS_AT_ONCE,
        )


class PairwiseRanker:
    """Rank by any function of numpy arrays.

    Parameters
    ----------
    pairwise : callable
        ``pairwise(anchors, candidates)`` takes arrays (n, n_timesteps, n_channels) and
        (m, n_timesteps, n_channels) and gives distances (n, m). Called for one anchor at a time,
        with its own candidates.
    """

    def __init__(self, pairwise: Callable[[np.ndarray, np.ndarray], np.ndarray]):
        self.pairwise = pairwise

    def __call__(self, batch: Batch) -> Tensor:
        """Return distances of shape (n_anchors, n_candidates); infinity where there is none."""
        segments = batch.segments.cpu().numpy()
        anchors, candidates = batch.anchors.cpu().numpy(), batch.candidates.cpu().numpy()
        distances = np.full(candidates.shape, np.inf, dtype=np.float32)
        for i, (anchor, row) in enumerate(zip(anchors, candidates, strict=True)):
            there = row >= 0
            if there.any():
                distances[i, there] = self._distances(segments[[anchor]], segments[row[there]])
        return torch.from_numpy(distances).to(batch.segments.device)

    def _distances(self, anchor: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            values = np.asarray(self.pairwise(anchor, candidates)).astype(np.float32)
        if values.shape != (1, len(candidates)):
            raise ValueError(
                f"distance={self.pairwise!r} gave an array of shape {values.shape} for 1 anchor "
                f"and {len(candidates)} candidates; expected (1, {len(candidates)})."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"distance={self.pairwise!r} gave NaN or infinity.")
        return values[0]
