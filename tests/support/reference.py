"""Slow, obvious versions of the mathematics, weights as released, and small estimators."""

from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import euclidean_distances

from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder, RelConRegressor
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._released_networks import released_encoder, released_motif_attention

PULSE_PPG = Path(__file__).parents[1] / "data" / "pulse_ppg_small.npz"
VECTORS = Path(__file__).parents[1] / "data" / "relcon_reference_vectors_small.npz"
SHARED = Path(__file__).parents[3] / "shared"

# Small enough that a test can afford a fit.
tiny_encoder = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))


def tiny_distance(**kwargs):
    settings = {"embed_dim": 8, "n_layers": 1, "max_epochs": 2, "batch_size": 8, "n_references": 8}
    return LearnedMotifDistance(**(settings | {"random_state": 0} | kwargs))


def tiny_embedder(**kwargs):
    settings = {
        "distance": tiny_distance(),
        "encoder": tiny_encoder,
        "n_within": 3,
        "max_epochs": 2,
        "batch_size": 8,
        "random_state": 0,
    }
    return RelConEmbedder(**(settings | kwargs))


# A rate for few steps, and enough of them for the scores that scikit-learn's checks ask for.
_SUPERVISED = {
    "encoder": tiny_encoder,
    "max_epochs": 20,
    "batch_size": 32,
    "lr": 0.1,
    "random_state": 0,
}


def tiny_classifier(**kwargs):
    return RelConClassifier(**(_SUPERVISED | kwargs))


def tiny_regressor(**kwargs):
    return RelConRegressor(**(_SUPERVISED | kwargs))


def euclidean(anchors, candidates):
    """Euclidean distances as a ranking function."""
    return euclidean_distances(
        anchors.reshape(len(anchors), -1), candidates.reshape(len(candidates), -1)
    )


def sparsemax_by_sorting(scores):
    """Martins and Astudillo (2016), algorithm 1, for one row."""
    z = np.sort(np.asarray(scores, dtype=np.float64))[::-1]
    cumulative = np.cumsum(z)
    k = max(k for k in range(1, len(z) + 1) if 1 + k * z[k - 1] > cumulative[k - 1])
    threshold = (cumulative[k - 1] - 1) / k
    return np.maximum(np.asarray(scores, dtype=np.float64) - threshold, 0)


def relative_contrastive_loss_by_loops(
    embeddings, anchors, candidates, distances, temperature, n_positives=None, views=None
):
    """The loss of the paper, equation 3, written out term by term in float64.

    With views, candidates are of the other view: the anchor's own segment, those ranked, and as
    negatives of every term all segments that are not in the list.
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


def released_motif_weights(arrays, prefix="xattn/"):
    """State dict of our MotifCrossAttention (or gradients by the same names)."""
    return released_motif_attention(with_prefix(arrays, prefix)).weights


def released_resnet_weights(arrays, prefix):
    """State dict of our ResNet1D."""
    return released_encoder(with_prefix(arrays, prefix)).weights


def with_prefix(arrays, prefix):
    """What has a prefix, by its name without."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def write_released(path, theirs, **entries):
    """Write a checkpoint as the released code does, after a step of its optimizer."""
    parameters = [
        torch.nn.Parameter(value.clone(), requires_grad=True)
        for name, value in theirs.items()
        if value.is_floating_point() and "running" not in name
    ]
    optimizer = torch.optim.Adam(parameters, lr=1e-6)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    content = {
        "net": OrderedDict(theirs),
        "optimizer": optimizer.state_dict(),
        "test_loss": 123.5,
        "epoch": 7,
    }
    torch.save(content | entries, path)
    return path


def relcon_layout(n_blocks, widths, kernel_sizes, n_channels=3):
    """Names and shapes of the weights of RelCon's released encoder, of any size."""
    shapes = {"first_block_conv.weight": (widths[0], n_channels, 7)}
    shapes |= {"first_block_conv.bias": (widths[0],)} | _norm("first_block_bn", widths[0])
    i, before = 0, widths[0]
    for n, width, kernel_size in zip(n_blocks, widths, kernel_sizes, strict=True):
        for _ in range(n):
            block = f"basicblock_list.{i}"
            shapes |= _norm(f"{block}.bn1", before) | _norm(f"{block}.bn2", width)
            shapes |= {f"{block}.conv1.weight": (width, before, kernel_size)}
            shapes |= {f"{block}.conv2.weight": (width, width, kernel_size)}
            shapes |= {f"{block}.conv1.bias": (width,), f"{block}.conv2.bias": (width,)}
            if width != before:
                shapes |= {f"{block}.projection_conv.weight": (width, before, 1)}
                shapes |= {f"{block}.projection_conv.bias": (width,)}
            i, before = i + 1, width
    return shapes


def pulse_ppg_layout(width, n_blocks=12, kernel_size=11, n_channels=1):
    """Names and shapes of the weights of Pulse-PPG's released encoder, of any size."""
    shapes = {"first_block_conv.conv.weight": (width, n_channels, kernel_size)}
    shapes |= {"first_block_conv.conv.bias": (width,)} | _norm("first_block_bn", width)
    for i in range(n_blocks):
        block = f"basicblock_list.{i}"
        before, after = (2 ** (max(0, k) // 4) * width for k in (i - 1, i))
        shapes |= _norm(f"{block}.bn1", before) | _norm(f"{block}.bn2", after)
        shapes |= {f"{block}.conv1.conv.weight": (after, before, kernel_size)}
        shapes |= {f"{block}.conv2.conv.weight": (after, after, kernel_size)}
        shapes |= {f"{block}.conv1.conv.bias": (after,), f"{block}.conv2.conv.bias": (after,)}
    return shapes


def _norm(name, width):
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{n}": (width,) for n in names} | {f"{name}.num_batches_tracked": ()}


def random_weights(layout, seed=0):
    """Weights of names and shapes, such that signals neither vanish nor explode."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in layout.items():
        if name.endswith("num_batches_tracked"):
            value = np.array(100)
        elif name.endswith("running_var"):
            value = rng.uniform(0.5, 2, shape).astype(np.float32)
        else:
            scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.2
            one = 1 if len(shape) == 1 and name.endswith("weight") else 0
            value = rng.normal(one, scale, shape).astype(np.float32)
        weights[name] = torch.from_numpy(value)
    return weights


def pulse_ppg_by_hand(theirs, segments):
    """Pulse-PPG's encoder in evaluation mode, step by step in float64, from the released weights.

    Returns embeddings, and (channels, length) after each block.
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
    """Norm of the difference over the norm of what is expected."""
    actual, expected = actual.detach().double(), expected.detach().double()
    return ((actual - expected).norm() / expected.norm()).item()


class Ticks:
    """A clock that goes on by one whenever it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1
        return self.now
