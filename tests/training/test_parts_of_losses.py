"""The losses of processes, and their gradients, sum to those of one process."""

import copy

import numpy as np
import pytest
import torch

from relcon_sklearn._batches import Batches, GroupIndex, LabelledBatches, SharedBatches
from relcon_sklearn._training import (
    FeatureLoss,
    MotifRanker,
    PairwiseRanker,
    VectorRanker,
    classification_loss,
    ranking_loss,
    reconstruction_loss,
    regression_loss,
)
from relcon_sklearn._training._batch_norm import shared_batch_norms
from relcon_sklearn._training._distributed import ALONE
from relcon_sklearn.augmentations import Jitter
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D
from relcon_sklearn.nn._heads import PretrainingNet
from relcon_sklearn.segments._array import SegmentArray
from tests.support.threads import in_threads_as_processes

X = np.random.default_rng(0).normal(size=(24, 16, 3)).astype(np.float32)
INDEX = GroupIndex.from_labels(np.arange(24) // 4)
SIZES = [2, 3, 9]


def statistics(segments):
    return np.concatenate([segments.mean(axis=1), segments.std(axis=1)], axis=1)


def gaps(anchors, candidates):
    return np.abs(2 * anchors[:, None] - candidates[None]).mean(axis=(2, 3))


def seeded(make, *args, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*args, **kwargs)


def encoder(**kwargs):
    return seeded(ResNet1D, 3, n_blocks=(1,), widths=(8,), kernel_sizes=(3,), **kwargs)


def distance():
    return seeded(MotifCrossAttention, 3, embed_dim=8, kernel_size=5, dropout=0.5)


def shared(share):
    return SharedBatches(SegmentArray(X), INDEX, 3, 0, n_within=2, share=share)


def of_few_anchors(share):
    """Batches whose two anchors are fewer than the processes."""
    return Batches(SegmentArray(X), INDEX, 2, 0, n_within=3, n_between=1, share=share)


def labelled(targets):
    return lambda share: LabelledBatches(
        SegmentArray(X), INDEX, 7, 0, targets=targets, weights=np.arange(24) + 1.0
    )


RANKERS = {
    "features": VectorRanker(statistics),
    "function": PairwiseRanker(gaps),
    "motif": MotifRanker(distance().eval()),
}
CASES = {
    "reconstruction": (reconstruction_loss(Jitter()), distance, of_few_anchors),
    "classifier": (
        classification_loss,
        lambda: torch.nn.Sequential(encoder(), seeded(torch.nn.Linear, 8, 3)),
        labelled(np.arange(24) % 3),
    ),
    "regressor": (
        regression_loss,
        encoder,
        labelled(np.random.default_rng(1).normal(size=(24, 8)).astype(np.float32)),
    ),
    "views and features": (
        ranking_loss(
            RANKERS["features"],
            0.2,
            n_positives=3,
            augmentation=Jitter(0.3),
            auxiliary=FeatureLoss(statistics, 5.0),
        ),
        lambda: PretrainingNet(encoder(), regression=seeded(torch.nn.Linear, 8, 6)),
        shared,
    ),
    "features of few anchors": (
        ranking_loss(RANKERS["features"], 0.2, auxiliary=FeatureLoss(statistics, 5.0)),
        lambda: PretrainingNet(encoder(), regression=seeded(torch.nn.Linear, 8, 6)),
        of_few_anchors,
    ),
    **{
        f"{name}, {make.__name__}": (ranking_loss(ranker, 0.2), encoder, make)
        for name, ranker in RANKERS.items()
        for make in (shared, of_few_anchors)
    },
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_parts_of_processes_sum_to_the_loss_and_gradients_of_one(monkeypatch, name, size):
    loss, make_module, make_batches = CASES[name]
    module = make_module().train()

    def run(processes):
        own = copy.deepcopy(module)
        batch = next(iter(make_batches(processes.share)))
        with shared_batch_norms(own, processes):
            value = loss(own, batch)
            value.backward()
        return processes.total(value), [p.grad for p in own.parameters()]

    expected, gradients = run(ALONE)
    totals, parts = zip(*in_threads_as_processes(size, run, monkeypatch), strict=True)
    torch.testing.assert_close(torch.stack(totals), expected.expand(size))
    for gradient, *own in zip(gradients, *parts, strict=True):
        torch.testing.assert_close(sum(own), gradient, rtol=1e-4, atol=1e-5)
