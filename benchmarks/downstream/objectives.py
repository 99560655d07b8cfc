"""Pretraining objectives with the same encoder, data, optimiser, batch size and time.

RelCon and its variants use the losses and batches of the library with other parameters. The other
objectives are separate losses for the same training loop.
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
from sklearn.metrics import euclidean_distances
from torch import Tensor, nn

from benchmarks.common.budget import ENDLESS, Budget, BudgetSchedule, BudgetSpent
from benchmarks.common.encoders import warm_batch_norm
from relcon_sklearn._batches import Batch, Batches, GroupIndex, SharedBatches
from relcon_sklearn._files._recipes import seeded_global_rng
from relcon_sklearn._training import (
    MotifRanker,
    PairwiseRanker,
    TrainingOptions,
    fit_module,
    ranking_loss,
    reconstruction_loss,
)
from relcon_sklearn.augmentations import (
    RandomAugmentations,
    Rotation,
    default_augmentations,
)
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS
from relcon_sklearn.segments._array import SegmentArray

CPU = torch.device("cpu")


@dataclass(frozen=True)
class SharedTerms:
    """The settings that all objectives share."""

    encoder: str = "resnet14-half"
    seconds: float = 30.0  # CPU time of one thread, including the distance
    n_segments: int = 128  # in a batch, before augmentation
    lr: float = 1e-3
    dtype: torch.dtype = torch.bfloat16


@dataclass(frozen=True)
class RelCon:
    """RelCon with all its options."""

    distance: str = "learned"  # or "euclidean", "dtw", or "none" if only views are positives
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

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        ranker, record = self._ranker(array, index, terms, seed)
        spent = record.get("distance", {}).get("seconds", 0.0)
        loss = ranking_loss(
            ranker,
            self.temperature,
            terms.dtype,
            n_positives=self.n_positives,
            augmentation=self.augmentation,
        )
        kind = SharedBatches if self.shared else Batches
        n_items = terms.n_segments // (1 + self.n_within)
        batches = kind(array, index, n_items, seed, self.n_within, self.n_between)
        module = with_head(encoder, self.projection, seed)
        return record | train(module, loss, batches, terms.lr, terms.seconds - spent)

    def _ranker(self, array, index, terms: SharedTerms, seed: int):
        if self.distance == "none":
            return rank_nothing, {}
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
        seconds = self.distance_share * terms.seconds
        record = train(net, reconstruction_loss(augmentation), batches, self.distance_lr, seconds)
        return MotifRanker(net, terms.dtype, self.query_stride), {"distance": record}


@dataclass(frozen=True)
class AugmentationPrediction:
    """Predict the augmentations applied to a segment (Saeed et al., 2019; Yuan et al., 2024).

    Each augmentation is applied with probability one half. The encoder with a linear layer predicts
    for each whether it was applied.
    """

    augmentations: Sequence = tuple(default_augmentations())

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
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
            logits = autocast(module, segments, terms.dtype)
            return F.binary_cross_entropy_with_logits(logits, applied)

        batches = Batches(array, index, terms.n_segments, seed)
        return train(nn.Sequential(encoder, head), loss, batches, terms.lr, terms.seconds)


@dataclass(frozen=True)
class MaskedReconstruction:
    """Reconstruct the masked parts of a segment from the features over time, as in SimMIM.

    Patches of eight time steps are replaced by zeros with probability one half. A linear layer
    predicts the four time steps of each step of the features, in units of the standard deviation of
    the segment. The loss is the squared error at the masked steps.
    """

    patch: int = 8
    fraction: float = 0.5

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        with seeded_global_rng(seed):
            head = nn.Conv1d(encoder.n_map_features, 4 * array.shape[2], 1)
        module = nn.ModuleDict({"encoder": encoder, "head": head})

        def loss(module: nn.Module, batch: Batch) -> Tensor:
            generator = torch.Generator().manual_seed(batch.seed)
            x = batch.segments.transpose(1, 2)
            n, n_channels, n_timesteps = x.shape
            mask = torch.rand(n, 1, -(-n_timesteps // self.patch), generator=generator)
            mask = (mask < self.fraction).repeat_interleave(self.patch, dim=2)[..., :n_timesteps]
            with torch.autocast("cpu", dtype=terms.dtype, enabled=terms.dtype != torch.float32):
                features = module["encoder"].feature_map(x.masked_fill(mask, 0))
                steps = module["head"](features).float()
            steps = steps.view(n, n_channels, 4, -1).transpose(2, 3).reshape(n, n_channels, -1)
            # The stem has no padding, so that its steps are not exactly four time steps apart.
            reconstructed = F.interpolate(steps, n_timesteps, mode="linear")
            mean, scale = x.mean(2, keepdim=True), x.std(2, keepdim=True) + 0.01
            errors = (reconstructed - (x - mean) / scale).square() * mask
            return errors.sum() / (mask.sum() * n_channels).clamp(min=1)

        batches = Batches(array, index, terms.n_segments, seed)
        return train(module, loss, batches, terms.lr, terms.seconds)


@dataclass(frozen=True)
class Longer:
    """Another objective that is trained for `factor` times the time."""

    objective: RelCon | AugmentationPrediction | MaskedReconstruction
    factor: float

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        longer = replace(terms, seconds=self.factor * terms.seconds)
        return self.objective.train(encoder, array, index, longer, seed)


@dataclass(frozen=True)
class BySubject:
    """Another objective, with all recordings of a person as one group."""

    objective: RelCon

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        people = np.array([label.rpartition("/")[0] for label in index.labels])
        person = np.empty(index.n_rows, dtype=people.dtype)
        person[index.rows] = np.repeat(people, index.sizes)
        return self.objective.train(encoder, array, GroupIndex.from_labels(person), terms, seed)


DISTANCES = {
    "euclidean": lambda a, b: euclidean_distances(a.reshape(len(a), -1), b.reshape(len(b), -1)),
    # A band of a tenth of the length, on every second time step: otherwise it is too slow.
    "dtw": lambda a, b: tslearn.metrics.cdist_dtw(
        a[:, ::2], b[:, ::2], global_constraint="sakoe_chiba", sakoe_chiba_radius=a.shape[1] // 20
    ),
}


def rank_nothing(batch: Batch) -> Tensor:
    """Return a distance of zero for all pairs, for losses whose only positive is the other view."""
    return torch.zeros(batch.candidates.shape)


def autocast(module: nn.Module, segments: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the output of `module` for segments (n, n_timesteps, n_channels), as float32."""
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        return module(segments.transpose(1, 2)).float()


