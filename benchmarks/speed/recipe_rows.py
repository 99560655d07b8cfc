"""Training steps with the defaults of RelConEmbedder, next to a plain SimCLR loop.

All rows train the same encoder on the same 256 segments a step, in two views, with the same
projection head, in the same precision:

- RelConEmbedder(): the defaults;
- RelConEmbedder(feature_weight=0): without the second loss, which predicts features;
- SimCLR by RelConEmbedder: the other view is the only positive, and the distance costs nothing;
- SimCLR, plain torch: a minimal training loop, with the same views.

The times do not include the first steps of each fit.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from skorch.callbacks import Callback
from torch import nn

from benchmarks.common.encoders import no_distances
from benchmarks.speed.turns import clocks
from relcon_sklearn import RandomAugmentations, RelConEmbedder
from relcon_sklearn._utils._precision import dtype_of
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn._heads import make_projection
from relcon_sklearn.nn._presets import ENCODER_PRESETS

RATE = 50.0
BATCH = 256
WARM_UP = 3  # steps that are not measured
DEFAULTS = RelConEmbedder()


class StepTimes(Callback):
    """Record the time at the end of each training step."""

    def __init__(self):
        self.ends: list[np.ndarray] = []

    def on_batch_end(self, net, **kwargs):
        """Record the time."""
        self.ends.append(clocks())


def by_library(X: np.ndarray, n_steps: int, **params) -> np.ndarray:
    """Return the seconds per step of a fit: CPU time and wall time."""
    times = StepTimes()
    embedder = RelConEmbedder(
        **params,
        max_epochs=1,
        steps_per_epoch=WARM_UP + n_steps,
        sampling_rate=RATE,
        callbacks=[times],
        random_state=0,
    )
    embedder.fit(X)
    return (times.ends[-1] - times.ends[WARM_UP - 1]) / n_steps


def by_hand(X: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the seconds per step of a plain loop of SimCLR: CPU time and wall time."""
    torch.manual_seed(0)
    encoder = ENCODER_PRESETS[DEFAULTS.encoder].make(X.shape[2])
    head = make_projection(encoder.n_features, DEFAULTS.projection)
    net = nn.Sequential(encoder, head).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=DEFAULTS.lr)
    generator = torch.Generator().manual_seed(0)
    augment, rng = RandomAugmentations(), np.random.default_rng(0)
    dtype = dtype_of("auto", torch.device("cpu"))
    other_view = torch.cat([torch.arange(BATCH) + BATCH, torch.arange(BATCH)])
    ends = []
    for _ in range(WARM_UP + n_steps):
        x = torch.from_numpy(X[rng.permutation(len(X))[:BATCH]])
        views = augment(torch.cat([x, x]), generator).transpose(1, 2)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            z = F.normalize(net(views).float(), dim=1)
        scores = (z @ z.T / DEFAULTS.temperature).fill_diagonal_(-torch.inf)
        loss = F.cross_entropy(scores, other_view)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        ends.append(clocks())
    return (ends[-1] - ends[WARM_UP - 1]) / n_steps


PLAIN = "SimCLR, plain torch"
ROWS = {
    PLAIN: by_hand,
    "RelConEmbedder()": by_library,
    "RelConEmbedder(feature_weight=0)": lambda X, n: by_library(X, n, feature_weight=0),
    "SimCLR by RelConEmbedder": lambda X, n: by_library(
        X, n, feature_weight=0, n_positives=1, distance=no_distances
    ),
}


def segments(n: int) -> np.ndarray:
    """Return the segments to train on."""
    X = make_motion(n, n_timesteps=128, sampling_rate=RATE, random_state=0).X
    return X.astype(np.float32)
