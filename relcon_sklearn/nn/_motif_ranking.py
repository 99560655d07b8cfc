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
import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from ._dilated_conv import activate
from ._motif_attention import CandidateFeatures, MotifCrossAttention, softmax, squared_error
from ._revin import SegmentStats
from ._sparsemax import sparsemax_
from ._threads import in_threads, one_by_one

logger = logging.getLogger("relcon_sklearn")

# Without knowledge of the CPU: what a core of most has had for years.
_SECOND_LEVEL_CACHE = 2**20

# A chunk that fills a GPU, in values of its largest array.
_GPU_CHUNK_VALUES = 2**27


@torch.no_grad()
def motif_distances(
    net: MotifCrossAttention,
    anchors: Tensor,
    candidates: CandidateFeatures,
    index: Tensor,
    query_stride: int = 1,
    max_anchors: int = 1,
) -> Tensor:
    """Return the distances of each anchor from its own list of candidates.

    Convolutions and scores are computed in the dtype of the candidates' keys, everything else in
    that of the anchors.

    Parameters
    ----------
    net : MotifCrossAttention
        The distance network; used as in evaluation (no dropout), whatever its mode.
    anchors : Tensor of shape (n_anchors, n_channels, n_timesteps)
        Segments to be rebuilt.
    candidates : CandidateFeatures
        Features of the segments to rebuild from, by :func:`encode_in_chunks`.
    index : int Tensor of shape (n_anchors, k)
        Candidates of each anchor, as rows of `candidates`.
    query_stride : int, default=1
        With more than 1, an approximation: only every so manyth time step of an anchor is rebuilt,
        from a query net that leaves out the others where it can. The errors are scaled up.
    max_anchors : int, default=1
        Anchors taken together on a CPU, where their lists are short enough. With 8, lists of 24
        short segments take less than half the time. Kernels may round differently for other
        shapes: with 1, a distance does not depend on which anchors were asked for with it.

    Returns
    -------
    distances : Tensor of shape (n_anchors, k)
        ``distances[i, j]`` is d(anchor i | candidate index[i, j]).
    """
    n_anchors, k = index.shape
    rebuilt_anchors = anchors[..., ::query_stride]
    scale = anchors.shape[-1] / rebuilt_anchors.shape[-1]
    distances = anchors.new_empty(n_anchors, k)
    if k == 0:
        return distances
    constants = _stem_of_constants(net, anchors)
    has_fused_kernel = _has_fused_kernel(candidates.key)
    n_pairs = _chunk_size(anchors, candidates.key.shape[1] * anchors.shape[-1])
    n_score_maps = _chunk_size(anchors, rebuilt_anchors.shape[-1] * candidates.key.shape[-1])
    block_size = max(1, n_pairs // max(1, k))
    if anchors.device.type == "cpu":
        block_size = min(block_size, max_anchors)

    def rank_block(i: int) -> None:
        block = slice(i * block_size, (i + 1) * block_size)
        targets, n = rebuilt_anchors[block], len(anchors[block])
        centre = anchors[block].mean(dim=-1, keepdim=True)
        stem = torch.cat(
            [_stem_per_channel(net, anchors[block] - centre), constants.expand(n, -1, -1)], dim=1
        )
        for rows, out in zip(
            index[block].split(max(1, n_pairs // n), dim=1),
            distances[block].split(max(1, n_pairs // n), dim=1),
            strict=True,
        ):
            flat = rows.reshape(-1)
            stats = SegmentStats(candidates.stats.mean[flat], candidates.stats.std[flat])
            query = _pair_queries(net, stem, centre, stats, candidates.key.dtype, query_stride)
            if has_fused_kernel:
                errors = _fused_distances(net, query, candidates, flat, stats, targets)
            else:
                pairs = CandidateFeatures(candidates.key[flat], candidates.value[flat], stats)
                rebuilt = _rebuild(net, query, pairs, n_score_maps)
                errors = squared_error(rebuilt, targets.repeat_interleave(rows.shape[1], dim=0))
            out.copy_(scale * errors.view_as(rows))

    _run(rank_block, math.ceil(n_anchors / block_size), anchors.device)
    return distances


@torch.no_grad()
def encode_in_chunks(
    net: MotifCrossAttention, candidates: Tensor, dtype: torch.dtype | None = None
) -> CandidateFeatures:
    """Return ``net.encode_candidates(candidates)``, without gradients, in cache-sized chunks.

    With a `dtype` of less precision than that of the candidates, convolutions take and give it, and
    the keys are of it.
    """
    dtype = candidates.dtype if dtype is None else dtype
    n_values = net.query_net.stem.out_channels * candidates.shape[-1]
    chunks = candidates.split(_chunk_size(candidates, n_values))
    parts: list = [None] * len(chunks)

    def encode_chunk(i: int) -> None:
        with _autocast(candidates, dtype):
            part = net.encode_candidates(chunks[i], _activate)
        parts[i] = part._replace(key=part.key.to(dtype), value=part.value.to(candidates.dtype))

    _run(encode_chunk, len(chunks), candidates.device)
    mean, std = zip(*(part.stats for part in parts), strict=True)
    return CandidateFeatures(
        torch.cat([part.key for part in parts]),
        torch.cat([part.value for part in parts]),
        SegmentStats(torch.cat(mean), torch.cat(std)),
    )


def _run(task: Callable[[int], None], n: int, device: torch.device) -> None:
    """Run ``task(0)`` to ``task(n - 1)``, in several threads if they compute on the CPU."""
    if device.type == "cpu":
        in_threads(task, n)
    else:
        one_by_one(task, n)


@functools.cache
def cpu_kernels() -> ModuleType | None:
    """Return the compiled inner loops, or None where numba is absent or does not work."""
    try:
        from . import _cpu_kernels
    except Exception as error:  # numba has many ways not to fit a NumPy or a read-only disk
        logger.info("Ranking on the CPU without numba, which is slower: %s", error)
        return None
    return _cpu_kernels


@functools.cache
def gpu_kernels() -> ModuleType | None:
    """Return the fused kernel for GPUs, or None where Triton is absent or does not work."""
    try:
        from . import _triton_kernels

        if torch.cuda.is_available():
            _launch_once(_triton_kernels)
    except Exception as error:  # no Triton, one that does not fit the GPU, no C compiler for it
        logger.warning("Ranking without Triton, which is slower on GPUs: %s", error)
        return None
    return _triton_kernels


def _launch_once(kernels: ModuleType) -> None:
    """Rank one pair of zeros, to raise the errors that only a launch can raise."""
    zeros = torch.zeros(1, 16, 16, device="cuda")
    first = torch.zeros(1, dtype=torch.int64, device="cuda")
    affine = torch.zeros(1, 16, device="cuda")
    kernels.pair_distances(
        zeros, zeros, zeros, first, zeros, first, affine, affine, "sparsemax"
    ).tolist()


def _has_fused_kernel(key: Tensor) -> bool:
    """Return whether there is a fused kernel for keys of this device, dtype and length."""
    return (
        key.device.type == "cuda" and gpu_kernels() is not None and gpu_kernels().supports(key, key)
    )


def _fused_distances(
    net: MotifCrossAttention,
    query: Tensor,
    candidates: CandidateFeatures,
    rows: Tensor,
    stats: SegmentStats,
    targets: Tensor,
) -> Tensor:
    """Return the distances of pairs, ordered by anchor, without storing their scores."""
    gain = stats.std / (net.revin.weight + net.revin.eps**2)
    shift = (net.out_proj.bias[:, None] - net.revin.bias) * gain + stats.mean
    owner = torch.arange(len(targets), device=query.device)
    return gpu_kernels().pair_distances(
        query.to(candidates.key.dtype).contiguous(),
        candidates.key,
        candidates.value,
        rows,
        targets.contiguous(),
        owner.repeat_interleave(len(rows) // len(targets)),
        gain[..., 0].contiguous(),
        shift[..., 0].contiguous(),
        net.attention,
    )


def _pair_queries(
    net: MotifCrossAttention,
    stem: Tensor,
    centre: Tensor,
    stats: SegmentStats,
    dtype: torch.dtype,
    stride: int,
) -> Tensor:
    """Return the queries of pairs, (n_pairs, embed_dim, time), from the folded stem.

    Pairs are ordered by anchor: each of the anchors in `stem` has the same number of them. The
    anchors come with their mean `centre` taken out, or the two terms of the fold would cancel
    (and lose digits) where the candidate's standard deviation is small.
    """
    gain = (net.revin.weight / stats.std).view(len(stem), -1, centre.shape[1])
    mean = stats.mean.view_as(gain)
    offset = gain * (centre.transpose(1, 2) - mean) + net.revin.bias[:, 0]
    factors = torch.cat([gain, offset, torch.ones_like(gain[..., :1])], dim=-1)
    x = (factors @ stem).view(len(stats.mean), net.query_net.stem.out_channels, -1)
    with _autocast(x, dtype):
        return net.query_net.after_stem(x, _activate, stride)


def _rebuild(
    net: MotifCrossAttention, query: Tensor, pairs: CandidateFeatures, n_at_once: int
) -> Tensor:
    """Return the reconstructions of anchors of given queries, the scores of some at a time."""
    query = query.to(pairs.key.dtype)
    # One piece of memory for all scores: fresh pages cost time.
    memory = query.new_empty(min(n_at_once, len(query)), query.shape[-1], pairs.key.shape[-1])
    attended = [
        _attend(net, q, key, value, memory[: len(q)])
        for q, key, value in zip(
            *(x.split(n_at_once) for x in (query, pairs.key, pairs.value)), strict=True
        )
    ]
    return net.restore(torch.cat(attended), pairs.stats)


def _attend(
    net: MotifCrossAttention, query: Tensor, key: Tensor, value: Tensor, scores: Tensor
) -> Tensor:
    """Return what is attended to, (n_pairs, n_channels, anchor time); `scores` is overwritten."""
    net.scores(query, key, out=scores)
    scores = scores.to(value.dtype)
    if value.dtype != torch.float32 or value.device.type != "cpu" or cpu_kernels() is None:
        weights = sparsemax_(scores) if net.attention == "sparsemax" else softmax(scores)
        return value @ weights.transpose(1, 2)
    attend = getattr(cpu_kernels(), f"{net.attention}_attend")
    attended = value.new_empty(*value.shape[:2], query.shape[-1])
    attend(scores.numpy(), scores.amax(dim=-1).numpy(), value.numpy(), attended.numpy())
    return attended


def _activate(x: Tensor) -> Tensor:
    """As ``activate``, faster on a CPU, where it overwrites `x`."""
    if x.dtype != torch.float32 or x.device.type != "cpu" or cpu_kernels() is None:
        return activate(x)
    x = x.contiguous()
    cpu_kernels().activate_rows(x.view(-1, x.shape[-1]).numpy(), 1e-5)
    return x


def _stem_per_channel(net: MotifCrossAttention, segments: Tensor) -> Tensor:
    """Return the stem's response to each channel alone: (n, n_channels, embed_dim * time)."""
    n, n_channels, n_timesteps = segments.shape
    stem = net.query_net.stem
    embed_dim = stem.out_channels
    weight = stem.weight.transpose(0, 1).reshape(n_channels * embed_dim, 1, -1)
    maps = F.conv1d(segments, weight, padding=stem.padding, groups=n_channels)
    return (maps * stem.edge_scale(n_timesteps)).reshape(n, n_channels, embed_dim * n_timesteps)


def _stem_of_constants(net: MotifCrossAttention, anchors: Tensor) -> Tensor:
    """Return what the stem adds for a 1 in each channel and for its own bias.

    (n_channels + 1, embed_dim * time).
    """
    of_ones = _stem_per_channel(net, torch.ones_like(anchors[:1]))[0]
    bias = net.query_net.stem.bias.repeat_interleave(anchors.shape[-1])
    return torch.cat([of_ones, bias[None]])


def _chunk_size(like: Tensor, n_values: int) -> int:
    """Return how many arrays of so many values to work on at a time.

    On a CPU, as many float32 ones as fill the second-level cache of a core twice: fewer pay for
    more calls, more for memory traffic (a quarter of it takes a fifth longer, where measured).
    """
    total = _GPU_CHUNK_VALUES if like.device.type != "cpu" else _cache_bytes() // 2
    return max(1, int(total // n_values))  # a grid of parameters gives numpy's integers


@functools.cache
def _cache_bytes() -> int:
    try:
        return max(_SECOND_LEVEL_CACHE, os.sysconf("SC_LEVEL2_CACHE_SIZE"))
    except (AttributeError, OSError, ValueError):  # not Linux
        return _SECOND_LEVEL_CACHE


def _autocast(like: Tensor, dtype: torch.dtype) -> AbstractContextManager:
    return nullcontext() if dtype == like.dtype else torch.autocast(like.device.type, dtype=dtype)