def with_head(encoder: nn.Module, projection: bool, seed: int) -> nn.Module:
    """Return `encoder`, with a projection head for training if `projection`."""
    if not projection:
        return encoder
    n = encoder.n_features
    with seeded_global_rng(seed):
        return nn.Sequential(encoder, nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n))


def train(module: nn.Module, loss: Callable, batches: Batches, lr: float, seconds: float) -> dict:
    """Train `module` in place by the library's loop, for `seconds` of the time of this process.

    It takes at least one step, even if the distance used all of the time.
    """
    budget = Budget([max(seconds, 1e-3)], lr, lambda module: 0.0, clock=time.process_time)
    with suppress(BudgetSpent):
        schedule = [BudgetSchedule(budget)]
        options = TrainingOptions(lr=lr, max_epochs=ENDLESS, device=CPU, callbacks=schedule)
        fit_module(module, loss, batches, None, options)
    point = budget.points[-1]
    return {name: point[name] for name in ("seconds", "steps", "anchors", "segments", "train_loss")}


# As published, except for smaller lists, candidates shared within a batch, and query_stride.
PUBLISHED = RelCon()
VIEWS = RandomAugmentations()
RELCON = replace(PUBLISHED, augmentation=VIEWS, n_positives=2, n_between=0)
OBJECTIVES = {
    "relcon": RELCON,
    "relcon_published": PUBLISHED,
    # Two views of each segment. The other view is the positive, all other segments are negatives.
    "simclr": RelCon(
        distance="none",
        augmentation=VIEWS,
        n_positives=1,
        n_within=0,
        shared=False,
    ),
    "augmentation_prediction": AugmentationPrediction(),
    # The nearest segment of the same person is the positive, the person's others are negatives.
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
    objective, X: np.ndarray, groups: np.ndarray, terms: SharedTerms, seed: int
) -> tuple[ResNet1D, dict]:
    """Return an encoder pretrained on `X`, and a record of its training.

    Parameters
    ----------
    objective : RelCon, AugmentationPrediction, MaskedReconstruction or None
        The objective. If None, the encoder keeps its initial weights, and only its batch norms are
        set: see `warm_batch_norm`.
    X : ndarray of shape (n_segments, n_timesteps, n_channels)
        Segments to train on.
    groups : ndarray of shape (n_segments,)
        The group each segment belongs to: data set, subject and recording.
    terms : SharedTerms
        The settings that all objectives share.
    seed : int
        Seed of all draws and of the weights, which are the same for all objectives.
    """
    with seeded_global_rng(seed):
        encoder = ENCODER_PRESETS[terms.encoder].make(X.shape[2])
    if objective is None:
        warm_batch_norm(encoder, X, seed)
        return encoder, {}
    index = GroupIndex.from_labels(groups)
    record = objective.train(encoder, SegmentArray(X), index, terms, seed)
    return encoder.eval(), record
