"""Networks of the learned distance that differ in one point each, and their training."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks.common.budget import set_rate
from relcon_sklearn import RandomAugmentations
from relcon_sklearn._batches import Batch
from relcon_sklearn._training import reconstruction_loss
from relcon_sklearn._training._callbacks import warmup_cosine
from relcon_sklearn.augmentations import (
    ChannelShuffle,
    Negation,
    Rotation,
    default_augmentations,
)
from relcon_sklearn.nn import MotifCrossAttention, RevIN
from relcon_sklearn.nn._revin import SegmentStats


class SubtractionOnly(RevIN):
    """RevIN that subtracts the candidate's mean, and divides by nothing: segments stay in g."""

    def stats(self, segments: Tensor) -> SegmentStats:
        """Return the mean of each segment, and standard deviations of 1."""
        mean, std = super().stats(segments)
        return SegmentStats(mean, torch.ones_like(std))


class FlooredRevIN(RevIN):
    """RevIN that divides by 0.1 g at least, so that still candidates do not enlarge anchors."""

    floor = 0.1  # g; channels have less at rest, and more in walking

    def stats(self, segments: Tensor) -> SegmentStats:
        """Return the mean of each segment, and its standard deviation or the floor."""
        mean, std = super().stats(segments)
        return SegmentStats(mean, std.clamp(min=self.floor))


def keeps_orientation() -> RandomAugmentations:
    """Return the published augmentations without those that turn or mirror the sensor."""
    turning = (ChannelShuffle, Negation, Rotation)
    return RandomAugmentations([a for a in default_augmentations() if not isinstance(a, turning)])


def make_net(
    n_channels: int,
    embed_dim: int,
    *,
    attention: str = "sparsemax",
    revin: type[RevIN] = RevIN,
    seed: int = 0,
) -> MotifCrossAttention:
    """Return an untrained network, as published apart from the arguments."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = MotifCrossAttention(n_channels, embed_dim, attention=attention)
        net.revin = revin(n_channels)
    return net


def train_net(
    net: MotifCrossAttention,
    X: np.ndarray,
    seconds: float,
    seed: int = 0,
    *,
    augmentation: Callable | None = None,
    batch_size: int = 64,
    lr: float = 1e-3,
    clock: Callable[[], float] = time.process_time,
) -> dict:
    """Train `net` for a time, with the loss, batches and learning rates of the library.

    Unlike the estimator, it takes a budget of time and any network. The learning rate follows the
    time, so that each training ends with a rate of 0, however long it is.

    Parameters
    ----------
    X : array of shape (n_segments, n_timesteps, n_channels), dtype float32
        Segments in g. They are drawn with replacement.
    seconds : float
        Budget, of CPU time unless `clock` measures another. If 0, nothing is trained.
    augmentation : callable or None, default=None
        Makes the copies that segments are reconstructed from. If None, as published.

    Returns
    -------
    record : dict
        Number of ``steps`` and of ``segments`` seen, and the mean ``loss`` of the last tenth of the
        steps; None without a step.
    """
    rng = np.random.default_rng(seed)
    loss_of = reconstruction_loss(augmentation or RandomAugmentations())
    optimizer = torch.optim.Adam(net.parameters(), lr)
    no_rows = torch.empty(0, dtype=torch.int64)
    losses: list[float] = []
    start = clock()
    net.train()
    while (spent := clock() - start) < seconds:
        set_rate(optimizer, lr * warmup_cosine(spent / seconds))
        segments = torch.from_numpy(X[rng.integers(len(X), size=batch_size)])
        loss = loss_of(net, Batch(segments, no_rows, no_rows, int(rng.integers(2**31))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    return {
        "steps": len(losses),
        "segments": len(losses) * batch_size,
        "loss": float(np.mean(losses[-max(1, len(losses) // 10) :])) if losses else None,
    }
