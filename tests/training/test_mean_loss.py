"""Means of losses over batches: their weights, their digits, and no waiting for a GPU."""

import numpy as np
import pytest
import torch

from relcon_sklearn._training import mean_loss
from relcon_sklearn._training._mean_loss import LossMean
from tests.support.small_training import (
    CPU,
    assert_same_state,
    loss,
    net,
    train_batches,
    valid_batches,
)


def test_late_losses_count_as_much_as_early_ones():
    mean = LossMean(CPU)
    mean.add(torch.tensor(1.0), 2**24)
    for _ in range(2**7):
        # In float32 the sum would not change.
        mean.add(torch.tensor(1.0), 1)
    assert mean.value() == 1
    mean.add(torch.tensor(4.0, dtype=torch.bfloat16), 2**24 + 2**7)
    assert mean.value() == 2.5


def test_mean_loss_is_over_anchors_in_evaluation_mode():
    module = net().train()
    grad_modes = []

    def recording(module, batch):
        grad_modes.append(torch.is_grad_enabled())
        return loss(module, batch)

    value = mean_loss(module, recording, valid_batches(), CPU)
    assert module.n_trained == 0
    assert not module.training
    assert grad_modes == [False, False]
    assert type(value) is float
    batches = list(valid_batches())
    losses = [loss(module, batch).item() for batch in batches]
    assert value == pytest.approx(np.average(losses, weights=[len(b.anchors) for b in batches]))
    assert value != pytest.approx(np.mean(losses), rel=1e-4)
    assert_same_state(module, net().state_dict())


def test_no_batch_is_waited_for():
    # Tensors on the meta device have no values. Reading the mean, once at the end, is an error.
    batches = train_batches()
    seen = []

    def watched(module, batch):
        seen.append(batch)
        return loss(module, batch)

    with pytest.raises(RuntimeError, match="meta tensors"):
        mean_loss(net(), watched, batches, torch.device("meta"))
    assert len(seen) == len(batches)
