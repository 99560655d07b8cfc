"""Motif distances on GPUs, from queries and keys, in one kernel compiled by Triton.

The kernel replaces a sequence of torch calls, each of which reads and writes a (time x time) array
of scores per pair, and a copy of the candidate's key per pair. Here the scores of a tile of time
steps stay in registers until they are reduced to a squared error, and keys are read in place.

This module is imported only when it is needed: Triton comes only with torch's builds for CUDA.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

# Maximum number of Newton steps for sparsemax. A step reduces the excess e over a support of m
# scores to less than (1 - m'/m) e, where m' is the size of the remaining support. For k steps from
# e <= n to e > tolerance, the product of the ratios q = m'/m is at least 1/n, and the product of
# 1 - q at least tolerance/n. For n = 1024, both are impossible for k > 18. The bound only prevents
# an endless loop.
_MAX_STEPS = tl.constexpr(32)
_TOLERANCE = tl.constexpr(16 * 2.0**-23)
_LOG2_E = tl.constexpr(math.log2(math.e))

_DTYPES = (torch.float16, torch.bfloat16, torch.float32)
# Number of scores per program. They take 128 registers of each of its 128 threads. A thread has 255
# registers, and the others hold values computed from the scores. Two programs fit on a
# multiprocessor (2^16 registers), so that one computes while the other waits for memory.
_TILE_VALUES = 2**14
_N_WARPS = 4
# Bytes of keys that a program holds in shared memory. A multiprocessor has 100 KiB or more.
_KEY_BYTES = 2**15
# Minimum size of each dimension of a matrix product on tensor cores.
_MIN_SIZE = 16


class _Tile(NamedTuple):
    """Size of the block that a program processes at once.

    It counts time steps of the anchor, time steps of the candidate, and features.
    """

    n_queries: int
    n_keys: int
    n_features: int


def supports(query: Tensor, keys: Tensor) -> bool:
    """Return whether :func:`pair_distances` supports the device, dtypes and length of arrays.

    Candidates can have up to 1024 time steps in half precision, and 512 in float32, because
    registers hold whole rows of scores, and shared memory holds at least one tile of keys.
    """
    if query.dtype not in _DTYPES or query.dtype != keys.dtype or query.device != keys.device:
        return False
    if _MIN_SIZE * _padded_size(keys.shape[-1]) * keys.element_size() > _KEY_BYTES:
        return False
    if query.device.type != "cuda":
        return _is_interpreted()
    # NVIDIA GPUs that Triton supports. GPUs of other vendors are untested.
    return torch.version.cuda is not None and torch.cuda.get_device_capability(query.device) >= (8,)


def pair_distances(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    rows: Tensor,
    anchors: Tensor,
    owner: Tensor,
    gain: Tensor,
    shift: Tensor,
    attention: str,
) -> Tensor:
    """Return the motif distances of pairs of an anchor and a candidate, without gradients.

    With ``w = attention(query[p].T @ keys[rows[p]] / sqrt(embed_dim))``, the distance of pair p is
    the sum of squares of
    ``gain[p, :, None] * values[rows[p]] @ w.T + shift[p, :, None] - anchors[owner[p]]``.
    Everything after the product of query and key is computed in float32.

    All arrays must be contiguous and on one device, and :func:`supports` must be true for `query`
    and `keys`. Indices are not checked, because the host would have to wait for the device.

    Parameters
    ----------
    query : Tensor of shape (n_pairs, embed_dim, n_timesteps)
        Queries, in float16, bfloat16 or float32.
    keys : Tensor of shape (n_candidates, embed_dim, n_candidate_timesteps)
        Keys, in the dtype of `query`.
    values : float32 Tensor of shape (n_candidates, n_channels, n_candidate_timesteps)
        Values, projected to the channels of the segments.
    rows : int64 Tensor of shape (n_pairs,)
        Candidate of each pair.
    anchors : float32 Tensor of shape (n_anchors, n_channels, n_timesteps)
        Segments to reconstruct.
    owner : int64 Tensor of shape (n_pairs,)
        Anchor of each pair.
    gain, shift : float32 Tensor of shape (n_pairs, n_channels)
        Map from the weighted sums of values to the scale of the anchor.
    attention : {"sparsemax", "softmax"}
        Function that maps scores to weights.

    Returns
    -------
    distances : float32 Tensor of shape (n_pairs,)
        Motif distance of each pair.
    """
    n_pairs, embed_dim, n_timesteps = query.shape
    n_channels, n_keys = values.shape[1:]
    _check(
        query=(query, (n_pairs, embed_dim, n_timesteps), query.dtype),
        keys=(keys, (len(keys), embed_dim, n_keys), query.dtype),
        values=(values, (len(keys), n_channels, n_keys), torch.float32),
        rows=(rows, (n_pairs,), torch.int64),
        anchors=(anchors, (len(anchors), n_channels, n_timesteps), torch.float32),
        owner=(owner, (n_pairs,), torch.int64),
        gain=(gain, (n_pairs, n_channels), torch.float32),
        shift=(shift, (n_pairs, n_channels), torch.float32),
    )
    tile = _tile(n_timesteps, n_keys, embed_dim, query.element_size())
    n_tiles = -(-n_timesteps // tile.n_queries)
    if n_pairs * n_tiles >= 2**31:
        raise ValueError(
            f"query has {n_pairs} pairs of {n_tiles} tiles each, but a launch supports fewer than "
            "2**31 tiles. Pass the pairs in parts."
        )
    parts = query.new_empty(n_pairs, n_tiles, dtype=torch.float32)
    if n_pairs == 0:
        return parts.sum(dim=1)
    # Triton launches on the current device, which may differ from the device of the arrays.
    with torch.cuda.device_of(query):
        _pair_errors[(n_pairs * n_tiles,)](
            query,
            keys,
            values,
            rows,
            anchors,
            owner,
            gain,
            shift,
            parts,
            E=embed_dim,
            T=n_timesteps,
            S=n_keys,
            C=n_channels,
            N_TILES=n_tiles,
            BLOCK_T=tile.n_queries,
            BLOCK_S=tile.n_keys,
            BLOCK_E=tile.n_features,
            SPARSEMAX=attention == "sparsemax",
            WIDEN=_is_interpreted() and query.dtype == torch.bfloat16,
            num_warps=_N_WARPS,
            num_stages=1,
            # Fused multiply-add instructions, which Triton 3.10 disables by default.
            enable_fp_fusion=True,
        )
    # Summed here rather than by the programs, whose order differs between launches.
    return parts.sum(dim=1)


@triton.jit
def _pair_errors(
    query,
    keys,
    values,
    rows,
    anchors,
    owner,
    gain,
    shift,
    parts,
    # All sizes are compile-time constants, so that the compiler knows the alignment of rows.
    E: tl.constexpr,
    T: tl.constexpr,
    S: tl.constexpr,
    C: tl.constexpr,
    N_TILES: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_E: tl.constexpr,
    SPARSEMAX: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """Write the squared error of one pair and one tile of its time steps."""
    # The tiles of a pair are neighbours, so that all except the first read the key from the cache.
    program = tl.program_id(0)
    # 64 bits, because a million pairs have more values than 32 bits can count.
    pair = (program // N_TILES).to(tl.int64)
    candidate = tl.load(rows + pair)
    anchor = tl.load(owner + pair)
    t = (program % N_TILES) * BLOCK_T + tl.arange(0, BLOCK_T)
    s = tl.arange(0, BLOCK_S)

    scores = tl.zeros((BLOCK_T, BLOCK_S), dtype=tl.float32)
    for first in range(0, E, BLOCK_E):
        e = first + tl.arange(0, BLOCK_E)
        q = tl.load(
            query + pair * (E * T) + e[:, None] * T + t[None, :],
            mask=(e[:, None] < E) & (t[None, :] < T),
            other=0.0,
        )
        k = tl.load(
            keys + candidate * (E * S) + e[:, None] * S + s[None, :],
            mask=(e[:, None] < E) & (s[None, :] < S),
            other=0.0,
        )
        if WIDEN:
            # Triton's interpreter multiplies the bit patterns of bfloat16.
            q = q.to(tl.float32)
            k = k.to(tl.float32)
        scores = tl.dot(tl.trans(q), k, scores, input_precision="ieee")

    # The scores are centred, so that the sums below keep their digits at any level of scores.
    # Padded columns get no weight. Padded rows have equal scores and are masked at the end.
    scores = tl.where(s[None, :] < S, scores, -float("inf"))
    scale: tl.constexpr = 1 / E**0.5
    scores = (scores - tl.max(scores, axis=1, keep_dims=True)) * scale
    if SPARSEMAX:
        threshold = _sparsemax_threshold(scores, s, S, BLOCK_T)
        # Not a maximum, which would drop NaN.
        weights = tl.where(scores <= threshold, 0.0, scores - threshold)
        per_weight = 1.0
    else:
        weights = tl.exp2(scores * _LOG2_E)
        per_weight = 1.0 / tl.sum(weights, axis=1)

    error = tl.zeros((BLOCK_T,), dtype=tl.float32)
    # There are too few channels for tensor cores, which need 16 and round to less than float32.
    # Processing one channel at a time also needs few registers in addition to the weights.
    for c in range(C):
        value = tl.load(values + (candidate * C + c) * S + s, mask=s < S, other=0.0)
        target = tl.load(anchors + (anchor * C + c) * T + t, mask=t < T, other=0.0)
        attended = tl.sum(weights * value[None, :], axis=1) * per_weight
        rebuilt = attended * tl.load(gain + pair * C + c) + tl.load(shift + pair * C + c)
        error += (rebuilt - target) * (rebuilt - target)
    tl.store(parts + program.to(tl.int64), tl.sum(tl.where(t < T, error, 0.0), axis=0))


@triton.jit
def _sparsemax_threshold(scores, s, S: tl.constexpr, BLOCK_T: tl.constexpr):
    """Return each row's threshold, (BLOCK_T, 1), by Newton's method as in ``sparsemax_``.

    The largest score of each row must be 0, and columns from `S` on must be minus infinity.
    """
    mean = tl.sum(tl.where(s[None, :] < S, scores, 0.0), axis=1, keep_dims=True) / S
    threshold = tl.maximum(mean - 1.0 / S, -1.0)
    n_climbing = BLOCK_T
    n_steps = 0
    while (n_climbing > 0) & (n_steps < _MAX_STEPS):
        above = scores - threshold
        excess = tl.sum(tl.where(above <= 0, 0.0, above), axis=1, keep_dims=True) - 1.0
        n_support = tl.sum((above > 0).to(tl.float32), axis=1, keep_dims=True)
        climbed = threshold + excess / n_support
        # A row is also finished if rounding stops its threshold from climbing. The sum is over both
        # axes, because Triton 3.6 and 3.7 fail to compile a sum over one axis here, for GPUs with
        # tensor memory.
        n_climbing = tl.sum(((excess > _TOLERANCE) & (climbed > threshold)).to(tl.int32))
        threshold = climbed
        n_steps += 1
    return threshold


def _is_interpreted() -> bool:
    """Return whether kernels run in Triton's interpreter, as in tests without a GPU."""
    return not isinstance(_pair_errors, triton.JITFunction)


