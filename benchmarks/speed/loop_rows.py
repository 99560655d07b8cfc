"""The sizes, batches and training loops that `bench_loop.py` compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from bench_store import drop_from_cache
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from relcon_sklearn._batches import Batch, Batches, GroupIndex, on_device
from relcon_sklearn._training import fit_module, ranking_loss
from relcon_sklearn._training._callbacks import warmup_cosine
from relcon_sklearn.nn._presets import ENCODER_PRESETS
from relcon_sklearn.segments._array import SegmentArray

TEMPERATURE, LR = 0.1, 1e-3
GROUP_SIZE = 100


class Size(NamedTuple):
    """How much there is to do."""

    n_segments: int
    n_timesteps: int
    batch_size: int
    n_within: int
    encoder: Callable[[], nn.Module]
    n_steps: int
    repeats: int


def resnet34() -> nn.Module:
    return ENCODER_PRESETS["resnet34"].make(n_channels=3)


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16, 8))


SIZES = {
    "released": Size(40_000, 256, 64, 20, resnet34, n_steps=4, repeats=3),
    "tiny": Size(200_000, 16, 8, 2, linear, n_steps=500, repeats=9),
}
SMOKE = {
    "released": Size(400, 32, 4, 2, resnet34, n_steps=2, repeats=2),
    "tiny": Size(400, 16, 4, 2, linear, n_steps=5, repeats=2),
}


# -- what is trained on ----------------------------------------------------------------------------


class First:
    """The first `n` of some batches, as an epoch."""

    epoch = 0

    def __init__(self, batches: Iterable[Batch], n: int):
        self.batches, self.n = batches, n

    def __len__(self) -> int:
        return self.n

    def __iter__(self):
        return self.starting_at(0)

    def starting_at(self, first: int):
        """Return them from number `first` on."""
        return islice(self.batches, first, self.n)


class Task:
    """Segments, and batches of them from each place."""

    def __init__(self, size: Size, folder: str, device: torch.device):
        self.size, self.device = size, device
        shape = (size.n_segments, size.n_timesteps, 3)
        self.X = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        self.index = GroupIndex.from_labels(np.arange(size.n_segments) // GROUP_SIZE)
        self.path = Path(folder) / "X.npy"
        with open(self.path, "wb") as file:
            np.save(file, self.X)
        self.held = list(self.made())
        self.on_device = on_device(SegmentArray(self.X), device)

    def batches(self, array) -> First:
        """Return the first batches of an array, made as they are asked for."""
        size = self.size
        batches = Batches(array, self.index, size.batch_size, 0, size.n_within)
        return First(batches, size.n_steps)

    def ready(self) -> First:
        """Return batches that were made before."""
        return First(self.held, len(self.held))

    def made(self) -> First:
        """Return batches of the array in memory."""
        return self.batches(SegmentArray(self.X))

    def mapped(self) -> First:
        """Return batches of a file of which nothing is in memory."""
        # A new mapping: pages of one in use would stay.
        drop_from_cache(self.path)
        return self.batches(SegmentArray(np.load(self.path, mmap_mode="r")))

    def kept(self) -> First:
        """Return batches of what lies on the device."""
        return self.batches(self.on_device)

    def new_encoder(self) -> nn.Module:
        """Return the encoder as initialised, always the same."""
        torch.manual_seed(0)
        return self.size.encoder().to(self.device)


def random_ranks(batch: Batch) -> Tensor:
    """Return distances that depend on the seed of the batch alone."""
    return ranks(batch.seed, batch.candidates)


def ranks(seed: int, candidates: Tensor) -> Tensor:
    generator = torch.Generator(candidates.device).manual_seed(seed)
    return torch.rand(candidates.shape, generator=generator, device=candidates.device)


LOSS = ranking_loss(random_ranks, TEMPERATURE)


def factor(step: int, n_steps: int) -> float:
    return warmup_cosine((step + 0.5) / n_steps)


# -- ways to train ---------------------------------------------------------------------------------


def by_hand(encoder: nn.Module, batches: First, device: torch.device) -> None:
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    scheduler = LambdaLR(optimizer, partial(factor, n_steps=len(batches)))
    encoder.train()
    total, n_anchors = 0.0, 0
    for batch in batches:
        batch = batch.to(device)
        optimizer.zero_grad()
        loss = LOSS(encoder, batch)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(batch.anchors)
        n_anchors += len(batch.anchors)
    if not np.isfinite(total / n_anchors):
        raise FloatingPointError("training diverged.")


def by_library(encoder: nn.Module, batches: First, device: torch.device) -> None:
    fit_module(encoder, LOSS, batches, None, lr=LR, max_epochs=1, device=device)


def by_skorch(encoder: nn.Module, batches: First, device: torch.device) -> None:
    scheduler = LRScheduler(
        LambdaLR, lr_lambda=partial(factor, n_steps=len(batches)), step_every="batch"
    )
    net = NeuralNet(
        Transposed(encoder),
        Criterion,
        optimizer=torch.optim.Adam,
        lr=LR,
        max_epochs=1,
        batch_size=None,  # the items of the dataset are batches
        train_split=None,
        callbacks=[scheduler],
        device=device,
        verbose=0,
    )
    net.fit(BatchDataset(batches), y=None)


class BatchDataset(torch.utils.data.IterableDataset):
    """Batches as pairs of an input and a target, as skorch wants them."""

    def __init__(self, batches: First):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            target = batch.anchors, batch.candidates, torch.tensor(batch.seed)
            yield batch.segments, target


class Transposed(nn.Module):
    """Puts the channels first."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, segments: Tensor) -> Tensor:
        """Embed segments (n, n_timesteps, n_channels)."""
        return self.encoder(segments.transpose(1, 2))


class Criterion(nn.Module):
    """The loss of embeddings and a target."""

    def forward(self, embeddings: Tensor, target) -> Tensor:
        """Return the loss; embeddings take the place of segments of one channel."""
        anchors, candidates, seed = target
        batch = Batch(embeddings.unsqueeze(2), anchors, candidates, int(seed))
        return LOSS(nn.Flatten(), batch)


class Row(NamedTuple):
    """A way to train; `place` is a method of Task that gives the batches."""

    name: str
    train: Callable[[nn.Module, First, torch.device], None]
    place: str


# The first row with batches from a place is the one that others with such batches are compared to.
ROWS = [
    Row("by hand, batches ready", by_hand, "ready"),
    Row("library, batches ready", by_library, "ready"),
    Row("skorch as it comes, batches ready", by_skorch, "ready"),
    Row("by hand, array in memory", by_hand, "made"),
    Row("library, array in memory", by_library, "made"),
    Row("skorch as it comes, array in memory", by_skorch, "made"),
    Row("by hand, memory-mapped file", by_hand, "mapped"),
    Row("library, memory-mapped file", by_library, "mapped"),
]
ON_GPU = [
    Row("by hand, segments on the GPU", by_hand, "kept"),
    Row("library, segments on the GPU", by_library, "kept"),
]
