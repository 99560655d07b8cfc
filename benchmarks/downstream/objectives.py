"""Pretraining objectives on equal terms: one encoder, data, optimiser, batch size and time.

RelCon and its variants are the library's own losses and batches with other parameters; the rivals
are losses of their own for the same training loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
import tslearn.metrics
from _curves import ENDLESS, Budget, BudgetSchedule, BudgetSpent
from sklearn.metrics import euclidean_distances
from torch import Tensor, nn

from relcon_sklearn._batches import Batch, Batches, GroupIndex, SharedBatches
from relcon_sklearn._files._recipes import seeded_global_rng
from relcon_sklearn._training import (
    MotifRanker,
    PairwiseRanker,
    fit_module,
    ranking_loss,
    reconstruction_loss,
)
from relcon_sklearn.augmentations import (
    Jitter,
    Permutation,
    RandomAugmentations,
    Rotation,
    Scaling,
    TimeWarp,
    default_augmentations,
)
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS
from relcon_sklearn.segments._array import SegmentArray

CPU = torch.device("cpu")

# Those that leave the orientation of the sensor, and with it the posture, as it is.
KEEP_ORIENTATION = (Jitter(0.05), Scaling(1.0, 0.1), Permutation(), TimeWarp())


@dataclass(frozen=True)
class Common:
    """What all objectives share."""

    encoder: str = "resnet14-half"
    seconds: float = 30.0  # CPU time of one thread, the distance's included
    n_segments: int = 128  # of a batch, before augmentation
    lr: float = 1e-3
    dtype: torch.dtype = torch.bfloat16


@dataclass(frozen=True)
class RelCon:
    """RelCon, and what can be changed in it."""

    distance: str = "learned"  # or "euclidean", "dtw", "none" (where only views are positives)
    attention: str = "sparsemax"
    rotation: bool = True
    revin: bool = True
    distance_share: float = 0.1  # of the time
    distance_lr: float = 5e-3
    embed_dim: int = 8
    query_stride: int = 8
    n_within: int = 15
    n_between: int | None = None
    n_positives: int | None = None
    temperature: float = 0.1
    augmentation: Callable | None = None
    projection: bool = False
    shared: bool = True

    def train(self, encoder, array, index, common: Common, seed: int) -> dict:
        """Train `encoder` in place, and return a record of it."""
        ranker, record = self._ranker(array, index, common, seed)
        spent = record.get("distance", {}).get("seconds", 0.0)
        loss = ranking_loss(
            ranker,
            self.temperature,
            common.dtype,
            n_positives=self.n_positives,
            augmentation=self.augmentation,
        )
        kind = SharedBatches if self.shared else Batches
        n_items = common.n_segments // (1 + self.n_within)
        batches = kind(array, index, n_items, seed, self.n_within, self.n_between)
        module = with_head(encoder, self.projection, seed)
        return record | train(module, loss, batches, common.lr, common.seconds - spent)

    def _ranker(self, array, index, common: Common, seed: int):
        if self.distance == "none":
            return no_distance, {}
        if self.distance != "learned":
            return PairwiseRanker(DISTANCES[self.distance]), {}
        with seeded_global_rng(seed):
            net = MotifCrossAttention(
                array.shape[2], self.embed_dim, attention=self.attention, revin=self.revin
            )
        augmentation = RandomAugmentations(
            [a for a in default_augmentations() if self.rotation or not isinstance(a, Rotation)]
        )
        batches = Batches(array, index, 64, seed)
        seconds = self.distance_share * common.seconds
        record = train(net, reconstruction_loss(augmentation), batches, self.distance_lr, seconds)
        return MotifRanker(net, common.dtype, self.query_stride), {"distance": record}


@dataclass(frozen=True)
class AugmentationPrediction:
    """Say which augmentations were applied to a segment (Saeed et al., 2019; Yuan et al., 2024).

    Each of the augmentations is applied with probability one half, and the encoder with a linear
    layer tells for each whether it was.
    """

    augmentations: Sequence = tuple(default_augmentations())

    def train(self, encoder, array, index, common: Common, seed: int) -> dict:
        """Train `encoder` in place, and return a record of it."""
        with seeded_global_rng(seed):
            head = nn.Linear(encoder.n_features, len(self.augmentations))

        def loss(module: nn.Module, batch: Batch) -> Tensor:
            generator = torch.Generator().manual_seed(batch.seed)
            applied = torch.rand(
                len(batch.segments), len(self.augmentations), generator=generator
            ).round()
            segments = batch.segments.clone()
            for column, augmentation in zip(applied.T, self.augmentations, strict=True):
                rows = column.nonzero()[:, 0]
                if len(rows):
                    segments[rows] = augmentation(segments[rows], generator)
            logits = autocast(module, segments, common.dtype)
            return F.binary_cross_entropy_with_logits(logits, applied)

        batches = Batches(array, index, common.n_segments, seed)
        return train(nn.Sequential(encoder, head), loss, batches, common.lr, common.seconds)


@dataclass(frozen=True)
class MaskedReconstruction:
    """Rebuild what was masked out of a segment, from the features over time (SimMIM's manner).

    Patches of eight time steps are replaced by zeros with probability one half; a linear layer
    gives the four time steps that each step of the features stands for, in units of the segment's
    own deviation. The loss is the squared error at the masked steps.
    """

    patch: int = 8
    fraction: float = 0.5

    def train(self, encoder, array, index, common: Common, seed: int) -> dict:
        """Train `encoder` in place, and return a record of it."""
        with seeded_global_rng(seed):
            head = nn.Conv1d(encoder.n_features, 4 * array.shape[2], 1)
        module = nn.ModuleDict({"encoder": encoder, "head": head})

        def loss(module: nn.Module, batch: Batch) -> Tensor:
            generator = torch.Generator().manual_seed(batch.seed)
            x = batch.segments.transpose(1, 2)
            n, n_channels, n_timesteps = x.shape
            mask = torch.rand(n, 1, -(-n_timesteps // self.patch), generator=generator)
            mask = (mask < self.fraction).repeat_interleave(self.patch, dim=2)[..., :n_timesteps]
            with torch.autocast("cpu", dtype=common.dtype, enabled=common.dtype != torch.float32):
                features = module["encoder"].feature_map(x.masked_fill(mask, 0))
                steps = module["head"](features).float()
            steps = steps.view(n, n_channels, 4, -1).transpose(2, 3).reshape(n, n_channels, -1)
            # The stem is unpadded: its steps are spread over the segment, not four apart exactly.
            rebuilt = F.interpolate(steps, n_timesteps, mode="linear")
            mean, scale = x.mean(2, keepdim=True), x.std(2, keepdim=True) + 0.01
            errors = (rebuilt - (x - mean) / scale).square() * mask
            return errors.sum() / (mask.sum() * n_channels).clamp(min=1)

        batches = Batches(array, index, common.n_segments, seed)
        return train(module, loss, batches, common.lr, common.seconds)


@dataclass(frozen=True)
class Longer:
    """Another objective for so many times as long."""

    objective: RelCon | AugmentationPrediction | MaskedReconstruction
    factor: float

    def train(self, encoder, array, index, common: Common, seed: int) -> dict:
        """Train `encoder` in place, and return a record of it."""
        longer = replace(common, seconds=self.factor * common.seconds)
        return self.objective.train(encoder, array, index, longer, seed)


@dataclass(frozen=True)
class BySubject:
    """Another objective with all of a person's recordings as one group."""

    objective: RelCon

    def train(self, encoder, array, index, common: Common, seed: int) -> dict:
        """Train `encoder` in place, and return a record of it."""
        people = np.array([label.rpartition("/")[0] for label in index.labels])
        whose = np.empty(index.n_rows, dtype=people.dtype)
        whose[index.rows] = np.repeat(people, index.sizes)
        return self.objective.train(encoder, array, GroupIndex.from_labels(whose), common, seed)


DISTANCES = {
    "euclidean": lambda a, b: euclidean_distances(a.reshape(len(a), -1), b.reshape(len(b), -1)),
    # In bands of a tenth of the length, on every second time step, or hardly a step is done.
    "dtw": lambda a, b: tslearn.metrics.cdist_dtw(
        a[:, ::2], b[:, ::2], global_constraint="sakoe_chiba", sakoe_chiba_radius=a.shape[1] // 20
    ),
}


def no_distance(batch: Batch) -> Tensor:
    """Rank nothing: for losses whose only positive is the other view."""
    return torch.zeros(batch.candidates.shape)


def autocast(module: nn.Module, segments: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what `module` gives for segments (n, n_timesteps, n_channels), as float32."""
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        return module(segments.transpose(1, 2)).float()


def with_head(encoder: nn.Module, projection: bool, seed: int) -> nn.Module:
    """Return `encoder` with a projection head to train it by, or as it is."""
    if not projection:
        return encoder
    n = encoder.n_features
    with seeded_global_rng(seed):
        return nn.Sequential(encoder, nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n))


def train(module: nn.Module, loss: Callable, batches: Batches, lr: float, seconds: float) -> dict:
    """Train `module` in place by the library's loop, for so much time of this process.

    One step is taken at least: also where a distance took all of the time.
    """
    budget = Budget([max(seconds, 1e-3)], lr, lambda module: 0.0, clock=time.process_time)
    with suppress(BudgetSpent):
        fit_module(
            module,
            loss,
            batches,
            None,
            lr=lr,
            max_epochs=ENDLESS,
            device=CPU,
            callbacks=[BudgetSchedule(budget)],
        )
    point = budget.points[-1]
    return {name: point[name] for name in ("seconds", "steps", "anchors", "segments", "train_loss")}


# As published, but for smaller lists, candidates shared within a batch, and query_stride.
PUBLISHED = RelCon()
VIEWS = RandomAugmentations()
RELCON = replace(PUBLISHED, augmentation=VIEWS, n_positives=2, n_between=0)
OBJECTIVES = {
    "relcon": RELCON,
    "relcon_published": PUBLISHED,
    # Two views of each segment; the other view is the positive, all other segments negatives.
    "simclr": RelCon(
        distance="none",
        augmentation=VIEWS,
        n_positives=1,
        n_within=0,
        shared=False,
    ),
    "augmentation_prediction": AugmentationPrediction(),
    # The nearest of the same person's segments is the positive, the person's others negatives.
    "rebar": replace(PUBLISHED, n_positives=1, n_between=0, rotation=False),
    "masked": MaskedReconstruction(),
}

ABLATIONS = {
    "euclidean": replace(RELCON, distance="euclidean"),
    "dtw": replace(RELCON, distance="dtw"),
    "no-rotation": replace(RELCON, rotation=False),
    "no-revin": replace(RELCON, revin=False),
    "hard": replace(PUBLISHED, n_positives=1),
    "within-only": replace(PUBLISHED, n_between=0),
    "between-only": replace(PUBLISHED, n_within=0),
    "views, all positives": replace(RELCON, n_positives=None),
    "views, own view only": replace(RELCON, n_positives=1, distance="none"),
    "views, within and between": replace(RELCON, n_between=None),
}
BY_SUBJECT = {
    f"{name}_by_subject": BySubject(OBJECTIVES[name])
    for name in ("relcon", "relcon_published", "rebar")
}
LONGER = {f"{name}_longer": Longer(OBJECTIVES[name], 3) for name in ("relcon", "simclr")}


def pretrain(
    objective, X: np.ndarray, groups: np.ndarray, common: Common, seed: int
) -> tuple[ResNet1D, dict]:
    """Return an encoder pretrained on `X`, and a record of its training.

    Parameters
    ----------
    objective : RelCon, AugmentationPrediction, MaskedReconstruction or None
        None leaves the encoder as initialised, but for its batch norms: see `warm`.
    X : ndarray of shape (n_segments, n_timesteps, n_channels)
        What to train on.
    groups : ndarray of shape (n_segments,)
        Whose each segment is.
    common : Common
        What all objectives share.
    seed : int
        Of the weights, which are the same for all objectives, and all draws.
    """
    with seeded_global_rng(seed):
        encoder = ENCODER_PRESETS[common.encoder].make(X.shape[2])
    array = SegmentArray(X)
    if objective is None:
        warm(encoder, array, seed)
        return encoder, {}
    index = GroupIndex.from_labels(groups)
    record = objective.train(encoder, array, index, common, seed)
    return encoder.eval(), record


def warm(
    encoder: nn.Module,
    array: SegmentArray,
    seed: int,
    n_segments: int = 4096,
    batch_size: int = 128,
) -> None:
    """Set the batch-norm statistics of an untrained encoder to their means over some batches."""
    device = next(encoder.parameters()).device
    norms = [m for m in encoder.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    rows = np.random.default_rng(seed).permutation(len(array))[:n_segments]
    encoder.train()
    with torch.no_grad():
        for some in np.array_split(rows, max(1, len(rows) // batch_size)):
            encoder(torch.from_numpy(array.read(some)).transpose(1, 2).to(device))
    encoder.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
