"""Rankers: distances of the candidates of a batch from their anchors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .._batches import Batch
from ..nn import MotifCrossAttention, encode_in_chunks, motif_distances
from ._distributed import gathered, own_share

# With short lists of candidates, one anchor is less work than the overhead of the calls of torch.
_ANCHORS_AT_ONCE = 8


class MotifRanker:
    """Ranker by the learned motif distance.

    Parameters
    ----------
    net : MotifCrossAttention
        The trained distance network. Its weights are not changed.
    dtype : torch.dtype or None, default=None
        Dtype of convolutions and scores. If None, the dtype of the segments.
    query_stride : int, default=1
        If greater than 1, approximate the distance by every `query_stride`-th time step of the
        anchors.
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
        """Return distances (n_anchors, n_candidates), arbitrary for missing candidates."""
        segments = batch.segments.transpose(1, 2)
        features = encode_in_chunks(self.net, segments, self.dtype)
        # Distances of missing candidates are computed and ignored, because most lists are full.
        return motif_distances(
            self.net,
            segments[batch.anchors],
            features,
            batch.candidates.clamp(min=0),
            self.query_stride,
            _ANCHORS_AT_ONCE,
        )


class PairwiseRanker:
    """Ranker by any function of numpy arrays.

    Parameters
    ----------
    pairwise : callable
        ``pairwise(anchors, candidates)`` takes arrays (n, n_timesteps, n_channels) and
        (m, n_timesteps, n_channels) and returns distances (n, m). It is called for one anchor at a
        time, with the candidates of the anchor.
    """

    def __init__(self, pairwise: Callable[[np.ndarray, np.ndarray], np.ndarray]):
        self.pairwise = pairwise

    def __call__(self, batch: Batch) -> Tensor:
        """Return distances (n_anchors, n_candidates), infinite for missing candidates."""
        segments = batch.segments.cpu().numpy()
        anchors, candidates = batch.anchors.cpu().numpy(), batch.candidates.cpu().numpy()
        distances = np.full(candidates.shape, np.inf, dtype=np.float32)
        for i, (anchor, row) in enumerate(zip(anchors, candidates, strict=True)):
            present = row >= 0
            if present.any():
                distances[i, present] = self._distances(segments[[anchor]], segments[row[present]])
        return torch.from_numpy(distances).to(batch.segments.device)

    def _distances(self, anchor: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            values = np.asarray(self.pairwise(anchor, candidates)).astype(np.float32)
        if values.shape != (1, len(candidates)):
            raise ValueError(
                f"distance={self.pairwise!r} returned an array of shape {values.shape} for 1 "
                f"anchor and {len(candidates)} candidates; expected (1, {len(candidates)})."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"distance={self.pairwise!r} returned NaN or infinity.")
        return values[0]


class VectorRanker:
    """Ranker by the Euclidean distance of vectors that describe segments.

    Parameters
    ----------
    describe : callable
        ``describe(segments)`` maps a float32 array (n, n_timesteps, n_channels) to float32 vectors
        (n, n_values). It is called once for a batch, so that each segment is described once.
    known : Tensor of shape (n_rows, n_values) or None, default=None
        Vectors of all rows of the data, if they are known. They are then not described.
    """

    def __init__(self, describe: Callable[[np.ndarray], np.ndarray], known: Tensor | None = None):
        self.describe = describe
        self.known = known

    def __call__(self, batch: Batch) -> Tensor:
        """Return distances (n_anchors, n_candidates), arbitrary for missing candidates."""
        if self.known is None:
            own = described(self.describe, own_share(batch.segments))
            vectors = gathered(own, len(batch.segments))
        else:
            vectors = self.known[batch.rows]
        distances = torch.cdist(vectors[batch.anchors], vectors)
        return distances.gather(1, batch.candidates.clamp(min=0))


def described(describe: Callable[[np.ndarray], np.ndarray], segments: Tensor) -> Tensor:
    """Return the vectors of segments, which may be none, as a tensor on their device."""
    n = len(segments)
    some = segments.cpu().numpy() if n else np.zeros((1, *segments.shape[1:]), dtype=np.float32)
    return torch.from_numpy(describe(some)[:n]).to(segments.device)
