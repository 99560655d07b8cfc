"""Slow, simple versions of the mathematics, with which the fast ones are compared."""

import numpy as np
import torch
from sklearn.metrics import euclidean_distances


def euclidean(anchors, candidates):
    """Return Euclidean distances, as a ranking function."""
    return euclidean_distances(
        anchors.reshape(len(anchors), -1), candidates.reshape(len(candidates), -1)
    )


def sparsemax_by_sorting(scores):
    """Return the sparsemax of one row by algorithm 1 of Martins and Astudillo (2016)."""
    z = np.sort(np.asarray(scores, dtype=np.float64))[::-1]
    cumulative = np.cumsum(z)
    k = max(k for k in range(1, len(z) + 1) if 1 + k * z[k - 1] > cumulative[k - 1])
    threshold = (cumulative[k - 1] - 1) / k
    return np.maximum(np.asarray(scores, dtype=np.float64) - threshold, 0)


def relative_contrastive_loss_by_loops(
    embeddings, anchors, candidates, distances, temperature, n_positives=None, views=None
):
    """Return the loss of the paper, equation 3, computed term by term in float64.

    With augmented views, all candidates are from the other view: the anchor's own segment, then the
    ranked segments. All other segments are negatives of every term.
    """

    def similarity(a, b):
        a, b = a.double(), b.double()
        return torch.exp((a @ b) / (a.norm() * b.norm()) / temperature)

    total = 0.0
    ways = [(embeddings, embeddings)]
    if views is not None:
        ways = [(embeddings, views), (views, embeddings)]
    for own, other in ways:
        for anchor, row, distance in zip(anchors.tolist(), candidates, distances, strict=True):
            pairs = [(d, int(c)) for d, c in zip(distance.tolist(), row, strict=True) if c >= 0]
            ranked = [c for _, c in sorted(pairs, key=lambda pair: pair[0])]
            rest = []
            if views is not None:
                ranked = [anchor, *ranked]
                rest = [c for c in range(len(embeddings)) if c not in ranked]
            for i, positive in enumerate(ranked[:n_positives]):
                negatives = sum(similarity(own[anchor], other[c]) for c in ranked[i:] + rest)
                total = total - torch.log(similarity(own[anchor], other[positive]) / negatives)
    return total / len(anchors) / len(ways)


def pulse_ppg_step_by_step(theirs, segments):
    """Return the output of Pulse-PPG's encoder in evaluation mode, computed in float64.

    Returns the embeddings, and (channels, length) after each block.
    """
    w = {name: value.double() for name, value in theirs.items()}

    def norm(x, name):
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        x = (x - mean[:, None]) / (variance[:, None] + 1e-5).sqrt()
        return x * w[f"{name}.weight"][:, None] + w[f"{name}.bias"][:, None]

    def conv(x, name, stride=1):
        kernel, bias = w[f"{name}.conv.weight"], w[f"{name}.conv.bias"]
        size, length = kernel.shape[2], x.shape[2]
        n_out = -(-length // stride)
        n_zeros = max(0, stride * (n_out - 1) + size - length)
        padded = torch.zeros(*x.shape[:2], length + n_zeros).double()
        padded[..., n_zeros // 2 : n_zeros // 2 + length] = x
        taps = [padded[..., stride * t : stride * t + size] for t in range(n_out)]
        return torch.stack([torch.einsum("nck,ock->no", x, kernel) + bias for x in taps], dim=2)

    x = segments.double()
    x = (x - x.mean(2, True)) / (x.var(2, unbiased=False, keepdim=True) + 1e-5).sqrt()
    x = norm(conv(x, "first_block_conv"), "first_block_bn").relu()
    shapes, i = [], 0
    while f"basicblock_list.{i}.conv1.conv.weight" in w:
        name, stride = f"basicblock_list.{i}", 1 + i % 2
        y = x if i == 0 else norm(x, f"{name}.bn1").relu()
        y = norm(conv(y, f"{name}.conv1", stride), f"{name}.bn2").relu()
        y = conv(y, f"{name}.conv2")
        if stride == 2:
            if x.shape[2] % 2:
                x = torch.cat([x, torch.zeros(*x.shape[:2], 1).double()], dim=2)
            x = torch.maximum(x[..., ::2], x[..., 1::2])
        zeros = torch.zeros(len(x), (y.shape[1] - x.shape[1]) // 2, x.shape[2]).double()
        x = y + torch.cat([zeros, x, zeros], dim=1)
        shapes.append(tuple(x.shape[1:]))
        i += 1
    return x.amax(dim=2), shapes


def relative_error(actual, expected):
    """Return the norm of the difference, divided by the norm of `expected`."""
    actual, expected = actual.detach().double(), expected.detach().double()
    return ((actual - expected).norm() / expected.norm()).item()
