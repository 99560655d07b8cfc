"""Motif distances of many (anchor, candidate) pairs, without gradients.

The distances equal those of :class:`MotifCrossAttention`, which computes each pair separately, but
cost less. Keys and values are computed once per candidate, and the first convolution of the query
network once per anchor. This is possible because RevIN is affine and the convolution is linear.
With the mean and standard deviation of the candidate, each channel satisfies

    conv(w (x - mean) / std + b) = (w / std) conv(x) + (b - w mean / std) conv(1)

so that a pair needs a weighted sum of ``2 n_channels`` maps instead of a convolution.
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

# Bytes. Used if the cache size of the CPU is unknown; most cores have at least this much.
_SECOND_LEVEL_CACHE = 2**20

# Number of values of the largest array in a chunk that fills a GPU.
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

    Convolutions and scores are computed in the dtype of the candidates' keys, and everything else
    in the dtype of the anchors.

    Parameters
    ----------
    net : MotifCrossAttention
        Distance network. It is used without dropout, even in training mode.
    anchors : Tensor of shape (n_anchors, n_channels, n_timesteps)
        Segments to reconstruct.
    candidates : CandidateFeatures
        Features of the candidates, as returned by :func:`encode_in_chunks`.
    index : int Tensor of shape (n_anchors, k)
        Candidates of each anchor, as rows of `candidates`.
    query_stride : int, default=1
        Step between the time steps of an anchor that are reconstructed. With values above 1, the
        distances are approximate: only every `query_stride`-th time step is reconstructed, the
        query network skips the other time steps where possible, and the errors are scaled up.
    max_anchors : int, default=1
        Maximum number of anchors that are processed together on a CPU, if their lists of candidates
        are short enough. With 8, lists of 24 short segments take less than half the time. Rounding
        may depend on array shapes: with 1, a distance does not depend on the other anchors of the
        call.

    Returns
    -------
    distances : Tensor of shape (n_anchors, k)
        Distances, where ``distances[i, j]`` is d(anchor i | candidate index[i, j]).
    """
    n_anchors, k = index.shape
    target_anchors = anchors[..., ::query_stride]
    scale = anchors.shape[-1] / target_anchors.shape[-1]
    distances = anchors.new_empty(n_anchors, k)
    if distances.numel() == 0:
        return distances
    constants = _stem_of_constants(net, anchors)
    has_fused_kernel = _has_fused_kernel(candidates.key)
    n_pairs = _chunk_size(anchors, candidates.key.shape[1] * anchors.shape[-1])
    n_score_maps = _chunk_size(anchors, target_anchors.shape[-1] * candidates.key.shape[-1])
    block_size = max(1, n_pairs // max(1, k))
    if anchors.device.type == "cpu":
        block_size = min(block_size, max_anchors)

    def rank_block(i: int) -> None:
        block = slice(i * block_size, (i + 1) * block_size)
        targets, n = target_anchors[block], len(anchors[block])
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
                reconstructed = _reconstruct(net, query, pairs, n_score_maps)
                errors = squared_error(
                    reconstructed, targets.repeat_interleave(rows.shape[1], dim=0)
                )
            out.copy_(scale * errors.view_as(rows))

    _run(rank_block, math.ceil(n_anchors / block_size), anchors.device)
    return distances


@torch.no_grad()
def encode_in_chunks(
    net: MotifCrossAttention, candidates: Tensor, dtype: torch.dtype | None = None
) -> CandidateFeatures:
    """Return the features of candidates, computed without gradients in cache-sized chunks.

    Parameters
    ----------
    net : MotifCrossAttention
        Distance network, whose ``encode_candidates`` is applied to each chunk.
    candidates : Tensor of shape (n, n_channels, n_timesteps)
        Segments to encode.
    dtype : torch.dtype or None, default=None
        Dtype of the convolutions and of the keys, which may have a lower precision than
        `candidates`. If None, use the dtype of `candidates`.

    Returns
    -------
    features : CandidateFeatures
        Features of the candidates.
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
    """Return the compiled inner loops, or None if numba is not installed or does not work."""
    try:
        from . import _cpu_kernels
    except Exception as error:  # for example an unsupported NumPy version or a read-only disk
        logger.info("Ranking on the CPU without numba, which is slower: %s", error)
        return None
    return _cpu_kernels


@functools.cache
def gpu_kernels() -> ModuleType | None:
    """Return the fused kernel for GPUs, or None if Triton is not installed or does not work."""
    try:
        from . import _triton_kernels

        if torch.cuda.is_available():
            _launch_once(_triton_kernels)
    except Exception as error:  # no Triton, an unsupported GPU, or no C compiler
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
    """Return the queries of pairs, (n_pairs, embed_dim, time), from the outputs of the stem.

    Pairs are ordered by anchor, and each anchor in `stem` has the same number of pairs. The stem is
    computed from anchors without their mean `centre`. Otherwise its two terms would cancel and lose
    digits if the candidate's standard deviation is small.
    """
    gain = (net.revin.weight / stats.std).view(len(stem), -1, centre.shape[1])
    mean = stats.mean.view_as(gain)
    offset = gain * (centre.transpose(1, 2) - mean) + net.revin.bias[:, 0]
    factors = torch.cat([gain, offset, torch.ones_like(gain[..., :1])], dim=-1)
    x = (factors @ stem).view(len(stats.mean), net.query_net.stem.out_channels, -1)
    with _autocast(x, dtype):
        return net.query_net.after_stem(x, _activate, stride)


def _reconstruct(
    net: MotifCrossAttention, query: Tensor, pairs: CandidateFeatures, n_at_once: int
) -> Tensor:
    """Return the reconstructions of anchors with given queries, `n_at_once` pairs at a time."""
    query = query.to(pairs.key.dtype)
    # One buffer for all scores, because allocating memory takes time.
    buffer = query.new_empty(min(n_at_once, len(query)), query.shape[-1], pairs.key.shape[-1])
    attended = [
        _attend(net, q, key, value, buffer[: len(q)])
        for q, key, value in zip(
            *(x.split(n_at_once) for x in (query, pairs.key, pairs.value)), strict=True
        )
    ]
    return net.restore(torch.cat(attended), pairs.stats)


def _attend(
    net: MotifCrossAttention, query: Tensor, key: Tensor, value: Tensor, scores: Tensor
) -> Tensor:
    """Return the weighted sums of values, (n_pairs, n_channels, anchor time).

    `scores` is overwritten.
    """
    net.scores(query, key, out=scores)
    if value.dtype != torch.float32 or value.device.type != "cpu" or cpu_kernels() is None:
        scores = scores.to(value.dtype)
        weights = sparsemax_(scores) if net.attention == "sparsemax" else softmax(scores)
        return value @ weights.transpose(1, 2)
    if scores.dtype == torch.bfloat16:
        scores = scores.view(torch.uint16)  # NumPy has no bfloat16
    attend = getattr(cpu_kernels(), f"{net.attention}_attend")
    attended = value.new_empty(*value.shape[:2], query.shape[-1])
    attend(scores.numpy(), value.numpy(), attended.numpy())
    return attended


def _activate(x: Tensor) -> Tensor:
    """Apply ``activate``, with a faster implementation on a CPU, which overwrites `x`."""
    if x.dtype != torch.float32 or x.device.type != "cpu" or cpu_kernels() is None:
        return activate(x)
    x = x.contiguous()
    cpu_kernels().activate_rows(x.view(-1, x.shape[-1]).numpy(), 1e-5)
    return x


def _stem_per_channel(net: MotifCrossAttention, segments: Tensor) -> Tensor:
    """Return the stem's output for each channel alone, (n, n_channels, embed_dim * time)."""
    n, n_channels, n_timesteps = segments.shape
    stem = net.query_net.stem
    embed_dim = stem.out_channels
    weight = stem.weight.transpose(0, 1).reshape(n_channels * embed_dim, 1, -1)
    maps = F.conv1d(segments, weight, padding=stem.padding, groups=n_channels)
    return (maps * stem.edge_scale(n_timesteps)).reshape(n, n_channels, embed_dim * n_timesteps)


def _stem_of_constants(net: MotifCrossAttention, anchors: Tensor) -> Tensor:
    """Return the stem's output for ones in each channel, and its bias.

    The shape is (n_channels + 1, embed_dim * time).
    """
    of_ones = _stem_per_channel(net, torch.ones_like(anchors[:1]))[0]
    bias = net.query_net.stem.bias.repeat_interleave(anchors.shape[-1])
    return torch.cat([of_ones, bias[None]])


def _chunk_size(like: Tensor, n_values: int) -> int:
    """Return how many arrays of `n_values` values to process at a time.

    On a CPU, float32 arrays of a chunk fill the second-level cache of a core twice. Smaller chunks
    need more calls, and larger chunks more memory traffic. Chunks of a quarter of the size took a
    fifth longer in measurements.
    """
    total = _GPU_CHUNK_VALUES if like.device.type != "cpu" else _cache_bytes() // 2
    return max(1, int(total // n_values))  # int, because a parameter grid may hold NumPy integers


@functools.cache
def _cache_bytes() -> int:
    """Return the size of the second-level cache of a core, or the default if it is unknown."""
    try:
        return max(_SECOND_LEVEL_CACHE, os.sysconf("SC_LEVEL2_CACHE_SIZE"))
    except (AttributeError, OSError, ValueError):  # not Linux
        return _SECOND_LEVEL_CACHE


def _autocast(like: Tensor, dtype: torch.dtype) -> AbstractContextManager:
    """Return a context that computes in `dtype`, if that is not already the dtype of `like`."""
    return nullcontext() if dtype == like.dtype else torch.autocast(like.device.type, dtype=dtype)
