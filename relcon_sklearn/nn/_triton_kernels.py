"""The ranking's attention on GPUs, from queries and keys to distances, compiled by Triton.

What it replaces is a row of torch calls, each of which reads and writes a (time x time) array of
scores per pair, and a copy of the candidate's key per pair. Here the scores of a tile of time
steps stay in registers until nothing but their squared error is left, and keys are read in place.

Imported only where it is to be used: Triton comes with torch's builds for CUDA, not with others.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

# Newton's steps for sparsemax. One step takes the excess e over a support of m scores to less than
# (1 - m'/m) e, with m' what is left of the support. So k steps from e <= n to e > tolerance have
# ratios m'/m = q of product at least 1/n, and ratios 1 - q of product at least tolerance/n, which
# for n = 1024 cannot be met beyond k = 18. The bound only keeps a loop from never ending.
_MAX_STEPS = tl.constexpr(32)
_TOLERANCE = tl.constexpr(16 * 2.0**-23)
_LOG2_E = tl.constexpr(math.log2(math.e))

_DTYPES = (torch.float16, torch.bfloat16, torch.float32)
# Scores a program holds: 128 registers of each of its 128 threads, which have 255, so that what is
# computed of the scores finds room. Two such programs run on a multiprocessor (2^16 registers), one
# of them computing while the other waits for memory.
_TILE_VALUES = 2**14
_N_WARPS = 4
# Bytes of keys a program holds in shared memory at once; a multiprocessor has 100 KiB or more.
_KEY_BYTES = 2**15
# The least size of any side of a product on tensor cores.
_MIN_SIDE = 16


class _Tile(NamedTuple):
    """How much one program works on: time steps of the anchor, of the candidate, and features."""

    n_queries: int
    n_keys: int
    n_features: int


def supports(query: Tensor, keys: Tensor) -> bool:
    """Return whether :func:`pair_distances` takes arrays of this device, dtype and length.

    The candidates' length is bounded, since registers hold whole rows of scores and shared memory
    the least tile of keys: 1024 time steps in half precision, 512 in float32.
    """
    if query.dtype not in _DTYPES or query.dtype != keys.dtype or query.device != keys.device:
        return False
    if _MIN_SIDE * _padded(keys.shape[-1]) * keys.element_size() > _KEY_BYTES:
        return False
    if query.device.type != "cuda":
        return _interpreted()
    # What Triton supports of NVIDIA's GPUs. Those of other makers are untried.
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

    With ``w = attention(query[p].T @ keys[rows[p]] / sqrt(embed_dim))``, it is the sum of squares
    of ``gain[p, :, None] * values[rows[p]] @ w.T + shift[p, :, None] - anchors[owner[p]]``.
    Everything after the product of query and key is computed in float32.

    All arrays are contiguous and on one device, and `query` and `keys` are such that :func:`supports`
    holds. Indices are not checked: that would have the host wait for the device.

    Parameters
    ----------
    query : Tensor of shape (n_pairs, embed_dim, n_timesteps)
        Float16, bfloat16 or float32.
    keys : Tensor of shape (n_candidates, embed_dim, n_candidate_timesteps)
        Of the dtype of `query`.
    values : float32 Tensor of shape (n_candidates, n_channels, n_candidate_timesteps)
        Values, projected to the channels of the segments.
    rows : int64 Tensor of shape (n_pairs,)
        The candidate of each pair.
    anchors : float32 Tensor of shape (n_anchors, n_channels, n_timesteps)
        The segments to be rebuilt.
    owner : int64 Tensor of shape (n_pairs,)
        The anchor of each pair.
    gain, shift : float32 Tensor of shape (n_pairs, n_channels)
        The map of what was attended to back to the anchor's scale.
    attention : {"sparsemax", "softmax"}
        How scores become weights.

    Returns
    -------
    distances : float32 Tensor of shape (n_pairs,)
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
            f"query has {n_pairs} pairs of {n_tiles} tiles, and a launch takes less than 2**31 "
            "tiles: pass the pairs in parts."
        )
    parts = query.new_empty(n_pairs, n_tiles, dtype=torch.float32)
    if n_pairs == 0:
        return parts.sum(dim=1)
    # Triton launches on the current device, wherever the arrays are.
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
            WIDEN=_interpreted() and query.dtype == torch.bfloat16,
            num_warps=_N_WARPS,
            num_stages=1,
            # Products are added in one instruction, which Triton 3.10 leaves off by default.
            enable_fp_fusion=True,
        )
    # Summed here and not by the programs, which would do so in an order of their own each time.
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
    # All sizes are constants of the compilation: it then knows how rows are aligned.
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
    # The tiles of a pair are neighbours, so that the key comes from the cache for all but one.
    program = tl.program_id(0)
    # 64 bits, since a million pairs have more values than 32 bits count.
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

    # Centred, the sums below keep their digits whatever the scores' level. Columns of padding get
    # no weight; rows of padding have equal scores, so that they need no care until the end.
    scores = tl.where(s[None, :] < S, scores, -float("inf"))
    scale: tl.constexpr = 1 / E**0.5
    scores = (scores - tl.max(scores, axis=1, keep_dims=True)) * scale
    if SPARSEMAX:
        threshold = _sparsemax_threshold(scores, s, S, BLOCK_T)
        # Not a maximum, which would drop a not-a-number.
        weights = tl.where(scores <= threshold, 0.0, scores - threshold)
        per_weight = 1.0
    else:
        weights = tl.exp2(scores * _LOG2_E)
        per_weight = 1.0 / tl.sum(weights, axis=1)

    error = tl.zeros((BLOCK_T,), dtype=tl.float32)
    # Channels are too few for tensor cores, which want sixteen (and would round to less than
    # float32); one at a time, they also need few registers beside the weights.
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

    The largest score of each row is 0; columns from `S` on hold minus infinity.
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
        # A row is done too where rounding keeps it from climbing. (The sum is over both axes:
        # Triton 3.6 and 3.7 cannot compile that of one axis here, for GPUs with tensor memory.)
        n_climbing = tl.sum(((excess > _TOLERANCE) & (climbed > threshold)).to(tl.int32))
        threshold = climbed
        n_steps += 1
    return threshold


def _interpreted() -> bool:
    """Return whether kernels run in Triton's interpreter, as tests without a GPU have them do."""
    return not isinstance(_pair_errors, triton.JITFunction)


