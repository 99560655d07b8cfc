"""Motif distances of many (anchor, candidate) pairs, without gradients.

The same numbers as :class:`MotifCrossAttention` gives pair by pair, for less work: keys and values
are computed once per candidate, and the query network's first convolution once per anchor. The
latter folds because RevIN is affine and the convolution linear: with the candidate's statistics

    conv(w (x - mean) / std + b) = (w / std) conv(x) + (b - w mean / std) conv(1)

per channel, so a pair costs a weighted sum of ``2 n_channels`` maps instead of a convolution.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from ._dilated_conv import activate
from ._motif_attention import CandidateFeatures, MotifCrossAttention, softmax, squared_error
from ._revin import SegmentStats
from ._sparsemax import sparsemax_

logger = logging.getLogger("relcon_sklearn")

# Values of the largest array of one chunk: a CPU's second-level caches, and enough to fill a GPU.
# Smaller chunks pay call overhead, larger ones memory traffic and fresh pages.
_CHUNK_VALUES = {"cpu": 2**20, "cuda": 2**27}


@torch.no_grad()
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
    n_pairs = max(1, _chunk_size(anchors) // (anchors.shape[-1] * candidates.key.shape[-1]))
    flat = _stem_of_ones(net, anchors)

    def rank(first: int, n: int) -> None:
        block = anchors[first : first + n]
        centre = block.mean(dim=-1, keepdim=True)
        stem = _stem_per_channel(net, block - centre)
        # One piece of memory for the scores of all chunks: fresh pages cost time.
        memory = anchors.new_empty(n * min(k, n_pairs), anchors.shape[-1], candidates.key.shape[-1])
        for rows, out in zip(
            index[first : first + n].split(n_pairs, dim=1),
            distances[first : first + n].split(n_pairs, dim=1),
            strict=True,
        ):
            pairs = _take(candidates, rows.reshape(-1))
            query = _query(net, stem, flat, centre, pairs.stats)
            repeated = block.repeat_interleave(rows.shape[1], dim=0)
            rebuilt = _rebuild(net, query, pairs, memory[: len(query)])
            out.copy_(squared_error(rebuilt, repeated).view_as(rows))

    if anchors.device.type == "cpu":
        # One anchor at a time, always: kernels round differently for other shapes, and a distance
        # should not depend on which anchors were asked for together with it.
        in_threads(lambda i: rank(i, 1), n_anchors)
    else:
        n_step = max(1, n_pairs // max(1, k))
        for i in range(0, n_anchors, n_step):
            rank(i, n_step)
    return distances


def in_threads(task: Callable[[int], None], n: int) -> None:
    """Run ``task(0)`` to ``task(n - 1)``, each on one of torch's number of threads, no gradients.

    The arrays of one anchor are too small for several threads to work on each of them. And how
    many there are makes no difference to the result.
    """
    n_threads = torch.get_num_threads()

    def run(i: int) -> None:
        with torch.no_grad():
            task(i)

    if n_threads == 1:
        for i in range(n):
            run(i)
        return
    try:
        with ThreadPoolExecutor(n_threads, "relcon-rank", torch.set_num_threads, (1,)) as pool:
            list(pool.map(run, range(n)))
    finally:
        # The workers' setting is also the default of threads to come.
        torch.set_num_threads(n_threads)


@functools.cache
def cpu_kernels() -> ModuleType | None:
    """Return the compiled inner loops, or None where numba is absent or does not work."""
    try:
        from . import _cpu_kernels
    except Exception as error:  # numba has many ways not to fit a NumPy or a read-only disk
        logger.info("Ranking on the CPU without numba, which is slower: %s", error)
        return None
    return _cpu_kernels


def _rebuild(
    net: MotifCrossAttention, query: Tensor, pairs: CandidateFeatures, scores: Tensor
) -> Tensor:
    """Return the reconstructions of anchors of given queries; `scores` is overwritten."""
    net.scores(query, pairs.key, out=scores)
    if net.attention == "softmax":
        return net.rebuild(softmax(scores), pairs)
    if query.device.type != "cpu" or cpu_kernels() is None:
        return net.rebuild(sparsemax_(scores), pairs)
    attended = query.new_empty(*pairs.value.shape[:2], query.shape[-1])
    cpu_kernels().sparsemax_attend(scores.numpy(), pairs.value.numpy(), attended.numpy())
    return net.restore(attended, pairs.stats)


def _activate(x: Tensor) -> Tensor:
    """As ``activate``, faster on a CPU and without gradients."""
    if x.device.type != "cpu" or cpu_kernels() is None:
        return activate(x)
    x = F.gelu(x).contiguous()
    cpu_kernels().normalise_rows(x.view(-1, x.shape[-1]).numpy(), 1e-5)
    return x


@torch.no_grad()
def encode_in_chunks(net: MotifCrossAttention, candidates: Tensor) -> CandidateFeatures:
    """Return ``net.encode_candidates(candidates)``, without gradients, in cache-sized chunks."""
    n_values = net.query_net.stem.out_channels * candidates.shape[-1]
    chunks = candidates.split(max(1, _chunk_size(candidates) // n_values))
    parts: list = [None] * len(chunks)

    def encode(i: int) -> None:
        parts[i] = net.encode_candidates(chunks[i], _activate)

    if candidates.device.type == "cpu":
        in_threads(encode, len(chunks))
    else:
        for i in range(len(chunks)):
            encode(i)
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
    return net.query_net.after_stem(x.add_(bias[:, None]), _activate)
