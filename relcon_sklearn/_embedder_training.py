"""The parts of the training of a RelConEmbedder: distance, batches and loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from numbers import Integral

import numpy as np
from torch import nn

from ._base import FitRun, check_at_least_two
from ._batches import (
    Batches,
    DeviceSegments,
    GroupIndex,
    SharedBatches,
    check_within_candidates,
    train_and_valid,
)
from ._feature_distance import FeatureDistance
from ._files._recipes import Recipe, seeded_global_rng
from ._files._values import name_of
from ._initial import fingerprint_of_initial
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import fit_distance, make_ranker
from ._training import FeatureLoss, Loss, fit_module, ranking_loss
from ._training._fingerprint import fingerprint_of
from ._training._own_rows import augments_each_alone, of_whole_batches
from ._utils._memory_advice import advises_on_memory
from ._utils._missing_groups import warn_without_groups
from ._utils._precision import dtype_of
from .augmentations import RandomAugmentations
from .nn._heads import PretrainingNet, make_projection, make_regression
from .nn._presets import DEFAULT_ENCODER, ENCODER_PRESETS, draws_globally, encoder_preset
from .segments._array import SegmentArray

# Size of the features of all segments that a training keeps: those of 131,072 with three channels.
_MOST_VECTOR_BYTES = 2**26


def with_heads(
    encoder: nn.Module,
    n_features: int,
    widths: Sequence[int] | None,
    n_outputs: int | None,
    seed: int,
) -> PretrainingNet:
    """Return an encoder with heads for training.

    Parameters
    ----------
    encoder : nn.Module
        The encoder.
    n_features : int
        Size of its embeddings.
    widths : sequence of int or None
        Widths of the projection head. If None or empty, there is none.
    n_outputs : int or None
        Number of outputs of the regression head. If None, there is none.
    seed : int
        Seed of the weights of the heads.
    """
    heads = {}
    if widths:
        arguments = {"n_features": n_features, "widths": tuple(widths)}
        heads["projection"] = Recipe(make_projection, arguments).make(seed)
    if n_outputs is not None:
        arguments = {"n_features": n_features, "n_outputs": n_outputs}
        heads["regression"] = Recipe(make_regression, arguments).make(seed)
    return PretrainingNet(encoder, **heads)


class EmbedderTraining:
    """Methods of :class:`RelConEmbedder` that train its encoder."""

    def _check_training(self, X, groups, model) -> tuple[SegmentArray, GroupIndex]:
        """Check parameters, segments, groups and the initial model, which may be None."""
        self._check_projection()
        array = self._check_segments(X, reset=True)
        if model is not None:
            self._check_initial(model, array)
            self._check_encoder(model)
        index = self._check_groups(groups, len(array))
        check_at_least_two(array)
        if self.augmentation is None and self.n_between == 0:
            check_within_candidates(index, self.n_within)
        if self.max_epochs > 0:
            warn_without_groups(groups, self.n_within, "fit")
        return array, index

    @advises_on_memory("training")
    def _train(self, array: SegmentArray, index: GroupIndex, groups, model) -> None:
        """Train an encoder, after the distance if that is not frozen.

        The encoder is new, or that of a `model`.
        """
        start = fingerprint_of_initial(model, "encoder_")
        run = self._open_checkpoints(array, index, **start)
        self.distance_ = fit_distance(self._distance(), array, groups, run)
        self._adopt_rate(self.distance_)
        if model is None:
            recipe = self._recipe(self.encoder)
            self._build("encoder_", recipe.factory, run.seed, **recipe.kwargs)
        else:
            self._copy_module("encoder_", model)
        self._n_features_out = self._embed(SegmentArray(array.read(np.arange(1)))).shape[1]
        history = self._train_encoder(array, index, run)
        self._adopt_card(model, history)
        self.history_ = history

    def _recipe(self, encoder) -> Recipe:
        """Return the recipe of the module that a value of the parameter `encoder` makes."""
        factory, settings = encoder_preset(encoder)
        return Recipe(factory, {"n_channels": self.n_channels_in_, **settings})

    def _check_encoder(self, model) -> None:
        """Raise ValueError unless `encoder` has its default, or makes the encoder of a model."""
        theirs = model._recipes["encoder_"]

        def is_theirs(encoder) -> bool:
            return fingerprint_of(self._recipe(encoder)) == fingerprint_of(theirs)

        if self.encoder == DEFAULT_ENCODER or is_theirs(self.encoder):
            return
        names = (repr(name) for name in ENCODER_PRESETS if is_theirs(name))
        raise ValueError(
            f"encoder={self.encoder!r}, but the encoder of init is "
            f"{next(names, name_of(theirs.factory))}. Leave encoder at its default to start with "
            "the one of init, or pass init=None to train a new one."
        )

    def _train_encoder(self, array: SegmentArray, index: GroupIndex, run: FitRun) -> list[dict]:
        """Train the encoder with its heads, and return the history."""
        global_rng = draws_globally(self.encoder_)
        # In threads, fits with an encoder that draws from the global generators (dropout) run one
        # after the other.
        with seeded_global_rng(run.seed, self._device()) if global_rng else nullcontext():
            parts = self._hold_out(index, run.seed)
            data = self._training_data(array, run)
            train, valid = self._train_and_valid(data, *parts, run)
            features = self._features_to_predict(array) if self.max_epochs else None
            loss = self._training_loss(features, self._vectors_to_rank(array, train, run))
            if not self._computes_each_alone():
                loss = of_whole_batches(loss, data)
            return fit_module(
                self._with_heads(features, run.seed),
                loss,
                train,
                valid,
                self._training_options("encoder", run, global_rng=global_rng),
            )

    def _distance(self):
        if isinstance(self.distance, str):
            return FeatureDistance()
        if self.distance is None:
            return LearnedMotifDistance(device=self.device, verbose=self.verbose)
        return self.distance

    def _fingerprint(self, array: SegmentArray) -> dict:
        fingerprint, distance = super()._fingerprint(array), self._distance()
        given = isinstance(distance, FeatureDistance)
        if given or self.feature_weight > 0:
            features = distance if given else FeatureDistance(self.sampling_rate)
            rate = features._rate_after_fit(array.sampling_rate)
            fingerprint["sampling_rate of the features"] = rate
        return fingerprint

    def _check_projection(self) -> None:
        """Raise ValueError unless `projection` has widths of layers."""
        for width in self.projection or ():
            if not isinstance(width, Integral) or isinstance(width, bool) or width < 1:
                raise ValueError(
                    f"projection={self.projection!r} has the entry {width!r}. Expected positive "
                    "integers, which are the widths of the layers, or None."
                )

    def _train_and_valid(
        self,
        data: SegmentArray | DeviceSegments,
        train: GroupIndex,
        valid: GroupIndex | None,
        run: FitRun,
    ) -> tuple[Batches, Batches | None]:
        """Return batches of the training part, and of the validation part if there is one."""
        kind = SharedBatches if self.candidates == "shared" else Batches
        sizes = (self.batch_size, run.seed, self.n_within, self.n_between)
        return train_and_valid(
            lambda part: kind(data, part, *sizes, share=run.processes.share),
            train,
            valid,
            self.steps_per_epoch,
        )

    def _features_to_predict(self, array: SegmentArray) -> FeatureDistance | None:
        """Return the features that the second loss predicts, or None without that loss."""
        if self.feature_weight == 0:
            return None
        if isinstance(self.distance_, FeatureDistance):
            return self.distance_
        return FeatureDistance(self.sampling_rate_).fit(array)

    def _with_heads(self, features: FeatureDistance | None, seed: int) -> nn.Module:
        """Return the encoder with the heads of its pretraining, as a module to train."""
        if not self.projection and features is None:
            return self.encoder_
        n_outputs = None if features is None else len(features.scale_)
        return with_heads(self.encoder_, self._n_features_out, self.projection, n_outputs, seed)

    def _augmentation(self):
        return RandomAugmentations() if isinstance(self.augmentation, str) else self.augmentation

    def _computes_each_alone(self) -> bool:
        """Return whether features, views and embeddings of a segment need no other segments.

        A learned distance or a function compares anchors with candidates of all processes.
        """
        return isinstance(self.distance_, FeatureDistance) and augments_each_alone(
            self._augmentation()
        )

    def _vectors_to_rank(
        self, array: SegmentArray, train: Batches, run: FitRun
    ) -> np.ndarray | None:
        """Return features of all segments, or None if the ranker describes those of each batch.

        They are computed before the first step if the training reads as many segments anyway.
        """
        distance = self.distance_
        if not isinstance(distance, FeatureDistance) or run.processes.size > 1:
            return None
        n_read = self.max_epochs * len(train) * self.batch_size * (1 + self.n_within)
        n_bytes = 4 * len(array) * len(distance.scale_)
        if n_read < train.index.n_rows or n_bytes > _MOST_VECTOR_BYTES:
            return None
        return distance._describe_all(array)

    def _training_loss(
        self, features: FeatureDistance | None, vectors: np.ndarray | None = None
    ) -> Loss:
        device = self._device()
        dtype = dtype_of(self.precision, device)
        auxiliary = None
        if features is not None:
            auxiliary = FeatureLoss(features._describe, self.feature_weight)
        return ranking_loss(
            make_ranker(self.distance_, device, dtype, vectors=vectors),
            self.temperature,
            dtype,
            n_positives=self.n_positives,
            augmentation=self._augmentation(),
            auxiliary=auxiliary,
        )
