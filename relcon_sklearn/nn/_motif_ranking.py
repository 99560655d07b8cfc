"""Motif distances of many (anchor, candidate) pairs, without gradients.

The same numbers as :class:`MotifCrossAttention` gives pair by pair, for less work: keys and values
are computed once per candidate, and the query network's first convolution once per anchor. The
latter folds because RevIN is affine and the convolution linear: with the candidate's statistics

    conv(w (x - mean) / std + b) = (w / std) conv(x) + (b - w mean / std) conv(1)

per channel, so a pair costs a weighted sum of ``2 n_channels`` maps instead of a convolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._motif_attention import CandidateFeatures, MotifCrossAttention, squared_error
from ._revin import SegmentStats

# Values of the largest array of one chunk: a CPU's second-level caches, and enough to fill a GPU.
# Smaller chunks pay call overhead, larger ones memory traffic and fresh pages.
_CHUNK_VALUES = {"cpu": 2**19, "cuda": 2**27}


def motif_distances(
    net: MotifCrossAttention,
    anchors: Tensor,
    candidates: CandidateFeatures,
    index: Tensor,
) -> Tensor:
    """Return the distances of each anchor from its own list of candidates.

    Parameters
    ----------
    net : MotifCrossAttention
        The distance network; used as in evaluation (no dropout), whatever its mode.
    anchors : Tensor of shape (n_anchors, n_channels, n_timesteps)
        Segments to be rebuilt.
    candidates : CandidateFeatures
        Features of the segments to rebuild from, by ``net.encode_candidates``.
    index : int Tensor of shape (n_anchors, k)
        Candidates of each anchor, as rows of `candidates`.

    Returns
    -------
    distances : Tensor of shape (n_anchors, k)
        ``distances[i, j]`` is d(anchor i | candidate index[i, j]).
    """
    n_anchors, k = index.shape
    distances = anchors.new_empty(n_anchors, k)
    n_scores = anchors.shape[-1] * candidates.key.shape[-1]
    n_pairs = max(1, _chunk_size(anchors) // n_scores)
    n_candidates_step = min(k, n_pairs)
    # On a CPU one anchor at a time, always: kernels round differently for other shapes, and a
    # distance should not depend on which anchors were asked for together with it.
    n_anchors_step = 1 if anchors.device.type == "cpu" else max(1, n_pairs // max(1, k))
    with torch.no_grad():
        flat = _stem_of_ones(net, anchors)
        for i in range(0, n_anchors, n_anchors_step):
            block = anchors[i : i + n_anchors_step]
            centre = block.mean(dim=-1, keepdim=True)
            stem = _stem_per_channel(net, block - centre)
            for j in range(0, k, n_candidates_step):
                rows = index[i : i + n_anchors_step, j : j + n_candidates_step]
                pairs = _take(candidates, rows.reshape(-1))
                query = _query(net, stem, flat, centre, pairs.stats)
                reconstruction = net.rebuild(net.weights(query, pairs.key), pairs)
                repeated = block.repeat_interleave(rows.shape[1], dim=0)
                errors = squared_error(reconstruction, repeated)
                distances[i : i + n_anchors_step, j : j + n_candidates_step] = errors.view_as(rows)
    return distances


def encode_in_chunks(net: MotifCrossAttention, candidates: Tensor) -> CandidateFeatures:
    """Return ``net.encode_candidates(candidates)``, without gradients, in cache-sized chunks."""
    n_values = net.query_net.stem.out_channels * candidates.shape[-1]
    n_step = max(1, _chunk_size(candidates) // n_values)
    with torch.no_grad():
        parts = [net.encode_candidates(chunk) for chunk in candidates.split(n_step)]
    mean, std = zip(*(part.stats for part in parts), strict=True)
    return CandidateFeatures(
        torch.cat([part.key for part in parts]),
        torch.cat([part.value for part in parts]),
        SegmentStats(torch.cat(mean), torch.cat(std)),
    )


def _chunk_size(like: Tensor) -> int:
    return _CHUNK_VALUES.get(like.device.type, 2**24)


def _take(candidates: CandidateFeatures, rows: Tensor) -> CandidateFeatures:
    stats = SegmentStats(candidates.stats.mean[rows], candidates.stats.std[rows])
    return CandidateFeatures(candidates.key[rows], candidates.value[rows], stats)


def _stem_per_channel(net: MotifCrossAttention, segments: Tensor) -> Tensor:
    """Return the stem's response to each channel alone: (n, n_channels, embed_dim * time)."""
    n, n_channels, n_timesteps = segments.shape
    stem = net.query_net.stem
    embed_dim = stem.out_channels
    weight = stem.weight.transpose(0, 1).reshape(n_channels * embed_dim, 1, -1)
    maps = F.conv1d(segments, weight, padding=stem.padding, groups=n_channels)
    return (maps * stem.edge_scale(n_timesteps)).reshape(n, n_channels, embed_dim * n_timesteps)


def _stem_of_ones(net: MotifCrossAttention, anchors: Tensor) -> Tensor:
    """Return the stem's response to a constant 1 per channel: (n_channels, embed_dim * time)."""
    return _stem_per_channel(net, torch.ones_like(anchors[:1]))[0]


def _query(
    net: MotifCrossAttention, stem: Tensor, flat: Tensor, centre: Tensor, stats: SegmentStats
) -> Tensor:
    """Return the queries of pairs, (n_pairs, embed_dim, time), from the folded stem.

    Pairs are ordered by anchor: each of the anchors in `stem` has the same number of them. The
    anchors come with their mean `centre` taken out, or the two terms of the fold would cancel
    (and lose digits) where the candidate's standard deviation is small.
    """
    n_anchors, n_channels, _ = stem.shape
    bias = net.query_net.stem.bias
    gain = net.revin.weight / stats.std
    centre = centre.repeat_interleave(len(gain) // n_anchors, dim=0)
    offset = gain * (centre - stats.mean) + net.revin.bias
    x = gain.view(n_anchors, -1, n_channels) @ stem
    x = x.view(len(gain), -1).addmm_(offset[..., 0], flat).view(len(gain), len(bias), -1)
    return net.query_net.after_stem(x.add_(bias[:, None]))
