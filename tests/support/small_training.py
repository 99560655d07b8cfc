"""A training that takes milliseconds: the module, its loss and the batches."""

import numpy as np
import torch
from torch import nn

from relcon_sklearn._batches import Batches, GroupIndex
from relcon_sklearn.segments._array import SegmentArray

CPU = torch.device("cpu")
LR = 0.05
X = np.random.default_rng(0).normal(size=(20, 4, 2))
# 13 rows of groups 0 to 2 for training, in batches of 4, 4 and 5. 7 rows of groups 3 and 4 for
# validation, in batches of 3 and 4. The sizes differ, so that a mean over batches differs from a
# mean over anchors.
GROUPS = GroupIndex.from_labels([*(np.arange(13) % 3), *(np.arange(7) % 2 + 3)])
N_STEPS = 3


class Net(nn.Module):
    """A linear map, with a buffer that counts the forward passes in training mode."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 2)
        self.register_buffer("n_trained", torch.zeros(()))

    def forward(self, segments):
        if self.training:
            self.n_trained += 1
        return self.linear(segments.flatten(1))


def net():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Net()


def loss(module, batch):
    """Return a loss that depends on all fields of a batch."""
    z = module(batch.segments)
    target = batch.seed % 7 / 7
    near = (z[batch.anchors, None] - z[batch.candidates.clamp(min=0)]).square().sum(-1)
    return (z[batch.anchors] - target).square().mean() + (near * (batch.candidates >= 0)).mean()


def train_batches():
    return Batches(SegmentArray(X), GROUPS.select(GROUPS.labels < 3), 4, 0, n_within=2)


def valid_batches():
    return Batches(SegmentArray(X), GROUPS.select(GROUPS.labels >= 3), 3, 1, n_within=1)


def assert_same_state(module, state):
    assert module.state_dict().keys() == state.keys()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)
