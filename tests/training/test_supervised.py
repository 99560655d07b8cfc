"""Supervised losses compared with loops, and the end of supervised training."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from relcon_sklearn._batches import GroupIndex, LabelledBatch, LabelledBatches
from relcon_sklearn._training import (
    TrainingOptions,
    classification_loss,
    fit_module,
    mean_loss,
    regression_loss,
)
from relcon_sklearn.segments._array import SegmentArray

CPU = torch.device("cpu")
LOSSES = [classification_loss, regression_loss]


def net(n_outputs=3):
    return nn.Sequential(nn.Flatten(), nn.Linear(8, n_outputs))


def data(loss, n=12, seed=0):
    rng = np.random.default_rng(seed)
    segments = rng.normal(size=(n, 4, 2)).astype(np.float32)
    if loss is classification_loss:
        return segments, rng.integers(0, 3, n)
    return segments, rng.normal(size=(n, 3)).astype(np.float32)


def batch_of(segments, targets, weights):
    weights = np.asarray(weights, dtype=np.float32)
    return LabelledBatch(*(torch.from_numpy(a) for a in (segments, targets, weights)))


def by_hand(loss, outputs, target):
    """The loss of one segment, in float64."""
    outputs = outputs.detach().double().numpy()
    if loss is regression_loss:
        return float(np.mean((outputs - target) ** 2))
    return math.log(np.exp(outputs).sum()) - float(outputs[target])


@pytest.mark.parametrize("loss", LOSSES)
def test_against_a_loop(loss):
    module, (segments, targets) = net(), data(loss)
    weights = np.random.default_rng(1).uniform(0, 2, 12)
    outputs = module(torch.from_numpy(segments).transpose(1, 2))
    losses = [by_hand(loss, out, target) for out, target in zip(outputs, targets, strict=True)]
    actual = loss(module, batch_of(segments, targets, weights)).item()
    assert actual == pytest.approx(np.dot(weights, losses) / 12, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@given(counts=st.lists(st.integers(0, 4), min_size=12, max_size=12).filter(any))
def test_weights_are_repetitions(loss, counts):
    module, (segments, targets) = net(), data(loss)
    counts = np.array(counts)
    weighted = batch_of(segments, targets, counts / counts.mean())
    repeated = batch_of(
        segments.repeat(counts, 0), targets.repeat(counts, 0), np.ones(counts.sum())
    )
    gradients = []
    for batch in (weighted, repeated):
        module.zero_grad()
        value = loss(module, batch)
        value.backward()
        gradients.append([value.detach(), *(p.grad.clone() for p in module.parameters())])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def batches_of(loss, rows, batch_size=5, weights=None):
    segments, targets = data(loss)
    index = GroupIndex.from_labels(np.arange(12)).select(np.isin(np.arange(12), rows))
    weights = np.ones(12) if weights is None else weights
    return LabelledBatches(
        SegmentArray(segments), index, batch_size, 0, targets=targets, weights=weights
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_mean_over_batches_of_unequal_size_is_the_weighted_mean(loss):
    module, (segments, targets) = net(), data(loss)
    weights = np.random.default_rng(1).uniform(0, 2, 12)
    whole = loss(module, batch_of(segments, targets, weights / weights.mean())).item()
    batches = batches_of(loss, np.arange(12), weights=weights)
    assert mean_loss(module, loss, batches, CPU) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(("patience", "n_epochs"), [(1, 4), (2, 7), (3, 8), (None, 9)])
def test_patience(patience, n_epochs):
    # Validation losses of the epochs. The fourth does not improve, and neither do the last four.
    values = [3.0, 2.0, 1.0, 1.0, 0.9999, 2.0, 2.0, 2.0, 2.0]
    calls = iter(values)

    def loss(module, batch):
        value = regression_loss(module, batch)
        return value if module.training else value.detach() * 0 + next(calls)

    history = fit_module(
        net(),
        loss,
        batches_of(regression_loss, np.arange(8)),
        batches_of(regression_loss, np.arange(8, 12)),
        TrainingOptions(lr=1e-3, max_epochs=9, device=CPU, patience=patience),
    )
    assert [record["valid_loss"] for record in history] == pytest.approx(values[:n_epochs])


def test_patience_without_validation_is_endless():
    history = fit_module(
        net(),
        regression_loss,
        batches_of(regression_loss, np.arange(12)),
        None,
        TrainingOptions(lr=1e-3, max_epochs=5, device=CPU, patience=1),
    )
    assert len(history) == 5
