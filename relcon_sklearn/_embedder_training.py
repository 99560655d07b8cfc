"""The parts of the training of a RelConEmbedder: distance, batches and loss."""

from __future__ import annotations

from numbers import Integral

from torch import nn

from ._batches import Batches, DeviceSegments, GroupIndex, SharedBatches
from ._feature_distance import FeatureDistance
from ._files._recipes import Recipe
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import make_ranker
from ._training import FeatureLoss, Loss, ranking_loss
from ._utils._precision import dtype_of
from .augmentations import RandomAugmentations
from .nn._heads import PretrainingNet, make_projection, make_regression
from .segments._array import SegmentArray


class EmbedderTraining:
    """Methods of :class:`RelConEmbedder` that make the parts of its training."""

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
            fingerprint["rate_of_features"] = features._rate_after_fit(array.sampling_rate)
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
        seed: int,
    ) -> tuple[Batches, Batches | None]:
        """Return batches of the training part, and of the validation part if there is one."""
        kind = SharedBatches if self.candidates == "shared" else Batches
        sizes = (self.batch_size, seed, self.n_within, self.n_between)
        return (
            kind(data, train, *sizes, n_batches=self.steps_per_epoch),
            None if valid is None else kind(data, valid, *sizes),
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
        n_features = self._n_features_out
        heads = {}
        if self.projection:
            arguments = {"n_features": n_features, "widths": tuple(self.projection)}
            heads["projection"] = Recipe(make_projection, arguments).make(seed)
        if features is not None:
            arguments = {"n_features": n_features, "n_outputs": len(features.scale_)}
            heads["regression"] = Recipe(make_regression, arguments).make(seed)
        return PretrainingNet(self.encoder_, **heads) if heads else self.encoder_

    def _training_loss(self, features: FeatureDistance | None) -> Loss:
        device = self._device()
        dtype = dtype_of(self.precision, device)
        auxiliary = None
        if features is not None:
            auxiliary = FeatureLoss(features._describe, self.feature_weight)
        return ranking_loss(
            make_ranker(self.distance_, device, dtype, self.query_stride),
            self.temperature,
            dtype,
            n_positives=self.n_positives,
            augmentation=RandomAugmentations()
            if isinstance(self.augmentation, str)
            else self.augmentation,
            auxiliary=auxiliary,
            compiled=self.compile,
        )