def _padded_size(n: int) -> int:
    """Return the smallest supported size of a tile of at least `n`, a power of two."""
    return max(_MIN_SIZE, triton.next_power_of_2(n))


def _tile(n_queries: int, n_keys: int, embed_dim: int, itemsize: int) -> _Tile:
    """Return the tile of a program for given sizes, and for keys of `itemsize` bytes a value."""
    block_s = _padded_size(n_keys)
    # On larger GPUs, four warps multiply 64 rows at once, 16 each, and rows stay within a warp.
    block_t = min(_padded_size(n_queries), 64, _TILE_VALUES // block_s)
    # Products in float32 do not use tensor cores, and their factors need registers too.
    max_features = _MIN_SIZE if itemsize == 4 else _KEY_BYTES // (block_s * itemsize)
    return _Tile(block_t, block_s, min(_padded_size(embed_dim), max_features))


def _check(**arrays: tuple[Tensor, tuple[int, ...], torch.dtype]) -> None:
    """Raise ValueError unless the arrays are as the kernel expects.

    Otherwise, it would read other memory.
    """
    device = arrays["query"][0].device
    for name, (array, shape, dtype) in arrays.items():
        if tuple(array.shape) != shape or array.dtype != dtype or array.device != device:
            raise ValueError(
                f"{name} is {array.dtype} of shape {tuple(array.shape)} on {array.device}. "
                f"Expected {dtype} of shape {shape} on {device}, to match the other arrays."
            )
        if not array.is_contiguous():
            raise ValueError(f"{name} is not contiguous. Pass {name}.contiguous().")
