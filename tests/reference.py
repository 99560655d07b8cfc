"""Slow, obvious versions of the mathematics, and the released networks' weights by our names."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import euclidean_distances

from relcon_sklearn import (
    LearnedMotifDistance,
    RelConClassifier,
    RelConEmbedder,
    RelConRegressor,
)
from relcon_sklearn.nn import ResNet1D

VECTORS = Path(__file__).parent / "data" / "relcon_reference_vectors_small.npz"
SHARED = Path(__file__).parents[2] / "shared"

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


def released_motif_name(name):
    """Name of a weight of the released cross-attention net in ours."""
    for theirs, ours in [
        ("revin.affine_", "revin."),
        ("q_func", "query_net"),
        ("k_func", "key_net"),
        ("v_func", "value_net"),
        ("layer0.dilated_conv", "stem"),
        ("layers.", "blocks."),
        (".bottle.", ".squeeze."),
        (".dilated_conv.", ".dilated."),
    ]:
        name = name.replace(theirs, ours)
    return name


def released_motif_weights(arrays, prefix="xattn/"):
    """State dict of our MotifCrossAttention (or gradients by the same names)."""
    weights = {}
    for key, value in arrays.items():
        if key.startswith(prefix):
            name = released_motif_name(key.removeprefix(prefix))
            weights[name] = value[:, None] if name.startswith("revin.") else value
    return weights


def released_resnet_weights(arrays, prefix):
    """State dict of our ResNet1D.

    The released convolutions ahead of a batch norm have a bias; ours do not. In evaluation it is
    taken off the running mean, in training the batch norm subtracts it.
    """
    ours = {}

    def take(target, source, *names):
        for name in names:
            ours[f"{target}.{name}"] = arrays[f"{prefix}{source}.{name}"]

    def take_batch_norm(target, source, bias=None):
        take(target, source, "weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        if bias is not None:
            ours[f"{target}.running_mean"] = ours[f"{target}.running_mean"] - arrays[prefix + bias]

    take("stem_conv", "first_block_conv", "weight")
    take_batch_norm("stem_bn", "first_block_bn", "first_block_conv.bias")
    i = 0
    while f"{prefix}basicblock_list.{i}.bn1.weight" in arrays:
        theirs, block = f"basicblock_list.{i}", f"blocks.{i}"
        take_batch_norm(f"{block}.bn1", f"{theirs}.bn1")
        take(f"{block}.conv1", f"{theirs}.conv1", "weight")
        take_batch_norm(f"{block}.bn2", f"{theirs}.bn2", f"{theirs}.conv1.bias")
        take(f"{block}.conv2", f"{theirs}.conv2", "weight", "bias")
        if f"{prefix}{theirs}.projection_conv.weight" in arrays:
            take(f"{block}.projection", f"{theirs}.projection_conv", "weight", "bias")
        i += 1
    return ours


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