def _padded(n: int) -> int:
    """Return the least side of a tile that holds `n`: a power of two."""
    return max(_MIN_SIDE, triton.next_power_of_2(n))


def _tile(n_queries: int, n_keys: int, embed_dim: int, itemsize: int) -> _Tile:
    block_s = _padded(n_keys)
    # Four warps multiply 64 rows at once on larger GPUs, 16 each, and rows stay within a warp.
    block_t = min(_padded(n_queries), 64, _TILE_VALUES // block_s)
    # Float32 is not for tensor cores, and the factors of a product take up registers too.
    most = _MIN_SIDE if itemsize == 4 else _KEY_BYTES // (block_s * itemsize)
    return _Tile(block_t, block_s, min(_padded(embed_dim), most))


def _check(**arrays: tuple[Tensor, tuple[int, ...], torch.dtype]) -> None:
    """Raise where an array is not as the kernel takes it to be: it would read elsewhere."""
    device = arrays["query"][0].device
    for name, (array, shape, dtype) in arrays.items():
        if tuple(array.shape) != shape or array.dtype != dtype or array.device != device:
            raise ValueError(
                f"{name} is {array.dtype} of shape {tuple(array.shape)} on {array.device}, and "
                f"{dtype} of shape {shape} on {device} is needed, by the other arrays."
            )
        if not array.is_contiguous():
            raise ValueError(f"{name} is not contiguous: pass {name}.contiguous().")
