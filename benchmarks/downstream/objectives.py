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
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.common.budget import ENDLESS, Budget, BudgetSchedule, BudgetSpent
from benchmarks.common.encoders import warm_batch_norm
from benchmarks.common.open_pool import motion_weights, some_people
from benchmarks.downstream.views import NOISY, ONE, SLOWER, THREE, VIEWS, WITH_AXES
from relcon_sklearn import FeatureDistance
from relcon_sklearn._batches import Batch, Batches, GroupIndex, SharedBatches
from relcon_sklearn._embedder_training import with_heads
from relcon_sklearn._files._recipes import Recipe, seeded_global_rng
from relcon_sklearn._training import (
    FeatureLoss,
    MotifRanker,
    PairwiseRanker,
    TrainingOptions,
    VectorRanker,
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
from relcon_sklearn.nn._heads import make_regression
from relcon_sklearn.nn._presets import ENCODER_PRESETS
from relcon_sklearn.segments._array import SegmentArray

CPU = torch.device("cpu")
HEAD = (256, 128)  # widths of the projection head


@dataclass(frozen=True)
class SharedTerms:
    """The settings that all objectives share."""

    encoder: str = "resnet14-half"
    seconds: float = 600.0  # CPU time of one thread, including the distance
    rate: float = 50.0  # Hz
    n_segments: int = 256  # in a batch, before augmentation
    lr: float = 2e-3
    dtype: torch.dtype = torch.bfloat16


@dataclass(frozen=True)
class RelCon:
    """RelCon with all its options."""

    distance: str = "features"  # or "learned", "euclidean", "dtw", "random"
    n_within: int = 0
    n_between: int | None = None
    n_positives: int | None = 8
    augmentation: Callable | None = VIEWS
    projection: tuple[int, ...] | None = HEAD
    feature_weight: float = 20.0
    temperature: float = 0.1
    # Of the learned distance.
    rotation: bool = True
    distance_share: float = 0.1  # of the time
    distance_lr: float = 5e-3
    embed_dim: int = 16
    query_stride: int = 8

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        features = None
        if self.feature_weight or self.distance == "features":
            features = FeatureDistance(terms.rate).fit(array)
        ranker, record = self._ranker(array, index, features, terms, seed)
        spent = record.get("distance", {}).get("seconds", 0.0)
        loss = ranking_loss(
            ranker,
            self.temperature,
            terms.dtype,
            n_positives=self.n_positives,
            augmentation=self.augmentation,
            auxiliary=FeatureLoss(features._describe, self.feature_weight)
            if self.feature_weight
            else None,
        )
        kind = SharedBatches if self.n_within else Batches
        n_items = terms.n_segments // (1 + self.n_within)
        batches = kind(array, index, n_items, seed, self.n_within, self.n_between)
        n_outputs = len(features.scale_) if self.feature_weight else None
        module = with_heads(encoder, encoder.n_features, self.projection, n_outputs, seed)
        return record | train(module, loss, batches, terms.lr, terms.seconds - spent)

    def _ranker(self, array, index, features, terms: SharedTerms, seed: int):
        if self.distance == "features":
            return VectorRanker(features._describe), {}
        if self.distance == "euclidean":
            return VectorRanker(lambda segments: segments.reshape(len(segments), -1)), {}
        if self.distance == "random":
            return rank_randomly, {}
        if self.distance == "dtw":
            return PairwiseRanker(dtw), {}
        with seeded_global_rng(seed):
            net = MotifCrossAttention(array.shape[2], self.embed_dim)
        augmentation = RandomAugmentations(
            [a for a in default_augmentations() if self.rotation or not isinstance(a, Rotation)]
        )
        batches = Batches(array, index, 64, seed)
        seconds = self.distance_share * terms.seconds
        record = train(net, reconstruction_loss(augmentation), batches, self.distance_lr, seconds)
        return MotifRanker(net, terms.dtype, self.query_stride), {"distance": record}


@dataclass(frozen=True)
class SimCLR:
    """SimCLR: two views of each segment, contrasted with all other views of the batch [1]_.

    References
    ----------
    .. [1] Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
       ICML 2020.
    """

    temperature: float = 0.1

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""

        def loss(module: nn.Module, batch: Batch) -> Tensor:
            generator = torch.Generator().manual_seed(batch.seed)
            views = VIEWS(torch.cat([batch.segments, batch.segments]), generator)
            z = F.normalize(autocast(module, views, terms.dtype), dim=1)
            n = len(batch.segments)
            scores = (z @ z.T / self.temperature).fill_diagonal_(-torch.inf)
            other_view = torch.cat([torch.arange(n) + n, torch.arange(n)])
            return F.cross_entropy(scores, other_view)

        batches = Batches(array, index, terms.n_segments, seed)
        module = with_heads(encoder, encoder.n_features, HEAD, None, seed)
        return train(module, loss, batches, terms.lr, terms.seconds)


@dataclass(frozen=True)
class FeatureRegression:
    """Predict the standardised hand-made features of a segment by a linear layer.

    Parameters
    ----------
    views : bool
        Whether the segments are augmented views of those of the batch, each with its own features.
    """

    views: bool = False

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        features = FeatureDistance(terms.rate).fit(array)
        feature_loss = FeatureLoss(features._describe, 1.0)
        arguments = {"n_features": encoder.n_features, "n_outputs": len(features.scale_)}
        head = Recipe(make_regression, arguments).make(seed)

        def loss(module: nn.Module, batch: Batch) -> Tensor:
            segments = batch.segments
            if self.views:
                segments = VIEWS(segments, torch.Generator().manual_seed(batch.seed))
            return feature_loss(autocast(module, segments, terms.dtype), segments)

        batches = Batches(array, index, terms.n_segments, seed)
        return train(nn.Sequential(encoder, head), loss, batches, terms.lr, terms.seconds)


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
class Averaged:
    """Another objective, after which the encoder has the moving average of its weights."""

    objective: object
    decay: float = 0.999  # a step

    def train(self, encoder, array, index, terms: SharedTerms, seed: int) -> dict:
        """Train `encoder` in place, and return a record of the training."""
        average = AveragedModel(
            encoder, multi_avg_fn=get_ema_multi_avg_fn(self.decay), use_buffers=True
        )
        # The encoder is called once a step.
        hook = encoder.register_forward_pre_hook(lambda *_: average.update_parameters(encoder))
        record = self.objective.train(encoder, array, index, terms, seed)
        hook.remove()
        encoder.load_state_dict(average.module.state_dict())
        return record


def dtw(anchors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return DTW distances in a band of a tenth of the length, on every second time step."""
    return tslearn.metrics.cdist_dtw(
        anchors[:, ::2],
        candidates[:, ::2],
        global_constraint="sakoe_chiba",
        sakoe_chiba_radius=anchors.shape[1] // 20,
    )


def rank_randomly(batch: Batch) -> Tensor:
    """Return random distances."""
    generator = torch.Generator().manual_seed(batch.seed)
    return torch.rand(batch.candidates.shape, generator=generator)


def autocast(module: nn.Module, segments: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the output of `module` for segments (n, n_timesteps, n_channels), as float32."""
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        return module(segments.transpose(1, 2)).float()


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


@dataclass(frozen=True)
class Method:
    """An objective, and what differs from the shared terms.

    Attributes
    ----------
    objective : object or None
        One of the objectives above. If None, the encoder stays untrained.
    factor : float
        Times the seconds of the shared terms.
    readout : str
        Readout of the encoder.
    people : float
        Share of the people of each data set of the pool.
    by_motion : bool
        Whether windows are drawn in proportion to how much moves in them.
    """

    objective: object | None
    factor: float = 1.0
    readout: str = "stages"
    people: float = 1.0
    by_motion: bool = False


RELCON = RelCon()
# As published, except for smaller lists, candidates shared within a batch, and query_stride.
PUBLISHED = RelCon(
    distance="learned",
    n_within=15,
    n_positives=None,
    augmentation=None,
    projection=None,
    feature_weight=0.0,
)
# The nearest segment of the same person is the positive, the person's others are negatives.
REBAR = replace(PUBLISHED, n_positives=1, n_between=0, rotation=False)
MAIN = {
    "relcon": Method(RELCON),
    "simclr": Method(SimCLR()),
    "features_regression": Method(FeatureRegression()),
    "relcon_published": Method(PUBLISHED),
    "rebar": Method(REBAR),
    "masked": Method(MaskedReconstruction()),
    "augmentation_prediction": Method(AugmentationPrediction()),
    "untrained": Method(None),
}
FEW = replace(RELCON, n_between=32)  # for distances that are too slow for all of the batch
ABLATIONS = {
    "random order": Method(replace(RELCON, distance="random")),
    "Euclidean distance": Method(replace(RELCON, distance="euclidean")),
    "1 positive (own view)": Method(replace(RELCON, distance="random", n_positives=1)),
    "4 positives": Method(replace(RELCON, n_positives=4)),
    "32 positives": Method(replace(RELCON, n_positives=32)),
    "32 candidates, by features": Method(FEW),
    "32 candidates, by learned distance": Method(replace(FEW, distance="learned")),
    "32 candidates, by DTW": Method(replace(FEW, distance="dtw")),
    "no feature loss": Method(replace(RELCON, feature_weight=0.0)),
    "feature loss of views only": Method(FeatureRegression(views=True)),
    "sets of 8 windows of a person": Method(replace(RELCON, n_within=7)),
    "mean readout": Method(RELCON, readout="mean"),
    "mean and sd readout": Method(RELCON, readout="mean_sd"),
    "no projection head": Method(replace(RELCON, projection=None)),
    "windows drawn by motion": Method(RELCON, by_motion=True),
    "a tenth of the people": Method(RELCON, people=0.1),
    "1 augmentation of a view": Method(replace(RELCON, augmentation=ONE)),
    "3 augmentations of a view": Method(replace(RELCON, augmentation=THREE)),
    "views that keep the axes": Method(replace(RELCON, augmentation=WITH_AXES)),
    "noise in half of the views": Method(replace(RELCON, augmentation=NOISY)),
    "lower rates in half of the views": Method(replace(RELCON, augmentation=SLOWER)),
    "averaged weights": Method(Averaged(RELCON)),
}
BUDGETS = {  # of the two best objectives
    f"{name}, {title}": Method(MAIN[name].objective, factor=factor)
    for name in ("relcon", "simclr")
    for title, factor in (("a tenth of the time", 0.1), ("six times the time", 6.0))
}
METHODS = {
    **MAIN,
    **{f"relcon:{name}": method for name, method in ABLATIONS.items()},
    **BUDGETS,
}


def pretrain(
    method: Method, X: np.ndarray, groups: np.ndarray, terms: SharedTerms, seed: int
) -> tuple[ResNet1D, dict]:
    """Return an encoder pretrained on `X`, and a record of its training.

    Parameters
    ----------
    method : Method
        The objective, and what differs from the shared terms. Without an objective, the encoder
        keeps its initial weights, and only its batch norms are set: see `warm_batch_norm`.
    X : ndarray of shape (n_segments, n_timesteps, n_channels)
        Segments to train on.
    groups : ndarray of shape (n_segments,)
        The group each segment belongs to: data set and subject.
    terms : SharedTerms
        The settings that all objectives share.
    seed : int
        Seed of all draws and of the weights, which are the same for all objectives.
    """
    with seeded_global_rng(seed):
        encoder = make_encoder(method, terms, X.shape[2])
    if method.objective is None:
        warm_batch_norm(encoder, X, seed)
        return encoder, {}
    rows = np.arange(len(X))
    if method.people < 1:
        rows = rows[some_people(groups, method.people)]
    if method.by_motion:
        weights = motion_weights(X)
        rows = np.sort(np.random.default_rng(seed).choice(rows, len(rows), p=weights))
    if method.people < 1 or method.by_motion:
        X, groups = X[rows], groups[rows]
    terms = replace(terms, seconds=method.factor * terms.seconds)
    index = GroupIndex.from_labels(groups)
    record = method.objective.train(encoder, SegmentArray(X), index, terms, seed)
    return encoder.eval(), record | {"windows": len(X)}


def make_encoder(method: Method, terms: SharedTerms, n_channels: int) -> ResNet1D:
    """Return the encoder of a method with initial weights."""
    preset = ENCODER_PRESETS[terms.encoder]
    return preset.factory(n_channels=n_channels, **preset.settings | {"readout": method.readout})
