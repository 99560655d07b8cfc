"""The sizes, batches and training loops that `bench_loop.py` compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from benchmarks.speed.page_cache import drop_from_cache
from relcon_sklearn._batches import Batch, Batches, GroupIndex, on_device
from relcon_sklearn._training import TrainingOptions, fit_module, ranking_loss
from relcon_sklearn._training._callbacks import warmup_cosine
from relcon_sklearn.nn._presets import ENCODER_PRESETS
from relcon_sklearn.segments._array import SegmentArray

TEMPERATURE, LR = 0.1, 1e-3
GROUP_SIZE = 100


class Size(NamedTuple):
    """The size of a workload."""

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


# -- segments and batches --------------------------------------------------------------------------


class FirstBatches:
    """An epoch of the first `n` batches."""

    epoch = 0

    def __init__(self, batches: Iterable[Batch], n: int):
        self.batches, self.n = batches, n

    def __len__(self) -> int:
        return self.n

    def __iter__(self):
        return self.starting_at(0)

    def starting_at(self, first: int):
        """Return the batches from number `first` on."""
        return islice(self.batches, first, self.n)


class Workload:
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

    def batches(self, array) -> FirstBatches:
        """Return the first batches of an array. They are made on demand."""
        size = self.size
        batches = Batches(array, self.index, size.batch_size, 0, size.n_within)
        return FirstBatches(batches, size.n_steps)

    def ready(self) -> FirstBatches:
        """Return batches that are ready in memory."""
        return FirstBatches(self.held, len(self.held))

    def made(self) -> FirstBatches:
        """Return batches of the array in memory."""
        return self.batches(SegmentArray(self.X))

    def mapped(self) -> FirstBatches:
        """Return batches of a memory-mapped file that is not in memory."""
        # A new mapping, since the pages of a mapping in use would stay in memory.
        drop_from_cache(self.path)
        return self.batches(SegmentArray(np.load(self.path, mmap_mode="r")))

    def kept(self) -> FirstBatches:
        """Return batches of segments on the device."""
        return self.batches(self.on_device)

    def new_encoder(self) -> nn.Module:
        """Return an encoder with its initial weights, which are always the same."""
        torch.manual_seed(0)
        return self.size.encoder().to(self.device)


def random_ranks(batch: Batch) -> Tensor:
    """Return random distances that depend only on the seed of the batch."""
    return ranks(batch.seed, batch.candidates)


def ranks(seed: int, candidates: Tensor) -> Tensor:
    generator = torch.Generator(candidates.device).manual_seed(seed)
    return torch.rand(candidates.shape, generator=generator, device=candidates.device)


LOSS = ranking_loss(random_ranks, TEMPERATURE)


def factor(step: int, n_steps: int) -> float:
    return warmup_cosine((step + 0.5) / n_steps)


# -- training loops --------------------------------------------------------------------------------


def plain_loop(encoder: nn.Module, batches: FirstBatches, device: torch.device) -> None:
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


def library_loop(encoder: nn.Module, batches: FirstBatches, device: torch.device) -> None:
    options = TrainingOptions(lr=LR, max_epochs=1, device=device)
    fit_module(encoder, LOSS, batches, None, options)


def skorch_loop(encoder: nn.Module, batches: FirstBatches, device: torch.device) -> None:
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
    """Batches as pairs of an input and a target, as skorch expects them."""

    def __init__(self, batches: FirstBatches):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            target = batch.anchors, batch.candidates, torch.tensor(batch.seed)
            yield batch.segments, target


class Transposed(nn.Module):
    """An encoder of segments with the channels last."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, segments: Tensor) -> Tensor:
        """Embed segments (n, n_timesteps, n_channels)."""
        return self.encoder(segments.transpose(1, 2))


class Criterion(nn.Module):
    """The loss of embeddings, given a target."""

    def forward(self, embeddings: Tensor, target) -> Tensor:
        """Return the loss. The embeddings are passed as segments of one channel."""
        anchors, candidates, seed = target
        batch = Batch(embeddings.unsqueeze(2), anchors, candidates, int(seed))
        return LOSS(nn.Flatten(), batch)


class LoopRow(NamedTuple):
    """A training loop. `place` is the method of Workload that returns the batches."""

    name: str
    train: Callable[[nn.Module, FirstBatches, torch.device], None]
    place: str


# Rows are compared with the first row whose batches come from the same place.
ROWS = [
    LoopRow("plain loop, batches ready", plain_loop, "ready"),
    LoopRow("library, batches ready", library_loop, "ready"),
    LoopRow("unmodified skorch, batches ready", skorch_loop, "ready"),
    LoopRow("plain loop, array in memory", plain_loop, "made"),
    LoopRow("library, array in memory", library_loop, "made"),
    LoopRow("unmodified skorch, array in memory", skorch_loop, "made"),
    LoopRow("plain loop, memory-mapped file", plain_loop, "mapped"),
    LoopRow("library, memory-mapped file", library_loop, "mapped"),
]
ON_GPU = [
    LoopRow("plain loop, segments on the GPU", plain_loop, "kept"),
    LoopRow("library, segments on the GPU", library_loop, "kept"),
]
