"""RelCon as published and as released, step by step: the baseline of the speed benchmarks.

The code follows the paper [1]_ literally: distances of one candidate per anchor at a time, features
computed again for every pair, the full attention, sparsemax by sorting, and the loss anchor by
anchor and rank by rank, all in float32. Nothing is folded, shared or fused.

The functions use only the weights of the modules of `relcon_sklearn.nn` and compute everything
else, except torch's batch norms. Their outputs and gradients therefore equal those of the library;
`tests/benchmarks/common/test_paper_literal.py` has the tolerances. Signals are
(n, n_channels, n_timesteps), as in torch.

Differences from the released code make the baseline faster or the comparison equal: the encoder has
no biases before its batch norms; segments are one tensor and not a file each; the augmentations are
those of the library; segments too short for the released code are padded.

.. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for Wearable
   Data", ICLR 2025. arXiv:2411.18822
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relcon_sklearn._batches import Batch
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D

# -- the distance ----------------------------------------------------------------------------------


class _SortedSparsemax(torch.autograd.Function):
    """Algorithm 1 of Martins and Astudillo (ICML 2016), with the Jacobian from there."""

    @staticmethod
    def forward(ctx, scores: Tensor) -> Tensor:
        scores = scores - scores.amax(dim=-1, keepdim=True)
        ordered = scores.sort(dim=-1, descending=True).values
        total = ordered.cumsum(dim=-1)
        rank = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
        n_support = (1 + rank * ordered > total).sum(dim=-1, keepdim=True)
        threshold = (total.gather(-1, n_support - 1) - 1) / n_support
        weights = (scores - threshold).clamp(min=0)
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (weights,) = ctx.saved_tensors
        support = (weights > 0).to(grad.dtype)
        mean = (grad * support).sum(-1, keepdim=True) / support.sum(-1, keepdim=True)
        return support * (grad - mean)


def sparsemax(scores: Tensor) -> Tensor:
    """Return the sparsemax over the last dimension, by sorting."""
    return _SortedSparsemax.apply(scores)


def features(net: nn.Module, x: Tensor) -> Tensor:
    """Map (n, n_channels, n_timesteps) to (n, embed_dim, n_timesteps) by dilated convolutions."""
    weight, bias = net.stem.weight, net.stem.bias
    kernel_size = weight.shape[-1]
    padding = kernel_size // 2
    # A partial convolution with a mask of ones: scaled up where taps lie outside of the segment.
    mask = F.conv1d(torch.ones_like(x[:1, :1]), torch.ones_like(weight[:1, :1]), padding=padding)
    y = F.conv1d(x, weight, padding=padding) * (kernel_size / mask) + bias[:, None]
    y = _gelu_and_norm(y)
    for i, block in enumerate(net.blocks):
        narrow = F.conv1d(y, block.squeeze.weight, block.squeeze.bias)
        wide = F.conv1d(
            narrow,
            block.dilated.weight,
            block.dilated.bias,
            dilation=2**i,
            padding=2**i * (kernel_size - 1) // 2,
        )
        y = _gelu_and_norm(y + wide)
    return y


def _gelu_and_norm(x: Tensor) -> Tensor:
    x = F.gelu(x)
    # torch refuses to normalise a single value.
    return F.instance_norm(x) if x.shape[-1] > 1 else x * 0


def reconstruct(
    net: MotifCrossAttention,
    anchors: Tensor,
    candidates: Tensor,
    *,
    fused: bool = False,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return anchor i reconstructed from candidate i.

    If `fused`, torch's fused attention computes the softmax, as in the ranking of the released
    code.
    """
    mean = candidates.mean(dim=-1, keepdim=True)
    std = (candidates.var(dim=-1, keepdim=True, unbiased=False) + net.revin.eps).sqrt()
    anchors = (anchors - mean) / std * net.revin.weight + net.revin.bias
    candidates = (candidates - mean) / std * net.revin.weight + net.revin.bias
    query = features(net.query_net, anchors).transpose(1, 2)
    key = features(net.key_net, candidates).transpose(1, 2)
    value = features(net.value_net, candidates).transpose(1, 2)
    if fused:
        attended = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[
            :, 0
        ]
    else:
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        weights = sparsemax(scores) if net.attention == "sparsemax" else scores.softmax(dim=-1)
        if dropout > 0:
            keep = torch.empty_like(weights).bernoulli_(1 - dropout, generator=generator)
            weights = weights * keep / (1 - dropout)
        attended = weights @ value
    output = F.linear(attended, net.out_proj.weight, net.out_proj.bias).transpose(1, 2)
    return (output - net.revin.bias) / (net.revin.weight + net.revin.eps**2) * std + mean


def motif_distance(
    net: MotifCrossAttention, anchors: Tensor, candidates: Tensor, **kwargs
) -> Tensor:
    """Return the distance of anchor i from candidate i, (n,); `kwargs` are for `reconstruct`."""
    return (reconstruct(net, anchors, candidates, **kwargs) - anchors).square().sum(dim=(1, 2))


def rank(net: MotifCrossAttention, batch: Batch, *, fused: bool = False) -> Tensor:
    """Return the distances of the candidates of each anchor, (n_anchors, n_candidates).

    They are computed for one candidate of every anchor at a time: in total
    ``(n_anchors - 1 + n_within) * n_anchors`` pairs for full lists. A missing candidate has the
    distance infinity.
    """
    segments = batch.segments.transpose(1, 2)
    anchors = segments[batch.anchors]
    distances = anchors.new_full(batch.candidates.shape, torch.inf)
    with torch.no_grad():
        for offset, column in enumerate(batch.candidates.T):
            there = (column >= 0).nonzero()[:, 0]
            if len(there):
                candidates = segments[column[there]]
                pairs = motif_distance(net, anchors[there], candidates, fused=fused)
                distances[there, offset] = pairs
    return distances


# -- the encoder and its loss ----------------------------------------------------------------------


def embed(encoder: ResNet1D, segments: Tensor) -> Tensor:
    """Map (n, n_channels, n_timesteps) to (n, n_features), by `encoder` in its current mode."""
    n_missing = max(0, 11 - segments.shape[-1])
    x = F.pad(segments, (n_missing // 2, n_missing - n_missing // 2))
    x = F.relu(_batch_norm(encoder.stem_bn, F.conv1d(x, encoder.stem_conv.weight, stride=2)))
    x = F.max_pool1d(x, kernel_size=3, stride=2)
    maps, last_blocks = [], [stage[-1] for stage in encoder.stages()]
    for block in encoder.blocks:
        y = _same_conv(block.conv1, F.relu(_batch_norm(block.bn1, x)))
        y = _same_conv(block.conv2, F.relu(_batch_norm(block.bn2, y)))
        if isinstance(block.projection, nn.Conv1d):
            x = F.conv1d(x, block.projection.weight, block.projection.bias)
        x = x + y
        if any(block is last for last in last_blocks):
            maps.append(x)
    return encoder.readout(maps)  # the mean of the last one over time in the published encoder


def _batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return norm(x[:, :, None])[:, :, 0]


def _same_conv(conv: nn.Conv1d, x: Tensor) -> Tensor:
    n_more = conv.weight.shape[-1] - 1
    return F.conv1d(F.pad(x, (n_more // 2, n_more - n_more // 2)), conv.weight, conv.bias)


def contrastive_loss(
    embeddings: Tensor, batch: Batch, distances: Tensor, temperature: float = 0.1
) -> Tensor:
    """Return equation 3 of the paper, by a loop over the anchors and one over the ranks."""
    loss = embeddings.new_zeros(())
    for anchor, row, distance in zip(batch.anchors, batch.candidates, distances, strict=True):
        there = row >= 0
        ranked = row[there][distance[there].argsort(stable=True)]
        scores = F.cosine_similarity(embeddings[anchor, None], embeddings[ranked]) / temperature
        for i in range(len(scores) - 1):
            loss = loss + scores[i:].logsumexp(dim=0) - scores[i]
    return loss / len(batch.anchors)


# -- steps of training -----------------------------------------------------------------------------


def step(
    encoder: ResNet1D,
    distance_net: MotifCrossAttention,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    *,
    temperature: float = 0.1,
    fused: bool = False,
) -> Tensor:
    """Train `encoder` on a batch, and return the loss.

    A step ranks the candidates, embeds all segments, computes loss and gradients, and updates the
    weights. The gradients stay in the parameters.
    """
    distances = rank(distance_net, batch, fused=fused)
    return encoder_step(encoder, batch, distances, optimizer, temperature=temperature)


def encoder_step(
    encoder: ResNet1D,
    batch: Batch,
    distances: Tensor,
    optimizer: torch.optim.Optimizer,
    *,
    temperature: float = 0.1,
) -> Tensor:
    """Do the remaining part of :func:`step` when the distances are known."""
    optimizer.zero_grad()
    embeddings = embed(encoder, batch.segments.transpose(1, 2))
    loss = contrastive_loss(embeddings, batch, distances, temperature)
    loss.backward()
    optimizer.step()
    return loss.detach()


def reconstruction_step(
    net: MotifCrossAttention,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    augmentation: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Train the distance to reconstruct segments from augmented copies, and return the loss.

    The seed of the batch determines augmentation and dropout, as in the library.
    """
    generator = torch.Generator().manual_seed(batch.seed)
    anchors = batch.segments.transpose(1, 2)
    copies = augmentation(batch.segments, generator).transpose(1, 2)
    optimizer.zero_grad()
    loss = motif_distance(net, anchors, copies, dropout=net.dropout, generator=generator).mean()
    loss.backward()
    optimizer.step()
    return loss.detach()
